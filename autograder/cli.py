"""The command line of whoever runs the course: `autograder COMMAND`.

- one module of `autograder.commands` per subcommand, registered in `COMMANDS`;
- every foreseeable problem is one sentence on stderr, without a traceback;
- exit codes: 0 done; 1 finished, but something is not as it should be (stale files, a budget missed);
  2 an unknown option or command; 3 it could not be done, and the sentence says what to do; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys

import typer
from rich.markup import escape

from autograder.commands.output import IMPOSSIBLE, INTERRUPTED, note
from autograder.quick import leave_out_slow_imports
from mechanisms.errors import CourseError

EXIT_CODES = (
    "Exit codes: 0 done · 1 finished, but something is not as it should be · 2 unknown option · "
    "3 could not be done (one sentence says why) · 130 interrupted."
)
# Each command is the function of the same name (dashes are underscores) in the module of the same name.
COMMANDS = (
    "exercises",
    "release",
    "check",
    "doctor",
    "sample-class",
    "collect",
    "grade",
    "feedback",
    "report",
    "export",
    "due",
    "serve",
    "bench",
    "new-chapter",
)
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Build, grade and show the course.", epilog=EXIT_CODES
)
# The parent of every complaint about options; where it lives depends on typer's version.
_WrongWords = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

for _name in COMMANDS:
    _word = _name.replace("-", "_")
    _module = importlib.import_module(f"autograder.commands.{_word}")
    app.command(_name, epilog=EXIT_CODES)(getattr(_module, _word))


def main() -> None:
    """The console script: runs the app and turns every foreseeable problem into one sentence."""
    leave_out_slow_imports()
    os.environ["MECHANISMS_PROGRESS"] = "off"  # what these commands run is nobody's progress
    try:
        code = app(standalone_mode=False) or 0
    except CourseError as error:
        note.print(escape(str(error)), style="red")
        code = IMPOSSIBLE
    except _WrongWords as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        note.print("Interrupted; what was finished is kept.")
        code = INTERRUPTED
    except OSError as error:
        note.print(escape(f"{error.filename or 'A file'}: {error.strerror or error}."), style="red")
        code = IMPOSSIBLE
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
