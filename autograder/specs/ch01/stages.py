"""Exercise 1.3, ``find_stages``: the paper's three stages as a rule on two curves.

- drawn curves: a clean X, curves that cross more than once, curves without an X.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch01.prompts import until

Rng = np.random.Generator
PEAK, SATURATED = 0.5, 0.9


def takes_the_first_crossing(argument, answer, peak, saturated):
    leads = [i for i in range(len(answer)) if answer[i] > argument[i]]
    application = leads[0] if leads and answer[-1] > argument[-1] else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def looks_for_the_argument_everywhere(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument.argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def takes_the_highest_answer_as_saturation(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    saturation = int(answer.argmax())
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def takes_the_first_touch_of_saturation(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    high = [i for i in range(len(answer)) if answer[i] >= saturated]
    saturation = high[0] if high else None
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def calls_every_crossing_an_x(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = application is not None
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def stages_by_loops(argument, answer, peak, saturated):
    def stays_from(good):
        first = None
        for i, value in enumerate(good):
            if not value:
                first = None
            elif first is None:
                first = i
        return first

    pairs = list(zip(argument.tolist(), answer.tolist(), strict=True))
    application = stays_from([two > one for one, two in pairs])
    formation = None
    if application:
        formation = max(range(application), key=lambda i: pairs[i][0])
    shaped = False
    if formation is not None:
        one, two = pairs[formation]
        shaped = one >= peak and one > two
    saturation = stays_from([two >= saturated for _, two in pairs])
    return {"x_shaped": shaped, "formation": formation, "application": application, "saturation": saturation}


def stages_from_the_end(argument, answer, peak, saturated):
    def last_run(good):
        start = len(good)
        while start > 0 and good[start - 1]:
            start -= 1
        return start if start < len(good) else None

    application = last_run((answer > argument).tolist())
    found = {"formation": None, "application": application, "x_shaped": False}
    found["saturation"] = last_run((answer >= saturated).tolist())
    if application is not None and application > 0:
        before = argument[:application].tolist()
        found["formation"] = before.index(max(before))
        found["x_shaped"] = max(before) >= peak and max(before) > answer[found["formation"]].item()
    return found


_MISTAKES = (
    takes_the_first_crossing,
    looks_for_the_argument_everywhere,
    takes_the_highest_answer_as_saturation,
    takes_the_first_touch_of_saturation,
    calls_every_crossing_an_x,
)


def _curves(rng: Rng, kind: str) -> dict[str, Any]:
    n = int(rng.integers(9, 13))
    cross = int(rng.integers(n // 2 - 1, n - 3))
    argument, answer = rng.uniform(0.02, 0.2, n), rng.uniform(0.02, 0.3, n)
    top = int(rng.integers(1, cross))
    argument[top:cross] = rng.uniform(0.55, 0.8, cross - top)
    answer[cross:] = rng.uniform(0.6, 0.85, n - cross)
    if kind == "X":
        answer[-2:] = rng.uniform(0.91, 1.0, 2)
    if kind == "twice":
        answer[0] = argument[0] + 0.1  # the answer leads at first, loses the lead and comes back
        answer[cross], answer[cross + 1], answer[-1] = 0.95, 0.7, 0.93
        argument[-1] = 0.9  # after the crossing the argument may come back without leading
    if kind == "low":
        argument[:cross] = rng.uniform(0.1, 0.4, cross)
        answer[:cross] = argument[:cross] * rng.uniform(0.2, 0.8, cross)
        if rng.random() < 0.5:
            answer[-1] = 0.95
    if kind == "none":
        argument[-1], answer[-1] = 0.8, 0.5
    if kind == "from the start":
        answer = rng.uniform(0.4, 0.6, n)
        argument = answer * rng.uniform(0.2, 0.8, n)
    shapes = {
        name: torch.tensor(values, dtype=torch.float32) for name, values in (("argument", argument), ("answer", answer))
    }
    return {**shapes, "peak": PEAK, "saturated": SATURATED}


def _draw(rng: Rng, kinds: tuple[str, ...], slips: tuple[Any, ...]) -> dict[str, Any]:
    def draw(rng: Rng) -> dict[str, Any]:
        return _curves(rng, kinds[int(rng.integers(len(kinds)))])

    def wanted(case: dict[str, Any]) -> bool:
        right = stages_by_loops(**case)
        return all((slip(**case) != right) == (slip in slips) for slip in _MISTAKES)

    return until(rng, draw, wanted, 3000)


EXERCISE = Exercise(
    name="find_stages",
    card=Card(
        title="Mark the three stages",
        difficulty=3,
        minutes=15,
        why="'The curves look like an X' is a matter of taste until it is a rule. A rule can say no: you will "
        "hear it say both.",
        paper="Argument formation, function application, saturation: the paper's reading of its reciprocal-rank plots.",
    ),
    groups=(
        Group(
            "a clean X",
            3,
            partial(_draw, kinds=("X",), slips=(takes_the_highest_answer_as_saturation,)),
            hint="application: from here on the answer is above the argument. formation: before that, where the "
            "argument "
            "is highest. saturation: from here on the answer is at `saturated` or above.",
        ),
        Group(
            "curves that cross more than once",
            3,
            partial(
                _draw,
                kinds=("twice",),
                slips=(
                    takes_the_first_crossing,
                    looks_for_the_argument_everywhere,
                    takes_the_highest_answer_as_saturation,
                    takes_the_first_touch_of_saturation,
                ),
            ),
            hint="Each of 'above', 'at least' must hold from that stage up to the last one.",
        ),
        Group(
            "an argument that never stands high",
            2,
            partial(
                _draw,
                kinds=("low",),
                slips=(calls_every_crossing_an_x, takes_the_highest_answer_as_saturation),
            ),
            hint="x_shaped is True only if the argument reaches `peak` at the formation stage and is above the answer "
            "there.",
        ),
        Group(
            "no crossing, or none needed",
            2,
            partial(_draw, kinds=("none", "from the start"), slips=(takes_the_highest_answer_as_saturation,)),
            cases=3,
            hint="Without a stage, None. If the answer leads from stage 0 there is no formation: None, and no X.",
        ),
    ),
    mistakes=(
        Mistake(
            takes_the_first_crossing,
            "You take the first stage at which the answer leads. It may lose the lead again: from the application "
            "stage "
            "on it must lead in every stage.",
            7,
        ),
        Mistake(
            looks_for_the_argument_everywhere,
            "You look for the argument's peak in the whole curve. The argument is formed before the function is "
            "applied: search stages 0 … application − 1.",
            7,
        ),
        Mistake(
            takes_the_highest_answer_as_saturation,
            "Your saturation is where the answer is highest. It is the first stage from which the answer stays at "
            "`saturated` or above, and None if there is none.",
            0,
        ),
        Mistake(
            takes_the_first_touch_of_saturation,
            "You take the first stage at which the answer touches `saturated`. It must stay there up to the last "
            "stage.",
            7,
        ),
        Mistake(
            calls_every_crossing_an_x,
            "You call every crossing an X. Two curves that rise side by side can cross; an X needs an argument that "
            "reaches `peak` and stands above the answer before the crossing.",
            8,
        ),
    ),
    variants=(stages_by_loops, stages_from_the_end),
)
