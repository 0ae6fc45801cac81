"""Which column of a gradebook is which assignment.

- a column named on the command line (`--column 02="Homework 2 (4711)"`) is taken by its heading or its number;
- else one whose heading is the chapter's name, slug, notebook or "Chapter 2";
- none or more than one is an error that says which columns there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autograder.export.grades import ChapterGrades
from autograder.export.template import spoken
from mechanisms.errors import UsageError


def named_columns(words: Sequence[str] | None) -> dict[str, str]:
    """The options `--column SLUG=HEADING` as a mapping. Raises UsageError for one without an equals sign."""
    named = {}
    for word in words or ():
        slug, equals, heading = word.partition("=")
        if not (equals and slug.strip() and heading.strip()):
            raise UsageError(f"--column {word} has to be CHAPTER=HEADING, such as --column '02=Homework 2 (4711)'.")
        named[slug.strip()] = heading.strip()
    return named


def heading_of(grades: ChapterGrades, named: Mapping[str, str]) -> str:
    """The heading that was named for a chapter (by slug or number), or nothing."""
    for key in (grades.slug, str(grades.number), f"{grades.number:02d}"):
        if key in named:
            return named[key]
    return ""


def find_column(headings: Sequence[str], candidates: Sequence[int], grades: ChapterGrades, named: str) -> int:
    """The column of a chapter among `candidates`. Raises UsageError when there is none or more than one."""
    if named:
        fits = [column for column in candidates if headings[column] == named]
        fits = fits or [column for column in candidates if re.search(rf"\({re.escape(named)}\)\s*$", headings[column])]
        fits = fits or [column for column in candidates if spoken(headings[column]) == spoken(named)]
    else:
        number, title = grades.number, spoken(grades.title)
        exact = {title, spoken(grades.slug), spoken(grades.notebook), f"chapter {number}", f"chapter {number:02d}"}
        exact |= {f"{start} {title}" for start in (f"{number:02d}", number, f"chapter {number}", f"ch {number}")}
        fits = [column for column in candidates if spoken(headings[column]) in exact]
        fits = fits or [column for column in candidates if title and title in spoken(headings[column])]
    if len(fits) == 1:
        return fits[0]
    what = "more than one column fits" if fits else "no column fits"
    there = ", ".join(f"'{headings[column]}'" for column in (fits or candidates)[:12]) or "none"
    raise UsageError(
        f"In the template {what} {grades.slug}; name it with --column '{grades.number:02d}=HEADING'. There is: {there}."
    )


def find_item(headings: Sequence[str], candidates: Sequence[int], grades: ChapterGrades, item: str) -> int | None:
    """The column of one exercise of a chapter, or None when no single one fits."""
    number, title, name = f"{grades.number:02d}", spoken(grades.title), spoken(item)
    exact = {f"{number} {title} {name}", f"{title} {name}", f"{spoken(grades.slug)} {name}"}
    fits = [column for column in candidates if spoken(headings[column]) in exact]
    fits = fits or [column for column in candidates if spoken(headings[column]) == name]
    return fits[0] if len(fits) == 1 else None
