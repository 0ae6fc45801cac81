"""The working-memory task of chapter 05: text reference-back, drawn from a seed.

- ``Task``: how many registers, symbols and tuples, and which control, if any;
- ``sequences``: streams of (instruction, register, symbol, answer) with balanced answers, as token ids;
- ``answers``: the right answer of every tuple of given tokens;
- ``minimal_pairs``: sequences that differ in one token and in nothing but the last answer;
- ``adversarial``: sequences whose last answer every short rule gets wrong;
- ``rule_answers``: what such rules say;
- ``tuples_of`` and ``words``: tokens as words, for people.

A tuple's answer says whether its symbol is the one that its register holds *before* the tuple; then "store" overwrites
the register and "ignore" leaves it as it is. The task is the text version of reference-back-2 that Traylor et al.
(2024) use; the order instruction, register, symbol, answer is one of two that summaries of the paper give.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

STORE, IGNORE, SAME, DIFFERENT = range(4)
WIDTH = 4  # tokens of a tuple
INSTRUCTION, REGISTER, SYMBOL, ANSWER = range(WIDTH)  # where in a tuple each of them stands
CONTROLS = ("", "split set", "no ignore")
EDITS = ("instruction", "role", "query")
TRAPS = ("overwritten", "ignored", "kept")
RULES = ("always different", "last mention", "ever mentioned", "stored anywhere", "ever stored")
EMPTY = -1


@dataclass(frozen=True)
class Task:
    """The sizes of the task and its control.

    ``control`` "split set": every symbol belongs to one register, so that the register's name adds nothing.
    ``control`` "no ignore": the word "ignore" occurs as often as ever and is not obeyed: every tuple stores.
    ``lures``: the share of "different" tuples whose symbol was shown before, in whichever register, and not drawn anew.
    """

    registers: int = 2
    symbols: int = 10
    tuples: int = 10
    control: str = ""
    lures: float = 0.0

    def __post_init__(self) -> None:
        if self.control not in CONTROLS:
            raise ValueError(f"control must be one of {CONTROLS}, not {self.control!r}")
        if self.control == "split set" and self.symbols % self.registers:
            raise ValueError("the split-set control needs as many symbols for each register")

    @property
    def vocabulary(self) -> int:
        return 4 + self.registers + self.symbols

    @property
    def length(self) -> int:
        return WIDTH * self.tuples


def words(task: Task) -> list[str]:
    """The word of every token id: instructions, answers, registers A, B, ..., symbols a, b, ...."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    registers = [letters[i].upper() for i in range(task.registers)]
    return ["store", "ignore", "same", "different", *registers, *(letters[i] for i in range(task.symbols))]


def tuples_of(tokens: Int[Tensor, " pos"], task: Task) -> list[tuple[str, str, str]]:
    """One sequence as (instruction, register, symbol) words; answers are left out."""
    names = words(task)
    rows = [tokens[i : i + ANSWER].tolist() for i in range(0, len(tokens) - SYMBOL, WIDTH)]
    return [(names[a], names[b], names[c]) for a, b, c in rows]


def sequences(task: Task, n: int, generator: torch.Generator) -> Int[Tensor, "n pos"]:
    """``n`` streams of tokens.

    Where a register holds something, the answer is "same" half of the time; an empty one gives "different".
    """
    local = task.symbols // task.registers if task.control == "split set" else task.symbols
    shape = (n, task.tuples)

    def draw(high: int, low: int = 0) -> Tensor:
        return torch.randint(low, high, shape, generator=generator)

    instruction, register, want_same = draw(2), draw(task.registers), draw(2).bool()
    fresh, shift = draw(local), draw(local, 1)
    lured, earlier = torch.rand(shape, generator=generator) < task.lures, torch.rand(shape, generator=generator)
    memory = torch.full((n, task.registers), EMPTY)
    tokens = torch.empty(n, task.length, dtype=torch.long)
    rows, shown_before = torch.arange(n), fresh.clone()
    for t in range(task.tuples):
        held = memory[rows, register[:, t]]
        other = torch.where(held == EMPTY, fresh[:, t], (held + shift[:, t]) % local)
        lure = shown_before[rows, (earlier[:, t] * t).long()]
        other = torch.where(lured[:, t] & (lure != held), lure, other)
        symbol = torch.where((held != EMPTY) & want_same[:, t], held, other)
        shown_before[:, t] = symbol
        stores = torch.ones(n, dtype=torch.bool) if task.control == "no ignore" else instruction[:, t] == STORE
        memory[rows, register[:, t]] = torch.where(stores, symbol, held)
        shown = symbol * task.registers + register[:, t] if task.control == "split set" else symbol
        answer = torch.where(symbol == held, SAME, DIFFERENT)
        columns = (instruction[:, t], 4 + register[:, t], 4 + task.registers + shown, answer)
        tokens[:, WIDTH * t : WIDTH * (t + 1)] = torch.stack(columns, 1)
    return tokens


