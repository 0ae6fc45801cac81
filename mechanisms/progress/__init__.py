"""What a student has done so far: kept in a small file on their own machine, and shown.

- ``from mechanisms import progress`` gives this module, which can be called like ``mechanisms.progress.view.progress``:
  as with ``check``, the package and the function share one name, whatever was imported first;
- ``check`` and ``predict`` write by ``record``; ``python -m mechanisms.progress`` prints, or writes the course map;
- nothing here leaves the machine, and nothing here counts: a grade is found by the grader, from hidden cases.
"""

from __future__ import annotations

from mechanisms.callable_module import make_callable

make_callable(__name__, "mechanisms.progress.view:progress")
