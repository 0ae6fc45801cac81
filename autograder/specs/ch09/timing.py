"""Exercise 9.4, ``time_training``: pieces of a step timed apart on a device that works through a queue.

- a fake device with its own clock: the first rounds are slow, later ones differ from call to call, so that a time
  taken at the wrong moment shows to the last digit.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, parts: list[str], warmups: tuple[int, ...], queue: float = 0.0) -> dict[str, Any]:
    warmup, timed, accumulation = int(rng.choice(warmups)), int(rng.integers(3, 6)), int(rng.integers(3, 7))
    calls = warmup + timed + accumulation
    accumulate, update = rng.uniform(0.2, 0.9, size=calls), rng.uniform(0.1, 0.5, size=calls)
    accumulate[:warmup] += 7
    update[:warmup] += 3
    device = {"accumulate_seconds": accumulate.tolist(), "update_seconds": update.tolist()}
    if queue:
        device["queue_seconds"] = queue
    return {"device": device, "accumulation": accumulation, "warmup": warmup, "timed": timed, "parts": parts}


def never_waits(trainer, accumulation, warmup, timed):
    def seconds(work):
        start = trainer.clock()
        work()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(warmup + timed)][warmup:]
    return {"accumulate": [a for a, _ in rounds], "update": [u for _, u in rounds], "real_step": seconds(step)}


def waits_before_the_end_only(trainer, accumulation, warmup, timed):
    for _ in range(warmup):
        trainer.accumulate()
        trainer.update()

    def seconds(work):
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(timed)]
    return {"accumulate": [a for a, _ in rounds], "update": [u for _, u in rounds], "real_step": seconds(step)}


def waits_once_a_round(trainer, accumulation, warmup, timed):
    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    acc, opt = [], []
    for number in range(warmup + timed):
        trainer.synchronize()
        start = trainer.clock()
        trainer.accumulate()
        middle = trainer.clock()
        trainer.update()
        trainer.synchronize()
        if number >= warmup:
            acc.append(middle - start)
            opt.append(trainer.clock() - middle)
    start = trainer.clock()
    step()
    trainer.synchronize()
    return {"accumulate": acc, "update": opt, "real_step": trainer.clock() - start}


def keeps_the_warmup_rounds(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(warmup + timed)]
    return {"accumulate": [a for a, _ in rounds], "update": [u for _, u in rounds], "real_step": seconds(step)}


def skips_the_warmup(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(timed)]
    return {"accumulate": [a for a, _ in rounds], "update": [u for _, u in rounds], "real_step": seconds(step)}


def warms_up_the_micro_batch_only(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    for _ in range(warmup):
        trainer.accumulate()
    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(timed)]
    return {"accumulate": [a for a, _ in rounds], "update": [u for _, u in rounds], "real_step": seconds(step)}


def times_the_optimizer_with_each_micro_batch(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def both():
        trainer.accumulate()
        update.append(seconds(trainer.update))

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    update = []
    accumulate = [seconds(both) for _ in range(warmup + timed)]
    return {"accumulate": accumulate[warmup:], "update": update[warmup:], "real_step": seconds(step)}


def updates_after_every_micro_batch(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
            trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(warmup + timed)][warmup:]
    return {"accumulate": [a for a, _ in rounds], "update": [u for _, u in rounds], "real_step": seconds(step)}


def predicts_the_real_step(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(warmup + timed)][warmup:]
    accumulate, update = [a for a, _ in rounds], [u for _, u in rounds]
    step = accumulation * sum(accumulate) / timed + sum(update) / timed
    return {"accumulate": accumulate, "update": update, "real_step": step}


def waits_between_micro_batches(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
            trainer.synchronize()
        trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(warmup + timed)][warmup:]
    return {"accumulate": [a for a, _ in rounds], "update": [u for _, u in rounds], "real_step": seconds(step)}


def averages_at_once(trainer, accumulation, warmup, timed):
    def seconds(work):
        trainer.synchronize()
        start = trainer.clock()
        work()
        trainer.synchronize()
        return trainer.clock() - start

    def step():
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()

    rounds = [(seconds(trainer.accumulate), seconds(trainer.update)) for _ in range(warmup + timed)][warmup:]
    accumulate, update = sum(a for a, _ in rounds) / timed, sum(u for _, u in rounds) / timed
    return {"accumulate": accumulate, "update": update, "real_step": seconds(step)}


def times_by_marks(trainer, accumulation, warmup, timed):
    def now():
        trainer.synchronize()
        return trainer.clock()

    for _ in range(warmup):
        trainer.accumulate()
        trainer.update()
    result = {"accumulate": [], "update": []}
    for _ in range(timed):
        marks = [now()]
        trainer.accumulate()
        marks.append(now())
        trainer.update()
        marks.append(now())
        result["accumulate"].append(marks[1] - marks[0])
        result["update"].append(marks[2] - marks[1])
    start = now()
    for _ in range(accumulation):
        trainer.accumulate()
    trainer.update()
    result["real_step"] = now() - start
    return result


def times_with_a_context(trainer, accumulation, warmup, timed):
    import contextlib

    @contextlib.contextmanager
    def stopwatch(into):
        trainer.synchronize()
        start = trainer.clock()
        yield
        trainer.synchronize()
        into.append(trainer.clock() - start)

    acc, opt, whole = [], [], []
    for _ in range(warmup + timed):
        with stopwatch(acc):
            trainer.accumulate()
        with stopwatch(opt):
            trainer.update()
    with stopwatch(whole):
        for _ in range(accumulation):
            trainer.accumulate()
        trainer.update()
    return {"accumulate": acc[-timed:], "update": opt[-timed:], "real_step": whole[0]}


EXERCISE_HINT = (
    "Before each reading of the clock the device must be idle: trainer.synchronize(), then trainer.clock() (no other "
    "clock: the device of the check has its own)."
)

TIME_TRAINING = Exercise(
    name="time_training",
    card=Card(
        title="Time a Pythia step on your machine",
        difficulty=3,
        minutes=15,
        why="A GPU returns before it is done. A stopwatch that does not know this measures how fast Python can queue "
        "work, and a whole plan is built on it.",
        paper="The benchmark: a discarded warm-up step, then timed steps, micro batch and optimizer timed apart. (The "
        "paper's timer is a plain wall clock; waiting for the device is our addition.)",
    ),
    groups=(
        Group(
            "the pieces, with nothing to discard",
            3,
            partial(_draw, parts=["accumulate", "update"], warmups=(0,)),
            hint=EXERCISE_HINT,
        ),
        Group(
            "the pieces, after a warm-up",
            3,
            partial(_draw, parts=["accumulate", "update"], warmups=(1, 2, 3)),
            hint="A warm-up round is one micro batch and one update; both are slow the first times, and the device may "
            "still be at work on them when you start to time.",
        ),
        Group(
            "a real step",
            2,
            partial(_draw, parts=["real_step"], warmups=(1, 2), queue=0.05),
            hint="After the timed rounds: accumulation micro batches, one update, and one time for all of it, with no "
            "waiting in between.",
        ),
    ),
    mistakes=(
        Mistake(
            never_waits,
            "Your times are 0 (on a GPU: a few milliseconds). You time how fast work is queued, not how fast it is "
            "done: call trainer.synchronize() before each reading of the clock.",
            0,
        ),
        Mistake(
            waits_before_the_end_only,
            "You wait at the end but not before the start. The first time then contains what was still queued, such "
            "as the warm-up: the device must be idle when the clock starts, too.",
            5,
        ),
        Mistake(
            waits_once_a_round,
            "You do not wait between micro batch and update, so the update's time contains the micro batch as well. "
            "Wait at every reading of the clock.",
            2,
        ),
        Mistake(
            keeps_the_warmup_rounds,
            "The warm-up rounds are among your times. Run them, but keep the timed rounds only.",
            5,
        ),
        Mistake(
            skips_the_warmup,
            "You run no warm-up rounds, so that compiling and allocating are in your first times. Run warmup rounds "
            "before the timed ones and keep none of them.",
            3,
        ),
        Mistake(
            warms_up_the_micro_batch_only,
            "You warm up the micro batch but not the update. The first updates are slow as well: the optimizer makes "
            "its state in them. A warm-up round is both.",
            3,
        ),
        Mistake(
            times_the_optimizer_with_each_micro_batch,
            "The time of your micro batch contains an update. The optimizer runs once in a step, so its time must "
            "stand apart.",
            2,
        ),
        Mistake(
            updates_after_every_micro_batch,
            "Your real step updates after every micro batch. Those are several small steps; a real one adds up "
            "gradients and updates once, at the end.",
            6,
        ),
        Mistake(
            predicts_the_real_step,
            "Your real step is computed from the pieces. It has to be run: it is what the prediction is tested with.",
            6,
        ),
        Mistake(
            waits_between_micro_batches,
            "You wait after every micro batch of the real step. Queuing takes the host a moment, and a real training "
            "queues the next piece while the device still works: wait before the first and after the last only.",
            6,
        ),
        Mistake(
            averages_at_once,
            "Return lists with the single times, not their means: their spread says how far to trust them.",
            2,
        ),
    ),
    variants=(times_by_marks, times_with_a_context),
    probe="ch09.timing",
    rtol=1e-6,
    atol=1e-9,
)
