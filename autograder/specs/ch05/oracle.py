"""Exercise 5.1, ``gate_oracle``: the right answer of every tuple.

- streams over few symbols, so that each rule of the task decides some answer in each of them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.specs.base import Card, Exercise, Group, Mistake
from autograder.specs.ch05.streams import draw_stream, until

Rng = np.random.Generator


def updates_before_answering(tuples):
    held, answers = {}, []
    for instruction, register, symbol in tuples:
        if instruction == "store":
            held[register] = symbol
        answers.append("same" if held.get(register) == symbol else "different")
    return answers


def ignore_clears_the_register(tuples):
    held, answers = {}, []
    for instruction, register, symbol in tuples:
        answers.append("same" if held.get(register) == symbol else "different")
        held[register] = symbol if instruction == "store" else None
    return answers


def stores_what_it_should_ignore(tuples):
    held, answers = {}, []
    for _, register, symbol in tuples:
        answers.append("same" if held.get(register) == symbol else "different")
        held[register] = symbol
    return answers


def keeps_one_memory_for_all_registers(tuples):
    held, answers = None, []
    for instruction, _, symbol in tuples:
        answers.append("same" if held == symbol else "different")
        if instruction == "store":
            held = symbol
    return answers


def an_empty_register_counts_as_same(tuples):
    held, answers = {}, []
    for instruction, register, symbol in tuples:
        answers.append("same" if held.get(register, symbol) == symbol else "different")
        if instruction == "store":
            held[register] = symbol
    return answers


def an_ignored_tuple_is_always_different(tuples):
    held, answers = {}, []
    for instruction, register, symbol in tuples:
        same = instruction == "store" and held.get(register) == symbol
        answers.append("same" if same else "different")
        if instruction == "store":
            held[register] = symbol
    return answers


def oracle_by_looking_back(tuples):
    def content(register, before):
        stored = [s for i, r, s in tuples[:before] if r == register and i == "store"]
        return stored[-1] if stored else None

    return ["same" if content(r, t) == s else "different" for t, (_, r, s) in enumerate(tuples)]


def oracle_with_a_history(tuples):
    from collections import defaultdict

    history, answers = defaultdict(list), []
    for instruction, register, symbol in tuples:
        answers.append("same" if history[register][-1:] == [symbol] else "different")
        if instruction == "store":
            history[register].append(symbol)
    return answers


_WRONG = (
    updates_before_answering,
    ignore_clears_the_register,
    stores_what_it_should_ignore,
    keeps_one_memory_for_all_registers,
    an_empty_register_counts_as_same,
    an_ignored_tuple_is_always_different,
)


def _draw(
    rng: Rng, registers: int, ignore: float, telling: tuple[int, ...], first_ignored: bool = False
) -> dict[str, Any]:
    def draw(rng: Rng) -> list[list[str]]:
        stream = draw_stream(rng, int(rng.integers(10, 15)), registers, 3, ignore)
        if first_ignored:
            for row in stream[:2]:
                row[0] = "ignore"
            stream[0][1], stream[1][1] = "A", "B"
        else:  # every register is filled before anything else happens
            names = [("A", "B", "C")[i] for i in range(registers)]
            stream = [["store", name, stream[i][2]] for i, name in enumerate(names)] + stream
        return stream

    def wanted(stream: list[list[str]]) -> bool:
        right = oracle_by_looking_back(stream)
        return all(_WRONG[i](stream) != right for i in telling)

    return {"tuples": until(rng, draw, wanted)}


EXERCISE = Exercise(
    name="gate_oracle",
    card=Card(
        title="Play the task yourself",
        difficulty=1,
        minutes=8,
        why="Every number of this chapter is agreement with these answers. A rule that is slightly off looks like a "
        "network that is slightly wrong.",
        paper="The text version of the reference-back-2 task: is the symbol the one that its register holds?",
    ),
    groups=(
        Group(
            "one register, everything stored",
            2,
            partial(_draw, registers=1, ignore=0.0, telling=(0,)),
            hint="The symbol is compared with what the register holds before this tuple; then it is stored.",
        ),
        Group(
            "one register, some tuples ignored",
            2,
            partial(_draw, registers=1, ignore=0.5, telling=(0, 1, 2, 5)),
            hint="An ignored symbol is compared too; it leaves the register as it was.",
        ),
        Group(
            "several registers",
            2,
            partial(_draw, registers=3, ignore=0.4, telling=(0, 1, 2, 3, 5)),
            hint="Each register has a content of its own.",
        ),
        Group(
            "registers that hold nothing yet",
            2,
            partial(_draw, registers=2, ignore=0.5, telling=(1, 2, 3, 4, 5), first_ignored=True),
            hint="Nothing is the same as an empty register, and ignoring does not fill it.",
        ),
    ),
    mistakes=(
        Mistake(
            updates_before_answering,
            "You store first and compare afterwards, so a stored symbol always equals itself. Compare with what the "
            "register holds before this tuple.",
            0,
        ),
        Mistake(
            ignore_clears_the_register,
            "Your 'ignore' empties the register. It closes the gate: the register keeps what it held.",
            2,
        ),
        Mistake(
            stores_what_it_should_ignore,
            "You store ignored symbols too. That is the rule 'same as the last mention', which never looks at the "
            "instruction.",
            2,
        ),
        Mistake(
            keeps_one_memory_for_all_registers,
            "You keep one memory for all registers. Each register has its own content: a dictionary from register "
            "to symbol will do.",
            4,
        ),
        Mistake(
            an_empty_register_counts_as_same,
            "A register that holds nothing counts as 'same' in your version. Nothing was stored that the symbol "
            "could equal: the answer is 'different'.",
            0,
        ),
        Mistake(
            an_ignored_tuple_is_always_different,
            "An ignored tuple always gets 'different' in your version. It is asked like any other: its symbol is "
            "compared with what the register holds, and only then nothing is stored.",
            2,
        ),
    ),
    variants=(oracle_by_looking_back, oracle_with_a_history),
)
