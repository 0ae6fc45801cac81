"""Laundry lists of fixed shape for lab-list: needed things, then the same things again in another order, but one.

- ``lists``: prompts whose last token is the last thing that was got; the answer is the one that is missing;
- ``practice``: the same, with the second list anywhere in its slots, and a target after every thing that was got;
- ``sentence``: a prompt in words.

Position 0 holds a dot, 1 to 12 the slots of the first list, 13 the word "got", 14 to 25 the slots of the second. A list
stands in consecutive slots; the free ones hold dots. So every slot is met in training, also by lists that are shorter
than those of a test. Token ids: 0 is ".", 1 is "got", 2 and up are things.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

DOT, GOT, FIRST = 0, 1, 2
_WORDS = (
    "sock shirt coat scarf glove belt boot skirt dress vest tie cap robe shawl sweater jacket jeans blouse "
    "apron cloak towel sheet pillow quilt rug curtain cloth napkin soap brush comb mirror razor sponge bucket "
    "mop broom iron hanger basket bag purse wallet watch ring chain brooch pin button zip thread needle lace "
    "ribbon felt wool linen silk denim velvet"
)
ITEMS = tuple(_WORDS.split())


@dataclass(frozen=True)
class Task:
    """``items`` things; lists of up to ``slots``; training uses lengths from ``shortest`` to ``longest``."""

    items: int = 60
    slots: int = 12
    shortest: int = 2
    longest: int = 8

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return FIRST + self.items

    @property
    def view(self) -> int:
        """Number of positions up to the end of the first list."""
        return 1 + self.slots

    @property
    def length(self) -> int:
        """Number of tokens in a prompt."""
        return 2 * self.view


@dataclass(frozen=True)
class Lists:
    """``prompts`` [n, pos]; ``targets`` [n] the missing thing; ``items`` [n, length] in the order of the first list;
    ``places`` [n, length] their positions; ``missing`` [n] the missing one's index in the list, from 0."""

    prompts: Int[Tensor, "n pos"]
    targets: Int[Tensor, " n"]
    items: Int[Tensor, "n length"]
    places: Int[Tensor, "n length"]
    missing: Int[Tensor, " n"]

    def head(self, n: int) -> Lists:
        """The first ``n`` prompts."""
        return Lists(*(value[:n] for value in vars(self).values()))

    @property
    def got(self) -> Int[Tensor, "n pos"]:
        """True at the positions, in the first list, of things that were got."""
        there = torch.zeros_like(self.prompts, dtype=torch.bool).scatter(1, self.places, True)
        return there.scatter(1, self.places.gather(1, self.missing[:, None]), False)

    @property
    def wanted(self) -> Int[Tensor, " n"]:
        """The missing thing's position in the first list."""
        return self.places.gather(1, self.missing[:, None])[:, 0]


def words(task: Task) -> list[str]:
    """The word of every token id."""
    return [".", "got", *ITEMS[: task.items]]


def sentence(prompt: Int[Tensor, " pos"], task: Task) -> str:
    """A prompt in words, without its dots."""
    names = words(task)
    return " ".join(names[token] for token in prompt.tolist() if token != DOT)


def _draw(task: Task, n: int, generator: torch.Generator, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """First lists in their slots [n, slots], where each begins [n], and the things in the order of the second list."""
    slot = torch.arange(task.slots)
    items = torch.rand(n, task.items, generator=generator).argsort(1)[:, : task.slots] + FIRST
    start = (torch.rand(n, generator=generator) * (task.slots - length + 1)).long()
    index = slot - start[:, None]
    here = (index >= 0) & (index < length[:, None])
    filled = torch.where(here, items.gather(1, index.clamp(0, task.slots - 1)), DOT)
    shuffle = torch.rand(n, task.slots, generator=generator).masked_fill(slot >= length[:, None], 2.0).argsort(1)
    return filled, start, items.gather(1, shuffle)


def _prompts(task: Task, filled: Tensor, order: Tensor, start: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Prompts with ``count`` things of ``order`` from slot ``start`` of the second list; and what comes after each."""
    index = torch.arange(task.slots) - start[:, None]
    here, index = (index >= 0) & (index < count[:, None]), index.clamp(0, task.slots - 2)
    second = torch.where(here, order.gather(1, index), DOT)
    after = torch.where(here, order.gather(1, index + 1), DOT)
    n = len(filled)
    dot, got = torch.full((n, 1), DOT), torch.full((n, 1), GOT)
    return torch.cat([dot, filled, got, second], 1), torch.cat([torch.zeros(n, task.view + 1).long(), after], 1)


def lists(task: Task, n: int, length: int, generator: torch.Generator) -> Lists:
    """``n`` prompts with lists of ``length`` things. Raises ValueError if the length is below 2 or above the slots."""
    if not 2 <= length <= task.slots:
        raise ValueError(f"A list has 2 to {task.slots} things, not {length}.")
    lengths = torch.full((n,), length)
    filled, start, order = _draw(task, n, generator, lengths)
    prompts, _ = _prompts(task, filled, order, task.slots - lengths + 1, lengths - 1)
    targets = order[:, length - 1]
    places = 1 + start[:, None] + torch.arange(length)
    items = prompts.gather(1, places)
    return Lists(prompts, targets, items, places, (items == targets[:, None]).long().argmax(1))


def practice(task: Task, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Prompts and targets [n, pos]: after each thing that was got, the next one; DOT where nothing is to be said.

    The next thing cannot be known before the last: it is one of those still missing.
    """
    length = torch.randint(task.shortest, task.longest + 1, (n,), generator=generator)
    filled, _, order = _draw(task, n, generator, length)
    start = (torch.rand(n, generator=generator) * (task.slots - length + 2)).long()
    return _prompts(task, filled, order, start, length - 1)
