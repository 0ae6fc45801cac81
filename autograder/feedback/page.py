"""The page that a student gets back: pure functions from a record to HTML.

- per exercise: points, groups of cases, the known mistake in its own words, the place in the book, the
  instructor's comment;
- free text with its mark, notices, what a person will look at, the student's own cells, folded;
- a submission that could not be matched gets a page that says what came, why it failed and what to do;
- no hidden input and no expected value: only what the record holds, which has none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from autograder.feedback.cells import OwnCells
from autograder.feedback.sanitise import clean_text
from autograder.nbg.results import FAILED, UNMATCHED, ExerciseResult, GroupResult, Result
from autograder.page import document, points, text, words
from mechanisms.address import book_page

if TYPE_CHECKING:
    from autograder.marks import Mark, Marks
    from autograder.project import Project
    from autograder.specs.base import Chapter

STATES = {
    "passed": ("good", "✓", "all right"),
    "partial": ("part", "◐", "partly right"),
    "failed": ("bad", "✗", "not yet"),
    "blank": ("none", "…", "not started"),
    "not found": ("part", "?", "not found in your notebook"),
}


_MARKED = "<span class='badge good'><span aria-hidden='true'>✎</span> marked</span>"


def feedback_html(
    project: Project,
    chapter: Chapter,
    result: Result,
    notebook: dict[str, Any] | None,
    manual: Marks | None,
    *,
    given: Collection[str] = (),
    received: Collection[str] = (),
) -> str:
    """The whole page.

    `notebook` is the executed notebook as JSON (nbformat 4), `manual` what the gradebook holds, `given` the sources
    of the released notebook's cells, `received` what lies in the student's folder, as sentences.
    """
    title = f"{chapter.title}: feedback for {result.student}"
    if result.status in (UNMATCHED, FAILED):
        return document(title, _STYLE, _head(chapter, result, "") + _not_graded(project, chapter, result, received))
    cells = OwnCells(notebook, given)
    total = _total(result, manual)
    parts = ['<main id="main" tabindex="-1">', _notes(result), _overview(chapter, result, manual)]
    for name, exercise in _in_order(chapter, result):
        parts.append(_exercise(chapter, name, exercise, manual, cells.of(name)))
    for name, most in result.free_text.items():
        parts.append(_free_text(name, most, manual, cells.of(name)))
    rest = cells.rest()
    if rest:
        parts.append(
            "<section aria-labelledby='rest'><h2 id='rest'>The rest of your notebook</h2>"
            f"<details><summary>Cells that you added, with what they showed</summary>{rest}</details></section>"
        )
    parts.append("</main>")
    return document(title, _STYLE, _head(chapter, result, total) + "\n".join(parts) + _FOOT)


def _head(chapter: Chapter, result: Result, total: str) -> str:
    when = f" · graded {text(result.graded_at[:10])}" if result.graded_at else ""
    return (
        f"<header><p class='soft'>Feedback for <bdi>{text(clean_text(result.student, 200))}</bdi>{when}</p>"
        f"<h1>{text(chapter.title)}</h1>{total}</header>\n"
    )


def _score(points_by_grader: float, mark: Mark | None) -> float:
    """An exercise's points: a person's mark goes before the grader's."""
    return points_by_grader if mark is None or mark.score is None else mark.score


def _total(result: Result, manual: Marks | None) -> str:
    """The line under the title: points so far, of how many, what still waits, what lateness costs."""
    got = sum(_score(exercise.points, _mark(manual, name)) for name, exercise in result.exercises.items())
    most = sum(exercise.max_points for exercise in result.exercises.values())
    marks = {name: _question(manual, name) for name in result.free_text}
    waiting = sum(most for name, most in result.free_text.items() if marks[name] is None)
    got += sum(mark for mark in marks.values() if mark is not None)
    penalty = manual.penalty if manual else 0.0
    lines = [f"<p class='total'><strong>{points(max(0.0, got - penalty))}</strong> of "]
    lines.append(f"{points(most + sum(result.free_text.values()))} points</p>")
    if penalty:
        lines.append(f"<p>{_many(penalty, 'was', 'were')} taken off because it came late.</p>")
    if waiting:
        lines.append(f"<p>{_many(waiting, 'is', 'are')} for free text that waits to be marked.</p>")
    return "".join(lines)


