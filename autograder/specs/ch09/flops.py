"""Exercises 9.6 and 9.7: ``training_flops`` from the shapes, and ``utilisation``.

- drawn shapes, in which width, MLP width, vocabulary and length are all different; drawn runs and peaks.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw_shape(rng: Rng, long: bool) -> dict[str, Any]:
    d_model = 64 * int(rng.integers(2, 8))
    return {
        "n_layers": int(rng.integers(2, 12)),
        "d_model": d_model,
        "d_ff": d_model * 3 + 64 * int(rng.integers(1, 4)),
        "vocab": int(rng.integers(2_000, 9_000)),
        "seq": d_model * 8 + int(rng.integers(1, 99)) if long else int(rng.integers(16, 60)),
    }


def counts_the_forward_pass_only(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 4 * seq**2 * d_model + 4 * seq * d_model * d_ff
    return n_layers * layer + 2 * seq * d_model * vocab


def counts_multiplications_only(n_layers, d_model, d_ff, vocab, seq):
    layer = 4 * seq * d_model**2 + 2 * seq**2 * d_model + 2 * seq * d_model * d_ff
    return 3 * (n_layers * layer + seq * d_model * vocab)


def forgets_attention(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 4 * seq * d_model * d_ff
    return 3 * (n_layers * layer + 2 * seq * d_model * vocab)


def halves_attention(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 2 * seq**2 * d_model + 4 * seq * d_model * d_ff
    return 3 * (n_layers * layer + 2 * seq * d_model * vocab)


def forgets_the_unembedding(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 4 * seq**2 * d_model + 4 * seq * d_model * d_ff
    return 3 * n_layers * layer


def counts_the_embedding_too(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 4 * seq**2 * d_model + 4 * seq * d_model * d_ff
    return 3 * (n_layers * layer + 4 * seq * d_model * vocab)


def unembeds_in_every_layer(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 4 * seq**2 * d_model + 4 * seq * d_model * d_ff
    return 3 * n_layers * (layer + 2 * seq * d_model * vocab)


def takes_four_times_the_width(n_layers, d_model, d_ff, vocab, seq):
    layer = 24 * seq * d_model**2 + 4 * seq**2 * d_model
    return 3 * (n_layers * layer + 2 * seq * d_model * vocab)


def counts_one_matrix_of_the_mlp(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 4 * seq**2 * d_model + 2 * seq * d_model * d_ff
    return 3 * (n_layers * layer + 2 * seq * d_model * vocab)


def backward_as_costly_as_forward(n_layers, d_model, d_ff, vocab, seq):
    layer = 8 * seq * d_model**2 + 4 * seq**2 * d_model + 4 * seq * d_model * d_ff
    return 2 * (n_layers * layer + 2 * seq * d_model * vocab)


def flops_by_products(n_layers, d_model, d_ff, vocab, seq):
    def product(a, b, c):
        return 2 * a * b * c

    forward = product(seq, d_model, vocab)
    for _ in range(n_layers):
        forward += 4 * product(seq, d_model, d_model)
        forward += product(seq, d_model, seq) + product(seq, seq, d_model)
        forward += product(seq, d_model, d_ff) + product(seq, d_ff, d_model)
    return forward + 2 * forward


def flops_per_token(n_layers, d_model, d_ff, vocab, seq):
    weights = n_layers * (4 * d_model * d_model + 2 * d_model * d_ff) + d_model * vocab
    each = 6 * weights + 12 * n_layers * d_model * seq
    return seq * each


TRAINING_FLOPS = Exercise(
    name="training_flops",
    card=Card(
        title="Count the work in a sequence",
        difficulty=2,
        minutes=12,
        why="A time is good or bad only beside the work that was done in it. Six lines of arithmetic count it exactly, "
        "before a single GPU is rented.",
        paper="The analytic baseline: floating-point operations of one example's forward and backward pass.",
    ),
    groups=(
        Group(
            "short sequences",
            3,
            partial(_draw_shape, long=False),
            hint="Per layer 4 products of d × d and the two of the MLP (d × d_ff), the unembedding once, all times 3.",
        ),
        Group(
            "long sequences",
            4,
            partial(_draw_shape, long=True),
            hint="With long sequences the two attention products count: 2 · T · T · d operations each.",
        ),
    ),
    mistakes=(
        Mistake(
            counts_the_forward_pass_only,
            "This is the forward pass alone, a third of the work. The backward pass takes twice as much again.",
            0,
        ),
        Mistake(
            backward_as_costly_as_forward,
            "You count the backward pass like a forward pass. Each product has two factors and so two gradients: "
            "twice the forward pass, three times in all.",
            0,
        ),
        Mistake(
            counts_multiplications_only,
            "You count multiplications only. Additions are operations as well: 2abc for each product of matrices.",
            0,
        ),
        Mistake(
            forgets_attention,
            "The attention products are missing: scores, and scores times values, 2 · T · T · d operations each in "
            "every layer.",
            0,
        ),
        Mistake(
            halves_attention,
            "You count half of the attention, by one product in place of two or for the causal mask. Count both "
            "products in full, as PyTorch's counter does.",
            0,
        ),
        Mistake(
            counts_one_matrix_of_the_mlp,
            "You count one matrix of the MLP. It has two: from d_model to d_ff, and back.",
            0,
        ),
        Mistake(
            forgets_the_unembedding,
            "The unembedding is missing. With a vocabulary of 50,000 it is a large product.",
            0,
        ),
        Mistake(
            counts_the_embedding_too,
            "You count the embedding as a product. It is a look-up: no multiplication takes place.",
            0,
        ),
        Mistake(
            unembeds_in_every_layer,
            "You multiply the unembedding by the number of layers. It happens once, at the end.",
            0,
        ),
        Mistake(
            takes_four_times_the_width,
            "You take the MLP's width for four times d_model. It is given as d_ff.",
            0,
        ),
    ),
    variants=(flops_by_products, flops_per_token),
    rtol=1e-6,
)


def _draw_run(
    rng: Rng, precision: str, gpus: tuple[int, ...], parts: list[str], too_good: bool = False
) -> dict[str, Any]:
    """A drawn run; ``too_good``: its measured days are fewer than the analytic ones, as reported days can be."""
    half = float(rng.uniform(60, 800))
    case = {
        "flops_per_sequence": float(rng.uniform(1e12, 5e13)),
        "batch": int(2 ** rng.integers(7, 12)),
        "steps": int(rng.integers(50_000, 200_000)),
        "n_gpus": int(rng.choice(gpus)),
        "peaks": {"half": half, "tf32": half * float(rng.uniform(0.4, 0.6))},
        "precision": precision,
        "measured_days": float(rng.uniform(10, 200)),
        "parts": parts,
    }
    run = {name: value for name, value in case.items() if name not in ("measured_days", "parts")}
    ideal = utilisation_by_speed(**run, measured_days=1.0)["utilisation"]
    case["measured_days"] = ideal / float(rng.uniform(1.1, 1.6) if too_good else rng.uniform(0.2, 0.7))
    return case


def forgets_the_other_gpus(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    peak = peaks["tf32"] if precision == "tf32" else peaks["half"]
    days = flops_per_sequence * batch * steps / (peak * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


def takes_tf32_for_half(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    days = flops_per_sequence * batch * steps / (n_gpus * peaks["tf32"] * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


def takes_half_for_everything(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    days = flops_per_sequence * batch * steps / (n_gpus * peaks["half"] * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


def turns_utilisation_round(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    peak = peaks["tf32"] if precision == "tf32" else peaks["half"]
    days = flops_per_sequence * batch * steps / (n_gpus * peak * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": measured_days / days}


def forgets_the_batch(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    peak = peaks["tf32"] if precision == "tf32" else peaks["half"]
    days = flops_per_sequence * steps / (n_gpus * peak * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


def counts_tera_as_giga(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    peak = peaks["tf32"] if precision == "tf32" else peaks["half"]
    days = flops_per_sequence * batch * steps / (n_gpus * peak * 1e9) / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


def gives_percent(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    peak = peaks["tf32"] if precision == "tf32" else peaks["half"]
    days = flops_per_sequence * batch * steps / (n_gpus * peak * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": 100 * days / measured_days}


def takes_tf32_for_bf16(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    peak = peaks["half"] if precision == "fp16" else peaks["tf32"]
    days = flops_per_sequence * batch * steps / (n_gpus * peak * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


def stops_at_one(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    peak = peaks["tf32"] if precision == "tf32" else peaks["half"]
    days = flops_per_sequence * batch * steps / (n_gpus * peak * 1e12) / 86_400
    return {"analytic_days": days, "utilisation": min(1.0, days / measured_days)}


def utilisation_by_speed(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    kind = {"fp16": "half", "bf16": "half", "tf32": "tf32"}[precision]
    available = n_gpus * peaks[kind] * 1e12
    reached = flops_per_sequence * batch * steps / (measured_days * 24 * 3600)
    return {"analytic_days": measured_days * reached / available, "utilisation": reached / available}


def utilisation_in_numpy(flops_per_sequence, batch, steps, n_gpus, peaks, precision, measured_days):
    import numpy

    work = numpy.prod(numpy.array([flops_per_sequence, batch, steps], dtype=numpy.float64))
    peak = peaks.get(precision, peaks["half"])
    days = work / numpy.float64(n_gpus * peak) / 1e12 / 86_400
    return {"analytic_days": days, "utilisation": days / measured_days}


UTILISATION = Exercise(
    name="utilisation",
    card=Card(
        title="Ask how busy the GPUs were",
        difficulty=2,
        minutes=10,
        why="Utilisation turns seconds into something that can be compared between machines. It also tells you when a "
        "number cannot be true.",
        paper="The analytic training time at peak speed, against the measured one; peaks as in the authors' code.",
    ),
    groups=(
        Group(
            "half precision, analytic days",
            2,
            partial(_draw_run, precision="fp16", gpus=(2, 4, 8), parts=["analytic_days"]),
            hint="FLOPs of a sequence, times batch, times steps; divided by n_gpus · peak · 10¹², and by 86,400.",
            cases=3,
        ),
        Group(
            "half precision, utilisation",
            1,
            partial(_draw_run, precision="bf16", gpus=(2, 4, 8), parts=["utilisation"]),
            hint="Analytic days divided by measured days, as a share of 1.",
        ),
        Group(
            "TF32",
            1,
            partial(_draw_run, precision="tf32", gpus=(2, 4, 8), parts=["analytic_days", "utilisation"]),
            hint='For "tf32" the peak is peaks["tf32"]; for "fp16" and "bf16" it is peaks["half"].',
        ),
        Group(
            "days that are too good to be true",
            1,
            partial(_draw_run, precision="fp16", gpus=(2, 4, 8), parts=["utilisation"], too_good=True),
            hint="A share above 1 is what tells you that something is wrong: return it as it is.",
        ),
    ),
    mistakes=(
        Mistake(
            forgets_the_other_gpus,
            "You reckon with a single GPU. The peak of the machine is n_gpus times that of one.",
            0,
        ),
        Mistake(
            takes_tf32_for_half,
            "You take the TF32 peak for every precision. fp16 and bf16 have their own, about twice as high, and "
            "utilisation would come out twice too good.",
            1,
        ),
        Mistake(
            takes_half_for_everything,
            'You take the half-precision peak for TF32 as well. A run in TF32 is measured against peaks["tf32"].',
            4,
        ),
        Mistake(
            takes_tf32_for_bf16,
            "You take the TF32 peak for bf16. bf16 is a half-precision format: 16 bits, and the peak of fp16.",
            4,
        ),
        Mistake(
            stops_at_one,
            "You cut utilisation off at 1. More than 100% is impossible, and that is exactly what you want to see: it "
            "tells you that the work, the peak or the time is wrong.",
            4,
        ),
        Mistake(
            turns_utilisation_round,
            "Your utilisation is upside down: a run that takes longer than the analytic days is below 1.",
            2,
        ),
        Mistake(
            forgets_the_batch,
            "You count one sequence in a step. A step has batch of them.",
            0,
        ),
        Mistake(counts_tera_as_giga, "Tera is 10¹²: your peak is a thousand times too low.", 0),
        Mistake(gives_percent, "Utilisation is asked for as a share of 1, not in percent.", 2),
    ),
    variants=(utilisation_by_speed, utilisation_in_numpy),
    probe="ch09.part",
)
