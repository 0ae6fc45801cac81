"""The class summary: one page, one JSON file and one CSV file per course.

- joins what the grader found (course/results) with nbgrader's gradebook (manual marks included);
- writes course/summary.html: self-contained, light and dark, a table that screen readers can read, no script;
- writes course/summary.json and course/summary.csv, the latter safe to open in a spreadsheet.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from autograder.nbg.results import GRADED, UNREADABLE, Result, read_result
from mechanisms.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project
    from autograder.specs.base import Chapter

BINS = 10


@dataclass
class Row:
    """One student in one chapter. `scores` maps exercise to points, `manual` free-text question to points or None."""

    student: str
    status: str
    points: float | None
    max_points: float
    scores: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    mistakes: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    manual: dict[str, float | None] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    needs_person: list[str] = field(default_factory=list)
    feedback: str = ""


@dataclass
class ChapterSummary:
    """One chapter of the class: what can be earned, and a row per student."""

    slug: str
    title: str
    max_scores: dict[str, float]
    titles: dict[str, str]
    questions: dict[str, float]
    rows: list[Row]


def summarise(project: Project, chapter: Chapter, students: list[str]) -> ChapterSummary:
    """Collect one chapter from the stored results and the gradebook."""
    manual = _manual_marks(project, chapter)
    results = [read_result(project, chapter.slug, student) for student in students]
    questions: dict[str, float] = {}
    for result in results:
        questions |= result.free_text if result else {}
    maxima = {exercise.name: exercise.points for exercise in chapter.exercises}
    rows = [
        _row(project, chapter, student, result, questions, manual.get(student, {}))
        for student, result in zip(students, results, strict=True)
    ]
    titles = {exercise.name: exercise.card.title for exercise in chapter.exercises}
    return ChapterSummary(chapter.slug, chapter.title, maxima, titles, questions, rows)


def _row(
    project: Project,
    chapter: Chapter,
    student: str,
    result: Result | None,
    questions: dict[str, float],
    marks: dict[str, tuple[float | None, bool]],
) -> Row:
    total = sum(exercise.points for exercise in chapter.exercises) + sum(questions.values())
    if result is None:
        return Row(student, "not graded", None, total, needs_person=["It was handed in but never graded."])
    row = Row(student, result.status, None, total, notices=result.notices, needs_person=list(result.needs_person))
    if result.status != GRADED:
        return row
    for name, exercise in result.exercises.items():
        row.scores[name] = marks.get(f"{name}-check", (None, False))[0]
        if row.scores[name] is None:
            row.scores[name] = exercise.points
        row.states[name] = exercise.state
        if exercise.mistake:
            row.mistakes[name] = exercise.sentence
        elif exercise.state in ("failed", "partial"):
            row.faults[name] = exercise.sentence.removeprefix(f"{name}: ")
    for name in questions:
        score, waiting = marks.get(name, (None, True))
        row.manual[name] = None if waiting else score
    row.points = sum(row.scores.values()) + sum(score or 0.0 for score in row.manual.values())
    page = project.feedback(chapter, student)
    if page.exists():
        row.feedback = quote(page.relative_to(project.course).as_posix())
    return row


def _manual_marks(project: Project, chapter: Chapter) -> dict[str, dict[str, tuple[float | None, bool]]]:
    """nbgrader's marks: student -> grade id -> (score, still waits for a person)."""
    database = project.course / "gradebook.db"
    if not database.exists():
        return {}
    from nbgrader.api import Gradebook, MissingEntry

    marks: dict[str, dict[str, tuple[float | None, bool]]] = {}
    with Gradebook(f"sqlite:///{database}") as gradebook:
        try:
            submissions = gradebook.find_assignment(chapter.slug).submissions
        except MissingEntry:
            return {}
        for submission in submissions:
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    unmarked = grade.manual_score is None and grade.auto_score is None
                    waiting = unmarked or bool(grade.needs_manual_grade and grade.manual_score is None)
                    marks.setdefault(submission.student.id, {})[grade.name] = (grade.score, waiting)
    return marks


