"""A trained artefact is judged by what it does on data that the student's function never saw."""

from __future__ import annotations

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.build.snapshots import build_exercise
from autograder.specs.base import Card, Chapter, Exercise, Group, Mistake
from mechanisms.check import codec, measures, remote
from mechanisms.check.verdict import judge
from mechanisms.errors import BuildError


def draw(rng: numpy.random.Generator):
    means = torch.tensor(rng.normal(size=(3, 8)) * 4)
    y = torch.tensor(rng.integers(3, size=200))
    x = means[y] + torch.tensor(rng.normal(size=(200, 8)))
    held_out = {"x": x[100:], "y": y[100:], "at_least": 0.9}
    return {"features": x[:100], "labels": y[:100], "held_out": held_out}


def fit_map(features, labels):
    """Least squares onto one-hot labels."""
    return torch.linalg.lstsq(features, torch.nn.functional.one_hot(labels, 3).to(features)).solution


def by_normal_equations(features, labels):
    hot = torch.nn.functional.one_hot(labels, 3).to(features)
    return torch.linalg.solve(features.T @ features, features.T @ hot)


def zeros(features, labels):
    return torch.zeros(features.shape[1], 3)


def turned(features, labels):
    return fit_map(features, labels).T


def shifted(features, labels):
    return fit_map(features, (labels + 1) % 3)


EXERCISE = Exercise(
    name="fit_map",
    card=Card("Fit a map", 2, 5, "It is used on data it never saw.", "Section 1."),
    groups=(Group("fresh data", 2.0, draw, hint="Fit on the features given."),),
    mistakes=(
        Mistake(zeros, "Nothing was fitted.", 0.0),
        Mistake(turned, "The map is the wrong way round.", 0.0),
        Mistake(shifted, "The labels are shifted.", 0.0),
    ),
    variants=(by_normal_equations,),
    measure="linear-map",
)
CHAPTER = Chapter("92_measured", 92, "Measured", "measured", (EXERCISE,))
NAMESPACE = {"fit_map": fit_map, "torch": torch}


@pytest.fixture(scope="module")
def entry():
    return build_exercise(CHAPTER, EXERCISE, NAMESPACE, "a seed")


def verdict_of(entry, function):
    asked = codec.load(*codec.dump(remote.questions(entry)))
    names = {"fit_map": function}
    return judge(entry, [remote.answer("fit_map", names, case["inputs"], "call") for case in asked["cases"]])


def test_what_works_on_held_out_data_passes(entry):
    assert verdict_of(entry, fit_map).points == 2 and verdict_of(entry, by_normal_equations).points == 2


@pytest.mark.parametrize("wrong", [zeros, turned, shifted])
def test_what_does_not_fails(entry, wrong):
    assert verdict_of(entry, wrong).points == 0


def test_held_out_data_does_not_cross(entry):
    asked = remote.questions(entry)
    assert all(set(case["inputs"]) == {"features", "labels"} and set(case) == {"inputs"} for case in asked["cases"])
    assert "held_out" in entry["cases"][0]


def test_the_training_data_by_heart_is_not_enough(entry):
    """A lookup of the inputs it was given says nothing about others."""
    verdict = verdict_of(entry, lambda features, labels: torch.eye(8)[:, :3] * features.mean())
    assert verdict.points == 0


arrays = st.one_of(
    st.none(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.floats(), max_size=4),
    st.tuples(st.integers(0, 9), st.integers(0, 4)).map(lambda shape: torch.full(shape, float("nan"))),
    st.integers(0, 9).map(lambda size: torch.zeros(size, 3, dtype=torch.int8)),
)


@settings(max_examples=60, deadline=None)
@given(arrays)
def test_any_answer_gets_a_verdict(entry, answer):
    assert judge(entry, [codec.plain(answer)] * len(entry["cases"])).points == 0


def test_an_unknown_measure_is_said_when_the_course_is_built():
    with pytest.raises(BuildError, match="no measure called"):
        measures.find("nothing")
