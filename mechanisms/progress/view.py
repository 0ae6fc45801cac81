"""``progress()``: what has been done, as bars in a notebook and as lines in a terminal.

- the last line of a cell shows one bar for each chapter; a chapter unfolds into its exercises;
- every bar has its numbers beside it as text, so nothing is told by colour or length alone;
- ``progress(export="progress.csv")`` writes a file for a teacher instead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mechanisms.check.card import badge, code, frame, points
from mechanisms.errors import CourseError, UsageError
from mechanisms.progress import record
from mechanisms.progress.export import export as write_export
from mechanisms.progress.overview import DONE, OPEN, PARTLY, TRIED, ChapterState, ExerciseState, overview

STATES = {
    DONE: ("#1a7f37", "✓", "done"),
    PARTLY: ("#8a5a00", "◐", "partly"),
    TRIED: ("#b3261e", "✗", "tried"),
    OPEN: ("#57606a", "…", "open"),
}
_BAR = 20
_TRACK = "rgba(127,127,127,.35)"
# Seen on white and on black alike.
_FILLED, _FULL = "#2f7fd0", "#1f9d4d"


@dataclass(frozen=True)
class Progress:
    """What has been done. Shown as bars in a notebook; ``str`` gives it as lines of text."""

    chapters: tuple[ChapterState, ...]
    file: Path | None
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> float:
        """Points so far: for each exercise those of the best check."""
        return round(sum(chapter.best for chapter in self.chapters), 6)

    @property
    def points(self) -> float:
        """All points of the course that checks give."""
        return round(sum(chapter.points for chapter in self.chapters), 6)

    @property
    def headline(self) -> str:
        done = sum(chapter.done for chapter in self.chapters)
        every = sum(len(chapter.exercises) for chapter in self.chapters)
        return f"{done} of {every} exercises done, {points(self.best)} of {points(self.points)} points."

    @property
    def following(self) -> tuple[ChapterState, ExerciseState] | None:
        """Where to go on: in the chapter that was worked on last, else in the first that is not done."""
        unfinished = [chapter for chapter in self.chapters if chapter.following]
        if not unfinished:
            return None
        latest = max(unfinished, key=lambda chapter: max(one.last for one in chapter.exercises))
        return latest, latest.following

    def next_sentence(self) -> str:
        """What to do next, in a sentence."""
        if self.following is None:
            return "Every exercise is done." if self.chapters else ""
        chapter, exercise = self.following
        return f"Next: {exercise.name} in chapter {int(chapter.number)}."

    def privacy(self) -> str:
        """Where this is kept, and who can see it."""
        if self.file is None:
            return f"Nothing is noted: {record.VARIABLE} says off."
        return f"Kept in {_short(self.file)}, on this machine only; nothing is sent anywhere. It is not your grade."

    def __str__(self) -> str:
        lines = [self.headline, ""]
        widest = max((len(chapter.title) for chapter in self.chapters), default=0)
        for chapter in self.chapters:
            filled = _cells(chapter.best, chapter.points)
            bar = "#" * filled + "." * (_BAR - filled)
            lines.append(
                f"  {int(chapter.number):2d}  {chapter.title:{widest}}  [{bar}]  {points(chapter.best):>5} of "
                f"{points(chapter.points)} points, {chapter.done} of {len(chapter.exercises)} exercises"
            )
        lines += ["", *filter(None, [self.next_sentence(), *self.notes, self.privacy()])]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.to_html()}

    def to_html(self) -> str:
        """The bars as a card that stands by itself."""
        notes = [f'<p style="margin:.5em 0 0">{escape(note)}</p>' for note in self.notes]
        body = [
            f'<p style="margin:0"><strong>{escape(self.headline)}</strong> {escape(self.next_sentence())}</p>',
            '<ul style="list-style:none;margin:.6em 0 0;padding:0">',
            *map(_chapter, self.chapters),
            "</ul>",
            *notes,
            f'<p style="margin:.7em 0 0;font-size:.85em;opacity:.85">{escape(self.privacy())}</p>',
        ]
        return frame(f"Your progress: {self.headline}", "#57606a", "".join(body))


def progress(export: str | os.PathLike | None = None) -> Progress | None:
    """What has been done so far, as one bar for each chapter.

    ``export`` names a file for a teacher, ending in .csv or .json, which is written instead. What it holds is what this
    machine noted: checks on the cases that everybody sees, not a grade.
    Raises UsageError for another ending, CourseError when the file cannot be written.
    """
    if export is not None and not isinstance(export, str | os.PathLike):
        raise UsageError('progress takes a file name in quotes for a teacher, as in progress(export="progress.csv").')
    made = current()
    if export is None:
        return made
    path = write_export(made.chapters, export)
    print(
        f"Written to {path}: the best points of your checks, on the cases that everybody sees. It is not a grade. "
        "Nothing was sent; hand the file over as you like."
    )
    return None


def current() -> Progress:
    """What the record holds now; a record that cannot be read counts as empty, and that is said."""
    file, kept, notes = record.location(), record.Record(), []
    if file is not None:
        try:
            kept = record.read(file)
        except record.Damaged:
            notes.append(
                f"{file} is damaged, so nothing of it is shown. The next check sets it aside and begins a new one."
            )
        except CourseError as problem:
            notes.append(problem.message)
        except OSError as error:
            notes.append(f"{file} cannot be read ({error.strerror or error}), so nothing is shown.")
    return Progress(overview(kept), file, tuple(notes))


def counted(number: int, word: str) -> str:
    """ "1 check", "3 checks"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def chapter_line(chapter: ChapterState) -> str:
    """A chapter's numbers in words."""
    return (
        f"{points(chapter.best)} of {points(chapter.points)} points, "
        f"{chapter.done} of {counted(len(chapter.exercises), 'exercise')} done"
    )


