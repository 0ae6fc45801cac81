"""Exercise 1.3, ``find_stages``: the paper's three stages as a rule on two curves.

- drawn curves: a clean X, curves that cross more than once, curves without an X;
- curves that meet the edges of the rule: equal numbers, other thresholds, stage 0, an answer that is high too early.
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


def takes_the_first_lead(argument, answer, peak, saturated):
    leads = [i for i in range(len(answer)) if answer[i] > argument[i]]
    application = leads[0] if leads else None
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


def lets_a_tie_count_as_a_lead(argument, answer, peak, saturated):
    stays = (answer >= argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def takes_the_latest_of_equal_peaks(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = application - 1 - int(argument[:application].flip(0).argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def asks_for_more_than_the_peak(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] > peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def asks_for_more_than_saturated(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer > saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def writes_the_thresholds_into_the_code(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= 0.9).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= 0.5 and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def takes_stage_0_for_none(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = bool(formation) and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def searches_the_application_stage_too(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[: application + 1].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def asks_for_saturation_in_an_x(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
    shaped = shaped and saturation is not None
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def does_not_compare_argument_and_answer(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = len(answer) - stays if stays else None
    shaped = formation is not None and bool(argument[formation] >= peak)
    return {"formation": formation, "application": application, "saturation": saturation, "x_shaped": shaped}


def lets_saturation_wait_for_application(argument, answer, peak, saturated):
    stays = (answer > argument).long().flip(0).cumprod(0).sum().item()
    application = len(answer) - stays if stays else None
    formation = int(argument[:application].argmax()) if application else None
    stays = (answer >= saturated).long().flip(0).cumprod(0).sum().item()
    saturation = max(len(answer) - stays, application) if stays and application is not None else None
    shaped = formation is not None and bool(argument[formation] >= peak and argument[formation] > answer[formation])
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
    takes_the_first_lead,
    looks_for_the_argument_everywhere,
    takes_the_highest_answer_as_saturation,
    takes_the_first_touch_of_saturation,
    calls_every_crossing_an_x,
    lets_a_tie_count_as_a_lead,
    takes_the_latest_of_equal_peaks,
    asks_for_more_than_the_peak,
    asks_for_more_than_saturated,
    writes_the_thresholds_into_the_code,
    takes_stage_0_for_none,
    searches_the_application_stage_too,
    asks_for_saturation_in_an_x,
    does_not_compare_argument_and_answer,
    lets_saturation_wait_for_application,
)


def _curves(rng: Rng, kind: str) -> dict[str, Any]:
    n = int(rng.integers(9, 13))
    cross = int(rng.integers(n // 2 - 1, n - 3))
    if kind in ("equal", "early"):
        cross = max(cross, 5)  # room for two peaks
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
    peak, saturated = PEAK, SATURATED
    if kind == "equal":  # each comparison of the rule meets two equal numbers, the same in float32 and in float64
        saturated = 0.875
        top = int(rng.integers(1, cross - 2))
        argument[:cross] = rng.uniform(0.2, 0.45, cross)
        argument[top] = argument[cross - 2] = peak
        answer[cross - 1] = argument[cross - 1]
        answer[cross : cross + 2] = rng.uniform(0.6, 0.85), saturated
        answer[cross + 2 :] = rng.uniform(0.91, 0.99, n - cross - 2)
    if kind == "thresholds":  # and formation at stage 0
        peak, saturated = 0.3, 0.8
        argument[:cross] = np.sort(rng.uniform(0.32, 0.48, cross))[::-1]
        argument[cross], answer[cross] = 0.55, 0.7
        answer[-2:] = rng.uniform(0.81, 0.88, 2)
    if kind == "early":  # the answer is high before it leads for good, and level with the argument at the latter's peak
        top = int(rng.integers(1, cross - 2))
        argument[top:cross] = rng.uniform(0.55, 0.8, cross - top)
        argument[top] = answer[top] = 0.99
        argument[cross - 1], answer[cross - 1 :] = 0.98, rng.uniform(0.91, 0.97, n - cross + 1)
    shapes = {
        name: torch.tensor(values, dtype=torch.float32) for name, values in (("argument", argument), ("answer", answer))
    }
    return {**shapes, "peak": peak, "saturated": saturated}


def _draw(rng: Rng, kind: str, slips: tuple[Any, ...]) -> dict[str, Any]:
    def wanted(case: dict[str, Any]) -> bool:
        right = stages_by_loops(**case)
        return all((slip(**case) != right) == (slip in slips) for slip in _MISTAKES)

    return until(rng, partial(_curves, kind=kind), wanted, 3000)


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
            1,
            partial(_draw, kind="X", slips=(takes_the_highest_answer_as_saturation,)),
            hint="application: from here on the answer is above the argument. formation: before that, where the "
            "argument is highest. saturation: from here on the answer is at `saturated` or above.",
        ),
        Group(
            "an X that does not saturate",
            1,
            partial(_draw, kind="open", slips=(takes_the_highest_answer_as_saturation, asks_for_saturation_in_an_x)),
            hint="An answer that never stays at `saturated` has no saturation stage, None. The X does not need one.",
        ),
        Group(
            "curves that cross more than once",
            2,
            partial(
                _draw,
                kind="twice",
                slips=(
                    takes_the_first_crossing,
                    takes_the_first_lead,
                    looks_for_the_argument_everywhere,
                    takes_the_highest_answer_as_saturation,
                    takes_the_first_touch_of_saturation,
                ),
            ),
            hint="Each of 'above', 'at least' must hold from that stage up to the last one.",
        ),
        Group(
            "an argument that never stands high",
            1,
            partial(_draw, kind="low", slips=(calls_every_crossing_an_x, takes_the_highest_answer_as_saturation)),
            hint="x_shaped is True only if the argument reaches `peak` at the formation stage and is above the answer "
            "there.",
        ),
        Group(
            "an answer that loses its lead",
            1,
            partial(_draw, kind="none", slips=(takes_the_first_lead, takes_the_highest_answer_as_saturation)),
            hint="The answer must lead up to the last stage. If it does not, application and formation are None, and "
            "there is no X.",
        ),
        Group(
            "an answer that leads from the start",
            1,
            partial(
                _draw,
                kind="from the start",
                slips=(takes_the_highest_answer_as_saturation, calls_every_crossing_an_x),
            ),
            hint="application is 0. Nothing stands before it: no formation (None), and no X.",
        ),
        Group(
            "numbers that are exactly equal",
            1,
            partial(
                _draw,
                kind="equal",
                slips=(
                    takes_the_highest_answer_as_saturation,
                    lets_a_tie_count_as_a_lead,
                    takes_the_latest_of_equal_peaks,
                    asks_for_more_than_the_peak,
                    asks_for_more_than_saturated,
                    writes_the_thresholds_into_the_code,
                ),
            ),
            hint="application: the answer is above (>) the argument. peak and saturated: at or above (>=). Of several "
            "equal peaks the earliest is the formation stage.",
        ),
        Group(
            "other thresholds, and an argument that is highest at stage 0",
            1,
            partial(
                _draw,
                kind="thresholds",
                slips=(
                    looks_for_the_argument_everywhere,
                    takes_the_highest_answer_as_saturation,
                    writes_the_thresholds_into_the_code,
                    takes_stage_0_for_none,
                    searches_the_application_stage_too,
                ),
            ),
            hint="peak and saturated are arguments of your function. Formation may be stage 0, which is not None, and "
            "it lies before application.",
        ),
        Group(
            "an answer that is high too early",
            1,
            partial(
                _draw,
                kind="early",
                slips=(
                    takes_the_highest_answer_as_saturation,
                    takes_the_first_touch_of_saturation,
                    calls_every_crossing_an_x,
                    does_not_compare_argument_and_answer,
                    lets_saturation_wait_for_application,
                ),
            ),
            hint="x_shaped looks at one stage, formation: the argument must be above the answer there. saturation is "
            "found from the answer's curve alone and may come before application.",
        ),
    ),
    mistakes=(
        Mistake(
            takes_the_first_crossing,
            "You take the first stage at which the answer leads. It may lose the lead again: from the application "
            "stage on it must lead in every stage.",
            8,
        ),
        Mistake(
            takes_the_first_lead,
            "You take the first stage at which the answer leads, whatever comes after. It must lead from there up to "
            "the last stage; where it does not lead at the end, application is None.",
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
            7,
        ),
        Mistake(
            lets_a_tie_count_as_a_lead,
            "You let the answer lead where the two curves are equal. It must be above the argument: >, not >=.",
            9,
        ),
        Mistake(
            takes_the_latest_of_equal_peaks,
            "Where the argument is equally high in several stages you take the last of them. Formation is the "
            "earliest.",
            9,
        ),
        Mistake(
            asks_for_more_than_the_peak,
            "An argument that stands exactly at `peak` is no X in your rule. At or above is asked: >=, not >.",
            9,
        ),
        Mistake(
            asks_for_more_than_saturated,
            "An answer that stands exactly at `saturated` is not saturated in your rule. At or above is asked: >=, "
            "not >.",
            9,
        ),
        Mistake(
            writes_the_thresholds_into_the_code,
            "You compare with 0.5 and 0.9. The two thresholds are arguments of your function: `peak` and `saturated`.",
            8,
        ),
        Mistake(
            takes_stage_0_for_none,
            "A formation at stage 0 is no X in your rule. In Python 0 counts as false: ask `formation is not None`.",
            9,
        ),
        Mistake(
            searches_the_application_stage_too,
            "You search the application stage itself for the argument's peak. Formation lies before it: "
            "argument[:application].",
            9,
        ),
        Mistake(
            asks_for_saturation_in_an_x,
            "You ask for saturation in an X. The rule of x_shaped looks at the formation stage alone.",
            9,
        ),
        Mistake(
            does_not_compare_argument_and_answer,
            "You call it an X where the argument is high but not above the answer at the formation stage. Both must "
            "hold at that one stage.",
            9,
        ),
        Mistake(
            lets_saturation_wait_for_application,
            "Your saturation is never before application. It is found from the answer's curve alone, and an argument "
            "may stand still higher than a saturated answer.",
            9,
        ),
    ),
    variants=(stages_by_loops, stages_from_the_end),
)
