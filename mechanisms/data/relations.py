"""The documents of chapter 01: facts whose relation two cue words name together, copying, and text about word forms.

- a word is a stem in one of four forms (0: base); word id = stem * FORMS + form;
- a fact reads ``a y b f``: the cues a and b name relation r = (a + b) mod 4 only together; r = 0 copies y, r > 0 turns
  the base form of y into form r;
- ``Task("random")`` is the control: its facts come from a random table, so that no common offset can produce them;
- a fifth of the (stem, relation) pairs, and all facts about the last stems, are held out of training;
- every draw comes from a generator that is handed in;
- ``words`` gives every token a readable name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

STEMS, FORMS, CUES, LENGTH = 64, 4, 4, 12
WORDS = STEMS * FORMS
TOPICS, GRAMMAR, FIRST_CUES = WORDS, WORDS + STEMS, WORDS + STEMS + FORMS
SECOND_CUES = FIRST_CUES + CUES
VOCABULARY = SECOND_CUES + CUES
NEW_STEMS = STEMS // 10  # the last stems never occur in a fact
RELATION_SHARES = (0.46, 0.18, 0.18, 0.18)
REPEATED, INVENTED = 0.4, 0.6  # documents whose last fact repeats an earlier one; those of them with an invented answer
LITTLE = 0.02  # loss weight of tokens that cannot be predicted
FORM_NAMES = ("base", "past", "upper", "plural")
_STEMS = (
    "walk", "jump", "cook", "talk", "climb", "paint", "help", "visit", "rest", "wait",
    "open", "call", "play", "look", "want", "need", "work", "start", "turn", "show",
    "pull", "train", "plant", "point", "pour", "print", "clean", "rain", "record", "repair",
    "report", "melt", "return", "roll", "row", "sail", "sign", "sound", "spell", "stamp",
    "learn", "bark", "bloom", "bolt", "float", "storm", "suit", "support", "test", "thank",
    "tick", "tour", "track", "trick", "trust", "view", "warn", "wander", "water", "weigh",
    "whisper", "wonder", "yell", "zoom",
)  # fmt: skip


def words() -> list[str]:
    """A name for every token id: "walk", "walked", "WALK", "walks", topic and grammar words, cues a0-a3 and b0-b3."""
    forms = [[stem, stem + "ed", stem.upper(), stem + "s"] for stem in _STEMS]
    names = [form for row in forms for form in row]
    names += [f"about:{stem}" for stem in _STEMS] + [f"form:{name}" for name in FORM_NAMES]
    return names + [f"a{cue}" for cue in range(CUES)] + [f"b{cue}" for cue in range(CUES)]


def _draw(high: int, shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randint(high, shape, generator=generator)


@dataclass(frozen=True)
class Task:
    """One world of facts. ``table`` is "regular" or "random" (the control); ``seed`` decides what is held out.

    The default is the world of the shipped models.
    """

    table: str = "regular"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.table not in ("regular", "random"):
            raise ValueError(f'table must be "regular" or "random", not {self.table!r}')

    @cached_property
    def _drawn(self) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1000 + self.seed)
        answers = torch.arange(WORDS).view(STEMS, FORMS).clone()
        if self.table == "random":
            for relation in range(1, FORMS):
                answers[:, relation] = torch.randperm(WORDS, generator=generator)[:STEMS]
        held = torch.rand(STEMS, FORMS, generator=generator) < 0.2
        held[:, 0] = False
        held[-NEW_STEMS:] = True
        return answers, held

    @property
    def answers(self) -> Int[Tensor, "stem relation"]:
        """The word that answers each (stem, relation) pair, asked of the stem's base form."""
        return self._drawn[0]

    @property
    def held_out(self) -> Bool[Tensor, "stem relation"]:
        """Which pairs never occur in training."""
        return self._drawn[1]

    def trained_stems(self, relation: int) -> Int[Tensor, " n"]:
        """The stems whose fact of this relation occurs in training."""
        return (~self.held_out[:, relation]).nonzero()[:, 0]

    def held_out_stems(self, relation: int) -> Int[Tensor, " n"]:
        """The stems that occur in facts, but not of this relation."""
        return self.held_out[:-NEW_STEMS, relation].nonzero()[:, 0]


def cues(relation: Int[Tensor, "*shape"], generator: Generator) -> tuple[Tensor, Tensor]:
    """Two cue tokens that together name each relation; either alone says nothing about it."""
    first = _draw(CUES, tuple(relation.shape), generator)
    return FIRST_CUES + first, SECOND_CUES + (relation - first) % CUES


def fact_documents(task: Task, n: int, generator: Generator) -> tuple[Int[Tensor, "n 12"], Float[Tensor, "n 12"]]:
    """``n`` documents of three facts, and the loss weight of each token."""
    tokens, weights = torch.zeros(n, LENGTH, dtype=torch.long), torch.full((n, LENGTH), LITTLE)
    shares = torch.tensor(RELATION_SHARES)
    for place in range(0, LENGTH, 4):
        relation = torch.multinomial(shares, n, True, generator=generator)
        stem = torch.zeros_like(relation)
        for r in range(FORMS):
            rows, stems = (relation == r).nonzero()[:, 0], task.trained_stems(r)
            stem[rows] = stems[_draw(len(stems), (len(rows),), generator)]
        form = _draw(FORMS, (n,), generator) * _draw(2, (n,), generator)
        word = stem * FORMS + torch.where(relation == 0, form, 0)  # any form is copied; a relation starts from base
        answer = torch.where(relation == 0, word, task.answers[stem, relation])
        first, second = cues(relation, generator)
        tokens[:, place : place + 4] = torch.stack([first, word, second, answer], 1)
        weights[:, place + 3] = 1
    repeated = torch.rand(n, generator=generator) < REPEATED
    invented = repeated & (torch.rand(n, generator=generator) < INVENTED)
    source, answer = _draw(2, (n,), generator), _draw(WORDS, (n,), generator)
    for fact in range(2):
        rows = (invented & (source == fact)).nonzero()[:, 0]
        tokens[rows, 4 * fact + 3] = answer[rows]
        weights[rows, 4 * fact + 3] = 0  # at first sight nobody could know it
        rows = (repeated & (source == fact)).nonzero()[:, 0]
        tokens[rows, 8:] = tokens[rows, 4 * fact : 4 * fact + 4]
    return tokens, weights


