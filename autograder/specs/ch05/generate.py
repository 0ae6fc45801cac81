"""Exercise 5.2, ``fill_streams``: symbols and answers from random draws that are handed in.

- draws in which every branch of the rule is taken several times.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.specs.base import Card, Exercise, Group, Mistake

Rng = np.random.Generator


def _draw(rng: Rng, registers: int, store: float, same: float, n: int = 6, length: int = 12) -> dict[str, Any]:
    symbols = int(rng.integers(4, 7))
    shape = (n, length)
    stores = rng.random(shape) < store
    fresh = rng.integers(1, symbols, size=shape)
    fresh[:, 0] = 0  # symbol 0 first: a memory that starts at 0 would call it "same"
    return {
        "stores": torch.tensor(stores),
        "registers": torch.tensor(rng.integers(0, registers, size=shape)),
        "want_same": torch.tensor(rng.random(shape) < same),
        "fresh": torch.tensor(fresh),
        "shift": torch.tensor(rng.integers(1, symbols, size=shape)),
        "n_registers": registers,
        "n_symbols": symbols,
    }


def takes_fresh_symbols_only(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n, n_registers), -1)
    same = torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            r = registers[i, t]
            same[i, t] = fresh[i, t] == held[i, r]
            if stores[i, t]:
                held[i, r] = fresh[i, t]
    return {"symbols": fresh.clone(), "same": same}


def different_is_a_fresh_symbol(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n, n_registers), -1)
    symbols, same = torch.zeros(n, length, dtype=torch.long), torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            r = registers[i, t]
            same[i, t] = held[i, r] >= 0 and want_same[i, t]
            symbols[i, t] = held[i, r] if same[i, t] else fresh[i, t]
            if stores[i, t]:
                held[i, r] = symbols[i, t]
    return {"symbols": symbols, "same": same}


def stores_every_tuple(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n, n_registers), -1)
    symbols, same = torch.zeros(n, length, dtype=torch.long), torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            r, now = registers[i, t], held[i, registers[i, t]].item()
            symbols[i, t] = fresh[i, t] if now < 0 else now if want_same[i, t] else (now + shift[i, t]) % n_symbols
            same[i, t] = symbols[i, t] == now
            held[i, r] = symbols[i, t]
    return {"symbols": symbols, "same": same}


def shares_one_memory(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n,), -1)
    symbols, same = torch.zeros(n, length, dtype=torch.long), torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            now = held[i].item()
            symbols[i, t] = fresh[i, t] if now < 0 else now if want_same[i, t] else (now + shift[i, t]) % n_symbols
            same[i, t] = symbols[i, t] == now
            if stores[i, t]:
                held[i] = symbols[i, t]
    return {"symbols": symbols, "same": same}


def starts_with_symbol_0_in_every_register(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.zeros(n, n_registers, dtype=torch.long)
    symbols, same = torch.zeros(n, length, dtype=torch.long), torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            r, now = registers[i, t], held[i, registers[i, t]].item()
            symbols[i, t] = now if want_same[i, t] else (now + shift[i, t]) % n_symbols
            same[i, t] = symbols[i, t] == now
            if stores[i, t]:
                held[i, r] = symbols[i, t]
    return {"symbols": symbols, "same": same}


def answers_after_storing(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n, n_registers), -1)
    symbols, same = torch.zeros(n, length, dtype=torch.long), torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            r, now = registers[i, t], held[i, registers[i, t]].item()
            symbols[i, t] = fresh[i, t] if now < 0 else now if want_same[i, t] else (now + shift[i, t]) % n_symbols
            if stores[i, t]:
                held[i, r] = symbols[i, t]
            same[i, t] = symbols[i, t] == held[i, r]
    return {"symbols": symbols, "same": same}


def believes_the_wish(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n, n_registers), -1)
    symbols = torch.zeros(n, length, dtype=torch.long)
    for i in range(n):
        for t in range(length):
            r, now = registers[i, t], held[i, registers[i, t]].item()
            symbols[i, t] = fresh[i, t] if now < 0 else now if want_same[i, t] else (now + shift[i, t]) % n_symbols
            if stores[i, t]:
                held[i, r] = symbols[i, t]
    return {"symbols": symbols, "same": want_same.clone()}


def runs_out_of_the_alphabet(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n, n_registers), -1)
    symbols, same = torch.zeros(n, length, dtype=torch.long), torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            r, now = registers[i, t], held[i, registers[i, t]].item()
            symbols[i, t] = fresh[i, t] if now < 0 else now if want_same[i, t] else now + shift[i, t]
            same[i, t] = symbols[i, t] == now
            if stores[i, t]:
                held[i, r] = symbols[i, t]
    return {"symbols": symbols, "same": same}


def takes_ten_symbols(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    n, length = stores.shape
    held = torch.full((n, n_registers), -1)
    symbols, same = torch.zeros(n, length, dtype=torch.long), torch.zeros(n, length, dtype=torch.bool)
    for i in range(n):
        for t in range(length):
            r, now = registers[i, t], held[i, registers[i, t]].item()
            symbols[i, t] = fresh[i, t] if now < 0 else now if want_same[i, t] else (now + shift[i, t]) % 10
            same[i, t] = symbols[i, t] == now
            if stores[i, t]:
                held[i, r] = symbols[i, t]
    return {"symbols": symbols, "same": same}


def streams_by_two_loops(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    symbols, same = torch.zeros_like(fresh), torch.zeros_like(stores)
    for i in range(len(stores)):
        held = {}
        for t in range(stores.shape[1]):
            r = int(registers[i, t])
            if r not in held:
                s = int(fresh[i, t])
            elif want_same[i, t]:
                s, same[i, t] = held[r], True
            else:
                s = (held[r] + int(shift[i, t])) % n_symbols
            symbols[i, t] = s
            if stores[i, t]:
                held[r] = s
    return {"symbols": symbols, "same": same}


def streams_in_numpy(stores, registers, want_same, fresh, shift, n_registers, n_symbols):
    held = np.full((len(stores), n_registers), np.nan)
    rows, symbols, same = np.arange(len(stores)), [], []
    for t in range(stores.shape[1]):
        now = held[rows, registers[:, t].numpy()]
        full = ~np.isnan(now)
        other = np.where(full, (np.nan_to_num(now) + shift[:, t].numpy()) % n_symbols, fresh[:, t].numpy())
        s = np.where(full & want_same[:, t].numpy(), np.nan_to_num(now), other)
        symbols.append(torch.tensor(s).long())
        same.append(torch.tensor(s == now))
        held[rows, registers[:, t].numpy()] = np.where(stores[:, t].numpy(), s, now)
    return {"symbols": torch.stack(symbols, 1), "same": torch.stack(same, 1)}


EXERCISE = Exercise(
    name="fill_streams",
    card=Card(
        title="Write a generator whose answers are balanced",
        difficulty=3,
        minutes=15,
        why="With symbols drawn at random one answer in ten would be 'same', and a network that always says "
        "'different' would look clever. Balance is decided before the symbol is.",
        paper="The task's data: streams of tuples with P(same) held near one half.",
    ),
    groups=(
        Group(
            "one register, everything stored",
            3,
            partial(_draw, registers=1, store=1.0, same=0.5),
            hint="An empty register takes fresh; a full one takes its content, or (content + shift) % n_symbols.",
        ),
        Group(
            "some tuples ignored",
            3,
            partial(_draw, registers=1, store=0.5, same=0.5),
            hint="Only a tuple with stores = True changes the register.",
        ),
        Group(
            "several registers",
            4,
            partial(_draw, registers=3, store=0.6, same=0.5),
            hint="Each stream has its own registers, and each register its own content.",
        ),
    ),
    mistakes=(
        Mistake(
            takes_fresh_symbols_only,
            "Your symbols are always the fresh ones, so the answer is 'same' only by accident, about once in "
            "n_symbols. Let want_same decide first, and choose the symbol accordingly.",
            0,
        ),
        Mistake(
            different_is_a_fresh_symbol,
            "Where 'different' is wanted you take a fresh symbol, which may equal the content by accident. (content + "
            "shift) % n_symbols cannot, as shift is never 0.",
            0,
        ),
        Mistake(
            stores_every_tuple,
            "Your registers change at every tuple. Where stores is False the content stays.",
            3,
        ),
        Mistake(
            shares_one_memory,
            "Your streams have one memory for all registers. Keep a content for each register of each stream.",
            6,
        ),
        Mistake(
            starts_with_symbol_0_in_every_register,
            "Your registers start with symbol 0 in them. They start empty: use a number that is no symbol, such as "
            "-1, and take the fresh symbol as long as it stands there.",
            0,
        ),
        Mistake(
            believes_the_wish,
            "Your symbols are right, but same is want_same as it came. The wish cannot be granted while a register is "
            "empty: same says whether the symbol is what the register holds.",
            0,
        ),
        Mistake(
            runs_out_of_the_alphabet,
            "Some of your symbols are n_symbols or more: content + shift wraps round, (content + shift) % n_symbols.",
            0,
        ),
        Mistake(
            takes_ten_symbols,
            "You wrap round at ten. The number of symbols is handed in and is not always that of the lab's task: "
            "(content + shift) % n_symbols.",
            0,
        ),
        Mistake(
            answers_after_storing,
            "Your symbols are right, but same is computed after storing, when every stored symbol equals its "
            "register. Compare before you store.",
            0,
        ),
    ),
    variants=(streams_by_two_loops, streams_in_numpy),
)
