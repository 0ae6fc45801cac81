"""Exercise 6.7, ``reset_embeddings``: new word embeddings in an optimizer's and a decoder's hands.

- a small masked model after some steps of Adam; what is looked at is the whole machine after the call, and after one
  more step of training.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, look_at: str) -> dict[str, Any]:
    vocabulary, d_model = int(rng.integers(9, 13)), 8
    return {
        "machine": {"vocabulary": vocabulary, "d_model": d_model, "seed": int(rng.integers(2**31)), "steps": 3},
        "fresh": torch.tensor(rng.normal(size=(vocabulary, d_model)) * 0.1, dtype=torch.float32),
        "look_at": look_at,
    }


def puts_a_new_parameter_in(model, optimizer, fresh):
    model.get_input_embeddings().weight = torch.nn.Parameter(fresh.clone())


def puts_a_new_parameter_in_and_clears_the_old(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    for value in optimizer.state[weight].values():
        value.zero_()
    model.get_input_embeddings().weight = torch.nn.Parameter(fresh.clone())


def ties_a_new_parameter(model, optimizer, fresh):
    model.get_input_embeddings().weight = torch.nn.Parameter(fresh.clone())
    model.tie_weights()


def gives_the_name_to_fresh(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight = fresh
    for value in optimizer.state[weight].values():
        value.zero_()


def gives_the_name_to_fresh_and_clears_adam(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    state = optimizer.state[weight]
    weight = fresh
    for value in state.values():
        value.zero_()


def shares_memory_with_fresh(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    weight.data = fresh
    for value in optimizer.state[weight].values():
        value.zero_()


def keeps_adams_moments(model, optimizer, fresh):
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(fresh)


def clears_the_whole_optimizer(model, optimizer, fresh):
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(fresh)
    optimizer.state.clear()


def zeroes_what_adam_remembers_of_all(model, optimizer, fresh):
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(fresh)
    for state in optimizer.state.values():
        for value in state.values():
            value.zero_()


def zeroes_the_moments_of_all(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.copy_(fresh)
    for state in optimizer.state.values():
        state["exp_avg"].zero_()
        state["exp_avg_sq"].zero_()
    optimizer.state[weight]["step"].zero_()


def stores_a_plain_zero(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.copy_(fresh)
    state = optimizer.state[weight]
    state["exp_avg"].zero_()
    state["exp_avg_sq"].zero_()
    state["step"] = 0


def adds_to_the_old_embeddings(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.add_(fresh)
    for value in optimizer.state[weight].values():
        value.zero_()


def unties_the_decoder(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.copy_(fresh)
    for value in optimizer.state[weight].values():
        value.zero_()
    model.set_output_embeddings(torch.nn.Linear(fresh.shape[1], fresh.shape[0]))
    with torch.no_grad():
        model.get_output_embeddings().weight.copy_(fresh)


def resets_the_body_too(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.02)
        weight.copy_(fresh)
    for value in optimizer.state[weight].values():
        value.zero_()


def keeps_the_step_count(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.copy_(fresh)
    optimizer.state[weight]["exp_avg"].zero_()
    optimizer.state[weight]["exp_avg_sq"].zero_()


def reset_through_data(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    weight.data[:] = fresh
    state = optimizer.state[weight]
    state["exp_avg"] = torch.zeros_like(weight)
    state["exp_avg_sq"] = torch.zeros_like(weight)
    state["step"] = torch.tensor(0.0)


def reset_and_forget_its_state(model, optimizer, fresh):
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight.zero_().add_(fresh)
    optimizer.state.pop(weight, None)


EXERCISE = Exercise(
    name="reset_embeddings",
    card=Card(
        title="Erase the words and keep the machine running",
        difficulty=4,
        minutes=18,
        why="The optimizer knows the embeddings by their object and remembers their gradients; the decoder is the same "
        "tensor. A reset that overlooks one of these trains a model that nobody uses.",
        paper="The reset of active and temporary forgetting.",
    ),
    groups=(
        Group(
            "the embeddings and the decoder",
            3,
            partial(_draw, look_at="tables"),
            hint="Write into the weight that is there: with torch.no_grad(): weight.copy_(fresh).",
        ),
        Group(
            "fresh is copied",
            1,
            partial(_draw, look_at="fresh"),
            cases=1,
            hint="fresh stays as it is and belongs to the caller: copy its numbers into the weight.",
        ),
        Group(
            "nothing else changes",
            3,
            partial(_draw, look_at="body"),
            hint="All other parameters keep their values, and so do exp_avg, exp_avg_sq and step of each of them: "
            "only optimizer.state[weight] is reset.",
        ),
        Group(
            "what Adam remembers, and the next step",
            5,
            partial(_draw, look_at="optimizer"),
            hint="optimizer.state[weight] holds exp_avg, exp_avg_sq and step: all three start at zero again, and all "
            "three stay tensors.",
        ),
    ),
    mistakes=(
        Mistake(
            puts_a_new_parameter_in,
            "You put a new Parameter in the place of the old one. The optimizer and the tied decoder still hold the "
            "old one: from now on they train and use a table that the model does not read. Write into the one that "
            "is there.",
            4,
        ),
        Mistake(
            puts_a_new_parameter_in_and_clears_the_old,
            "You clear what Adam remembers, and then put a new Parameter in the place of the old one, which the "
            "optimizer and the tied decoder still hold. No step will ever reach the new one. Write into the one that "
            "is there.",
            4,
        ),
        Mistake(
            ties_a_new_parameter,
            "You put a new Parameter in and tie the decoder to it. The optimizer follows neither: it still holds the "
            "old one, so your new embeddings are never trained. Write into the Parameter that is there.",
            4,
        ),
        Mistake(
            gives_the_name_to_fresh,
            "Nothing has changed: weight = fresh only gives the name weight to another tensor. weight.copy_(fresh) "
            "writes into the one that the model has.",
            3,
        ),
        Mistake(
            gives_the_name_to_fresh_and_clears_adam,
            "Adam has forgotten, but the embeddings are the old ones: weight = fresh only gives the name weight to "
            "another tensor. weight.copy_(fresh) writes into the one that the model has.",
            3,
        ),
        Mistake(
            shares_memory_with_fresh,
            "Your weight and fresh are the same memory now: training changes the caller's tensor, and whatever the "
            "caller does with it changes your embeddings. Copy: weight.copy_(fresh).",
            11,
        ),
        Mistake(
            keeps_adams_moments,
            "Adam still remembers the old embeddings' gradients: the first steps after your reset push the new ones "
            "where the old ones were going.",
            7,
        ),
        Mistake(
            clears_the_whole_optimizer,
            "You clear what Adam remembers of all parameters. Only the word embeddings are reset; the body goes on.",
            4,
        ),
        Mistake(
            zeroes_what_adam_remembers_of_all,
            "Your loop sets what Adam remembers of every parameter to zero. Only optimizer.state[weight] starts at "
            "zero: what is remembered of the body was right and stays.",
            4,
        ),
        Mistake(
            zeroes_the_moments_of_all,
            "Adam's moments are zero for all parameters. Only those of the word embeddings belong to something that is "
            "gone: optimizer.state[weight], and no other.",
            4,
        ),
        Mistake(
            stores_a_plain_zero,
            "Adam's step is a plain 0 in your state. It should stay a tensor: Adam counts in it in place, and a plain "
            "0 would stay 0 for ever. Use .zero_(), or torch.tensor(0.0).",
            7,
        ),
        Mistake(
            adds_to_the_old_embeddings,
            "You add the new embeddings to the old ones, so nothing is forgotten. Copy, do not add.",
            3,
        ),
        Mistake(
            unties_the_decoder,
            "The decoder is a tensor of its own after your reset: the weights are no longer tied, and the optimizer "
            "does not know the new one.",
            4,
        ),
        Mistake(
            resets_the_body_too,
            "You reset the whole model. The body is what shall remember: only the word embeddings are new.",
            4,
        ),
        Mistake(
            keeps_the_step_count,
            "The moments are zero, but Adam's step count is not: it would take them for a long average and divide "
            "by far too little.",
            7,
        ),
    ),
    variants=(reset_through_data, reset_and_forget_its_state),
    probe="ch06.reset_embeddings",
)
