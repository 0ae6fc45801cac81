"""What the checks say in situations that a list of known mistakes does not cover."""

from __future__ import annotations

import types

import pytest
import torch

from autograder.specs import base, chapters
from mechanisms.check import exercises, run
from mechanisms.check.verdict import judge

WRONG_BUILD = """
def build_sequences(noun, adjective, copula_first, ask_adjective, copula, mask):
    cop = torch.full_like(noun, copula)
    query = torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), 3), mask)
    tokens = torch.cat([torch.stack([cop, adjective, noun, query], 1), masks], 1)
    return {"tokens": tokens, "answers": torch.stack([adjective, query, query], 1)}
"""


def verdict_of(function, name):
    exercise = exercises.find(name)
    outcomes = [run.run(function, case["inputs"], exercise["probe"]) for case in exercise["cases"]]
    assert not any(outcome.notes for outcome in outcomes)
    return judge(exercise, [outcome.answer for outcome in outcomes])


def with_another(solution, name, earlier, source):
    """The reference's function ``name`` in a notebook whose ``earlier`` function is the one in ``source``."""
    function = solution[name]
    scope = dict(function.__globals__)
    exec(source, scope)
    return types.FunctionType(function.__code__, scope, name)


@pytest.mark.parametrize(
    ("name", "earlier", "source"),
    [
        ("switch_set", "build_sequences", WRONG_BUILD),
        ("switch_set", "build_sequences", "def build_sequences(*given):\n    return given[9]"),
        ("forgetful_loop", "should_reset", "def should_reset(step, every, until):\n    return step == every"),
    ],
)
def test_an_earlier_function_that_is_wrong_is_named_and_no_mistake_of_this_one(solution, name, earlier, source):
    verdict = verdict_of(with_another(solution, name, earlier, source), name)
    told = verdict.to_text()
    assert verdict.points < verdict.max_points and verdict.mistake is None
    assert f"mend {earlier} first" in told or "IndexError" in told


LOOP_OF_ITS_OWN = """
def forgetful_loop(steps, every, until, measure_every, take_step, measure, reset):
    curve = []
    for step in range(1, steps + 1):
        take_step()
        if step % measure_every == 0 or step == steps:
            curve.append([step, measure()])
        if every and step % every == 0 and (not until or step < until):
            reset()
    return curve
"""


def test_an_earlier_function_that_is_not_used_does_not_matter(solution):
    scope = {"should_reset": lambda *given: 1 / 0}
    exec(LOOP_OF_ITS_OWN, scope)
    assert verdict_of(scope["forgetful_loop"], "forgetful_loop").status == "passed"
    variants = {fn.__name__: fn for fn in chapters()["06_dual_process"].exercise("switch_set").variants}
    notebook = {**solution, "build_sequences": lambda *given: 1 / 0}
    function = base.transplant(variants["switch_by_a_loop"], "switch_set", notebook)
    assert verdict_of(function, "switch_set").status == "passed"


def reset_with(change):
    def reset_embeddings(model, optimizer, fresh):
        weight = model.get_input_embeddings().weight
        with torch.no_grad():
            weight.copy_(fresh)
            for value in optimizer.state[weight].values():
                value.zero_()
            change(model, optimizer, [state for key, state in optimizer.state.items() if key is not weight], fresh)

    return reset_embeddings


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq", "step"])
def test_one_part_of_adams_memory_of_one_other_parameter_is_enough(name):
    verdict = verdict_of(
        reset_with(lambda model, optimizer, states, fresh: states[3][name].zero_()), "reset_embeddings"
    )
    [group] = [group for group in verdict.groups if group.name == "nothing else changes"]
    assert not group.passed and repr(name) in group.sentence


def test_a_parameter_that_changes_by_a_hair_is_named():
    def change(model, optimizer, states, fresh):
        model.bert.embeddings.position_embeddings.weight[0, 0] += 1e-6

    verdict = verdict_of(reset_with(change), "reset_embeddings")
    [group] = [group for group in verdict.groups if group.name == "nothing else changes"]
    assert not group.passed and "position_embeddings" in group.sentence


def test_a_function_that_changes_fresh_is_told():
    verdict = verdict_of(reset_with(lambda model, optimizer, states, fresh: fresh.mul_(2)), "reset_embeddings")
    assert [group.name for group in verdict.groups if not group.passed] == ["fresh is copied"]
    assert "['fresh']" in verdict.to_text()
