"""Exercises 4.5 to 4.7: the inhibition score, coordinates in a channel, recall by length and place.

- patterns are drawn with rows that sum to 1, directions oblique where that must show.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _pattern(rng: Rng, batch: int, length: int) -> torch.Tensor:
    scores = torch.tensor(rng.normal(size=(batch, length, length)) * 2)
    hidden = torch.ones(length, length).triu(1).bool()
    return scores.masked_fill(hidden, -torch.inf).softmax(-1)


def _draw_inhibition(rng: Rng, ragged: bool = False, several: bool = False) -> dict[str, Any]:
    batch, length = 6, 9
    last = torch.tensor(rng.integers(5, 8, size=batch)) if ragged else torch.full((batch,), length - 1)
    inhibited = torch.zeros(batch, length, dtype=torch.bool)
    wanted = []
    for row in range(batch):
        places = rng.permutation(5)
        wanted.append(int(places[0]))
        inhibited[row, torch.tensor(places[1 : 2 + (row % 2 + 1) * several].copy())] = True
    return {
        "present": _pattern(rng, batch, length),
        "removed": _pattern(rng, batch, length),
        "last": last,
        "wanted": torch.tensor(wanted),
        "inhibited": inhibited,
    }


def reads_the_last_row_of_all(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        gap = [p[n, -1, wanted[n]] - p[n, -1][inhibited[n]].mean() for p in (present, removed)]
        total += (gap[0] - gap[1]).item()
    return total / len(last)


def turns_the_sign(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        gap = [p[n, last[n], wanted[n]] - p[n, last[n]][inhibited[n]].mean() for p in (present, removed)]
        total += (gap[1] - gap[0]).item()
    return total / len(last)


def takes_the_softmax_again(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        rows = [p[n, last[n]].softmax(-1) for p in (present, removed)]
        gap = [row[wanted[n]] - row[inhibited[n]].mean() for row in rows]
        total += (gap[0] - gap[1]).item()
    return total / len(last)


def adds_up_the_inhibited(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        gap = [p[n, last[n], wanted[n]] - p[n, last[n]][inhibited[n]].sum() for p in (present, removed)]
        total += (gap[0] - gap[1]).item()
    return total / len(last)


def forgets_the_removed_run(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        total += (present[n, last[n], wanted[n]] - present[n, last[n]][inhibited[n]].mean()).item()
    return total / len(last)


def inhibition_by_loop(present, removed, last, wanted, inhibited):
    gaps = []
    for pattern in (present, removed):
        rows = [pattern[n, last[n]] for n in range(len(last))]
        gaps.append(sum(row[w] - row[i].mean() for row, w, i in zip(rows, wanted, inhibited, strict=True)) / len(rows))
    return (gaps[0] - gaps[1]).item()


def inhibition_by_weights(present, removed, last, wanted, inhibited):
    weight = -inhibited.double() / inhibited.sum(1, keepdim=True)
    weight[torch.arange(len(last)), wanted] += 1
    change = (present - removed)[torch.arange(len(last)), last]
    return (change * weight).sum(1).mean().item()


def _draw_channel(rng: Rng, oblique: bool = False) -> dict[str, Any]:
    batch, length, size, k = 4, 5, 10, 3
    directions = torch.linalg.qr(torch.tensor(rng.normal(size=(size, k))))[0].T
    if oblique:
        mix = torch.tensor([[1.0, 0.6, 0.0], [0.0, 2.0, -0.7], [0.5, 0.0, 0.8]], dtype=torch.float64)
        directions = mix @ directions
    return {
        "x": torch.tensor(rng.normal(size=(batch, length, size))),
        "directions": directions,
        "coordinates": torch.tensor(rng.normal(size=k) * 3),
        "position": torch.tensor(rng.integers(0, length, size=batch)),
    }


def takes_the_directions_for_orthonormal(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    now = x[rows, position]
    x[rows, position] = now - now @ directions.T @ directions + coordinates @ directions
    return x


def adds_without_taking_out(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    x[rows, position] += coordinates @ directions
    return x


def sets_every_position(x, directions, coordinates, position):
    return x - x @ torch.linalg.pinv(directions) @ directions + coordinates @ directions


def throws_away_the_rest(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    x[rows, position] = coordinates @ directions
    return x


def channel_by_qr(x, directions, coordinates, position):
    basis = torch.linalg.qr(directions.T)[0]
    x = x.clone()
    for n, place in enumerate(position.tolist()):
        x[n, place] = x[n, place] - basis @ (basis.T @ x[n, place]) + coordinates @ directions
    return x


def channel_by_least_squares(x, directions, coordinates, position):
    chosen = torch.arange(x.shape[1]) == position[:, None]
    now = torch.linalg.solve(directions @ directions.T, directions @ x.transpose(1, 2)).transpose(1, 2)
    return torch.where(chosen[..., None], x + (coordinates - now) @ directions, x)


def _draw_recall(rng: Rng, sparse: bool = False) -> dict[str, Any]:
    longest = int(rng.integers(5, 7))
    length = torch.tensor(rng.integers(2, longest + 1 - sparse, size=90))
    place = torch.tensor([int(rng.integers(n)) if rng.random() < 0.6 else 0 for n in length.tolist()])
    if not sparse:  # every cell is filled
        full = [(n, p) for n in range(2, longest + 1) for p in range(n)]
        length[: len(full)], place[: len(full)] = torch.tensor(full).T
    right = torch.tensor(rng.random(90) < 0.4 + 0.5 * (place.numpy() == 0))
    return {"right": right, "length": length, "place": place, "longest": longest}


def empty_cells_are_zero(right, length, place, longest):
    by_length = torch.zeros(longest + 1)
    by_place = torch.zeros(longest + 1, longest)
    for n in range(longest + 1):
        here = right[length == n].float()
        by_length[n] = here.mean() if len(here) else 0
        for p in range(longest):
            cell = right[(length == n) & (place == p)].float()
            by_place[n, p] = cell.mean() if len(cell) else 0
    return {"by_length": by_length, "by_place": by_place}


def averages_the_places(right, length, place, longest):
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in range(longest + 1):
        for p in range(longest):
            by_place[n, p] = right[(length == n) & (place == p)].float().mean()
    return {"by_length": by_place.nanmean(1), "by_place": by_place}


def divides_by_all_of_that_length(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in range(longest + 1):
        by_length[n] = right[length == n].float().mean()
        for p in range(longest):
            cell = (length == n) & (place == p)
            if cell.any():
                by_place[n, p] = (right & cell).sum() / (length == n).sum()
    return {"by_length": by_length, "by_place": by_place}


def recall_by_loop(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in length.unique().tolist():
        by_length[n] = right[length == n].double().mean()
        for p in place[length == n].unique().tolist():
            by_place[n, p] = right[(length == n) & (place == p)].double().mean()
    return {"by_length": by_length, "by_place": by_place}


def recall_by_counting(right, length, place, longest):
    hits, all_of_them = torch.zeros(longest + 1, longest), torch.zeros(longest + 1, longest)
    all_of_them.index_put_((length, place), torch.ones(len(right)), accumulate=True)
    hits.index_put_((length, place), right.float(), accumulate=True)
    return {"by_length": hits.sum(1) / all_of_them.sum(1), "by_place": hits / all_of_them}


RECALL = Exercise(
    name="recall_by_place",
    card=Card(
        title="Where in the list is recall lost?",
        difficulty=2,
        minutes=10,
        why="A fall with length can have many reasons. Whether it falls at the start, at the end or everywhere tells "
        "some of them apart.",
        paper="Laundry-List accuracy by the length of the list and by the place of the item.",
    ),
    groups=(
        Group("every cell is filled", 3, _draw_recall, hint="Each cell is a mean over the prompts that fall into it."),
        Group("empty cells", 2, partial(_draw_recall, sparse=True), hint="No prompt, no accuracy: NaN and not 0."),
    ),
    mistakes=(
        Mistake(empty_cells_are_zero, "Cells without a prompt say 0: nobody failed there. Use NaN.", 0),
        Mistake(
            averages_the_places,
            "Your accuracy for a length is the mean over places. Places with few prompts then count too much: average "
            "over prompts.",
            0,
        ),
        Mistake(
            divides_by_all_of_that_length,
            "Each cell is divided by all prompts of that length: divide by those with this place.",
            0,
        ),
    ),
    variants=(recall_by_loop, recall_by_counting),
)

INHIBITION = Exercise(
    name="inhibition_score",
    card=Card(
        title="Score inhibition from attention",
        difficulty=3,
        minutes=12,
        why="Scores from weights are guesses. This one is measured: does the mover look away because of the component?",
        paper="The data-based inhibition score that the paper sets against the composition score (figure 2).",
    ),
    groups=(
        Group("one inhibited position", 2, _draw_inhibition, hint="(wanted - inhibited), present minus removed."),
        Group(
            "several inhibited positions",
            2,
            partial(_draw_inhibition, several=True),
            hint="The mean over the inhibited positions of each prompt, then the mean over prompts.",
        ),
        Group(
            "prompts of several lengths",
            2,
            partial(_draw_inhibition, ragged=True),
            hint="The destination is position last[n] of prompt n, not the last row of the tensor.",
        ),
    ),
    mistakes=(
        Mistake(
            reads_the_last_row_of_all,
            "You read the last row of every prompt. In shorter prompts that is padding: the destination is last[n].",
            4,
        ),
        Mistake(turns_the_sign, "The sign is turned: present minus removed.", 0),
        Mistake(takes_the_softmax_again, "You take a softmax of the patterns: they are probabilities already.", 0),
        Mistake(adds_up_the_inhibited, "You add up the inhibited positions of a prompt: take their mean.", 4),
        Mistake(
            forgets_the_removed_run,
            "You measure the gap with the component only. The score is how much of it goes when the component goes.",
            0,
        ),
    ),
    variants=(inhibition_by_loop, inhibition_by_weights),
)

CHANNEL = Exercise(
    name="set_channel",
    card=Card(
        title="Set the coordinates in a channel",
        difficulty=3,
        minutes=12,
        why="If a few dimensions steer a head, then writing numbers into them must turn it like a knob.",
        paper="The interventions in a low-rank channel: coordinates are replaced, the complement is kept.",
    ),
    groups=(
        Group("orthonormal directions", 2, _draw_channel, hint="Take the old part out, put the new one in."),
        Group(
            "oblique directions",
            3,
            partial(_draw_channel, oblique=True),
            hint="Directions of two heads are not orthogonal: project with a QR or a pseudo-inverse.",
        ),
    ),
    mistakes=(
        Mistake(
            takes_the_directions_for_orthonormal,
            "You project as if the directions were orthonormal. x @ D.T @ D is no projection otherwise: use "
            "torch.linalg.pinv or the Q of a QR.",
            2,
        ),
        Mistake(adds_without_taking_out, "You add to what is in the channel already: take the old part out first.", 0),
        Mistake(sets_every_position, "You set every position. Only position[n] of prompt n is to change.", 0),
        Mistake(throws_away_the_rest, "You throw away what is outside the channel: the complement is kept.", 0),
    ),
    variants=(channel_by_qr, channel_by_least_squares),
)

EXERCISES = (RECALL, INHIBITION, CHANNEL)
