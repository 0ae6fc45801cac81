"""Points for a learning-management system: Canvas, Moodle, or a plain CSV file.

- `chapter_grades` decides which points may leave and says why others may not;
- `canvas_file` and `fill_canvas`, `moodle_worksheets`, `moodle_items` and `fill_moodle`, `plain_file` write them down;
- `cells` keeps every file harmless in a spreadsheet.
"""

from autograder.export.canvas import canvas_file, fill_canvas
from autograder.export.columns import named_columns
from autograder.export.grades import ChapterGrades, Standing, chapter_grades
from autograder.export.identities import Identity, read_identities
from autograder.export.moodle import fill_moodle, moodle_items, moodle_worksheets
from autograder.export.outcome import LeftOut, Outcome
from autograder.export.plain import plain_file

__all__ = [
    "ChapterGrades",
    "Identity",
    "LeftOut",
    "Outcome",
    "Standing",
    "canvas_file",
    "chapter_grades",
    "fill_canvas",
    "fill_moodle",
    "moodle_items",
    "moodle_worksheets",
    "named_columns",
    "plain_file",
    "read_identities",
]
