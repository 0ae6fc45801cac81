"""nbgrader for this course: read by every nbgrader command and by the formgrader page.

- the course directory is course/ beside this file, or the folder that MECHANISMS_COURSE names;
- the gradebook is course/gradebook.db, or the database that MECHANISMS_GRADEBOOK names;
- submissions are matched to the exercises by our preprocessors, run in a sandbox, and graded on hidden cases;
- everything else is nbgrader as it comes.
"""

import os
from pathlib import Path

c = get_config()  # nbgrader defines it

here = Path(os.path.abspath(__file__)).parent if "__file__" in globals() else Path.cwd()
c.CourseDirectory.root = str(Path(os.environ.get("MECHANISMS_COURSE") or here / "course").expanduser().resolve())
c.CourseDirectory.course_id = "mechanisms"
if os.environ.get("MECHANISMS_GRADEBOOK", "").strip():
    # Another database than course/gradebook.db; psycopg 3 is the driver for PostgreSQL that the course installs.
    database = os.environ["MECHANISMS_GRADEBOOK"].strip()
    for name in ("postgresql://", "postgres://"):
        database = database.replace(name, "postgresql+psycopg://", 1)
    c.CourseDirectory.db_url = database

c.ClearSolutions.code_stub = {"python": "# Your code here.\nraise NotImplementedError"}
c.ClearSolutions.text_stub = "*Write your answer here.*"

c.Autograde.exporter_class = "autograder.nbg.sanitize.SubmissionExporter"
c.Autograde.sanitize_preprocessors = [
    "autograder.nbg.sanitize.Rehydrate",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.nbg.execute.SandboxExecute",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "autograder.nbg.sanitize.FlagForPerson",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Late days: with per_day = 0.1 each day after the due date ('autograder due') and the free days costs a tenth.
c.AssignLatePenalties.plugin_class = "autograder.nbg.late.LateDays"
c.LateDays.free_days = 0.0
c.LateDays.per_day = 0.0
c.LateDays.most = 0.5

c.GenerateFeedback.exporter_class = "autograder.feedback.exporter.FeedbackExporter"
c.GenerateFeedback.post_convert_hook = "autograder.feedback.exporter.sweep"