def write_summary(project: Project, chapters: list[ChapterSummary]) -> list[Path]:
    """Write summary.html, summary.json and summary.csv into the course directory; returns their paths."""
    project.course.mkdir(parents=True, exist_ok=True)
    page = atomic_write(project.course / "summary.html", summary_html(chapters))
    data = json.dumps({"chapters": [asdict(chapter) for chapter in chapters]}, indent=1, ensure_ascii=False)
    return [
        page,
        atomic_write(project.course / "summary.json", data + "\n"),
        atomic_write(project.course / "summary.csv", summary_csv(chapters)),
    ]


def summary_csv(chapters: list[ChapterSummary]) -> str:
    """One line per student and exercise, every text made harmless for a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(["student", "chapter", "status", "item", "points", "max_points", "mistake", "needs_person"])
    for chapter in chapters:
        maxima = {**chapter.max_scores, **chapter.questions}
        for row in chapter.rows:
            person = " ".join(row.needs_person)
            for item, maximum in maxima.items():
                points = row.scores.get(item, row.manual.get(item))
                cells = [row.student, chapter.slug, row.status, item, "" if points is None else points, maximum]
                writer.writerow([harmless(cell) for cell in [*cells, row.mistakes.get(item, ""), person]])
    return buffer.getvalue()


def harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay numbers."""
    if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@", "\t", "\r", "|", "%"):
        return f"'{value}"
    return value


def summary_html(chapters: list[ChapterSummary]) -> str:
    """The whole page."""
    body = "\n".join(_chapter_html(chapter) for chapter in chapters) or "<p>No submission was graded yet.</p>"
    return _PAGE.format(body=body)


def _chapter_html(chapter: ChapterSummary) -> str:
    graded = [row for row in chapter.rows if row.points is not None]
    shares = [100 * _auto(row) / max(sum(chapter.max_scores.values()), 1e-9) for row in graded]
    facts = [f"{len(chapter.rows)} students", f"{len(graded)} graded"]
    if shares:
        facts.append(f"median {statistics.median(shares):.0f}% of the points checked automatically")
    parts = [f"<section aria-labelledby='{_e(chapter.slug)}'>"]
    parts.append(f"<h2 id='{_e(chapter.slug)}'>{_e(chapter.title)}</h2><p class='facts'>{' · '.join(facts)}</p>")
    parts.append(_person_html(chapter))
    parts.append("<div class='pair'>" + _chart(shares) + _exercises_html(chapter, graded) + "</div>")
    parts.append(_table_html(chapter))
    parts.append("</section>")
    return "\n".join(part for part in parts if part)


def _auto(row: Row) -> float:
    return sum(row.scores.values())


def _person_html(chapter: ChapterSummary) -> str:
    items = []
    for row in chapter.rows:
        for sentence in row.needs_person:
            items.append(f"<li><strong>{_e(row.student)}</strong>: {_words(sentence)}</li>")
    waiting = sum(1 for row in chapter.rows for score in row.manual.values() if score is None and row.status == GRADED)
    if waiting:
        noun = "answer waits" if waiting == 1 else "answers wait"
        items.append(f"<li>{waiting} free-text {noun} to be marked (in the formgrader page).</li>")
    if not items:
        return "<p class='good'>✓ Nothing needs a person's look.</p>"
    return f"<div class='person'><h3>Needs a person</h3><ul>{''.join(items)}</ul></div>"


def _chart(shares: list[float]) -> str:
    """How many students reached which share of the points, as bars with their counts written above."""
    if not shares:
        return ""
    counts = [0] * BINS
    for share in shares:
        counts[min(int(share * BINS / 100), BINS - 1)] += 1
    width, height, left, bottom = 420, 190, 14, 34
    step = (width - left - 20) / BINS
    scale = (height - bottom - 26) / max(counts)
    bars = []
    for number, count in enumerate(counts):
        x, tall = left + number * step, count * scale
        y = height - bottom - tall
        bars.append(f"<rect x='{x + 2:.1f}' y='{y:.1f}' width='{step - 4:.1f}' height='{tall:.1f}' rx='2'/>")
        if count:
            bars.append(f"<text x='{x + step / 2:.1f}' y='{y - 5:.1f}'>{count}</text>")
    ticks = "".join(
        f"<text x='{left + share * (width - left - 20) / 100:.1f}' y='{height - bottom + 16}'>{share}</text>"
        for share in (0, 20, 40, 60, 80, 100)
    )
    words = ", ".join(
        f"{count} between {number * 10} and {number * 10 + 10}%" for number, count in enumerate(counts) if count
    )
    return (
        "<figure><figcaption>Students by share of the automatic points</figcaption>"
        f"<svg viewBox='0 0 {width} {height}' role='img' aria-label='Histogram of the scores: {words}.'>"
        f"<line x1='{left}' y1='{height - bottom}' x2='{width - 20}' y2='{height - bottom}'/>{''.join(bars)}{ticks}"
        f"<text x='{(width + left - 20) / 2:.0f}' y='{height - 3}'>% of the points</text></svg></figure>"
    )


