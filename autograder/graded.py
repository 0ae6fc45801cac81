"""What grading one submission gives, as plain data that travels between processes.

- ``Graded``: a record, and the executed notebook for nbgrader's autograded/ folder;
- ``graded_from`` turns its JSON back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autograder.nbg.results import Result, result_from


@dataclass
class Graded:
    """One graded submission as plain data.

    ``notebook`` is the executed notebook as nbformat 4.5 JSON, with the release's metadata in every cell and one
    verdict in the output of every check cell; None when the submission could not be matched. ``flagged`` lists the
    grade ids that nbgrader is to show as "needs manual grading".
    """

    result: Result
    notebook: dict[str, Any] | None = None
    flagged: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data that `graded_from` turns back."""
        return {"result": asdict(self.result), "notebook": self.notebook, "flagged": list(self.flagged)}


def graded_from(data: dict[str, Any]) -> Graded:
    """The record that `Graded.as_json` made `data` of. Raises KeyError or TypeError when it is none."""
    return Graded(result_from(data["result"]), data["notebook"], tuple(data["flagged"]))
