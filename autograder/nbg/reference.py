"""The trusted side of grading: the reference's answers to one student's hidden cases.

- runs the reference solution once per process (`chapter_reference`);
- gives every student hidden cases of their own, chosen by the course secret from a pool that the secret draws;
- turns the answers that come back into a verdict, and a verdict into what may be shown: never an input;
- computes the reference's and the known mistakes' answers once for the class, the latter only as far as they are
  needed (`autograder.nbg.pool`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autograder.build.source import load_reference
from autograder.course import course_secret
from autograder.nbg.pool import CasePool
from autograder.nbg.results import ExerciseResult, GroupResult
from autograder.specs.cases import hidden_seed
from mechanisms.check import remote
from mechanisms.check.policy import violation
from mechanisms.check.verdict import STUB, Verdict, judge, outcome

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project
    from autograder.sandbox.client import Answers
    from autograder.specs.base import Chapter, Exercise

_NO_ANSWER = "gave no answer"


class ChapterReference:
    """The reference functions of one chapter, and the pool of hidden cases that ``secret`` draws."""

    def __init__(self, project: Project, chapter: Chapter, secret: str):
        self.chapter = chapter
        self.secret = secret
        material = hidden_seed(secret, chapter.slug)
        self.pool = CasePool(chapter, load_reference(project.solution(chapter), chapter), material)

    def hidden(self, student: str) -> dict[str, HiddenExercise]:
        """The hidden cases of one student, by exercise."""
        choice = hidden_seed(self.secret, self.chapter.slug, student)
        return {
            exercise.name: HiddenExercise(exercise, self.pool.entry(exercise, choice))
            for exercise in self.chapter.exercises
        }


class HiddenExercise:
    """One exercise with one student's hidden cases: ``entry`` is what ``judge`` needs."""

    def __init__(self, exercise: Exercise, entry: dict[str, Any]):
        self.exercise = exercise
        self.entry = entry

    @property
    def questions(self) -> dict[str, Any]:
        """The inputs, and nothing that is expected, for the student's process."""
        return remote.questions(self.entry)

    def forbidden(self, sources: list[str]) -> Verdict | None:
        """A verdict of no points when the submission's sources use what the exercise forbids, else None."""
        sentence = violation(self.exercise.name, sources, self.exercise.forbidden)
        return self.ended(sentence) if sentence else None

    def judge(self, answers: Answers, cell_error: str = "") -> Verdict:
        """The verdict on a student's answers.

        `cell_error` names the error that the exercise's own cell ended with; empty when there was none.
        """
        trees = [
            {"$refused": {"type": "nothing", "message": f"your function {answers.reasons.get(number, _NO_ANSWER)}"}}
            if tree is None
            else tree
            for number, tree in enumerate(answers.trees)
        ]
        verdict = judge(self.entry, trees)
        if len(answers.reasons) == len(trees) and trees:
            return self.ended(f"Your function {answers.reasons[0]}")
        if cell_error and verdict.points == 0 and all(_no_function(answer) for answer in trees):
            return self.ended(f"The cell of {self.exercise.name} ended with {cell_error}, so there is no function")
        return self._with_reasons(verdict, answers)

    def _with_reasons(self, verdict: Verdict, answers: Answers) -> Verdict:
        """Say of a group whose first failing case has no answer why there is none: it tells no input."""
        groups = []
        for group in verdict.groups:
            reason = answers.reasons.get(group.number - 1) if group.number else None
            groups.append(replace(group, brief=f"your function {reason}") if reason else group)
        return replace(verdict, groups=tuple(groups))

    def ended(self, sentence: str) -> Verdict:
        """A verdict of no points for a function from which no answer came, with the reason."""
        verdict = judge(self.entry, [])
        sentence = sentence[:1].upper() + sentence[1:]
        sentence = sentence if sentence.endswith(".") else sentence + "."
        groups = tuple(replace(group, sentence=sentence[:-1], brief=sentence[:-1]) for group in verdict.groups)
        return replace(verdict, groups=groups, missing="")

    def html(self, verdict: Verdict) -> str:
        """The card for the feedback page."""
        return verdict.to_html(show_inputs=False)

    def result(self, verdict: Verdict) -> ExerciseResult:
        """What the class summary keeps."""
        return ExerciseResult(
            title=self.exercise.card.title,
            points=verdict.points,
            max_points=verdict.max_points,
            mistake=verdict.mistake.name if verdict.mistake else "",
            sentence=verdict.mistake.sentence if verdict.mistake else verdict.brief(show_inputs=False),
            state="blank" if verdict.status == STUB else verdict.status,
            groups=[
                GroupResult(
                    name=group.name,
                    points=group.points,
                    earned=group.earned,
                    passed=group.passed,
                    cases=group.cases,
                    failing=group.failing,
                    sentence="" if group.passed else group.brief,
                    hint="" if group.passed else group.hint,
                )
                for group in verdict.groups
            ],
            page=verdict.page,
        )


def _no_function(answer: Any) -> bool:
    raised = outcome(answer, "$raises")
    return bool(raised) and raised["message"].startswith("there is no function called")


_references: dict[tuple[Path, Path, int], ChapterReference] = {}


def chapter_reference(project: Project, chapter: Chapter) -> ChapterReference:
    """The chapter's reference, run once per process and again only when its source file changed."""
    path = project.solution(chapter)
    key = (path, project.course, path.stat().st_mtime_ns if path.exists() else 0)
    if key not in _references:
        _references[key] = ChapterReference(project, chapter, course_secret(project))
    return _references[key]