def predicted(chapter: ChapterState) -> str:
    """How the predictions of a chapter went, or nothing when none was made."""
    made = [one for one in chapter.questions if one.choice]
    if not made:
        return ""
    right = sum(one.right for one in made)
    return f"{counted(len(made), 'prediction')} of {len(chapter.questions)} made, {right} right"


def _cells(best: float, most: float) -> int:
    """How many cells of a bar are filled: some when anything is earned, all only when everything is."""
    share = best / most if most else 0.0
    filled = round(_BAR * share)
    if 0 < share < 1:
        filled = min(max(filled, 1), _BAR - 1)
    return filled


def _chapter(chapter: ChapterState) -> str:
    colour = _FILLED if chapter.state != DONE else _FULL
    share = 100 * chapter.best / chapter.points if chapter.points else 0
    head = (
        '<span style="display:inline-flex;flex-wrap:wrap;gap:.1em .8em;width:calc(100% - 1.5em);vertical-align:top">'
        f'<span style="flex:1 1 14em">{int(chapter.number)} · {escape(chapter.title)}</span>'
        f"<span>{escape(chapter_line(chapter))}</span></span>"
    )
    bar = (
        f'<div aria-hidden="true" style="height:8px;border-radius:4px;background:{_TRACK};margin:.3em 0 0">'
        f'<div style="height:8px;border-radius:4px;width:{share:.1f}%;background:{colour}"></div></div>'
    )
    rows = "".join(map(_exercise, chapter.exercises))
    extra = predicted(chapter)
    inner = f'<ul style="list-style:none;margin:.4em 0 .2em 1em;padding:0">{rows}</ul>'
    inner += f'<div style="margin:.2em 0 0 1em">{escape(extra)}.</div>' if extra else ""
    return (
        '<li style="margin:.55em 0 0"><details><summary style="cursor:pointer">'
        f"{head}{bar}</summary>{inner}</details></li>"
    )


def _exercise(one: ExerciseState) -> str:
    colour, mark, word = STATES[one.state]
    tries = f", {counted(one.attempts, 'check')}" if one.attempts else ""
    return (
        '<li style="display:flex;flex-wrap:wrap;gap:.2em .7em;align-items:baseline;margin:.3em 0 0">'
        f'<span style="flex:0 0 5em">{badge(colour, mark, word)}</span>{code(one.name)}'
        f'<span style="flex:1 1 12em">{escape(one.title)}</span>'
        f"<span>{points(one.best)} of {points(one.points)}{tries}</span></li>"
    )


def _short(path: Path) -> str:
    """A path below the home folder with a tilde, as people write it."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)


def report(chapters: Sequence[ChapterState]) -> list[str]:
    """Every exercise in a line, for the long form of the command line."""
    lines = []
    for chapter in chapters:
        lines.append(f"{int(chapter.number)} · {chapter.title}: {chapter_line(chapter)}")
        for one in chapter.exercises:
            tries = f" ({counted(one.attempts, 'check')})" if one.attempts else ""
            lines.append(f"    {STATES[one.state][2]:6}  {one.name}: {points(one.best)} of {points(one.points)}{tries}")
    return lines
