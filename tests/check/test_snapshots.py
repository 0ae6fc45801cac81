"""Snapshots come out the same on every run, notice what changed, and refuse a reference that is not clean."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import tiny
import torch

from autograder.build import snapshots
from autograder.specs import base, cases
from mechanisms.check import codec
from mechanisms.check.compare import compare
from mechanisms.errors import BuildError

SCALE = tiny.CHAPTER.exercise("scale_rows")
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import tiny
from autograder.build import snapshots
from mechanisms import models
models.load = lambda name="", device=None, fresh=False: tiny.TinyModel()
snapshots.write(tiny.CHAPTER, tiny.NAMESPACE, sys.argv[2])
"""


def test_the_bytes_are_the_same_in_every_process(tmp_path):
    contents = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(tmp_path / seed)]
        subprocess.run(command, check=True, env=environment, timeout=60)
        contents.append([path.read_bytes() for path in codec.files(tmp_path / seed / "90_tiny")])
    assert contents[0] == contents[1] and all(contents[0])


def test_an_entry_has_what_a_check_needs():
    entry = snapshots.build_exercise(tiny.CHAPTER, SCALE, tiny.NAMESPACE)
    assert entry["id"] == "ch90.scale_rows" and entry["points"] == 4.5 and entry["parameters"] == ["values", "alpha"]
    assert entry["page"] == "chapters/90_tiny.html#scale-rows"
    assert [case["group"] for case in entry["cases"]] == [0, 0, 1, 1]
    assert entry["cases"][3]["label"] == "negative factors, case 2 of 2"
    assert [mistake["name"] for mistake in entry["mistakes"]] == ["scales_columns", "adds_alpha", "drops_the_sign"]
    assert all(len(mistake["outputs"]) == 4 for mistake in entry["mistakes"])
    assert snapshots.build_exercise(tiny.CHAPTER, SCALE, tiny.NAMESPACE, mistakes=False)["mistakes"] == []


def test_files_that_agree_stay_untouched_and_a_change_is_noticed(tmp_path):
    assert "missing or damaged" in snapshots.stale(tiny.CHAPTER, tiny.NAMESPACE, tmp_path)
    written = snapshots.write(tiny.CHAPTER, tiny.NAMESPACE, tmp_path)
    assert snapshots.stale(tiny.CHAPTER, tiny.NAMESPACE, tmp_path) == ""
    rounded = tiny.NAMESPACE | {"scale_rows": lambda values, alpha: tiny.scale_rows(values, alpha) * (1 + 1e-6)}
    stamps = [path.stat().st_mtime_ns for path in written]
    snapshots.write(tiny.CHAPTER, rounded, tmp_path)
    assert [path.stat().st_mtime_ns for path in written] == stamps
    changed = tiny.NAMESPACE | {"scale_rows": lambda values, alpha: tiny.scale_rows(values, alpha) + 1}
    sentence = snapshots.stale(tiny.CHAPTER, changed, tmp_path)
    assert "90_tiny are stale at ['exercises']['scale_rows']['cases'][0]['expected']: run make exercises." in sentence
    snapshots.write(tiny.CHAPTER, changed, tmp_path)
    assert snapshots.stale(tiny.CHAPTER, changed, tmp_path) == ""


def in_place(values, alpha):
    values *= alpha[:, None]
    return values


def breaks(values, alpha):
    raise KeyError("x")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (None, "does not define scale_rows"),
        (in_place, "changed its input values in place"),
        (breaks, "raised KeyError: 'x'"),
        (lambda values, alpha: {1}, "gives no plain data: it is a set"),
    ],
)
def test_a_reference_that_is_not_clean_is_refused(reference, words):
    with pytest.raises(BuildError) as caught:
        snapshots.build_exercise(tiny.CHAPTER, SCALE, {"scale_rows": reference})
    assert words in str(caught.value)


def test_a_reference_may_raise_what_its_group_says():
    group = dataclasses.replace(SCALE.groups[0], raises="KeyError")
    exercise = dataclasses.replace(SCALE, groups=(group,), mistakes=())
    entry = snapshots.build_exercise(tiny.CHAPTER, exercise, {"scale_rows": breaks})
    assert entry["cases"][0]["expected"] == {"$raises": {"type": "KeyError", "message": "'x'"}}
    with pytest.raises(BuildError, match="should raise KeyError"):
        snapshots.build_exercise(tiny.CHAPTER, exercise, tiny.NAMESPACE)


