"""nbgrader for this course: read by every nbgrader command and by the formgrader page.

- the course directory is course/ beside this file, or the folder that MECHANISMS_COURSE names;
- submissions are matched to the exercises by our preprocessors and graded on hidden cases;
- everything else is nbgrader as it comes.
"""

import os
from pathlib import Path

c = get_config()  # noqa: F821 (nbgrader defines it)

here = Path(os.path.abspath(__file__)).parent if "__file__" in globals() else Path.cwd()
c.CourseDirectory.root = str(Path(os.environ.get("MECHANISMS_COURSE") or here / "course").expanduser().resolve())
c.CourseDirectory.course_id = "mechanisms"

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
    "autograder.nbg.execute.HiddenCaseExecute",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "autograder.nbg.sanitize.FlagForPerson",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

c.GenerateFeedback.post_convert_hook = "autograder.nbg.feedback_page.polish"