def _exercises_html(chapter: ChapterSummary, graded: list[Row]) -> str:
    rows = []
    for name, maximum in chapter.max_scores.items():
        scores = [row.scores.get(name, 0.0) for row in graded]
        mean = f"{statistics.mean(scores):.1f} of {maximum:g}" if scores else "–"
        full = sum(1 for score in scores if score >= maximum - 1e-9)
        named = sum(1 for row in graded if name in row.mistakes)
        rows.append(
            f"<tr><th scope='row'><code>{_e(name)}</code></th>"
            f"<td>{mean}</td><td>{full} of {len(scores)}</td><td>{named}</td></tr>"
        )
    return (
        "<table class='small'><caption>By exercise</caption><thead><tr><th scope='col'>Exercise</th>"
        "<th scope='col'>Mean</th><th scope='col'>Full points</th><th scope='col'>Mistake named</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _table_html(chapter: ChapterSummary) -> str:
    names, questions = list(chapter.max_scores), list(chapter.questions)
    heads = "".join(
        f"<th scope='col' title='{_e(chapter.titles[name])}'><code>{_e(name).replace('_', '_<wbr>')}</code>"
        f"<br><small>of {chapter.max_scores[name]:g}</small></th>"
        for name in names
    )
    heads += "".join(
        f"<th scope='col'>{_e(name).replace('_', '_<wbr>')}"
        f"<br><small>free text,<br>of {chapter.questions[name]:g}</small></th>"
        for name in questions
    )
    rows = "".join(_row_html(row, chapter, names, questions) for row in chapter.rows)
    return (
        "<div class='scroll' tabindex='0' role='region' aria-label='Points per student'>"
        "<table><caption>Points per student and exercise</caption><thead><tr><th scope='col'>Student</th>"
        f"<th scope='col'>Total</th>{heads}<th scope='col'>What the grader says</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row_html(row: Row, chapter: ChapterSummary, names: list[str], questions: list[str]) -> str:
    name = re.sub(r"([_-])", r"\1<wbr>", _e(row.student))
    link = f"<a href='{_e(row.feedback)}'>{name}</a>" if row.feedback else name
    if row.points is None:
        word = "could not be read" if row.status == UNREADABLE else row.status
        blank = "".join("<td class='none'>–</td>" for _ in [*names, *questions])
        said = "".join(f"<p class='look'>{_words(sentence)}</p>" for sentence in row.needs_person)
        first = f"<th scope='row'>{link}</th><td class='look'>{_e(word)}</td>"
        return f"<tr>{first}{blank}<td class='said'>{said}</td></tr>"
    cells = "".join(_score_html(row, name, chapter.max_scores[name]) for name in names)
    cells += "".join(_manual_html(row.manual.get(name)) for name in questions)
    said = [f"<p><code>{_e(name)}</code>: {_words(sentence)}</p>" for name, sentence in row.mistakes.items()]
    said += [
        f"<p class='note'><code>{_e(name)}</code>: {_words(sentence)}</p>" for name, sentence in row.faults.items()
    ]
    said += [f"<p class='look'>{_words(sentence)}</p>" for sentence in row.needs_person]
    said += [f"<p class='note'>{_words(sentence)}</p>" for sentence in row.notices]
    unmarked = sum(chapter.questions[name] for name in questions if row.manual.get(name) is None)
    rest = f", {unmarked:g} to mark" if unmarked else ""
    total = f"<td><strong>{row.points:g}</strong><br><small>of {row.max_points:g}{rest}</small></td>"
    return f"<tr><th scope='row'>{link}</th>{total}{cells}<td class='said'>{''.join(said)}</td></tr>"


def _score_html(row: Row, name: str, maximum: float) -> str:
    score = row.scores.get(name, 0.0)
    if row.states.get(name) == "not found":
        return f"<td class='look'>{score:g}<br><small>not found</small></td>"
    if score >= maximum - 1e-9:
        return f"<td class='full'>{score:g} <span aria-hidden='true'>✓</span></td>"
    word = "mistake" if name in row.mistakes else ("not done" if row.states.get(name) == "blank" else "")
    return f"<td class='{'part' if score else 'zero'}'>{score:g}{f'<br><small>{word}</small>' if word else ''}</td>"


def _manual_html(score: float | None) -> str:
    return "<td class='look'><small>to mark</small></td>" if score is None else f"<td>{score:g}</td>"


def _words(text: str) -> str:
    """A sentence, escaped, with `names` in backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _e(text))


def _e(text: str) -> str:
    return html.escape(str(text), quote=True)


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Class summary</title>
<style>
:root {{ color-scheme: light dark; --ink: #1d2433; --soft: #5a6478; --paper: #fbfbfd; --card: #fff; --line: #d8dce6;
 --blue: #2f5fc4; --good: #1b6e3c; --goodbg: #e4f4ea; --part: #7a5200; --partbg: #fdf1d8;
 --bad: #a02727; --badbg: #fbe7e7; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e9f0; --soft: #a3adc2; --paper: #14171f; --card: #1b1f2a;
 --line: #343b4c; --blue: #8fb1ff; --good: #8fdcab; --goodbg: #17331f; --part: #f0cb7f; --partbg: #3a2d10;
 --bad: #ffaaa6; --badbg: #3d1c1d; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; padding: 2rem clamp(1rem, 4vw, 4rem); background: var(--paper); color: var(--ink);
 font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ margin: 0 0 .25rem; }} h2 {{ margin: 2rem 0 0; }} h3 {{ margin: 0 0 .3rem; font-size: 1rem; }}
a {{ color: var(--blue); }} code {{ font-size: .88em; }} small, .facts, .note {{ color: var(--soft); }}
.facts {{ margin: .2rem 0 1rem; }} .good {{ color: var(--good); }}
.person {{ border-left: 4px solid var(--part); background: var(--partbg); padding: .8rem 1rem; border-radius: 4px; }}
.person ul {{ margin: 0; padding-left: 1.2rem; }}
.pair {{ display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; margin: 1.2rem 0; }}
figure {{ margin: 0; flex: 0 1 440px; }} 
figcaption, caption {{ font-weight: 600; text-align: left; padding-bottom: .4rem; }}
svg {{ width: 100%; height: auto; }} svg rect {{ fill: var(--blue); }} svg line {{ stroke: var(--soft); }}
svg text {{ fill: var(--ink); font-size: 12px; text-anchor: middle; }}
table {{ border-collapse: collapse; background: var(--card); }}
th, td {{ border: 1px solid var(--line); padding: .4rem .6rem; text-align: center; vertical-align: top; }}
tbody th {{ text-align: left; font-weight: 600; overflow-wrap: anywhere; }} thead th {{ vertical-align: bottom; }}
.scroll {{ overflow-x: auto; }} .scroll tbody th {{ min-width: 9rem; }} .scroll table {{ font-size: .86rem; }}
.said {{ text-align: left; min-width: 16rem; font-size: .92rem; }} .said p {{ margin: 0 0 .3rem; }}
.full {{ color: var(--good); background: var(--goodbg); }}
.part, .look {{ color: var(--part); background: var(--partbg); }}
.zero {{ color: var(--bad); background: var(--badbg); }}
p.look {{ padding: .1rem .4rem; }} .none {{ color: var(--soft); }}
td small {{ white-space: nowrap; }} tbody th + td small {{ white-space: normal; }}
.full small, .part small, .look small, .zero small {{ color: inherit; }}
</style></head>
<body><main><h1>Class summary</h1>
<p class="facts">Points come from hidden cases; a student's name leads to the feedback page that the student gets.</p>
{body}
</main></body></html>
"""
