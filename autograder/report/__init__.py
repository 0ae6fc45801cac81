"""The class report for whoever teaches the course: a page with pictures, a CSV and a JSON file.

- `gather` reads one chapter from the stored records and the gradebook;
- `write_report` writes report.html, report.csv and report.json into the course directory.
"""

from autograder.report.files import report_json, write_report
from autograder.report.gather import ChapterReport, Row, gather, students_of
from autograder.report.page import report_html

__all__ = ["ChapterReport", "Row", "gather", "report_html", "report_json", "students_of", "write_report"]
