"""Exercises 4.1 to 4.4: components, whole-head scores, component scores, the weight edit.

- weights are drawn small and well conditioned; lengths and strengths differ enough that mistakes show.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _normal(rng: Rng, *shape: int) -> torch.Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float64)


def _head(rng: Rng, size: int, rank: int) -> dict[str, torch.Tensor]:
    skew = torch.linspace(0.4, 2.0, size, dtype=torch.float64)[:, None]
    tall = {name: _normal(rng, size, rank) * skew for name in ("W_Q", "W_V")}
    return {**tall, "W_K": _normal(rng, size, rank), "W_O": _normal(rng, rank, size)}


def _draw_components(rng: Rng, count: bool = False) -> dict[str, Any]:
    head = _head(rng, int(rng.integers(10, 14)), int(rng.integers(3, 5)))
    return {"W_V": head["W_V"], "W_O": head["W_O"], "count": count}


def decomposes_the_output_matrix_alone(W_V, W_O):
    U, S, Vh = torch.linalg.svd(W_O, full_matrices=False)
    return {"reads": (W_V @ U).T, "strengths": S, "writes": Vh}


def leaves_the_strengths_in_the_writes(W_V, W_O):
    k = W_V.shape[1]
    Q, R = torch.linalg.qr(W_V)
    U, S, Vh = torch.linalg.svd(R @ W_O, full_matrices=False)
    return {"reads": (Q @ U).T[:k], "strengths": S, "writes": S[:, None] * Vh}


def exchanges_reads_and_writes(W_V, W_O):
    Q, R = torch.linalg.qr(W_V)
    U, S, Vh = torch.linalg.svd(R @ W_O, full_matrices=False)
    return {"reads": Vh, "strengths": S, "writes": (Q @ U).T}


def decomposes_the_whole_product(W_V, W_O):
    k = W_V.shape[1]
    U, S, Vh = torch.linalg.svd(W_V @ W_O)
    return {"reads": U.T[:k], "strengths": S[:k], "writes": Vh[:k]}


def components_by_two_qrs(W_V, W_O):
    Qv, Rv = torch.linalg.qr(W_V)
    Qo, Ro = torch.linalg.qr(W_O.T)
    U, S, Vh = torch.linalg.svd(Rv @ Ro.T)
    return {"reads": (Qv @ U).T, "strengths": S, "writes": Vh @ Qo.T}


def components_by_eigenvectors(W_V, W_O):
    Q, R = torch.linalg.qr(W_V)
    small = R @ W_O
    squares, U = torch.linalg.eigh(small @ small.T)
    order = squares.argsort(descending=True)
    U, S = U[:, order], squares[order].clamp(min=0).sqrt()
    return {"reads": (Q @ U).T, "strengths": S, "writes": (U.T @ small) / S[:, None]}


def _draw_score(rng: Rng, kind: str) -> dict[str, Any]:
    size = int(rng.integers(9, 13))
    return {"kind": kind, "writer": _head(rng, size, 3), "reader": _head(rng, size, 4)}


def exchanges_query_and_key(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk.T, "k": qk, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return ((o @ side).norm() / o.norm() / side.norm()).item()


def takes_the_spectral_norm(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    n = torch.linalg.matrix_norm
    return (n(o @ side, 2) / n(o, 2) / n(side, 2)).item()


def multiplies_the_norms_of_factors(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    a, b = {"q": ("W_Q", "W_K"), "k": ("W_K", "W_Q"), "v": ("W_V", "W_O")}[kind]
    right = reader[b] if kind == "v" else reader[b].T
    below = writer["W_V"].norm() * writer["W_O"].norm() * reader[a].norm() * reader[b].norm()
    return ((o @ reader[a] @ right).norm() / below).item()


def does_not_divide(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return (o @ side).norm().item()


def score_by_traces(kind, writer, reader):
    a, b = {"q": ("W_Q", "W_K"), "k": ("W_K", "W_Q"), "v": ("W_V", "W_O")}[kind]
    side = reader[a] @ (reader[b] if kind == "v" else reader[b].T)
    o = writer["W_V"] @ writer["W_O"]

    def size(m):
        return torch.trace(m.T @ m) ** 0.5

    return float(size(o @ side) / size(o) / size(side))


def score_by_einsum(kind, writer, reader):
    o = torch.einsum("ak,kb->ab", writer["W_V"], writer["W_O"])
    if kind == "v":
        side = torch.einsum("ak,kb->ab", reader["W_V"], reader["W_O"])
    else:
        side = torch.einsum("ak,bk->ab" if kind == "q" else "bk,ak->ab", reader["W_Q"], reader["W_K"])
    joined = torch.einsum("ab,bc->ac", o, side)
    return joined.pow(2).sum().sqrt().item() / (o.pow(2).sum().sqrt() * side.pow(2).sum().sqrt()).item()


def _draw_rows(rng: Rng, kind: str, unit: bool = True) -> dict[str, Any]:
    size = int(rng.integers(9, 13))
    writes = _normal(rng, 5, size)
    writes = writes / writes.norm(dim=1, keepdim=True)
    if not unit:
        writes = writes * torch.tensor([0.2, 3.0, -1.5, 7.0, 0.6], dtype=torch.float64)[:, None]
    return {"kind": kind, "writes": writes, "reader": _head(rng, size, 4)}


def keeps_the_length_of_the_write(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return (writes @ side).norm(dim=1) / side.norm()


def reads_queries_as_keys(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk.T, "k": qk, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return (writes @ side).norm(dim=1) / side.norm() / writes.norm(dim=1)


def divides_by_the_largest(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    scores = (writes @ side).norm(dim=1) / writes.norm(dim=1)
    return scores / scores.max()


def scores_by_loop(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return torch.stack([(row @ side).norm() / (row.norm() * side.norm()) for row in writes])


def scores_without_the_square(kind, writes, reader):
    a, b = {"q": ("W_Q", "W_K"), "k": ("W_K", "W_Q"), "v": ("W_V", "W_O")}[kind]
    left, right = reader[a], reader[b] if kind == "v" else reader[b].T
    gram, seen = right @ right.T, writes @ left
    above = ((seen @ gram) * seen).sum(1)
    return (above / torch.trace(left.T @ left @ gram) / writes.pow(2).sum(1)).sqrt()


def _draw_edit(rng: Rng, delete: bool) -> dict[str, Any]:
    head = _head(rng, 11, 4)
    gain = 0.0 if delete else float(rng.choice([-1.0, 1.7, 3.0]))
    return {"W_V": head["W_V"], "W_O": head["W_O"], "component": int(rng.integers(4)), "gain": gain}


def scales_a_row(W_V, W_O, component, gain):
    W_O = W_O.clone()
    W_O[component] *= gain
    return W_O


def always_deletes(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return W_O - torch.outer(W_O @ u, u)


def takes_away_gain_times(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return W_O - gain * torch.outer(W_O @ u, u)


def keeps_only_the_component(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return (2 - gain) * torch.outer(W_O @ u, u)


def edit_by_a_matrix(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return W_O @ (torch.eye(len(u), dtype=W_O.dtype) + (gain - 1) * torch.outer(u, u))


def edit_through_the_product(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    U, S, Vh = torch.linalg.svd(R @ W_O, full_matrices=False)
    S = S.clone()
    S[component] *= gain
    return torch.linalg.solve(R, U @ (S[:, None] * Vh))


COMPONENTS = Exercise(
    name="ov_components",
    card=Card(
        title="Take a head's output apart",
        difficulty=3,
        minutes=15,
        why="A head writes through a matrix of low rank. Its few components are the channels that it can talk on.",
        paper="The decomposition of W_OV into rank-one components by the singular value decomposition.",
    ),
    groups=(
        Group("the components", 4, _draw_components, hint="QR of W_V, then the thin SVD of the small R @ W_O."),
        Group(
            "no large decomposition",
            2,
            partial(_draw_components, count=True),
            hint="Decompose a matrix with d_head rows, never the d_model x d_model product.",
        ),
    ),
    mistakes=(
        Mistake(
            decomposes_the_output_matrix_alone,
            "You decompose W_O alone. Its singular vectors are not those of W_V @ W_O: the reads are no unit vectors "
            "and the strengths are wrong.",
            0,
        ),
        Mistake(
            leaves_the_strengths_in_the_writes,
            "Your writes still carry the strengths. Reads and writes have length 1; the strength stands by itself.",
            0,
        ),
        Mistake(
            exchanges_reads_and_writes,
            "Reads and writes are exchanged. With rows x @ W_V @ W_O, the left singular vectors are read and the "
            "right ones are written.",
            0,
        ),
        Mistake(
            decomposes_the_whole_product,
            "The numbers are right, but you decompose a d_model x d_model matrix of which nearly all singular values "
            "are 0. Make it small first: W_V = Q @ R, then the SVD of R @ W_O.",
            4,
        ),
    ),
    variants=(components_by_two_qrs, components_by_eigenvectors),
    probe="ch04.components",
    rtol=1e-3,
    atol=1e-4,
)

WHOLE = Exercise(
    name="composition_score",
    card=Card(
        title="Score how two whole heads compose",
        difficulty=2,
        minutes=10,
        why="It is the first guess at who talks to whom, from weights alone. You need it to see where it misleads.",
        paper="The composition score of Elhage et al. (2021), which the paper starts from.",
    ),
    groups=tuple(
        Group(f"through {name}", 2, partial(_draw_score, kind=kind), hint=hint)
        for kind, name, hint in (
            ("q", "queries", "The write is the destination: it meets W_Q first, then W_K transposed."),
            ("k", "keys", "The write is the source: it meets W_K first, then W_Q transposed."),
            ("v", "values", "The write meets W_V, then W_O."),
        )
    ),
    mistakes=(
        Mistake(
            exchanges_query_and_key,
            "Queries and keys are exchanged: a write read by the query meets W_Q @ W_K.T from the left, one read by "
            "the key meets its transpose.",
            2,
        ),
        Mistake(takes_the_spectral_norm, "You take the spectral norm (the largest singular value): use Frobenius.", 0),
        Mistake(
            multiplies_the_norms_of_factors,
            "You divide by the norms of the factors. Divide by the norms of the two products, W_OV and W_QK.",
            0,
        ),
        Mistake(does_not_divide, "You do not divide by the two norms, so large weights look like talk.", 0),
    ),
    variants=(score_by_traces, score_by_einsum),
)

SCORES = Exercise(
    name="component_scores",
    card=Card(
        title="Score single components",
        difficulty=3,
        minutes=12,
        why="One component may talk to a head to which its neighbours do not. The score of a rank-one matrix is "
        "also simpler: the singular value cancels.",
        paper="The composition score of a single component of W_OV.",
    ),
    groups=(
        Group("read by queries", 2, partial(_draw_rows, kind="q"), hint="Each row meets W_Q @ W_K.T from the left."),
        Group("read by keys", 2, partial(_draw_rows, kind="k"), hint="Each row meets W_K @ W_Q.T from the left."),
        Group(
            "writes of any length",
            2,
            partial(_draw_rows, kind="v", unit=False),
            hint="The score of 3u is the score of u: divide by the length of the row.",
        ),
    ),
    mistakes=(
        Mistake(
            keeps_the_length_of_the_write,
            "Your score grows with the length of the write. In the score of a rank-one matrix its size cancels.",
            4,
        ),
        Mistake(
            reads_queries_as_keys,
            "Queries and keys are exchanged: transpose W_Q @ W_K.T for a write that is read by the key.",
            2,
        ),
        Mistake(
            divides_by_the_largest,
            "You divide by the largest of the scores. Then scores of two heads cannot be compared: divide by the "
            "Frobenius norm of the reading matrix.",
            0,
        ),
    ),
    variants=(scores_by_loop, scores_without_the_square),
)

EDIT = Exercise(
    name="scale_component",
    card=Card(
        title="Edit one component in the weights",
        difficulty=3,
        minutes=12,
        why="The cleanest intervention there is: one channel is silenced or made louder, for every input, at no cost.",
        paper="The weight edits: a component of W_OV is removed or scaled.",
    ),
    groups=(
        Group(
            "delete", 3, partial(_draw_edit, delete=True), hint="Take the part along the write out of each row of W_O."
        ),
        Group("scale", 3, partial(_draw_edit, delete=False), hint="gain 1 changes nothing, gain 0 deletes."),
    ),
    mistakes=(
        Mistake(
            scales_a_row,
            "You scale a row of W_O. Rows belong to the head's own coordinates, which are arbitrary: a component is a "
            "singular direction of W_V @ W_O.",
            0,
        ),
        Mistake(always_deletes, "You delete the component whatever gain says: add gain times it back.", 3),
        Mistake(
            takes_away_gain_times,
            "You subtract gain times the component. With gain 1 nothing may change: add (gain - 1) times it.",
            0,
        ),
        Mistake(keeps_only_the_component, "You throw away the rest of the head. Only the one component changes.", 0),
    ),
    variants=(edit_by_a_matrix, edit_through_the_product),
)

EXERCISES = (COMPONENTS, WHOLE, SCORES, EDIT)