def test_draws_depend_on_the_seed_and_on_nothing_else():
    numpy.random.seed(0)
    torch.manual_seed(0)
    first = cases.draw_cases(SCALE, "a")
    assert compare(cases.draw_cases(SCALE, "a"), first, 0, 0) is None
    assert all(compare(one, other, 0, 0) for one, other in zip(cases.draw_cases(SCALE, "b"), first, strict=True))
    alone = dataclasses.replace(SCALE, groups=SCALE.groups[1:])
    assert compare(cases.draw_cases(alone, "a"), first[2:], 0, 0) is None
    assert len(cases.layout(SCALE)) == len(first)
    twice = dataclasses.replace(SCALE, groups=(SCALE.groups[0], dataclasses.replace(SCALE.groups[0], name="again")))
    one, _, other, _ = cases.draw_cases(twice, "a")
    assert compare(one, other, 0, 0), "two groups with the same draw must not get the same cases"


def test_hidden_seeds_differ_by_secret_assignment_and_student():
    seeds = {
        cases.hidden_seed(secret, assignment, student)
        for secret in ("s", b"t")
        for assignment, student in (("a", "b/c"), ("a/b", "c"), ("a", "c"))
    }
    assert len(seeds) == 6 and cases.hidden_seed("s", "a", "c") == cases.hidden_seed(b"s", "a", "c")


@pytest.mark.parametrize(("draw", "words"), [(lambda rng: 3, "must return a dict"), (lambda rng: {"x": {1}}, "a set")])
def test_a_draw_of_something_else_is_refused(draw, words):
    exercise = dataclasses.replace(SCALE, groups=(base.Group("g", 1, draw, hint="h"),))
    with pytest.raises(BuildError, match=words):
        cases.draw_cases(exercise)


def recursive(number):
    text = "recursive"
    return number if number < 2 else recursive(number - 1) + len(text)


def test_source_is_renamed_where_the_function_is_meant():
    source = base.source_as(recursive, "add_up")
    assert "def add_up(number)" in source and "add_up(number - 1)" in source and '"recursive"' in source
    assert base.transplant(recursive, "add_up", {})(3) == recursive(3)


def test_a_transplant_sees_only_the_notebooks_names():
    with pytest.raises(NameError):
        base.transplant(tiny.rows_in_float64, "scale_rows", {})(torch.ones(2, 2), torch.ones(2))


@pytest.mark.parametrize("function", [lambda: None, len, torch.zeros])
def test_a_function_without_source_of_its_own_is_refused(function):
    with pytest.raises(BuildError):
        base.source_as(function, "f")


def changed(exercise, **fields):
    return dataclasses.replace(tiny.CHAPTER, exercises=(dataclasses.replace(exercise, **fields),))


@pytest.mark.parametrize(
    ("chapter", "words"),
    [
        (changed(SCALE, mistakes=SCALE.mistakes[:2]), "2 known mistakes, 3 are needed"),
        (changed(SCALE, mistakes=SCALE.mistakes * 2), "two mistakes have the same name"),
        (changed(SCALE, variants=SCALE.variants[:1]), "1 other right answers, 2 are needed"),
        (changed(SCALE, card=dataclasses.replace(SCALE.card, difficulty=6)), "difficulty must be 1 to 5"),
        (changed(SCALE, card=dataclasses.replace(SCALE.card, why=" ")), "the card's why is empty"),
        (changed(SCALE, groups=()), "no group of cases"),
        (changed(SCALE, groups=(dataclasses.replace(SCALE.groups[0], hint=""),)), "has no hint"),
        (changed(SCALE, groups=SCALE.groups[:1]), "drops_the_sign must earn less than the 3 points"),
        (changed(SCALE, name="not a name"), "is no function name"),
        (dataclasses.replace(tiny.CHAPTER, exercises=(SCALE, SCALE)), "scale_rows occurs 2 times"),
        (dataclasses.replace(tiny.CHAPTER, slug="tiny"), "must start with the chapter's number"),
    ],
)
def test_an_incomplete_spec_is_told(chapter, words):
    assert any(words in problem for problem in base.problems(chapter))
    assert base.problems(tiny.CHAPTER) == []
