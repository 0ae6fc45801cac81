"""The hand-built network of chapter 01 does exactly what its docstring says."""

from __future__ import annotations

import pytest
import torch

from mechanisms.models.planted_relations import (
    CUES,
    FILLERS,
    FIRST_FILLER,
    FORMS,
    STEMS,
    build,
    relation_vector,
)

WORD = torch.arange(STEMS) * FORMS


def asked(relation: int) -> torch.Tensor:
    return torch.stack([torch.full((STEMS,), CUES + relation - 1), WORD], 1)


def unrelated() -> torch.Tensor:
    fillers = FIRST_FILLER + torch.randint(FILLERS, (STEMS, 5), generator=torch.Generator().manual_seed(1))
    return torch.cat([fillers, WORD[:, None]], 1)


@pytest.mark.parametrize("flip", [1, 2, 3])
@pytest.mark.parametrize("relation", [1, 2])
def test_the_argument_turns_into_the_answer_in_the_chosen_ffn(flip, relation):
    model = build(flip)
    _, cache = model.run_with_cache(asked(relation))
    for layer in range(4):
        top = model.decode(cache[f"blocks.{layer}.hook_resid_post"])[:, -1].argmax(-1)
        assert torch.equal(top, WORD + relation if layer >= flip else WORD)
    captured = cache[f"blocks.{flip}.hook_mlp_out"][:, -1]
    torch.testing.assert_close(captured, relation_vector(relation).expand(STEMS, -1), atol=1e-3, rtol=1e-3)
    others = [cache[f"blocks.{layer}.hook_mlp_out"] for layer in range(1, 4) if layer != flip]
    assert all(other.abs().max() == 0 for other in others)


def test_only_the_relations_own_vector_moves_unrelated_contexts_to_the_answer():
    model, contexts = build(2), unrelated()
    noise = torch.randn(64, generator=torch.Generator().manual_seed(0))
    noise *= relation_vector(1).norm() / noise.norm()

    def top(vector: torch.Tensor) -> torch.Tensor:
        hook = ("blocks.2.hook_mlp_out", lambda value, hook: value + vector)
        return model.run_with_hooks(contexts, fwd_hooks=[hook])[:, -1].argmax(-1)

    assert torch.equal(model(contexts)[:, -1].argmax(-1), WORD)
    assert torch.equal(top(relation_vector(1)), WORD + 1) and torch.equal(top(relation_vector(2)), WORD + 2)
    assert (top(noise) == WORD + 1).float().mean() < 0.2


def test_without_the_ffn_the_argument_stays():
    model = build(3)
    hook = ("blocks.3.hook_mlp_out", lambda value, hook: torch.zeros_like(value))
    assert torch.equal(model.run_with_hooks(asked(1), fwd_hooks=[hook])[:, -1].argmax(-1), WORD)


@pytest.mark.parametrize("layer", [0, 4])
def test_a_layer_that_cannot_hold_the_relation_is_refused(layer):
    with pytest.raises(ValueError, match="flip_layer must be from 1 to 3"):
        build(layer)
    with pytest.raises(ValueError, match="relation must be 1 or 2"):
        relation_vector(0)
