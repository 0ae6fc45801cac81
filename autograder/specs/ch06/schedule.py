"""Exercises 6.6 and 6.8, ``should_reset`` and ``forgetful_loop``: when to forget, and in which order of things.

- whole schedules as lists of steps; a loop on a machine that writes down what is done to it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _schedule(rng: Rng, kind: str) -> dict[str, Any]:
    every = int(rng.integers(3, 9))
    rounds = int(rng.integers(3, 6))
    until = {"vanilla": 0, "active": 0, "between": every * rounds + 1, "on a reset": every * rounds}[kind]
    # long enough that an end counted in resets, at step until * every, lies within
    return {"every": 0 if kind == "vanilla" else every, "until": until, "steps": every * (max(rounds, until) + 4)}


def goes_on_at_the_end_itself(step, every, until):
    return every > 0 and step % every == 0 and (until == 0 or step <= until)


def never_stops(step, every, until):
    return every > 0 and step % every == 0


def counts_the_end_in_resets(step, every, until):
    return every > 0 and step % every == 0 and (until == 0 or step < until * every)


def resets_once(step, every, until):
    return every > 0 and step == every and (until == 0 or step < until)


def resets_every_step_after_the_end(step, every, until):
    if every == 0:
        return False
    return step % every == 0 if until == 0 or step < until else True


def divides_by_zero(step, every, until):
    return step % every == 0 and (until == 0 or step < until)


def takes_no_end_as_never(step, every, until):
    return every > 0 and step % every == 0 and step < until


def counts_steps_from_zero(step, every, until):
    return every > 0 and (step - 1) % every == 0 and (until == 0 or step < until)


def schedule_by_ranges(step, every, until):
    if every == 0:
        return False
    last = until if until else step + 1
    return step in range(every, last, every)


def schedule_by_returns(step, every, until):
    if every <= 0 or step % every:
        return False
    return not (until and step >= until)


SHOULD_RESET = Exercise(
    name="should_reset",
    card=Card(
        title="Write down when to forget",
        difficulty=1,
        minutes=8,
        why="Vanilla training, active and temporary forgetting are one rule with two numbers. An off-by-one here is "
        "a reset too many, a few steps before you measure.",
        paper="Active forgetting (every K steps, never ending) and temporary forgetting (only while step < N).",
    ),
    groups=(
        Group(
            "vanilla",
            2,
            partial(_schedule, kind="vanilla"),
            cases=1,
            hint="every = 0 means that nothing is ever reset.",
        ),
        Group(
            "active forgetting",
            2,
            partial(_schedule, kind="active"),
            hint="until = 0 means that there is no end: reset at every, 2 * every, 3 * every, …",
        ),
        Group(
            "temporary forgetting",
            2,
            partial(_schedule, kind="between"),
            hint="Reset only while step < until; afterwards never again.",
        ),
        Group(
            "an end that falls on a reset",
            2,
            partial(_schedule, kind="on a reset"),
            hint="At step until itself there is no reset any more.",
        ),
    ),
    mistakes=(
        Mistake(
            goes_on_at_the_end_itself,
            "You still reset at step until: < and not <=. The measurement right after it would be of a model that "
            "has just forgotten.",
            6,
        ),
        Mistake(never_stops, "Your forgetting never ends: until is not looked at.", 4),
        Mistake(
            counts_the_end_in_resets,
            "Your forgetting ends at step until * every: you take until for a number of resets. It is a step.",
            4,
        ),
        Mistake(
            resets_once,
            "You reset once, at step every. Reset at every, 2 * every, 3 * every, …: whenever step is a multiple.",
            2,
        ),
        Mistake(
            resets_every_step_after_the_end,
            "From until on you reset at every step. From there on nothing is reset at all.",
            4,
        ),
        Mistake(
            divides_by_zero,
            "every = 0 is vanilla training, and step % 0 is an error. Ask for every > 0 first.",
            6,
        ),
        Mistake(
            takes_no_end_as_never,
            "until = 0 means that forgetting never ends (active forgetting). Your rule takes it as 'ended before it "
            "began'.",
            6,
        ),
        Mistake(
            counts_steps_from_zero,
            "You reset at steps 1, every + 1, 2 * every + 1, … Steps are counted from 1: reset when step is a "
            "multiple of every.",
            2,
        ),
    ),
    variants=(schedule_by_ranges, schedule_by_returns),
    probe="ch06.should_reset",
)


def _loop(rng: Rng, kind: str) -> dict[str, Any]:
    every = int(rng.integers(2, 5))
    steps = 5 * every
    if kind == "vanilla":
        return {"steps": steps, "every": 0, "until": 0, "measure_every": every}
    if kind == "together":
        return {"steps": steps, "every": every, "until": 3 * every, "measure_every": every}
    # one that does not divide steps, so that the last step is a measurement of its own
    return {"steps": steps, "every": every, "until": 0, "measure_every": every + 1 + (steps % (every + 1) == 0)}


def resets_before_it_measures(steps, every, until, measure_every, take_step, measure, reset):
    curve = []
    for step in range(1, steps + 1):
        take_step()
        if should_reset(step, every, until):
            reset()
        if step % measure_every == 0 or step == steps:
            curve.append([step, measure()])
    return curve


def measures_before_the_step(steps, every, until, measure_every, take_step, measure, reset):
    curve = []
    for step in range(1, steps + 1):
        if step % measure_every == 0 or step == steps:
            curve.append([step, measure()])
        take_step()
        if should_reset(step, every, until):
            reset()
    return curve


def begins_with_step_zero(steps, every, until, measure_every, take_step, measure, reset):
    curve = []
    for step in range(steps):
        take_step()
        if step % measure_every == 0 or step == steps - 1:
            curve.append([step, measure()])
        if should_reset(step, every, until):
            reset()
    return curve


def leaves_out_the_last_step(steps, every, until, measure_every, take_step, measure, reset):
    curve = []
    for step in range(1, steps + 1):
        take_step()
        if step % measure_every == 0:
            curve.append([step, measure()])
        if should_reset(step, every, until):
            reset()
    return curve


def resets_before_the_step(steps, every, until, measure_every, take_step, measure, reset):
    curve = []
    for step in range(1, steps + 1):
        if should_reset(step, every, until):
            reset()
        take_step()
        if step % measure_every == 0 or step == steps:
            curve.append([step, measure()])
    return curve


def measures_at_every_step(steps, every, until, measure_every, take_step, measure, reset):
    curve = []
    for step in range(1, steps + 1):
        take_step()
        curve.append([step, measure()])
        if should_reset(step, every, until):
            reset()
    return curve


def loop_by_while(steps, every, until, measure_every, take_step, measure, reset):
    curve, step = [], 0
    while step < steps:
        step += 1
        take_step()
        if step == steps or not step % measure_every:
            curve.append([step, measure()])
        if should_reset(step, every, until):
            reset()
    return curve


def loop_by_listing_first(steps, every, until, measure_every, take_step, measure, reset):
    wanted = set(range(measure_every, steps + 1, measure_every)) | {steps}
    forgets = {step for step in range(1, steps + 1) if should_reset(step, every, until)}
    curve = []
    for step in range(1, steps + 1):
        take_step()
        if step in wanted:
            curve.append((step, measure()))
        if step in forgets:
            reset()
    return [list(row) for row in curve]


LOOP = Exercise(
    name="forgetful_loop",
    card=Card(
        title="Step, measure, forget: in this order",
        difficulty=2,
        minutes=10,
        why="Measure just after a reset and every score is lower than what the model has learned. One line in the "
        "wrong place would make a whole finding, or destroy one.",
        paper="The order of the released script: step, evaluate, then perhaps reset.",
    ),
    groups=(
        Group(
            "vanilla training",
            2,
            partial(_loop, kind="vanilla"),
            cases=1,
            hint="Steps are counted from 1 to steps; measure after the step, every measure_every steps and at the "
            "last.",
        ),
        Group(
            "measurements and resets at the same steps",
            4,
            partial(_loop, kind="together"),
            hint="In one round: take_step(), then perhaps measure(), then perhaps reset().",
        ),
        Group(
            "resets that never end",
            2,
            partial(_loop, kind="apart"),
            hint="The last step is measured, whether measure_every divides it or not, and before its reset.",
        ),
    ),
    mistakes=(
        Mistake(
            resets_before_it_measures,
            "You measure just after a reset: the model has forgotten even the copula and the mask, and every score "
            "is far too low. Measure first, then reset.",
            2,
        ),
        Mistake(
            measures_before_the_step,
            "You measure before the step is taken: a measurement labelled 100 would be of a model after 99 steps "
            "(or of one that was just reset).",
            0,
        ),
        Mistake(
            begins_with_step_zero,
            "Your steps run from 0 to steps - 1. They are counted from 1, and step 0 would be measured and reset at "
            "once.",
            0,
        ),
        Mistake(
            leaves_out_the_last_step,
            "The last step is missing from your curve when measure_every does not divide it. Measure it in any case.",
            6,
        ),
        Mistake(
            resets_before_the_step,
            "You reset before the step, so the model is measured with one single step of memory. The reset comes last.",
            2,
        ),
        Mistake(
            measures_at_every_step,
            "You measure at every step: every measure_every steps, and at the last one, is asked for.",
            0,
        ),
    ),
    variants=(loop_by_while, loop_by_listing_first),
    probe="ch06.forgetful_loop",
)
