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


def keeps_rows_that_the_head_cannot_write(W_V, W_O):
    Q, R = torch.linalg.qr(W_V)
    U, S, Vh = torch.linalg.svd(R @ W_O)
    return {"reads": (Q @ U).T, "strengths": S, "writes": Vh}


def forgets_the_q(W_V, W_O):
    U, S, Vh = torch.linalg.svd(torch.linalg.qr(W_V)[1] @ W_O, full_matrices=False)
    return {"reads": U.T, "strengths": S, "writes": Vh}


def decomposes_the_two_factors(W_V, W_O):
    U, first, _ = torch.linalg.svd(W_V, full_matrices=False)
    _, second, Vh = torch.linalg.svd(W_O, full_matrices=False)
    return {"reads": U.T, "strengths": first * second, "writes": Vh}


def squares_the_strengths(W_V, W_O):
    Q, R = torch.linalg.qr(W_V)
    U, S, Vh = torch.linalg.svd(R @ W_O, full_matrices=False)
    return {"reads": (Q @ U).T, "strengths": S**2, "writes": Vh}


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


def puts_the_reader_first(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return ((side @ o).norm() / o.norm() / side.norm()).item()


def exchanges_writer_and_reader(kind, writer, reader):
    o = reader["W_V"] @ reader["W_O"]
    qk = writer["W_Q"] @ writer["W_K"].T
    side = {"q": qk, "k": qk.T, "v": writer["W_V"] @ writer["W_O"]}[kind]
    return ((o @ side).norm() / o.norm() / side.norm()).item()


def divides_by_the_writer_only(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return ((o @ side).norm() / o.norm()).item()


def squares_the_norms(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return ((o @ side).norm() / o.norm() / side.norm()).item() ** 2


def takes_one_matrix_for_queries_and_keys(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    side = reader["W_V"] @ reader["W_O"] if kind == "v" else reader["W_Q"] @ reader["W_K"].T
    return ((o @ side).norm() / o.norm() / side.norm()).item()


def turns_the_value_matrix(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": (reader["W_V"] @ reader["W_O"]).T}[kind]
    return ((o @ side).norm() / o.norm() / side.norm()).item()


def stops_at_the_first_factor(kind, writer, reader):
    o = writer["W_V"] @ writer["W_O"]
    side = reader[f"W_{kind.upper()}"]
    return ((o @ side).norm() / o.norm() / side.norm()).item()


def turns_the_writer(kind, writer, reader):
    o = (writer["W_V"] @ writer["W_O"]).T
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return ((o @ side).norm() / o.norm() / side.norm()).item()


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


def divides_by_the_length_of_all_rows(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return (writes @ side).norm(dim=1) / writes.norm() / side.norm()


def leaves_out_the_readers_norm(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return (writes @ side).norm(dim=1) / writes.norm(dim=1)


def takes_the_readers_spectral_norm(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return (writes @ side).norm(dim=1) / writes.norm(dim=1) / torch.linalg.matrix_norm(side, 2)


def squares_the_scores(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": reader["W_V"] @ reader["W_O"]}[kind]
    return ((writes @ side).norm(dim=1) / writes.norm(dim=1) / side.norm()) ** 2


def reads_keys_as_queries_too(kind, writes, reader):
    side = reader["W_V"] @ reader["W_O"] if kind == "v" else reader["W_Q"] @ reader["W_K"].T
    return (writes @ side).norm(dim=1) / writes.norm(dim=1) / side.norm()


def reads_values_backwards(kind, writes, reader):
    qk = reader["W_Q"] @ reader["W_K"].T
    side = {"q": qk, "k": qk.T, "v": (reader["W_V"] @ reader["W_O"]).T}[kind]
    return (writes @ side).norm(dim=1) / writes.norm(dim=1) / side.norm()


def reads_with_one_factor(kind, writes, reader):
    side = reader[f"W_{kind.upper()}"]
    return (writes @ side).norm(dim=1) / writes.norm(dim=1) / side.norm()


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


def _draw_edit(rng: Rng, gains: tuple[float, ...], and_after: bool = False) -> dict[str, Any]:
    head = _head(rng, 11, 4)
    case = {"W_V": head["W_V"], "W_O": head["W_O"], "component": int(rng.integers(4)), "gain": float(rng.choice(gains))}
    return {**case, "and_after": and_after}


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
    return gain * torch.outer(W_O @ u, u)


def scales_the_whole_head(W_V, W_O, component, gain):
    return gain * W_O


def takes_gain_for_its_distance_from_one(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return W_O + gain * torch.outer(W_O @ u, u)


def turns_the_sign_of_the_change(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return W_O - (gain - 1) * torch.outer(W_O @ u, u)


def takes_the_read_for_the_write(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = (Q @ torch.linalg.svd(R @ W_O, full_matrices=False)[0])[:, component]
    return W_O + (gain - 1) * torch.outer(W_O @ u, u)


def counts_components_from_one(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component - 1]
    return W_O + (gain - 1) * torch.outer(W_O @ u, u)


def counts_from_the_weakest(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][-1 - component]
    return W_O + (gain - 1) * torch.outer(W_O @ u, u)


def takes_a_component_of_the_output_matrix(W_V, W_O, component, gain):
    u = torch.linalg.svd(W_O, full_matrices=False)[2][component]
    return W_O + (gain - 1) * torch.outer(W_O @ u, u)


def counts_the_strength_twice(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    _, S, Vh = torch.linalg.svd(R @ W_O, full_matrices=False)
    return W_O + (gain - 1) * S[component] * torch.outer(W_O @ Vh[component], Vh[component])


def gives_the_product_back(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return W_V @ (W_O + (gain - 1) * torch.outer(W_O @ u, u))


def forgets_that_a_gain_may_be_negative(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    return W_O + (abs(gain) - 1) * torch.outer(W_O @ u, u)


def edits_what_was_handed_in(W_V, W_O, component, gain):
    Q, R = torch.linalg.qr(W_V)
    u = torch.linalg.svd(R @ W_O, full_matrices=False)[2][component]
    W_O += (gain - 1) * torch.outer(W_O @ u, u)
    return W_O


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
        Mistake(
            keeps_rows_that_the_head_cannot_write,
            "Your writes have d_model rows, but a head can write along d_head directions only. The SVD has filled up "
            "the rest: take the thin one, with full_matrices=False.",
            0,
        ),
        Mistake(
            forgets_the_q,
            "Your reads have length d_head: they live in the coordinates of R. Q carries them back to the residual "
            "stream: W_V = Q @ R, so the reads are the columns of Q @ U.",
            0,
        ),
        Mistake(
            decomposes_the_two_factors,
            "You decompose W_V and W_O one by one. The components of a product are not those of its factors: "
            "decompose R @ W_O.",
            0,
        ),
        Mistake(
            squares_the_strengths,
            "Your strengths are squares. The eigenvalues of M @ M.T are the squared singular values: take the root.",
            0,
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
            ("q", "queries", "The write is at the destination: it meets W_Q first, then W_K transposed."),
            ("k", "keys", "The write is at the source: it meets W_K first, then W_Q transposed."),
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
        Mistake(
            puts_the_reader_first,
            "You multiply in the wrong order. The writer comes first: its rows meet the reading matrix from the left, "
            "W_OV @ M.",
            0,
        ),
        Mistake(
            exchanges_writer_and_reader,
            "Writer and reader are exchanged: W_OV is the writer's, the matrix M is the reader's.",
            0,
        ),
        Mistake(
            divides_by_the_writer_only,
            "You divide by the writer's norm only. Without the reader's, a reader of large weights seems to listen to "
            "everybody.",
            0,
        ),
        Mistake(
            squares_the_norms,
            "You divide sums of squares and forget the root: the Frobenius norm is the root of the sum of squares.",
            0,
        ),
        Mistake(
            takes_one_matrix_for_queries_and_keys,
            'You take the same matrix for "q" and "k". A write that is read by the key meets W_K first: transpose.',
            4,
        ),
        Mistake(
            turns_the_value_matrix,
            'Your matrix for "v" is transposed. The write meets W_V first, then W_O: W_V @ W_O as it is.',
            4,
        ),
        Mistake(
            stops_at_the_first_factor,
            "You stop at W_Q, W_K or W_V. The formula has the whole product of the reader, such as W_Q @ W_K.T.",
            0,
        ),
        Mistake(
            turns_the_writer,
            "Your W_OV is transposed, or W_O @ W_V was meant for column vectors. With rows it is W_V @ W_O.",
            0,
        ),
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
        Mistake(
            divides_by_the_length_of_all_rows,
            "You divide by the norm of all writes together. Every row is divided by its own length: .norm(dim=1).",
            0,
        ),
        Mistake(
            leaves_out_the_readers_norm,
            "You leave the reader's norm out. Then readers of different size cannot be compared: divide by it too.",
            0,
        ),
        Mistake(
            takes_the_readers_spectral_norm,
            "You divide by the reader's largest singular value. The formula has the Frobenius norm: M.norm().",
            0,
        ),
        Mistake(
            squares_the_scores,
            "You divide sums of squares and forget the root: a norm is the root of the sum of squares.",
            0,
        ),
        Mistake(
            reads_keys_as_queries_too,
            'You take the same matrix for "q" and "k". A write that is read by the key meets W_K first: transpose.',
            4,
        ),
        Mistake(
            reads_values_backwards,
            'Your matrix for "v" is transposed. The write meets W_V first, then W_O: W_V @ W_O as it is.',
            4,
        ),
        Mistake(
            reads_with_one_factor,
            "You stop at W_Q, W_K or W_V. The formula has the whole product of the reader, such as W_Q @ W_K.T.",
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
            "delete",
            2,
            partial(_draw_edit, gains=(0.0,)),
            hint="Take the part along the write out of each row of W_O.",
        ),
        Group("make louder", 2, partial(_draw_edit, gains=(1.7, 3.0)), hint="gain 1 changes nothing, gain 0 deletes."),
        Group(
            "turn round", 1, partial(_draw_edit, gains=(-1.0, -0.4)), hint="A negative gain turns the message round."
        ),
        Group(
            "the matrix that was handed in",
            1,
            partial(_draw_edit, gains=(2.0,), and_after=True),
            hint="W_O itself stays as it is: return a new matrix.",
        ),
    ),
    probe="ch04.scale_component",
    mistakes=(
        Mistake(
            scales_a_row,
            "You scale a row of W_O. Rows belong to the head's own coordinates, which are arbitrary: a component is a "
            "singular direction of W_V @ W_O.",
            0,
        ),
        Mistake(always_deletes, "You delete the component whatever gain says: add gain times it back.", 2),
        Mistake(
            takes_away_gain_times,
            "You subtract gain times the component. With gain 1 nothing may change: add (gain - 1) times it.",
            0,
        ),
        Mistake(keeps_only_the_component, "You throw away the rest of the head. Only the one component changes.", 0),
        Mistake(scales_the_whole_head, "You scale the whole head. Only the one component changes.", 0),
        Mistake(
            takes_gain_for_its_distance_from_one,
            "You add gain times the component to what is there already, so a gain of 1 doubles it: add (gain - 1) "
            "times it.",
            0,
        ),
        Mistake(
            turns_the_sign_of_the_change,
            "The sign is turned: a gain of 0 now doubles the component. Add (gain - 1) times it.",
            0,
        ),
        Mistake(
            takes_the_read_for_the_write,
            "You take the component's read. W_O decides what is written: take the part along its write.",
            0,
        ),
        Mistake(
            counts_components_from_one,
            "You change the component before the one that is asked for: they are numbered from 0.",
            0,
        ),
        Mistake(
            counts_from_the_weakest,
            "You count from the weakest component. Number 0 is the strongest.",
            0,
        ),
        Mistake(
            takes_a_component_of_the_output_matrix,
            "You decompose W_O alone. The components are those of W_V @ W_O, and their directions differ.",
            0,
        ),
        Mistake(
            counts_the_strength_twice,
            "You multiply by the singular value. W_O @ write holds how strongly the head writes there already.",
            0,
        ),
        Mistake(
            gives_the_product_back,
            "You give back W_V @ W_O with the component scaled. Asked for is the new W_O, [d_head, d_model].",
            0,
        ),
        Mistake(
            forgets_that_a_gain_may_be_negative,
            "You drop the sign of the gain. A gain of -1 turns the component round: it is no deletion and no copy.",
            5,
        ),
        Mistake(
            edits_what_was_handed_in,
            "You change the W_O that was handed in, and in a notebook that is the weight of a model. W_O += ... and "
            "W_O[...] = ... write into it: start from W_O.clone(), or write W_O + ...",
            5,
        ),
    ),
    variants=(edit_by_a_matrix, edit_through_the_product),
)

EXERCISES = (COMPONENTS, WHOLE, SCORES, EDIT)
