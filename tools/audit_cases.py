"""Do the hidden cases tell every known mistake, whichever of them a student gets? `python tools/audit_cases.py 03 07`.

- makes up students, chooses their hidden cases as grading does, and judges every known mistake on each choice;
- prints the mistakes that earn more or less than their spec says, or are named as another one, with how often;
- ends with exit code 1 when one of them earns more, or is not named, for more than a twentieth of the students.

The tests look at the public cases and at one choice of hidden ones; this takes minutes, and is for who writes specs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from autograder.build.source import load_reference
from autograder.nbg.pool import CasePool, places
from autograder.project import Project, current
from autograder.specs.base import Chapter, Exercise, Mistake, transplant
from autograder.specs.cases import hidden_seed
from mechanisms.check import run
from mechanisms.check.verdict import judge

TOO_OFTEN = 0.05


@dataclass
class Finding:
    """How one mistake fared: ``points`` and ``names`` count the students for whom they differ from the spec."""

    exercise: str
    mistake: Mistake
    students: int
    points: Counter[float] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)

    @property
    def bad(self) -> bool:
        """Whether it earns more than it should, or has another's name, too often."""
        more = sum(count for points, count in self.points.items() if points > self.mistake.points)
        return max(more, self.names.total()) > TOO_OFTEN * self.students

    def __str__(self) -> str:
        points = ", ".join(f"{points:g} ({count}x)" for points, count in sorted(self.points.items()))
        names = ", ".join(f"{name or 'nothing'} ({count}x)" for name, count in self.names.items())
        told = [f"earns {self.mistake.points:g} in its spec, {points}" if points else ""]
        told += [f"is taken for {names}" if names else ""]
        return f"{self.exercise}: {self.mistake.name} {'; '.join(filter(None, told))}"


def audit(project: Project, chapter: Chapter, secret: str, students: int, only: str = "") -> list[Finding]:
    """Every mistake that does not fare as its spec says for one of ``students`` made-up students.

    All mistakes of the chapter, or those of the exercise ``only``.
    """
    material = hidden_seed(secret, chapter.slug)
    namespace = load_reference(project.solution(chapter), chapter)
    pool = CasePool(chapter, namespace, material)
    choices = [hidden_seed(secret, chapter.slug, f"student {number}") for number in range(students)]
    findings = []
    for exercise in [chapter.exercise(only)] if only else chapter.exercises:
        answers = _answers(pool, exercise, namespace)
        entries = [(pool.entry(exercise, choice), places(exercise, choice)) for choice in choices]
        for mistake in exercise.mistakes:
            found = Finding(exercise.name, mistake, students)
            for entry, picked in entries:
                verdict = judge(entry, [answers(mistake, place) for place in picked])
                if verdict.points != mistake.points:
                    found.points[verdict.points] += 1
                if verdict.mistake is None or verdict.mistake.name != mistake.name:
                    found.names[verdict.mistake.name if verdict.mistake else ""] += 1
            if found.points or found.names:
                findings.append(found)
    return findings


def _answers(
    pool: CasePool, exercise: Exercise, namespace: dict[str, Any]
) -> Callable[[Mistake, tuple[int, int]], Any]:
    """A function that gives a mistake's answer to a case, as a student's process would; each is made once."""
    kept: dict[tuple[str, tuple[int, int]], Any] = {}

    def answer(mistake: Mistake, place: tuple[int, int]) -> Any:
        key = mistake.name, place
        if key not in kept:
            function = transplant(mistake.fn, exercise.name, namespace)
            kept[key] = run.run(function, pool.case(exercise, *place)["inputs"], exercise.probe).answer
        return kept[key]

    return answer


def main(argv: list[str] | None = None) -> int:
    """Audit the named chapters, or all."""
    parser = argparse.ArgumentParser(prog="tools/audit_cases.py", description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", help="numbers or slugs (default: all)")
    parser.add_argument("--exercise", default="", help="one exercise of one chapter")
    parser.add_argument("--secret", default="an audit", help="another secret draws other cases")
    parser.add_argument("--students", type=int, default=24)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    project, bad = current(), 0
    for slug in options.chapters or list(project.chapters):
        chapter = project.chapter(slug)
        findings = audit(project, chapter, options.secret, options.students, options.exercise)
        looked_at = [chapter.exercise(options.exercise)] if options.exercise else chapter.exercises
        total = sum(len(exercise.mistakes) for exercise in looked_at)
        print(f"{chapter.slug}: {total - len(findings)} of {total} mistakes fare as their specs say for everybody")
        for finding in findings:
            print(f"  {'BAD ' if finding.bad else ''}{finding}")
            bad += finding.bad
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
