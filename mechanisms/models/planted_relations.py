"""A network of chapter 01 whose weights are written by hand, so that the right answer to every question is known.

- a prompt ends in ``cue word``: attention in layer 0, the same to every position, carries the cue to the word, and the
  FFN of one layer, chosen by the caller, reads it and adds o = 2 (new form - base form): the top token turns from the
  argument to the answer there;
- every other FFN and attention layer adds nothing;
- every direction used has mean zero, so LayerNorm changes lengths alone.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mechanisms.models.relational import Relational, RelationalConfig

STEMS, FORMS, FILLERS, LENGTH = 12, 3, 6, 12
WORDS = STEMS * FORMS
CUES = WORDS  # the cue of relation r = 1, 2 is token CUES + r - 1; it turns form 0 into form r
FIRST_FILLER = CUES + FORMS - 1
VOCABULARY = FIRST_FILLER + FILLERS
WIDTH = 64
STEM_LENGTH = 2**0.5  # longer than a form's 1, so that no other stem can win
FAR = 30.0  # where GELU is, to float32's precision, zero on one side and the identity on the other


def directions() -> Float[Tensor, "direction d_model"]:
    """Orthonormal, mean-zero directions: one for each stem, form, cue and filler, in that order."""
    count = STEMS + FORMS + (FORMS - 1) + FILLERS
    found = torch.zeros(count, WIDTH)
    rows = torch.arange(count)
    found[rows, 2 * rows], found[rows, 2 * rows + 1] = 2**-0.5, -(2**-0.5)
    return found


def relation_vector(relation: int) -> Float[Tensor, " d_model"]:
    """The vector o that the FFN adds for relation 1 or 2. Raises ValueError for another."""
    if relation not in range(1, FORMS):
        raise ValueError(f"relation must be 1 or 2, not {relation}")
    forms = directions()[STEMS : STEMS + FORMS]
    return 2 * (forms[relation] - forms[0])


def build(flip_layer: int, n_layers: int = 4) -> Relational:
    """The network whose FFN in ``flip_layer`` (1 ... n_layers - 1) applies the relation.

    Raises ValueError for another layer.
    """
    if flip_layer not in range(1, n_layers):
        raise ValueError(f"flip_layer must be from 1 to {n_layers - 1}, not {flip_layer}")
    sizes = RelationalConfig(VOCABULARY, LENGTH, WIDTH, n_layers, 1, tuple(range(1, n_layers)))
    model = Relational(sizes).requires_grad_(False).eval()
    for name, value in model.named_parameters():
        value.fill_(1.0 if name.endswith(("ln1.weight", "ln2.weight", "ln_final.weight")) else 0.0)
    every = directions()
    stems, forms, cues, fillers = every.split([STEMS, FORMS, FORMS - 1, FILLERS])
    words = (STEM_LENGTH * stems[:, None] + forms).flatten(0, 1)
    model.embed.weight.copy_(torch.cat([words, cues, fillers]))
    first = model.blocks[0]
    first.W_V.weight.copy_(cues.T @ cues)
    first.W_out.weight.copy_(torch.eye(WIDTH) / WIDTH**0.5)  # undoes the length that LayerNorm gave to a cue
    # A word after its cue holds half a cue beside a stem and a form: that is what LayerNorm divides by.
    read = 0.5 * WIDTH**0.5 / (STEM_LENGTH**2 + 1 + 0.25) ** 0.5
    ffn = model.blocks[flip_layer]
    for relation in range(1, FORMS):
        ffn.W_in.weight[relation] = 2 * FAR / read * cues[relation - 1]
        ffn.W_in.bias[relation] = -FAR
        ffn.W_ffn_out.weight[:, relation] = relation_vector(relation) / FAR
    return model