def _many(value: float, one: str, more: str) -> str:
    """ "1 point is", "2.5 points are"."""
    return f"{points(value)} point {one}" if value == 1 else f"{points(value)} points {more}"


def _mark(manual: Marks | None, name: str) -> Mark | None:
    return manual.of_exercise(name) if manual else None


def _question(manual: Marks | None, name: str) -> float | None:
    mark = manual.cells.get(name) if manual else None
    return mark.standing if mark else None


def _comment(manual: Marks | None, *names: str) -> str:
    found = [manual.comments[name] for name in names if name in manual.comments] if manual else []
    return "".join(
        f"<div class='call'><p><strong>Comment:</strong></p><p class='prose'>{text(clean_text(comment))}</p></div>"
        for comment in found
    )


def _notes(result: Result) -> str:
    parts = []
    if result.needs_person:
        items = "".join(f"<li>{words(clean_text(sentence, 600))}</li>" for sentence in result.needs_person[:30])
        parts.append(f"<div class='call look'><p><strong>A person looks at this.</strong></p><ul>{items}</ul></div>")
    if result.notices:
        items = "".join(f"<li>{words(clean_text(sentence, 600))}</li>" for sentence in result.notices[:30])
        parts.append(f"<div class='call'><p><strong>What was odd about the file</strong></p><ul>{items}</ul></div>")
    return "".join(parts)


def _in_order(chapter: Chapter, result: Result) -> list[tuple[str, ExerciseResult]]:
    """The exercises in the order of the notebook; one that the chapter no longer has comes last."""
    order = {exercise.name: number for number, exercise in enumerate(chapter.exercises)}
    return sorted(result.exercises.items(), key=lambda entry: order.get(entry[0], len(order)))