def _parts(tokens: Int[Tensor, "n pos"], task: Task) -> tuple[Tensor, Tensor, Tensor]:
    """Instruction, register and symbol of every tuple [n, tuple], registers and symbols counted from 0."""
    parts = [tokens[:, place::WIDTH] for place in (INSTRUCTION, REGISTER, SYMBOL)]
    return parts[0], parts[1] - 4, parts[2] - 4 - task.registers


def answers(tokens: Int[Tensor, "n pos"], task: Task) -> Int[Tensor, "n tuple"]:
    """The right answer (SAME or DIFFERENT) of every tuple; the answers among the tokens are not looked at."""
    instruction, register, symbol = _parts(tokens, task)
    n, count = symbol.shape
    memory, rows, found = torch.full((n, task.registers), EMPTY), torch.arange(n), []
    for t in range(count):
        held = memory[rows, register[:, t]]
        found.append(torch.where(held == symbol[:, t], SAME, DIFFERENT))
        stores = torch.ones_like(held, dtype=torch.bool) if task.control == "no ignore" else instruction[:, t] == STORE
        memory[rows, register[:, t]] = torch.where(stores, symbol[:, t], held)
    return torch.stack(found, 1)


def rule_answers(tokens: Int[Tensor, "n pos"], task: Task, rule: str) -> Int[Tensor, "n tuple"]:
    """What a rule that keeps no gated memory says to every tuple.

    The symbol counts as "same" if it is that of the register's "last mention", was "ever mentioned" in the register, is
    "stored anywhere" now, or was "ever stored" in the register. Raises ValueError for another rule.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {RULES}, not {rule!r}")
    instruction, register, symbol = _parts(tokens, task)
    n, count = symbol.shape
    rows = torch.arange(n)
    memory, last = (torch.full((n, task.registers), EMPTY) for _ in range(2))
    mentioned, stored = (torch.zeros(n, task.registers, task.symbols, dtype=torch.bool) for _ in range(2))
    found = []
    for t in range(count):
        r, s, stores = register[:, t], symbol[:, t], instruction[:, t] == STORE
        says = {
            "always different": torch.zeros(n, dtype=torch.bool),
            "last mention": last[rows, r] == s,
            "ever mentioned": mentioned[rows, r, s],
            "stored anywhere": (memory == s[:, None]).any(1),
            "ever stored": stored[rows, r, s],
        }[rule]
        found.append(torch.where(says, SAME, DIFFERENT))
        last[rows, r] = s
        mentioned[rows, r, s] = True
        memory[rows, r] = torch.where(stores, s, memory[rows, r])
        stored[rows, r, s] |= stores
    return torch.stack(found, 1)


@dataclass(frozen=True)
class Pairs:
    """``clean`` and ``corrupt`` [n, pos] end with the last symbol and differ in the token at ``position`` [n].

    ``clean_answer`` and ``corrupt_answer`` [n] are the right answers of the last tuple; they differ in every row.
    """

    clean: Int[Tensor, "n pos"]
    corrupt: Int[Tensor, "n pos"]
    position: Int[Tensor, " n"]
    clean_answer: Int[Tensor, " n"]
    corrupt_answer: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.clean)

    def tuple_mask(self) -> Bool[Tensor, "n pos"]:
        """The positions of the tuple that was edited."""
        return torch.arange(self.clean.shape[1]) // WIDTH == (self.position // WIDTH)[:, None]


def minimal_pairs(task: Task, n: int, edit: str, generator: torch.Generator) -> Pairs:
    """``n`` pairs whose one different token changes the right answer of the last tuple and of no other.

    ``edit`` "instruction": store <-> ignore in an earlier tuple; "role": another register in an earlier tuple; "query":
    another register in the last tuple. Half of the clean answers are "same". With the no-ignore control the answers are
    those of the full task, so that two models can be asked the same. Raises ValueError for another edit.
    """
    if edit not in EDITS:
        raise ValueError(f"edit must be one of {EDITS}, not {edit!r}")
    judge = Task(task.registers, task.symbols, task.tuples)
    source = judge if task.control == "no ignore" else task
    found: list[tuple[Tensor, ...]] = []
    while sum(len(rows[0]) for rows in found) < n:
        size = 8 * n
        clean = sequences(source, size, generator)
        index = torch.randint(task.tuples - 1, (size,), generator=generator)
        if edit == "query":
            index = torch.full((size,), task.tuples - 1)
        position = WIDTH * index + (INSTRUCTION if edit == "instruction" else REGISTER)
        rows, corrupt = torch.arange(size), clean.clone()
        if edit == "instruction":
            corrupt[rows, position] = STORE + IGNORE - clean[rows, position]
        else:
            step = torch.randint(1, task.registers, (size,), generator=generator)
            corrupt[rows, position] = 4 + (clean[rows, position] - 4 + step) % task.registers
        one, other = answers(clean, judge), answers(corrupt, judge)
        keep = (one[:, :-1] == other[:, :-1]).all(1) & (one[:, -1] != other[:, -1])
        found.append((clean[keep, :-1], corrupt[keep, :-1], position[keep], one[keep, -1], other[keep, -1]))
    clean, corrupt, position, one, other = (torch.cat(part)[:n] for part in zip(*found, strict=True))
    # Streams ask for "same" half of the time, so most edits would break a "same". Every second pair is turned round.
    turn = torch.arange(n) % 2 == (one != SAME).long()
    return Pairs(
        torch.where(turn[:, None], clean, corrupt),
        torch.where(turn[:, None], corrupt, clean),
        position,
        torch.where(turn, one, other),
        torch.where(turn, other, one),
    )


def adversarial(task: Task, n: int, trap: str, generator: torch.Generator) -> tuple[Int[Tensor, "n pos"], Tensor]:
    """``n`` sequences, up to the last symbol, that a rule without a gate gets wrong; and their right last answers.

    ``trap`` "overwritten": the symbol was stored in the register and then replaced (different; "ever stored" says
    same). "ignored": the register's last mention showed the symbol and ignored it, it holds another (different; "last
    mention" says same). "kept": the register holds the symbol, its last mention showed another and ignored it (same;
    "last mention" says different). Raises ValueError for another trap.
    """
    if trap not in TRAPS:
        raise ValueError(f"trap must be one of {TRAPS}, not {trap!r}")
    found: list[Tensor] = []
    local = task.symbols // task.registers if task.control == "split set" else task.symbols
    while sum(map(len, found)) < n:
        tokens = sequences(task, 8 * n, generator)
        if trap != "kept":  # a symbol at random instead of one that is right half of the time
            fresh = torch.randint(local, (len(tokens),), generator=generator)
            if task.control == "split set":
                fresh = fresh * task.registers + tokens[:, -3] - 4
            tokens[:, -2] = 4 + task.registers + fresh
        right = answers(tokens, task)[:, -1]
        last = rule_answers(tokens, task, "last mention")[:, -1]
        ever = rule_answers(tokens, task, "ever stored")[:, -1]
        keep = {
            "overwritten": (right == DIFFERENT) & (ever == SAME) & (last == DIFFERENT),
            "ignored": (right == DIFFERENT) & (last == SAME),
            "kept": (right == SAME) & (last == DIFFERENT),
        }[trap]
        found.append(tokens[keep, :-1])
    kept = torch.cat(found)[:n]
    return kept, torch.full((n,), SAME if trap == "kept" else DIFFERENT)