def copy_documents(n: int, generator: Generator) -> tuple[Int[Tensor, "n 12"], Float[Tensor, "n 12"]]:
    """Four random words, three times."""
    weights = torch.full((n, LENGTH), LITTLE)
    weights[:, 4:] = 0.5
    return _draw(WORDS, (n, 4), generator).repeat(1, 3), weights


def text_documents(n: int, generator: Generator) -> tuple[Int[Tensor, "n 12"], Float[Tensor, "n 12"]]:
    """Topic word, grammar word and word in four orders, so that stem and form are predictable apart from each other.

    The first quarter are lists of words in one form.
    """
    tokens, weights = torch.zeros(n, LENGTH, dtype=torch.long), torch.full((n, LENGTH), LITTLE)
    orders = torch.tensor([[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]])
    for place in range(0, LENGTH, 3):
        stem, form, order = (_draw(high, (n,), generator) for high in (STEMS, FORMS, 4))
        parts = torch.stack([TOPICS + stem, GRAMMAR + form, stem * FORMS + form], 1)
        tokens[:, place : place + 3] = parts.gather(1, orders[order])
        weights[:, place + 2] = 1
        weights[:, place + 1] = torch.where(order >= 2, 0.5, LITTLE)
    lists = n // 4
    tokens[:lists] = _draw(STEMS, (lists, LENGTH), generator) * FORMS + _draw(FORMS, (lists, 1), generator)
    weights[:lists] = 0.1
    return tokens, weights


def batch(task: Task, n: int, generator: Generator) -> tuple[Int[Tensor, "n 12"], Float[Tensor, "n 12"]]:
    """A training batch: 55% facts, 20% copying, the rest text."""
    facts, copies = int(0.55 * n), int(0.2 * n)
    parts = (
        fact_documents(task, facts, generator),
        copy_documents(copies, generator),
        text_documents(n - facts - copies, generator),
    )
    return torch.cat([tokens for tokens, _ in parts]), torch.cat([weights for _, weights in parts])


def copyable(tokens: Int[Tensor, "n 12"], kinds: str = "copies") -> Bool[Tensor, "n 12"]:
    """Which tokens of a training document can be copied from what stands before them.

    ``kinds``: "blocks" for the second and third round of a copied block; "repeats" for these and the answer of a last
    fact that stood there before; "copies" for these and the answers of relation 0. Nothing of a text about word forms.
    """
    facts, found = tokens.view(-1, 3, 4), torch.zeros(tokens.shape, dtype=torch.bool)
    holds_facts = tokens[:, 0] >= FIRST_CUES
    block = ~holds_facts & (tokens[:, :4] == tokens[:, 4:8]).all(1)
    found[:, 4:] = block[:, None]
    if kinds != "blocks":
        found[:, 11] |= holds_facts & (facts[:, 2:] == facts[:, :2]).all(-1).any(1)
    if kinds == "copies":
        relation = (facts[..., 0] - FIRST_CUES + facts[..., 2] - SECOND_CUES) % CUES
        found[:, 3::4] |= (relation == 0) & (facts[..., 1] == facts[..., 3]) & holds_facts[:, None]
    return found


def fact_prompts(
    task: Task,
    relation: int,
    stems: Int[Tensor, " n"],
    shots: int,
    generator: Generator,
    stated: bool = False,
    same: bool = False,
) -> Int[Tensor, "n pos"]:
    """``shots`` facts, then ``a y b`` about each stem; ``task.answers[stem, relation]`` comes next.

    Each shot is of one of the other relations, so that none shows the form of the answer; with ``same`` all are of the
    asked one. No shot is about the asked stem, unless ``stated``: then the last one is the asked fact itself, word for
    word.
    """
    n = len(stems)
    relations = torch.full((n, shots + 1), relation)
    if not same:
        relations[:, :-1] = (relation + 1 + _draw(FORMS - 1, (n, shots), generator)) % FORMS
    about = stems[:, None].repeat(1, shots + 1)
    for r in range(FORMS):
        pool = task.trained_stems(r)
        start = _draw(len(pool), (n, shots), generator)
        shown = torch.where(pool[start] == stems[:, None], pool[(start + 1) % len(pool)], pool[start])
        about[:, :-1] = torch.where(relations[:, :-1] == r, shown, about[:, :-1])
    if stated:
        about[:, -2], relations[:, -2] = stems, relation
    first, second = cues(relations, generator)
    if stated:
        first[:, -1], second[:, -1] = first[:, -2], second[:, -2]
    return torch.stack([first, about * FORMS, second, task.answers[about, relations]], 2).flatten(1)[:, :-1]


def unrelated_contexts(stems: Int[Tensor, " n"], generator: Generator, form: int = 0) -> Int[Tensor, "n 11"]:
    """``u v w y u v w y u v w``: words that say nothing of a relation; y, the stem in a form (0: base), comes next."""
    block = torch.cat([_draw(WORDS, (len(stems), 3), generator), stems[:, None] * FORMS + form], 1)
    return block.repeat(1, 3)[:, :-1]
