"""What every exercise of every chapter must prove, the tiny chapter of the check tests included.

- the reference passes public and hidden cases, and so does every other right answer;
- every known mistake fails with its own sentence and earns exactly what its spec says;
- the unedited stub earns nothing; the card is complete; names are unique in the course.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from pathlib import Path

import pytest

from autograder.build.snapshots import build_exercise
from autograder.project import current
from autograder.specs import base, chapters, numbered
from autograder.specs.cases import PUBLIC, hidden_seed
from mechanisms import models
from mechanisms.check import run
from mechanisms.check.codec import ModelRef
from mechanisms.check.verdict import judge

sys.path.append(str(Path(__file__).parents[1] / "check"))
import tiny  # found only once the line above has put this folder on the path

SEEDS = {"public": PUBLIC, "hidden": hidden_seed("a secret", "an assignment", "a student")}
CHAPTERS = {tiny.CHAPTER.slug: tiny.CHAPTER, **chapters()}
EXERCISES = [
    pytest.param(chapter.slug, exercise.name, id=chapter.identity(exercise))
    for chapter in CHAPTERS.values()
    for exercise in chapter.exercises
]
MISTAKES = [
    pytest.param(chapter.slug, exercise.name, mistake, id=f"{chapter.identity(exercise)}-{mistake.name}")
    for chapter in CHAPTERS.values()
    for exercise in chapter.exercises
    for mistake in exercise.mistakes
]
VARIANTS = [
    pytest.param(chapter.slug, exercise.name, variant, id=f"{chapter.identity(exercise)}-{variant.__name__}")
    for chapter in CHAPTERS.values()
    for exercise in chapter.exercises
    for variant in exercise.variants
]


def _load(name="lab-lm", device=None, fresh=False, real=models.load):
    return tiny.TinyModel() if name == "tiny" else real(name, device, fresh)


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch):
    """The tiny chapter's model beside the real ones."""
    monkeypatch.setattr(models, "load", _load)


@functools.cache
def namespace(slug):
    """What the chapter's notebook defines when every exercise is solved."""
    if slug == tiny.CHAPTER.slug:
        return tiny.NAMESPACE
    from autograder.build.source import load_reference

    chapter = CHAPTERS[slug]
    return load_reference(current().solution(chapter), chapter)


@functools.cache
def entry(slug, name, seed):
    """The exercise's cases with the reference's answers and the mistakes' outputs."""
    chapter = CHAPTERS[slug]
    return build_exercise(chapter, chapter.exercise(name), namespace(slug), SEEDS[seed])


def verdict_of(function, slug, name, seed):
    exercise = entry(slug, name, seed)
    outcomes = [run.run(function, case["inputs"], exercise["probe"]) for case in exercise["cases"]]
    return judge(exercise, [outcome.answer for outcome in outcomes])


@pytest.mark.parametrize("slug", CHAPTERS)
def test_the_spec_is_complete(slug):
    assert base.problems(CHAPTERS[slug]) == []


def test_names_are_unique_in_the_course():
    counts = Counter(exercise.name for chapter in CHAPTERS.values() for exercise in chapter.exercises)
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("slug", "name"), EXERCISES)
def test_the_reference_passes(slug, name, seed):
    verdict = verdict_of(namespace(slug)[name], slug, name, seed)
    assert verdict.status == "passed", verdict.to_text()
    assert verdict.points == verdict.max_points == CHAPTERS[slug].exercise(name).points


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("slug", "name", "variant"), VARIANTS)
def test_another_right_answer_passes(slug, name, variant, seed):
    verdict = verdict_of(base.transplant(variant, name, namespace(slug)), slug, name, seed)
    assert verdict.status == "passed", verdict.to_text()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("slug", "name", "mistake"), MISTAKES)
def test_a_mistake_is_named_and_earns_what_it_says(slug, name, mistake, seed):
    verdict = verdict_of(base.transplant(mistake.fn, name, namespace(slug)), slug, name, seed)
    assert verdict.points == mistake.points, verdict.to_text()
    assert verdict.mistake is not None, f"{mistake.name} is not recognised on {seed} cases:\n{verdict.to_text()}"
    assert verdict.mistake.sentence == mistake.sentence
    assert mistake.sentence in verdict.to_text()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("slug", "name"), EXERCISES)
def test_the_stub_earns_nothing(slug, name, seed):
    parameters = ", ".join(entry(slug, name, seed)["parameters"])
    scope = {}
    exec(f"def {name}({parameters}):\n    raise NotImplementedError", scope)
    verdict = verdict_of(scope[name], slug, name, seed)
    assert verdict.status == "stub" and verdict.points == 0 and verdict.mistake is None


@pytest.mark.parametrize(("slug", "name"), EXERCISES)
def test_hidden_cases_are_not_the_public_ones(slug, name):
    public, hidden = entry(slug, name, "public"), entry(slug, name, "hidden")
    answers = [case["expected"] for case in public["cases"]]
    assert judge(hidden, answers).points < hidden["points"], "repeating the public answers must not pass hidden cases"


@pytest.mark.parametrize(("slug", "name"), EXERCISES)
def test_the_grader_has_every_model_of_the_cases_loaded_beforehand(slug, name):
    chapter = CHAPTERS[slug]
    held = {ref for seed in SEEDS for case in entry(slug, name, seed)["cases"] for ref in models_in(case["inputs"])}
    assert held <= {"tiny", *chapter.models, *chapter.case_models}


def models_in(value):
    """The names of the models in a case's inputs."""
    if type(value) is ModelRef:
        return {value.name}
    parts = value.values() if type(value) is dict else value if type(value) is list else ()
    return set().union(*map(models_in, parts))


@pytest.mark.parametrize("slug", chapters())
def test_a_chapter_is_found_by_each_of_its_names(slug):
    chapter = chapters()[slug]
    assert all(numbered(name) is chapter for name in chapter.names)
    assert numbered(f"{chapter.slug}_more") is None and numbered("77") is None and numbered("") is None
