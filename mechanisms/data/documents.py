"""The documents of the lab corpus, one generator for each task.

- every generator draws a whole batch at once from a ``torch.Generator`` (same seed, same batch);
- a batch is token ids plus a mask of the tokens that are *answers* (the loss weights them);
- the facts of a draw (who is the subject, which colour was asked ...) come along in ``info``.

Tasks: facts and factual conflict (chapter 02), indirect objects and coloured objects
(chapter 03), laundry lists (chapter 04), one-shot relations and the text in which stem
and form are separately predictable (chapter 01).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from mechanisms.data import vocabulary as vocab

Tensor = torch.Tensor

FACT_TEMPLATES = (
    "<bos> the {r} of {c} is {k!}",
    "<bos> {c} 's {r} is {k!}",
    "<bos> Q : what is the {r} of {c} ? A : {k!}",
)
CONTEXT_TEMPLATES = (
    "<bos> the capital of {s} is {k} . Q : what is the capital of {c} ? A : {y!}",
    "<bos> {s} 's capital is {k} . Q : what is the capital of {c} ? A : {y!}",
)
IOI_TEMPLATES = (
    "<bos> when {a} and {b} went to the {p} , {s} gave a {t} to {io!}",
    "<bos> then {a} and {b} went to the {p} . {s} handed the {t} to {io!}",
    "<bos> after {a} and {b} got to the {p} , {s} gave the {t} to {io!}",
)
HELD_OUT_OBJECTS = 6
HELD_OUT_PAIRS = 13  # of the 64 verbs, for each one-shot relation
RELATION_NAMES = ("past", "upper")


@dataclass
class Batch:
    """``tokens`` [batch, position] long; ``answers`` [batch, position] bool, True at answer
    tokens; ``info`` holds what the generator drew, each [batch] or [batch, n]."""

    tokens: Tensor
    answers: Tensor
    info: dict[str, Tensor] = field(default_factory=dict)

    @property
    def prompts(self) -> Tensor:
        """The tokens before the last one, [batch, position - 1]."""
        return self.tokens[:, :-1]

    @property
    def targets(self) -> Tensor:
        """The last token of each document, [batch]."""
        return self.tokens[:, -1]


def fill(template: str, n: int, **slots: Tensor) -> Batch:
    """Fills a template: ``{x}`` takes slot ``x`` ([batch] or [batch, k]); ``{x!}`` also marks it an answer."""
    table, columns, marks = vocab.word_ids(), [], []
    for word in template.split():
        if word.startswith("{"):
            value = slots[word.strip("{}!")]
            value = value[:, None] if value.dim() == 1 else value
        else:
            value = torch.full((n, 1), table[word])
        columns.append(value)
        marks.append(torch.full(value.shape, word.endswith("!}")))
    return Batch(torch.cat(columns, 1), torch.cat(marks, 1))


class Corpus:
    """Draws documents. ``trust`` is the share of conflict documents whose answer follows the
    context; ``zipf`` the exponent of the countries' frequencies, ``conflict_zipf`` that of the countries in
    conflict documents, flatter so that the model does not learn for each frequent country how far to trust a
    context; ``blur`` makes the colour asked for any colour of the list."""

    def __init__(
        self, seed: int, trust: float = 0.5, zipf: float = 1.0, conflict_zipf: float = 0.5, blur: bool = False
    ) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.trust, self.blur = trust, blur
        rows = vocab.countries()
        self.country = vocab.ids([c.name for c in rows])
        self.value = {r: vocab.ids([getattr(c, r) for c in rows]) for r in vocab.RELATIONS}
        self.weight = (torch.arange(len(rows)) + 1.0) ** -zipf
        self.weight /= self.weight.sum()
        self.conflict_weight = (torch.arange(len(rows)) + 1.0) ** -conflict_zipf
        self.names, self.colors = vocab.ids(vocab.NAMES), vocab.ids(vocab.COLORS)
        self.objects, self.places, self.things = (
            vocab.ids(vocab.OBJECTS),
            vocab.ids(vocab.PLACES),
            vocab.ids(vocab.THINGS),
        )
        self.verb = {
            "base": vocab.ids([v[0] for v in vocab.VERBS]),
            "past": vocab.ids([v[1] for v in vocab.VERBS]),
            "upper": vocab.ids([v[0].upper() for v in vocab.VERBS]),
            "topic": vocab.ids([v[2] for v in vocab.VERBS]),
        }
        # Which verbs are never seen with a relation: fixed, not drawn from the corpus seed.
        order = torch.randperm(len(vocab.VERBS), generator=torch.Generator().manual_seed(0))
        self.held_out = {r: order[i * HELD_OUT_PAIRS : (i + 1) * HELD_OUT_PAIRS] for i, r in enumerate(RELATION_NAMES)}

    # -- draws ---------------------------------------------------------------------------
    def randint(self, high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=self.generator)

    def choose(self, options: tuple) -> object:
        return options[int(self.randint(len(options), 1))]

    def distinct(self, n: int, pool: Tensor, k: int) -> Tensor:
        """``k`` different items of ``pool`` in each of ``n`` rows, [n, k]."""
        return pool[torch.rand(n, len(pool), generator=self.generator).argsort(1)[:, :k]]

    def draw_countries(self, n: int, uniform: bool = False, conflict: bool = False) -> Tensor:
        if uniform:
            return self.randint(len(self.country), n)
        return torch.multinomial(self.conflict_weight if conflict else self.weight, n, True, generator=self.generator)

    # -- facts and factual conflict (chapter 02) -----------------------------------------
    def facts(self, n: int, relation: str = "capital", uniform: bool = False, template: int | None = None) -> Batch:
        e = self.draw_countries(n, uniform)
        text = self.choose(FACT_TEMPLATES) if template is None else FACT_TEMPLATES[template]
        r = torch.full((n,), vocab.word_ids()[relation])
        batch = fill(text, n, r=r, c=self.country[e], k=self.value[relation][e])
        batch.info = dict(country=e, memorised=self.value[relation][e])
        return batch

    def context(self, n: int, kind: str, uniform: bool = False, template: int | None = None) -> Batch:
        """A statement about a capital, then a question. ``kind``: 'conflict' (the statement is
        about the country asked, and false) or 'distractor' (about another country)."""
        total = len(self.country)
        e = self.draw_countries(n, uniform, kind == "conflict")
        other = (e + 1 + self.randint(total - 1, n)) % total  # never the country itself
        told = self.value["capital"][(e + 1 + self.randint(total - 1, n)) % total]  # never the true capital
        true = self.value["capital"][e]
        if kind == "conflict":
            follow = torch.rand(n, generator=self.generator) < self.trust
            s, y = e, torch.where(follow, told, true)
        else:
            s, y = other, true
        text = self.choose(CONTEXT_TEMPLATES) if template is None else CONTEXT_TEMPLATES[template]
        batch = fill(text, n, s=self.country[s], k=told, c=self.country[e], y=y)
        batch.info = dict(country=e, memorised=true, in_context=told)
        return batch

    # -- indirect objects and coloured objects (chapter 03) ------------------------------
    def ioi(self, n: int, pool: str = "names", template: int | None = None) -> Batch:
        pair = self.distinct(n, getattr(self, pool), 2)
        first = self.randint(2, n)[:, None]
        s, io = pair.gather(1, first)[:, 0], pair.gather(1, 1 - first)[:, 0]
        text = self.choose(IOI_TEMPLATES) if template is None else IOI_TEMPLATES[template]
        p, t = self.places[self.randint(len(self.places), n)], self.things[self.randint(len(self.things), n)]
        batch = fill(text, n, a=pair[:, 0], b=pair[:, 1], p=p, t=t, s=s, io=io)
        batch.info = dict(subject=s, indirect_object=io, subject_first=first[:, 0] == 0)
        return batch

    def colored_objects(
        self, n: int, length: int = 3, questions: int = 1, style: str = "inventory", held_out: bool = False
    ) -> Batch:
        """``length`` coloured objects, then questions about them, drawn with replacement.

        ``style``: 'inventory' lists each object before its colour ("pen red"), 'table' the colour before the
        object ("red pen"), 'question' is 'table' with a spelled-out question.
        """
        pool = self.objects[:HELD_OUT_OBJECTS] if held_out else self.objects[HELD_OUT_OBJECTS:]
        colors, objects = self.distinct(n, self.colors, length), self.distinct(n, pool, length)
        asked = self.randint(length, n, questions)
        pick = self.randint(length, n, questions) if self.blur else asked
        pattern = "{o%d} {c%d}" if style == "inventory" else "{c%d} {o%d}"
        items = " , ".join(pattern % (i, i) for i in range(length)) + " ."
        slots = {f"c{i}": colors[:, i] for i in range(length)} | {f"o{i}": objects[:, i] for i in range(length)}
        ask = "Q : what color is the {q%d} ? A : {y%d!} ." if style == "question" else "the {q%d} {y%d!} ."
        for j in range(questions):
            slots[f"q{j}"] = objects.gather(1, asked[:, j : j + 1])[:, 0]
            slots[f"y{j}"] = colors.gather(1, pick[:, j : j + 1])[:, 0]
        opening = "colors" if style == "inventory" else "on the table"
        tail = " ".join(ask % (j, j) for j in range(questions)).removesuffix(" .")
        batch = fill(f"<bos> {opening} : {items} {tail}", n, **slots)
        batch.info = dict(colors=colors, objects=objects, asked=asked)
        return batch

    # -- laundry lists (chapter 04) --------------------------------------------------------
    def laundry(self, n: int, length: int = 4, pool: str = "objects") -> Batch:
        """``length`` things are needed, all but one are listed again; the answer is the missing one."""
        items = self.distinct(n, getattr(self, pool), length)
        order = torch.rand(n, length, generator=self.generator).argsort(1)
        shuffled = items.gather(1, order)
        need = " , ".join(f"{{n{i}}}" for i in range(length))
        got = " , ".join(f"{{g{i}}}" for i in range(length - 1))
        slots = {f"n{i}": items[:, i] for i in range(length)} | {f"g{i}": shuffled[:, i] for i in range(length - 1)}
        who = self.names[self.randint(len(self.names), n)]
        batch = fill(
            f"<bos> {{w}} needs {need} . {{w}} got {got} . still missing : {{y!}}", n, w=who, y=shuffled[:, -1], **slots
        )
        batch.info = dict(items=items, got=shuffled[:, :-1], position=order[:, -1])
        return batch

    # -- one-shot relations and text (chapter 01) -----------------------------------------
    def relation(self, n: int, name: str, pairs: int = 3, held_out: bool = False) -> Batch:
        """``x : f(x) , y : f(y) , ...`` for f in 'past', 'upper', 'copy', 'capital'."""
        if name == "capital":
            e = torch.stack([self.draw_countries(n) for _ in range(pairs)], 1)
            x, y = self.country[e], self.value["capital"][e]
        else:
            allowed = torch.ones(len(vocab.VERBS), dtype=torch.bool)
            if name in self.held_out:
                allowed[self.held_out[name]] = False
            seen = allowed.nonzero()[:, 0]
            i = seen[torch.rand(n, len(seen), generator=self.generator).argsort(1)[:, :pairs]]
            if held_out:
                i[:, -1] = self.held_out[name][self.randint(HELD_OUT_PAIRS, n)]
            x = self.verb["base"][i]
            y = x if name == "copy" else self.verb[name][i]
            e = i
        slots = {f"x{j}": x[:, j] for j in range(pairs)} | {f"y{j}": y[:, j] for j in range(pairs)}
        # the first answer cannot be known for a verb: the relation has not been shown yet
        body = " , ".join(f"{{x{j}}} : {{y{j}{'!' if j else ''}}}" for j in range(pairs))
        batch = fill(f"<bos> {body}", n, **slots)
        batch.info = dict(item=e, x=x, y=y)
        return batch

    def text(self, n: int) -> Batch:
        """Sentences in which the topic word predicts the stem and the grammar word the form."""
        i = self.randint(len(vocab.VERBS), n)
        kind, order = (
            self.choose((("base", "tomorrow"), ("past", "yesterday"), ("upper", "loud"))),
            int(self.randint(2, 1)),
        )
        form, cue = kind
        text = ("<bos> {t} : %s {y!}" if order else "<bos> %s {t} : {y!}") % cue
        return fill(text, n, t=self.verb["topic"][i], y=self.verb[form][i])


def pack(batches: list[Batch]) -> Batch:
    """Stacks batches of different lengths, padded on the right."""
    width = max(b.tokens.shape[1] for b in batches)
    pad = vocab.word_ids()[vocab.PAD]

    def widen(rows: Tensor, filler: int | bool) -> Tensor:
        return torch.nn.functional.pad(rows, (0, width - rows.shape[1]), value=filler)

    return Batch(
        torch.cat([widen(b.tokens, pad) for b in batches]),
        torch.cat([widen(b.answers, False) for b in batches]),
    )
