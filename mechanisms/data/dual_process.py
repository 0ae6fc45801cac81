"""The toy language of chapter 06: nouns, adjectives and a copula, drawn from a seed.

- ``World``: how many tokens there are, how skewed their use is, how many are ambiguous, how often the cue is hidden;
- ``zipf``: the probability of every rank in a class;
- ``draw``: nouns and adjectives as a sequence uses them; ``assemble``: sequences of them, with their answers;
- ``practice``: a training batch; ``test_set``: the sets on which a model is asked what it goes by.

A sequence has seven tokens: a context of three, a query, three masks. The context is ``cop adjective noun`` or
``noun cop adjective``; the query repeats the adjective (answer: adjective three times) or the noun (answer: adjective,
noun, noun). So whoever reads the *structure* of the context, the place of the copula, can answer for any two tokens;
and whoever has *learned* which tokens are adjectives can answer without looking at the structure. The task is the toy
part of Anand et al., *Dual Process Learning* (2025). Sequences without a cue are ours: both tokens, then a mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

LENGTH, ANSWERS = 7, 3
QUERY = 3  # where the query stands; the answers' masks follow it
KINDS = ("validation", "tail", "switch", "tail switch", "random", "no cue", "tail no cue")


@dataclass(frozen=True)
class World:
    """The sizes of the language.

    ``content`` tokens, the first half nouns, the second half adjectives, each half in the order of falling frequency
    (Zipf's law with exponent ``alpha``; 0 is uniform); then the copula and the mask; then ``spare`` tokens that no
    training sequence has. A share ``ambiguous`` of each class is spread over its ranks: when one of them is drawn, half
    of the time a token of the other class's ambiguous ones takes its place. A share ``hidden`` of training sequences
    has no cue.
    """

    content: int = 400
    spare: int = 40
    alpha: float = 1.2
    ambiguous: float = 0.1
    hidden: float = 0.0

    @property
    def half(self) -> int:
        """How many tokens a class has."""
        return self.content // 2

    @property
    def copula(self) -> int:
        return self.content

    @property
    def mask(self) -> int:
        return self.content + 1

    @property
    def vocabulary(self) -> int:
        return self.content + 2 + self.spare

    @cached_property
    def spare_tokens(self) -> Int[Tensor, " spare"]:
        return torch.arange(self.content + 2, self.vocabulary)

    @cached_property
    def ambiguous_ranks(self) -> Int[Tensor, " n"]:
        """The ranks, in either class, of its ambiguous tokens: evenly spread from frequent to rare."""
        count = round(self.half * self.ambiguous)
        return (torch.arange(count) + 0.5).mul(self.half / max(count, 1)).long()

    @cached_property
    def is_ambiguous(self) -> Bool[Tensor, " vocabulary"]:
        found = torch.zeros(self.vocabulary, dtype=torch.bool)
        found[self.ambiguous_ranks] = True
        found[self.ambiguous_ranks + self.half] = True
        return found


def zipf(n: int, alpha: float) -> Float[Tensor, " n"]:
    """The probability of each of ``n`` ranks, in proportion to 1 / rank ** alpha."""
    weights = torch.arange(1, n + 1, dtype=torch.float64) ** -alpha
    return weights / weights.sum()


def draw(world: World, n: int, generator: torch.Generator) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """What stands in the noun's slot and in the adjective's slot of ``n`` sequences, ambiguous tokens exchanged."""
    chances = zipf(world.half, world.alpha)
    slots = []
    for own, other in ((0, world.half), (world.half, 0)):
        tokens = torch.multinomial(chances, n, replacement=True, generator=generator) + own
        if len(world.ambiguous_ranks):
            exchanged = world.is_ambiguous[tokens] & (torch.rand(n, generator=generator) < 0.5)
            which = torch.randint(len(world.ambiguous_ranks), (n,), generator=generator)
            tokens = torch.where(exchanged, world.ambiguous_ranks[which] + other, tokens)
        slots.append(tokens)
    return slots[0], slots[1]


def assemble(
    world: World,
    noun: Int[Tensor, " n"],
    adjective: Int[Tensor, " n"],
    copula_first: Bool[Tensor, " n"],
    ask_adjective: Bool[Tensor, " n"],
) -> tuple[Int[Tensor, "n 7"], Int[Tensor, "n 3"]]:
    """Sequences and their answers; "noun" and "adjective" are what stands in that slot, whatever it is elsewhere."""
    copula = torch.full_like(noun, world.copula)
    first = torch.where(copula_first, copula, noun)
    second = torch.where(copula_first, adjective, copula)
    third = torch.where(copula_first, noun, adjective)
    query = torch.where(ask_adjective, adjective, noun)
    masks = torch.full((len(noun), ANSWERS), world.mask)
    tokens = torch.cat([torch.stack([first, second, third, query], 1), masks], 1)
    return tokens, torch.stack([adjective, query, query], 1)


def slots(world: World, tokens: Int[Tensor, "n 7"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """What stands in the noun's slot and in the adjective's slot of sequences that have a copula."""
    first = tokens[:, 0] == world.copula
    return torch.where(first, tokens[:, 2], tokens[:, 0]), torch.where(first, tokens[:, 1], tokens[:, 2])


def hide_cue(
    world: World, tokens: Int[Tensor, "n 7"], which: Bool[Tensor, " n"], generator: torch.Generator
) -> Int[Tensor, "n 7"]:
    """The sequences with the cue gone in ``which``: both tokens in random order, then a mask, in place 3, where a
    copula never stands."""
    noun, adjective = slots(world, tokens)
    turned = torch.rand(len(tokens), generator=generator) < 0.5
    context = [
        torch.where(turned, adjective, noun),
        torch.where(turned, noun, adjective),
        torch.full_like(noun, world.mask),
    ]
    hidden = torch.cat([torch.stack(context, 1), tokens[:, QUERY:]], 1)
    return torch.where(which[:, None], hidden, tokens)


def _coins(n: int, generator: torch.Generator) -> Bool[Tensor, " n"]:
    return torch.rand(n, generator=generator) < 0.5


def practice(world: World, n: int, generator: torch.Generator) -> tuple[Int[Tensor, "n 7"], Int[Tensor, "n 3"]]:
    """A training batch: sequences and their answers."""
    noun, adjective = draw(world, n, generator)
    tokens, answers = assemble(world, noun, adjective, _coins(n, generator), _coins(n, generator))
    if world.hidden:
        tokens = hide_cue(world, tokens, torch.rand(n, generator=generator) < world.hidden, generator)
    return tokens, answers


@dataclass(frozen=True)
class TestSet:
    """Sequences [n, 7], answers [n, 3], and the two tokens of the context [n, 2]: noun's slot, adjective's slot."""

    __test__ = False  # pytest: this is no class of tests

    tokens: Int[Tensor, "n 7"]
    answers: Int[Tensor, "n 3"]
    candidates: Int[Tensor, "n 2"]


def test_set(world: World, kind: str, n: int, generator: torch.Generator) -> TestSet:
    """``n`` sequences of one of ``KINDS``; both tokens of a context differ.

    "validation": as in training, with the cue. "tail": the least frequent tenth of each class. "switch": frequent
    unambiguous tokens (the most frequent tenth), each in the other class's slot; the label goes by the slot. "tail
    switch": the same with the least frequent tenth. "random": spare tokens in both slots. "no cue" and "tail no cue":
    frequent and rare unambiguous tokens in their own class's role, with nothing in the context to tell.
    """
    if kind == "validation":
        noun, adjective = _distinct(lambda size: draw(world, size, generator), n)
    elif kind == "random":
        spare = world.spare_tokens

        def pick(size: int) -> tuple[Tensor, Tensor]:
            return tuple(spare[torch.randint(len(spare), (size,), generator=generator)] for _ in range(2))

        noun, adjective = _distinct(pick, n)
    else:
        ranks = torch.arange(world.half)
        plain = ranks[~world.is_ambiguous[: world.half]]
        tenth = max(10, len(plain) // 10)
        chosen = plain[-tenth:] if kind.startswith("tail") else plain[:tenth]
        noun = chosen[torch.randint(tenth, (n,), generator=generator)]
        adjective = chosen[torch.randint(tenth, (n,), generator=generator)] + world.half
        if kind.endswith("switch"):
            noun, adjective = adjective, noun
    tokens, answers = assemble(world, noun, adjective, _coins(n, generator), _coins(n, generator))
    if kind.endswith("no cue"):
        tokens = hide_cue(world, tokens, torch.ones(n, dtype=torch.bool), generator)
    return TestSet(tokens, answers, torch.stack([noun, adjective], 1))


test_set.__test__ = False  # pytest: nor is this a test


def _distinct(pick, n: int) -> tuple[Tensor, Tensor]:
    """Two tokens that differ, ``n`` times: pairs of a token with itself are drawn again."""
    noun, adjective = pick(n)
    while (same := noun == adjective).any():
        again = pick(int(same.sum()))
        noun[same], adjective[same] = again
    return noun, adjective
