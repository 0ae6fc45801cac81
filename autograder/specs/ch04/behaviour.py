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


def exchanges_source_and_destination(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        gap = [p[n, wanted[n], last[n]] - p[n, :, last[n]][inhibited[n]].mean() for p in (present, removed)]
        total += (gap[0] - gap[1]).item()
    return total / len(last)


def adds_up_the_prompts(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        gap = [p[n, last[n], wanted[n]] - p[n, last[n]][inhibited[n]].mean() for p in (present, removed)]
        total += (gap[0] - gap[1]).item()
    return total


def divides_by_all_positions(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        gap = [p[n, last[n], wanted[n]] - (p[n, last[n]] * inhibited[n]).mean() for p in (present, removed)]
        total += (gap[0] - gap[1]).item()
    return total / len(last)


def pools_the_inhibited_of_all_prompts(present, removed, last, wanted, inhibited):
    rows = torch.arange(len(last))
    gap = [p[rows, last, wanted].mean() - p[rows, last][inhibited].mean() for p in (present, removed)]
    return (gap[0] - gap[1]).item()


def forgets_the_inhibited(present, removed, last, wanted, inhibited):
    rows = torch.arange(len(last))
    return (present[rows, last, wanted] - removed[rows, last, wanted]).mean().item()


def takes_all_others_for_inhibited(present, removed, last, wanted, inhibited):
    rows = torch.arange(len(last))
    at = [p[rows, last, wanted] for p in (present, removed)]
    gap = [one - (1 - one) / (present.shape[-1] - 1) for one in at]
    return (gap[0] - gap[1]).mean().item()


def takes_the_strongest_of_the_inhibited(present, removed, last, wanted, inhibited):
    total = 0.0
    for n in range(len(last)):
        gap = [p[n, last[n], wanted[n]] - p[n, last[n]][inhibited[n]].max() for p in (present, removed)]
        total += (gap[0] - gap[1]).item()
    return total / len(last)


def mixes_the_prompts(present, removed, last, wanted, inhibited):
    rows = torch.arange(len(last))
    gap = []
    for p in (present, removed):
        at = p[rows, last]
        gap.append(at[:, wanted].mean(1) - (at * inhibited).sum(1) / inhibited.sum(1))
    return (gap[0] - gap[1]).mean().item()


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


def _draw_channel(rng: Rng, oblique: bool = False, and_after: bool = False) -> dict[str, Any]:
    batch, length, size, k = 4, 5, 10, 3
    directions = torch.linalg.qr(torch.tensor(rng.normal(size=(size, k))))[0].T
    if oblique:
        mix = torch.tensor([[1.0, 0.6, 0.0], [0.0, 2.0, -0.7], [0.5, 0.0, 0.8]], dtype=torch.float64)
        directions = mix @ directions
    return {
        "x": torch.tensor(rng.normal(size=(batch, length, size))),
        "directions": directions,
        "coordinates": torch.tensor(rng.normal(size=k) * 3),
        # Two prompts share a place and none is the last: a function that sets all of these places in each shows.
        "position": torch.tensor(rng.permutation(length - 1)[[0, 1, 2, 0]]),
        "and_after": and_after,
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


def only_makes_the_rows_unit(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    now, unit = x[rows, position], directions / directions.norm(dim=1, keepdim=True)
    x[rows, position] = now - now @ unit.T @ unit + coordinates @ directions
    return x


def takes_directions_out_one_by_one(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    now = x[rows, position]
    for row in directions:
        now = now - (now @ row)[:, None] * row / (row @ row)
    x[rows, position] = now + coordinates @ directions
    return x


def measures_along_another_basis(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    basis = torch.linalg.qr(directions.T)[0]
    now = x[rows, position]
    x[rows, position] = now - now @ basis @ basis.T + coordinates @ basis.T
    return x


def writes_along_unit_rows(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    now, unit = x[rows, position], directions / directions.norm(dim=1, keepdim=True)
    x[rows, position] = now - now @ torch.linalg.pinv(directions) @ directions + coordinates @ unit
    return x


def sets_all_those_places_in_every_prompt(x, directions, coordinates, position):
    x = x.clone()
    now = x[:, position]
    x[:, position] = now - now @ torch.linalg.pinv(directions) @ directions + coordinates @ directions
    return x


def sets_the_last_position(x, directions, coordinates, position):
    x = x.clone()
    now = x[:, -1]
    x[:, -1] = now - now @ torch.linalg.pinv(directions) @ directions + coordinates @ directions
    return x


def gives_back_the_rows_alone(x, directions, coordinates, position):
    now = x[torch.arange(len(x)), position]
    return now - now @ torch.linalg.pinv(directions) @ directions + coordinates @ directions


def keeps_the_inside(x, directions, coordinates, position):
    x, rows = x.clone(), torch.arange(len(x))
    x[rows, position] = x[rows, position] @ torch.linalg.pinv(directions) @ directions + coordinates @ directions
    return x


def writes_into_what_was_handed_in(x, directions, coordinates, position):
    rows = torch.arange(len(x))
    now = x[rows, position]
    x[rows, position] = now - now @ torch.linalg.pinv(directions) @ directions + coordinates @ directions
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
    length = torch.tensor(rng.integers(1, longest + 1 - sparse, size=90))
    place = torch.tensor([int(rng.integers(n)) if rng.random() < 0.6 else 0 for n in length.tolist()])
    if not sparse:  # every length has a prompt for every place
        full = [(n, p) for n in range(1, longest + 1) for p in range(n)]
        length[: len(full)], place[: len(full)] = torch.tensor(full).T
    right = torch.tensor(rng.random(90) < 0.4 + 0.5 * (place.numpy() == 0))
    # The last prompts are of lists of two and of the longest that occurs, one right and one wrong in each place.
    n = longest - sparse
    length[-4:], place[-4:] = torch.tensor([2, 2, n, n]), torch.tensor([1, 1, n - 1, n - 1])
    right[-4:] = torch.tensor([True, False, False, True])
    return {"right": right, "length": length, "place": place, "longest": longest, "filled_only": not sparse}


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


def counts_hits(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in length.unique().tolist():
        by_length[n] = right[length == n].sum()
        for p in place[length == n].unique().tolist():
            by_place[n, p] = right[(length == n) & (place == p)].sum()
    return {"by_length": by_length, "by_place": by_place}


def divides_by_all_prompts(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in length.unique().tolist():
        by_length[n] = right[length == n].sum() / len(right)
        for p in place[length == n].unique().tolist():
            by_place[n, p] = right[(length == n) & (place == p)].sum() / len(right)
    return {"by_length": by_length, "by_place": by_place}


def counts_errors(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in length.unique().tolist():
        by_length[n] = 1 - right[length == n].double().mean()
        for p in place[length == n].unique().tolist():
            by_place[n, p] = 1 - right[(length == n) & (place == p)].double().mean()
    return {"by_length": by_length, "by_place": by_place}


def counts_places_from_one(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in length.unique().tolist():
        by_length[n] = right[length == n].double().mean()
        for p in range(longest):
            by_place[n, p] = right[(length == n) & (place == p + 1)].double().mean()
    return {"by_length": by_length, "by_place": by_place}


def stops_before_the_longest(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in range(longest):
        by_length[n] = right[length == n].double().mean()
        for p in range(n):
            by_place[n, p] = right[(length == n) & (place == p)].double().mean()
    return {"by_length": by_length, "by_place": by_place}


def starts_at_two(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in range(2, longest + 1):
        by_length[n] = right[length == n].double().mean()
        for p in range(n):
            by_place[n, p] = right[(length == n) & (place == p)].double().mean()
    return {"by_length": by_length, "by_place": by_place}


def forgets_the_length_of_a_cell(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in range(longest + 1):
        by_length[n] = right[length == n].double().mean()
        for p in range(longest):
            by_place[n, p] = right[place == p].double().mean()
    return {"by_length": by_length, "by_place": by_place}


def counts_places_from_the_end(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for n in range(longest + 1):
        by_length[n] = right[length == n].double().mean()
        for p in range(longest):
            by_place[n, p] = right[(length == n) & (length - 1 - place == p)].double().mean()
    return {"by_length": by_length, "by_place": by_place}


def keeps_the_last_prompt(right, length, place, longest):
    by_length = torch.full((longest + 1,), float("nan"))
    by_place = torch.full((longest + 1, longest), float("nan"))
    for hit, n, p in zip(right.tolist(), length.tolist(), place.tolist(), strict=True):
        by_length[n] = by_place[n, p] = hit
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
        Group("cells with prompts", 3, _draw_recall, hint="Each cell is a mean over the prompts that fall into it."),
        Group("empty cells", 2, partial(_draw_recall, sparse=True), hint="No prompt, no accuracy: NaN and not 0."),
    ),
    mistakes=(
        Mistake(empty_cells_are_zero, "Cells without a prompt say 0: nobody failed there. Use NaN.", 3),
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
        Mistake(counts_hits, "You count the right answers of a cell. Accuracy is their share: take the mean.", 0),
        Mistake(divides_by_all_prompts, "You divide by the number of all prompts: divide by those of the cell.", 0),
        Mistake(counts_errors, "You count the wrong answers: accuracy is the share of the right ones.", 0),
        Mistake(counts_places_from_one, "Your columns are one place late: places count from 0.", 0),
        Mistake(
            stops_before_the_longest,
            "Your loop stops before the longest list. range(n) ends at n - 1: use range(longest + 1).",
            2,
        ),
        Mistake(
            starts_at_two,
            "Your loop leaves out lists of one thing. A function for any prompts starts at the shortest there can be.",
            0,
        ),
        Mistake(
            forgets_the_length_of_a_cell,
            "Your cells hold the accuracy of a place over all lengths: take the prompts of this length and this place.",
            0,
        ),
        Mistake(
            counts_places_from_the_end, "You count places from the end of the list: place 0 is the list's first.", 0
        ),
        Mistake(
            keeps_the_last_prompt,
            "Each cell keeps its last prompt only: indexed assignment overwrites. Take the mean over its prompts.",
            0,
        ),
    ),
    variants=(recall_by_loop, recall_by_counting),
    probe="ch04.recall_by_place",
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
            partial(_draw_inhibition, ragged=True, several=True),
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
        Mistake(adds_up_the_inhibited, "You add up the inhibited positions of a prompt: take their mean.", 2),
        Mistake(
            forgets_the_removed_run,
            "You measure the gap with the component only. The score is how much of it goes when the component goes.",
            0,
        ),
        Mistake(
            exchanges_source_and_destination,
            "You read the pattern the wrong way round: it is [prompt, destination, source], so the row is "
            "pattern[n, last[n]].",
            0,
        ),
        Mistake(adds_up_the_prompts, "You add up the prompts: the score is their mean.", 0),
        Mistake(
            divides_by_all_positions,
            "You average over all positions, with zeros where nothing is inhibited: divide by the number of inhibited "
            "positions of the prompt.",
            0,
        ),
        Mistake(
            pools_the_inhibited_of_all_prompts,
            "You average the inhibited positions of all prompts together, so prompts with many of them count more: "
            "first the mean of each prompt, then the mean over prompts.",
            2,
        ),
        Mistake(
            forgets_the_inhibited,
            "You measure attention to the wanted source only. The gap takes the mean over the inhibited ones from it.",
            0,
        ),
        Mistake(
            takes_all_others_for_inhibited,
            "You set the wanted source against all others. Only those marked in inhibited count.",
            0,
        ),
        Mistake(
            takes_the_strongest_of_the_inhibited,
            "You take the inhibited position with most attention: take the mean of the prompt's.",
            2,
        ),
        Mistake(
            mixes_the_prompts,
            "You read every prompt at the wanted sources of all prompts: row[:, wanted] is a table. Pair them: "
            "row[torch.arange(n), wanted].",
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
            2,
            partial(_draw_channel, oblique=True),
            hint="Directions of two heads are not orthogonal: project with a QR or a pseudo-inverse.",
        ),
        Group(
            "the tensor that was handed in",
            1,
            partial(_draw_channel, and_after=True),
            hint="x itself stays as it is: work on x.clone().",
        ),
    ),
    probe="ch04.set_channel",
    mistakes=(
        Mistake(
            takes_the_directions_for_orthonormal,
            "You project as if the directions were orthonormal. x @ D.T @ D is no projection otherwise: use "
            "torch.linalg.pinv or the Q of a QR.",
            3,
        ),
        Mistake(adds_without_taking_out, "You add to what is in the channel already: take the old part out first.", 0),
        Mistake(sets_every_position, "You set every position. Only position[n] of prompt n is to change.", 0),
        Mistake(throws_away_the_rest, "You throw away what is outside the channel: the complement is kept.", 0),
        Mistake(
            only_makes_the_rows_unit,
            "Rows of length 1 are not enough: they must be orthogonal as well before x @ D.T @ D is a projection. Use "
            "torch.linalg.pinv or the Q of a QR.",
            3,
        ),
        Mistake(
            takes_directions_out_one_by_one,
            "You take the directions out one after the other. Where they are oblique, the next one puts back what the "
            "last one took: take the whole span out at once.",
            3,
        ),
        Mistake(
            measures_along_another_basis,
            "You write the coordinates along the orthonormal basis of the QR. They belong to the rows that were handed "
            "in: coordinates @ directions.",
            3,
        ),
        Mistake(
            writes_along_unit_rows,
            "You write along rows of length 1. The coordinates belong to the rows as they were handed in: "
            "coordinates @ directions.",
            3,
        ),
        Mistake(
            sets_all_those_places_in_every_prompt,
            "x[:, position] sets the positions of all prompts in every prompt. Pair them: "
            "x[torch.arange(n), position].",
            0,
        ),
        Mistake(
            sets_the_last_position,
            "You set the last position of every prompt: it is position[n] of prompt n that changes.",
            0,
        ),
        Mistake(
            gives_back_the_rows_alone,
            "You give back the changed rows alone: write them into a clone of x and return all of it.",
            0,
        ),
        Mistake(
            keeps_the_inside,
            "You keep what is inside the channel and drop the rest: it is the other way round, x minus its part "
            "inside.",
            0,
        ),
        Mistake(
            writes_into_what_was_handed_in,
            "You change the x that was handed in, and whoever calls you still needs it: x[...] = ... writes into it. "
            "Work on x.clone().",
            4,
        ),
    ),
    variants=(channel_by_qr, channel_by_least_squares),
)

EXERCISES = (RECALL, INHIBITION, CHANNEL)