def _overview(chapter: Chapter, result: Result, manual: Marks | None) -> str:
    rows = []
    for name, exercise in _in_order(chapter, result):
        mark = _mark(manual, name)
        rows.append(
            f"<tr><th scope='row'><a href='#{text(name)}'>{text(exercise.title)}</a></th>"
            f"<td class='n'>{points(_score(exercise.points, mark))} of {points(exercise.max_points)}</td>"
            f"<td>{_badge(exercise, mark)}</td></tr>"
        )
    for name, most in result.free_text.items():
        score = _question(manual, name)
        state = "<span class='badge none'>waits to be marked</span>" if score is None else _MARKED
        got = "–" if score is None else points(score)
        rows.append(
            f"<tr><th scope='row'><a href='#{text(name)}'>Free text: {text(_spoken(name))}</a></th>"
            f"<td class='n'>{got} of {points(most)}</td><td>{state}</td></tr>"
        )
    return (
        "<div class='scroll'><table class='wide'><caption>At a glance</caption><thead><tr><th scope='col'>Exercise</th>"
        "<th scope='col' class='n'>Points</th><th scope='col'>How it went</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _badge(exercise: ExerciseResult, mark: Mark | None) -> str:
    """How it went in a word, with a mark that only the eye gets."""
    kind, sign, word = STATES.get(exercise.state, STATES["failed"])
    if mark is not None and mark.manual is not None:
        full = mark.manual >= exercise.max_points
        kind, sign, word = ("good" if full else "part"), "✎", "marked by a person"
    return f"<span class='badge {kind}'><span aria-hidden='true'>{sign}</span> {word}</span>"


def _exercise(chapter: Chapter, name: str, exercise: ExerciseResult, manual: Marks | None, own: str) -> str:
    mark = _mark(manual, name)
    score = _score(exercise.points, mark)
    parts = [
        f"<section aria-labelledby='{text(name)}'><h2 id='{text(name)}'>{text(exercise.title)}</h2>"
        f"<p class='line'>{_badge(exercise, mark)} <code>{text(name)}</code> "
        f"<strong>{points(score)} of {points(exercise.max_points)} points</strong></p>"
    ]
    if mark is not None and mark.manual is not None and mark.score != exercise.points:
        parts.append(f"<p>The grader gave {points(exercise.points)}; a person changed it to {points(score)}.</p>")
    if exercise.mistake:
        parts.append(
            f"<div class='call look'><p><strong>This looks like a known mistake.</strong> {words(exercise.sentence)}"
            "</p></div>"
        )
    if exercise.below:
        parts.append(f"<div class='call look'><p>{words(exercise.below_sentence)}</p></div>")
    if exercise.groups and exercise.state != "blank":
        parts.append(f"<ul class='groups'>{''.join(_group(group) for group in exercise.groups)}</ul>")
    elif not exercise.mistake and exercise.state != "passed" and exercise.sentence:
        parts.append(f"<p>{words(exercise.sentence)}</p>")
    parts.append(_comment(manual, name, f"{name}-check"))
    parts.append(_book(chapter, name, exercise))
    if own:
        parts.append(f"<details><summary>Your answer, as it was graded</summary>{own}</details>")
    return "".join(parts) + "</section>"


def _group(group: GroupResult) -> str:
    kind, sign, word = STATES["passed" if group.passed else "failed"]
    count = "1 case" if group.cases == 1 else f"{group.cases} cases"
    if group.passed:
        told = f"{count}, all right" if group.cases != 1 else "1 case, right"
    elif group.failing and group.cases > 1:
        passed = group.failing - 1
        before = f"the {passed} before it passed" if passed > 1 else "the one before it passed" if passed else ""
        told = f"case {group.failing} of {group.cases} is the first that fails" + (f" ({before})" if before else "")
    else:
        told = f"{count}, not right"
    line = (
        f"<li><p class='line'><span class='badge {kind}'><span aria-hidden='true'>{sign}</span> "
        f"{'passed' if group.passed else word}</span> <strong>{text(group.name)}</strong> "
        f"<span>{points(group.earned)} of {points(group.points)} points</span> <span class='soft'>{told}</span></p>"
    )
    if not group.passed:
        if group.sentence:
            line += f"<p>{words(_sentence(group.sentence))}</p>"
        if group.hint:
            line += f"<p><em>Hint:</em> {words(group.hint)}</p>"
    return line + "</li>"


def _sentence(told: str) -> str:
    """A remark with a capital letter and a full stop."""
    told = told.strip()
    return (told[:1].upper() + told[1:]) + ("" if told.endswith((".", "!", "?")) else ".")


def _book(chapter: Chapter, name: str, exercise: ExerciseResult) -> str:
    place = exercise.page or (f"{chapter.page}#{name.replace('_', '-')}" if chapter.page else "")
    address = book_page(place)
    return f"<p><a href='{text(address)}' rel='noreferrer'>This exercise in the book</a></p>" if address else ""


def _free_text(name: str, most: float, manual: Marks | None, own: str) -> str:
    score = _question(manual, name)
    if score is None:
        line = f"<span class='badge none'>waits to be marked</span> <strong>{points(most)} points</strong>"
    else:
        line = f"{_MARKED} <strong>{points(score)} of {points(most)} points</strong>"
    shown = f"<details><summary>Your answer</summary>{own}</details>" if own else "<p>No answer was found.</p>"
    return (
        f"<section aria-labelledby='{text(name)}'><h2 id='{text(name)}'>Free text: {text(_spoken(name))}</h2>"
        f"<p class='line'>{line}</p>{_comment(manual, name)}{shown}</section>"
    )


def _spoken(name: str) -> str:
    """A question's id as words: "one_head_one_fact" is "one head one fact"."""
    return name.replace("_", " ")


def _not_graded(project: Project, chapter: Chapter, result: Result, received: Collection[str]) -> str:
    why = "".join(f"<li>{words(clean_text(sentence, 600))}</li>" for sentence in result.needs_person[:30])
    why = why or "<li>The grader gave no reason.</li>"
    came = "".join(f"<li>{text(clean_text(line, 300))}</li>" for line in list(received)[:30])
    odd = "".join(f"<li>{words(clean_text(sentence, 600))}</li>" for sentence in result.notices[:30])
    steps = _AGAIN if result.status == UNMATCHED else _OURS
    return (
        '<main id="main" tabindex="-1"><div class="call look"><p><strong>'
        + ("This file could not be graded." if result.status == UNMATCHED else "Grading did not come to an end.")
        + "</strong> It has no points yet, which is not the same as 0 points.</p></div>"
        + (f"<h2>What was received</h2><ul>{came}</ul>" if came else "")
        + f"<h2>Why it was not graded</h2><ul>{why}</ul>"
        + (f"<h2>What was odd about it</h2><ul>{odd}</ul>" if odd else "")
        + f"<h2>What to do</h2>{steps.format(name=text(chapter.notebook))}</main>"
        + "<footer><p>A person has this on a list, too.</p></footer>"
    )


_AGAIN = (
    "<ol><li>Open your notebook where you worked on it, and look whether your answers are there.</li>"
    "<li>Download it as a notebook: in Colab <em>File → Download → Download .ipynb</em>, in JupyterLab "
    "<em>File → Download</em>. Do not save the web page.</li>"
    "<li>The file should be called <code>{name}.ipynb</code> and be a few hundred kilobytes at most.</li>"
    "<li>Keep the lines that begin with <code># exercise:</code>; they say which cell is which.</li>"
    "<li>Hand it in again where you handed in the first one.</li></ol>"
)
_OURS = "<p>Nothing. This is a fault of the grader, not of your notebook; it will be graded again.</p>"
_FOOT = (
    "<footer><p>Points come from cases that are not shown; the public cases of <code>check</code> in your notebook "
    "are drawn by the same rules. If something here is wrong, ask your instructor to look at it.</p></footer>"
)
_STYLE = """
.total { font-size: 1.1rem; margin: 0; } .total strong { font-size: 1.7rem; } .wide { width: 100%; margin: 1rem 0; }
.badge { border-radius: 1em; padding: .1em .7em; font-size: .86em; font-weight: 600; white-space: nowrap; }
.badge.good { background: var(--goodbg); color: var(--good); } .badge.part { background: var(--partbg);
 color: var(--part); } .badge.bad { background: var(--badbg); color: var(--bad); }
.badge.none { background: var(--quiet); color: var(--soft); }
.line { display: flex; flex-wrap: wrap; gap: .25em .8em; align-items: baseline; }
.groups { list-style: none; padding: 0; margin: .6rem 0; } .groups li { border-top: 1px solid var(--line);
 padding: .45rem 0; } section { border-top: 1px solid var(--line); margin-top: 1.8rem; }
section h2 { margin-top: 1.2rem; } .cell { border-left: 3px solid var(--line); padding-left: .8rem; margin: .8rem 0; }
pre { margin: .3rem 0; white-space: pre-wrap; } pre.source { background: var(--quiet); border-radius: 4px;
 padding: .6rem .8rem; white-space: pre; overflow-x: auto; } .prose { white-space: pre-wrap; }
.out { margin: .5rem 0; font-size: .92rem; } .out img { max-width: 100%; height: auto; background: #fff; }
pre.out { max-height: 24rem; overflow-y: auto; }
@media (max-width: 34rem) { th, td { padding: .3rem .4rem; }
 .badge { display: inline-block; border-radius: .5em; padding: .1em .5em; } td .badge { white-space: normal; } }
"""
