"""Feedback for students: one self-contained page per student and notebook.

- `feedback_html` makes the page from a record, an executed notebook and the gradebook's marks; it reads nothing;
- `write_feedback` reads all of that for one student and writes the page into the course directory;
- `exporter` is the same for nbgrader's own generate_feedback.
"""

from autograder.feedback.page import feedback_html
from autograder.feedback.write import feedback_page, write_feedback

__all__ = ["feedback_html", "feedback_page", "write_feedback"]
