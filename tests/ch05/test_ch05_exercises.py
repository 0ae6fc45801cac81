"""What the eight functions promise beyond the cases of their checks."""

from __future__ import annotations

import math

import pytest
import torch

from mechanisms import models
from mechanisms.data import reference_back as lab
from mechanisms.data.reference_back import SAME, Task
from mechanisms.training import gating_sweep
from mechanisms.training.measure_gate import logit_difference, patched_difference

NAMES = lab.words(Task())


@pytest.fixture(scope="module")
def streams():
    tokens = lab.sequences(Task(), 40, torch.Generator().manual_seed(0))
    return [([list(row) for row in lab.tuples_of(stream, Task())], stream) for stream in tokens]


def test_the_oracle_answers_as_the_library_does(solution, streams):
    for tuples, stream in streams:
        assert solution["gate_oracle"](tuples) == [NAMES[token] for token in stream[3::4]]


@pytest.mark.parametrize("rule", ["last mention", "ever mentioned", "ever stored"])
def test_the_rules_answer_as_the_library_does(solution, streams, rule):
    for tuples, stream in streams:
        expected = lab.rule_answers(stream[None], Task(), rule)[0]
        assert solution["follow_rule"](tuples, rule) == [NAMES[token] for token in expected]


def test_pairs_are_edits_of_one_word_and_the_stream_is_left_alone(solution, streams):
    found = 0
    for tuples, _ in streams:
        before = [list(row) for row in tuples]
        for edited in solution["minimal_pairs"](tuples):
            found += 1
            changed = [
                (a, b) for one, two in zip(tuples, edited, strict=True) for a, b in zip(one, two, strict=True) if a != b
            ]
            assert len(changed) == 1 and set(changed[0]) == {"store", "ignore"}
        assert tuples == before
    assert found > 5


def test_filled_streams_are_streams_of_the_task(solution):
    generator = torch.Generator().manual_seed(0)
    shape = (300, 10)
    stores, want_same = (torch.rand(shape, generator=generator) < 0.5 for _ in range(2))
    registers = torch.randint(2, shape, generator=generator)
    fresh, shift = (torch.randint(low, 10, shape, generator=generator) for low in (0, 1))
    made = solution["fill_streams"](stores, registers, want_same, fresh, shift, 2, 10)
    tokens = torch.stack([(~stores).long(), 4 + registers, 6 + made["symbols"], 3 - made["same"].long()], -1).flatten(1)
    assert torch.equal(lab.answers(tokens, Task()), tokens[:, 3::4])
    assert made["same"].float().mean().item() == pytest.approx(0.31, abs=0.03)


@pytest.mark.parametrize("kind", ["q", "k", "v"])
def test_patching_nothing_changes_nothing_and_patching_agrees_with_the_library(solution, gate, kind):
    pairs = lab.minimal_pairs(Task(), 20, "instruction", torch.Generator().manual_seed(1))
    nowhere, everywhere = torch.zeros_like(pairs.clean).bool(), torch.ones_like(pairs.clean).bool()
    before = logit_difference(gate, pairs.clean)
    patch = solution["patch_vectors"]
    torch.testing.assert_close(patch(gate, pairs.clean, pairs.corrupt, 1, kind, [0, 1], nowhere), before)
    torch.testing.assert_close(patch(gate, pairs.clean, pairs.corrupt, 1, kind, [], everywhere), before)
    ours = patch(gate, pairs.clean, pairs.corrupt, 1, kind, [0, 1], everywhere)
    torch.testing.assert_close(ours, patched_difference(gate, pairs.clean, pairs.corrupt, 1, kind, everywhere))
    torch.testing.assert_close(logit_difference(gate, pairs.clean), before, rtol=0, atol=0)


def test_patching_works_on_a_transformer_bridge_too(solution):
    model = models.load("random-gpt2")
    pairs = lab.minimal_pairs(Task(tuples=6), 4, "instruction", torch.Generator().manual_seed(1))
    everywhere = torch.ones_like(pairs.clean).bool()
    before = logit_difference(model, pairs.clean)
    patched = solution["patch_vectors"](model, pairs.clean, pairs.corrupt, 1, "k", [0, 2], everywhere)
    assert not torch.allclose(patched, before, atol=1e-4)
    expected = patched_difference(model, pairs.clean, pairs.corrupt, 1, "k", everywhere, [0, 2])
    torch.testing.assert_close(patched, expected)


def test_the_fraction_runs_from_nothing_to_everything(solution):
    generator = torch.Generator().manual_seed(0)
    towards = torch.rand(30, generator=generator) < 0.5
    clean = torch.randn(30, generator=generator)
    corrupt = clean + torch.where(towards, 1.0, -1.0) * (5 + torch.rand(30, generator=generator))
    fraction = solution["gate_fraction"]
    assert fraction(clean, corrupt, clean, towards, 0.5) == pytest.approx(0)
    assert fraction(clean, corrupt, corrupt, towards, 0.5) == pytest.approx(1)
    assert fraction(clean, corrupt, (clean + corrupt) / 2, towards, 0.5) == pytest.approx(0.5, abs=1e-5)
    assert math.isnan(fraction(clean, clean, corrupt, towards, 0.5))


def test_transitions_agree_with_the_sweep(solution):
    for runs in gating_sweep.load().values():
        steps = [row["step"] for row in runs[0]["curve"]]
        curves = torch.tensor([[row["accuracy"] for row in run["curve"]] for run in runs], dtype=torch.float64)
        found = solution["transitions"](steps, curves, 0.99)
        assert found["steps"] == [run["transition"] for run in runs]
        assert found["never"] == found["steps"].count(None)


def test_the_gates_are_found_with_the_students_functions(solution, gate):
    for edit, kind in (("instruction", "k"), ("role", "k"), ("query", "q")):
        pairs = lab.minimal_pairs(Task(), 200, edit, torch.Generator().manual_seed(2))
        everywhere = torch.ones_like(pairs.clean).bool()
        clean, corrupt = logit_difference(gate, pairs.clean), logit_difference(gate, pairs.corrupt)
        shares = {}
        for one in "qkv":
            patched = solution["patch_vectors"](gate, pairs.clean, pairs.corrupt, 1, one, [0, 1], everywhere)
            shares[one] = solution["gate_fraction"](clean, corrupt, patched, pairs.corrupt_answer == SAME, 0.5)
        assert all(shares[kind] > 3 * abs(shares[one]) for one in "qkv" if one != kind), (edit, shares)
