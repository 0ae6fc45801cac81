"""Exercise 7.1, ``project_features``: image features to soft prompts, from a grid and from one pooled vector.

- small random features and maps; widths are equal where a transposed map would otherwise be caught by its shape;
- a grid may have one place: the number of prompts does not tell a grid from a pooled vector;
- one group looks at gradients as well: a function that cuts them off would fail two exercises later.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(
    rng: Rng, grid: bool, square: bool = False, one: bool = False, gradients_of: tuple[str, ...] = ()
) -> dict[str, Any]:
    batch, k, d_lm = (int(rng.integers(low, high)) for low, high in ((2, 5), (3, 6), (5, 8)))
    k = 1 if one else k
    rows = d_lm if grid else k * d_lm
    d_img = rows if square else int(rng.integers(8, 11))
    shape = (batch, k, d_img) if grid else (batch, d_img)
    arrays = {"features": shape, "weight": (rows, d_img), "bias": (rows,)}
    values = {name: torch.tensor(rng.normal(size=size), dtype=torch.float32) for name, size in arrays.items()}
    return {**values, "k": k, "gradients_of": list(gradients_of)}


def forgets_the_bias(features, weight, bias, k):
    out = features @ weight.T
    return out if features.ndim == 3 else out.view(len(features), k, -1)


def does_not_transpose_the_weight(features, weight, bias, k):
    matrix = weight if weight.shape[0] == weight.shape[1] else weight.T
    out = features @ matrix + bias
    return out if features.ndim == 3 else out.view(len(features), k, -1)


def deals_numbers_out_in_turn(features, weight, bias, k):
    out = features @ weight.T + bias
    return out if features.ndim == 3 else out.view(len(features), -1, k).transpose(1, 2)


def averages_the_grid(features, weight, bias, k):
    if features.ndim == 3:
        features = features.mean(1, keepdim=True).expand_as(features)
        return features @ weight.T + bias
    return (features @ weight.T + bias).view(len(features), k, -1)


def repeats_the_first_prompt(features, weight, bias, k):
    out = features @ weight.T + bias
    return out if features.ndim == 3 else out.view(len(features), k, -1)[:, :1].repeat(1, k, 1)


def takes_one_prompt_for_a_pooled_vector(features, weight, bias, k):
    out = features @ weight.T + bias
    return out.unsqueeze(1) if k == 1 else out.view(len(features), k, -1)


def cuts_the_gradients_off(features, weight, bias, k):
    out = (features @ weight.T + bias).detach()
    return out if features.ndim == 3 else out.view(len(features), k, -1)


def subtracts_the_bias(features, weight, bias, k):
    out = features @ weight.T - bias
    return out if features.ndim == 3 else out.view(len(features), k, -1)


def adds_the_bias_to_the_first_place_alone(features, weight, bias, k):
    out = features @ weight.T
    if features.ndim == 2:
        return (out + bias).view(len(features), k, -1)
    return torch.cat([out[:, :1] + bias, out[:, 1:]], 1)


def leaves_a_pooled_vector_flat(features, weight, bias, k):
    return features @ weight.T + bias


def projected_by_einsum(features, weight, bias, k):
    if features.ndim == 3:
        return torch.einsum("bki,oi->bko", features, weight) + bias
    return torch.einsum("bi,koi->bko", features, weight.view(k, -1, features.shape[-1])) + bias.view(k, -1)


def projected_by_loop(features, weight, bias, k):
    rows = []
    for image in features.double():
        if image.ndim == 2:
            rows.append(torch.stack([weight.double() @ cell + bias for cell in image]))
        else:
            width = len(bias) // k
            parts = [slice(i * width, (i + 1) * width) for i in range(k)]
            rows.append(torch.stack([weight[part].double() @ image + bias[part] for part in parts]))
    return torch.stack(rows).float()


EXERCISE = Exercise(
    name="project_features",
    card=Card(
        title="Turn image features into soft prompts",
        difficulty=2,
        minutes=10,
        why="This one matrix is all that is ever trained. Everything else in the chapter is frozen.",
        paper="Section 3, the linear projection of image features to the language model's input space.",
    ),
    groups=(
        Group(
            "a grid of features",
            1,
            partial(_draw, grid=True),
            hint="One map for all positions: [batch, k, d_img] times the transposed weight, plus the bias.",
        ),
        Group(
            "a grid, image and text vectors equally wide",
            1,
            partial(_draw, grid=True, square=True),
            hint="The weight is stored as in nn.Linear, [out, in]: it has to be transposed, or use functional.linear.",
        ),
        Group(
            "a grid of one place",
            1,
            partial(_draw, grid=True, one=True),
            hint="features.ndim tells a grid from a pooled vector; the number of prompts does not.",
        ),
        Group(
            "a pooled vector, one prompt",
            2,
            partial(_draw, grid=False, one=True),
            hint="One vector for each image still becomes [batch, 1, d_lm].",
        ),
        Group(
            "a pooled vector, several prompts",
            2,
            partial(_draw, grid=False),
            hint="The first d_lm numbers that come out are prompt 0, the next d_lm prompt 1, and so on.",
        ),
        Group(
            "gradients pass",
            1,
            partial(_draw, grid=False, gradients_of=("weight", "bias")),
            cases=1,
            hint="The map is trained through this function: from the prompts a gradient must come back to weight and "
            "bias. A .detach(), .data or torch.no_grad() cuts it off.",
        ),
    ),
    mistakes=(
        Mistake(forgets_the_bias, "You leave the bias out: the map is features times weight, plus bias.", 0),
        Mistake(
            does_not_transpose_the_weight,
            "You multiply by the weight as it is stored. It is [out, in], as in nn.Linear: transpose it. Where image "
            "and text vectors are equally wide, nothing but the numbers shows the slip.",
            7,
        ),
        Mistake(
            deals_numbers_out_in_turn,
            "You deal the numbers out to the prompts in turn: the reshape has the order (d_lm, k). The first d_lm "
            "numbers belong to prompt 0, so the order is (k, d_lm).",
            5,
        ),
        Mistake(
            averages_the_grid,
            "You average the grid before you project. Each position of the grid becomes a prompt of its own.",
            6,
        ),
        Mistake(
            repeats_the_first_prompt,
            "Your prompts are k copies of the first. Each has its own d_lm rows of the weight.",
            5,
        ),
        Mistake(
            takes_one_prompt_for_a_pooled_vector,
            "You tell grid and pooled vector apart by k. A grid may have one place, too: look at features.ndim.",
            7,
        ),
        Mistake(
            cuts_the_gradients_off,
            "Your numbers are right, but no gradient comes back through them: the prompts are detached, or made under "
            "torch.no_grad(). The map is to be trained through this function.",
            7,
        ),
        Mistake(subtracts_the_bias, "You subtract the bias. It is added.", 0),
        Mistake(
            adds_the_bias_to_the_first_place_alone,
            "On a grid only the first place gets the bias. Each place gets all of it.",
            6,
        ),
        Mistake(
            leaves_a_pooled_vector_flat,
            "Of a pooled vector you return one long row, [batch, k · d_lm]. Cut it into k prompts: [batch, k, d_lm].",
            3,
        ),
    ),
    variants=(projected_by_einsum, projected_by_loop),
    probe="ch07.lets_gradients_pass",
)
