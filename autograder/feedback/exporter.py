"""nbgrader's own generate_feedback writes our page.

- `FeedbackExporter` stands where nbgrader has its HTML exporter, so its page (which shows every check cell's
  content) is never written, not even for a moment;
- `sweep`, nbgrader's post-conversion hook, removes whatever else nbgrader copied from a submission into the
  feedback folder: nothing that a student handed in is given out as feedback.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter

from autograder.feedback.write import feedback_page
from autograder.project import current


class FeedbackExporter(Exporter):
    """Turns an autograded notebook into the student's feedback page, from the stored record and the gradebook."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page of the student and chapter that nbgrader names in `resources`."""
        about = (resources or {})["nbgrader"]
        project = current()
        page = feedback_page(project, project.chapter(about["assignment"]), about["student"])
        return page, {**resources, "output_extension": self.file_extension, "outputs": {}}


def sweep(assignment: str, student: str, notebooks: list[str]) -> None:
    """Remove every file of a feedback folder that is no page of ours. `notebooks` are paths in autograded/."""
    project = current()
    for name in notebooks:
        folder = project.course / "feedback" / Path(name).parents[1].name / Path(name).parent.name
        ours = {folder / f"{Path(other).stem}.html" for other in notebooks}
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path not in ours:
                path.unlink()
