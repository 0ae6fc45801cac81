"""What happens to a submission before it is executed.

- `SubmissionExporter` reads the file that was handed in with our reader: one sentence instead of a traceback;
- `Rehydrate` gives every cell its identity and its metadata again, from the release notebook;
- `FlagForPerson` marks in the gradebook, after grading, what a person has to look at.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.nbg.identity import match
from autograder.nbg.intake import read_notebook
from autograder.nbg.links import refuse_links
from autograder.project import current
from mechanisms.errors import BadNotebook


class SubmissionExporter(NotebookExporter):
    """nbconvert's notebook exporter, reading submissions with `read_notebook`."""

    def from_file(self, file_stream, resources=None, **kw):
        """Read a submission with our checks; any other notebook (already sanitized) as it is."""
        path = Path(getattr(file_stream, "name", "")).absolute()
        if not path.is_relative_to(current().course / "submitted"):
            return super().from_file(file_stream, resources=resources, **kw)
        refuse_links(path)
        notebook, notices = read_notebook(path)
        notebook.metadata["mechanisms"] = {"notices": notices}
        return self.from_notebook_node(notebook, resources=resources, **kw)


class Rehydrate(NbGraderPreprocessor):
    """Match the cells of a submission to those of the release notebook."""

    def preprocess(self, nb, resources):
        """Return the notebook with our metadata; `metadata.mechanisms` carries notices and what was lost."""
        project = current()
        chapter = project.chapter(resources["nbgrader"]["assignment"])
        release = project.release(chapter)
        if not release.exists():
            raise BadNotebook(f"Nothing was released for {chapter.slug}: run 'autograder exercises' first.")
        notices = list(nb.metadata.get("mechanisms", {}).get("notices", []))
        matched = match(nb, nbformat.read(release, as_version=4))
        matched.notebook.metadata["mechanisms"] = {
            "chapter": chapter.slug,
            "notices": notices + matched.notices,
            "lost": matched.lost,
        }
        return matched.notebook, resources


class FlagForPerson(NbGraderPreprocessor):
    """Set nbgrader's "needs manual grading" for every exercise that could not be matched or whose kernel died."""

    def preprocess(self, nb, resources):
        """Change the gradebook, not the notebook."""
        flagged = nb.metadata.get("mechanisms", {}).get("flagged", [])
        if flagged:
            about = resources["nbgrader"]
            with Gradebook(about["db_url"]) as gradebook:
                where = (about["notebook"], about["assignment"], about["student"])
                submission = gradebook.find_submission_notebook(*where)
                for grade in submission.grades:
                    if grade.name in flagged:
                        grade.needs_manual_grade = True
                gradebook.db.commit()
        return nb, resources
