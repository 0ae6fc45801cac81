"""Writes planted-circuit: an attention-only network with hand-built weights, whose circuits are known exactly.

- ``build`` makes it: three layers of four heads, every one of which does one named thing (``ROLES``), or nothing;
- ``indirect_objects``, ``colored_objects`` and ``partners`` draw minimal pairs of its three tasks;
- ``TRUTH`` says which heads each task needs at the last position: the ground truth that path patching must find;
- ``python -m mechanisms.models.planted FOLDER`` writes the checkpoint again, the same weights every time.

It was never trained. LayerNorm is kept harmless by *ballast*: two large entries of opposite sign in every residual
vector, which nothing reads, fix the standard deviation, so that LayerNorm multiplies by one constant (to about 1 in
a thousand). A third entry takes the negative sum of all others, so that the mean is zero.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from mechanisms.files import atomic_write
from mechanisms.models.attention_only import AttentionOnly, AttentionOnlyConfig, save

Tensor = torch.Tensor
NAMES, COLORS = ("Anna", "Ben", "Clara", "David"), ("red", "blue", "green", "white")
OBJECTS = ("pen", "cup", "key", "hat")
TASK_WORDS = ("<bos>", "to", "color", "partner")
WORDS = TASK_WORDS + NAMES + COLORS + OBJECTS
IDS = {word: i for i, word in enumerate(WORDS)}
N_CTX = 12
SALIENCE = (0.0, 1.0, 2.0, 3.0)  # how much the movers like each colour, whatever was asked
ROLES = {
    (0, 0): "previous token",
    (0, 1): "duplicate token",
    (0, 2): "unread copy",
    (0, 3): "nothing",
    (1, 0): "inhibition",
    (1, 1): "content gatherer",
    (1, 2): "partner lookup",
    (1, 3): "nothing",
    (2, 0): "mover",
    (2, 1): "mover, half as strong",
    (2, 2): "negative mover",
    (2, 3): "nothing",
}
# stage -> heads with an effect; the last position for all but "duplicate", which acts where a word occurs again
TRUTH = {
    "indirect objects": {"logits": [(2, 0), (2, 1), (2, 2)], "mover queries": [(1, 0)], "repeat": [(0, 1)]},
    "coloured objects": {"logits": [(2, 0), (2, 1)], "mover queries": [(1, 1)], "repeat": [(0, 1)]},
    "partners": {"logits": [(1, 2)], "mover queries": [], "repeat": []},
}
_BALLAST, _STRONG = 100.0, 12.0


@dataclass(frozen=True)
class PlantedPairs:
    """Minimal pairs: ``clean`` and ``corrupt`` [n, pos], the answers ``right`` (of clean) and ``wrong`` (of corrupt)
    [n], ``repeat`` [n] the position of the word that differs, ``options`` [n, k] the positions of what can be said."""

    clean: Tensor
    corrupt: Tensor
    right: Tensor
    wrong: Tensor
    repeat: Tensor
    options: Tensor

    def __len__(self) -> int:
        return len(self.clean)

    @property
    def wrong_options(self) -> Tensor:
        """Positions of what can be said and is not right, [n, k - 1]."""
        keep = self.clean.gather(1, self.options) != self.right[:, None]
        return self.options[keep].view(len(self), -1)


def _slots() -> dict[str, int]:
    """The coordinate of every feature of the residual stream, such as "token red" or "inhibited red"."""
    sayable = NAMES + COLORS
    spaces = {
        "token": WORDS,
        "previous": OBJECTS,
        "repeated": NAMES + OBJECTS,
        "inhibited": sayable,
        "sought": OBJECTS,
        "said": sayable,
        "unread": NAMES,
        "position": tuple(str(i) for i in range(N_CTX)),
    }
    return {
        f"{space} {word}": i
        for i, (space, word) in enumerate((space, word) for space, words in spaces.items() for word in words)
    }


class _Builder:
    """Writes heads into a model in terms of named features."""

    def __init__(self, model: AttentionOnly, slots: dict[str, int]) -> None:
        self.model, self.slots, self.width = model, slots, model.cfg.d_model

    def write(self, row: Tensor, feature: str, amount: float) -> None:
        """Adds ``amount`` of a feature to a residual vector and takes it from the balance, so that the mean stays 0."""
        row[self.slots[feature]] += amount
        row[self.width - 3] -= amount

    def head(
        self,
        layer: int,
        head: int,
        match: list[tuple[dict[str, float], dict[str, float]]],
        copy: list[tuple[dict[str, float], dict[str, float]]],
    ) -> None:
        """``match``: pairs (query features, key features) whose products add up to the attention score;
        ``copy``: pairs (features read, features written)."""
        attn, size = self.model.blocks[layer].attn, self.model.cfg.d_head
        if max(len(match), len(copy)) > size:
            raise ValueError(f"Head {layer}.{head} needs more than its {size} dimensions.")
        start = head * size
        for i, (query, key) in enumerate(match):
            for part, features in enumerate((query, key)):
                row = attn.W_QKV.weight[part * self.width + start + i]
                for feature, amount in features.items():
                    row[self.slots[feature]] += amount * math.sqrt(math.sqrt(size))
        for i, (read, written) in enumerate(copy):
            row = attn.W_QKV.weight[2 * self.width + start + i]
            for feature, amount in read.items():
                row[self.slots[feature]] += amount
            for feature, amount in written.items():
                self.write(attn.W_out.weight[:, start + i], feature, amount)


@torch.no_grad()
def build() -> AttentionOnly:
    """The planted network."""
    slots = _slots()
    n_heads = 4
    width = n_heads * math.ceil((len(slots) + 3) / n_heads)
    width = max(width, n_heads * 24)
    model = AttentionOnly(AttentionOnlyConfig(len(WORDS), N_CTX, width, n_layers=3, n_heads=n_heads))
    for parameter in model.parameters():
        parameter.zero_()
    b = _Builder(model, slots)
    for i, word in enumerate(WORDS):
        row = model.embed.weight[i]
        b.write(row, f"token {word}", 1.0)
        row[width - 2], row[width - 1] = _BALLAST, -_BALLAST
    for i in range(N_CTX):
        b.write(model.pos_embed.weight[i], f"position {i}", 1.0)
    usual = _BALLAST * math.sqrt(2 / width)  # the standard deviation that the ballast gives
    for norm in [block.ln1 for block in model.blocks] + [model.ln_final]:
        norm.weight[: width - 3] = usual

    strong, sayable = _STRONG, NAMES + COLORS
    everywhere = {f"position {i}": 1.0 for i in range(N_CTX)}
    sink = (everywhere, {"token <bos>": strong / 2})  # where a head looks that finds nothing
    same_word = [({f"token {w}": strong}, {f"token {w}": 1.0}) for w in NAMES + OBJECTS]
    not_itself = [({f"position {i}": -2 * strong}, {f"position {i}": 1.0}) for i in range(N_CTX)]
    before = [({f"position {i + 1}": strong}, {f"position {i}": 1.0}) for i in range(N_CTX - 1)]
    b.head(0, 0, before, [({f"token {o}": 1.0}, {f"previous {o}": 1.0}) for o in OBJECTS])
    b.head(
        0, 1, [*same_word, *not_itself, sink], [({f"token {w}": 1.0}, {f"repeated {w}": 1.0}) for w in NAMES + OBJECTS]
    )
    b.head(
        0,
        2,
        [(everywhere, {f"token {n}": strong for n in NAMES})],
        [({f"token {n}": 1.0}, {f"unread {n}": 2.0}) for n in NAMES],
    )

    repeated = {f"repeated {w}": strong for w in NAMES + OBJECTS}
    asks = {"token to": 1.0, "token color": 1.0}
    halves = [
        ({f"token {w}": 1.0} | ({f"repeated {w}": 1.0} if w in NAMES else {}), {f"inhibited {w}": 1.0}) for w in sayable
    ]
    b.head(1, 0, [(asks, repeated), sink], halves)
    b.head(
        1,
        1,
        [({"token color": 1.0}, repeated), sink],
        [({f"repeated {o}": 1.0}, {f"sought {o}": 1.0}) for o in OBJECTS],
    )
    partner = [({f"token {w}": 1.0}, {f"said {NAMES[(i + 1) % len(NAMES)]}": 6.0}) for i, w in enumerate(NAMES)]
    b.head(1, 2, [({"token partner": strong}, {f"token {n}": 1.0 for n in NAMES}), sink], partner)

    wanted = [
        ({"token to": 1.0}, {f"token {n}": strong for n in NAMES}),
        ({"token color": 1.0}, {f"token {c}": strong + SALIENCE[i] for i, c in enumerate(COLORS)}),
        *(({f"inhibited {w}": -2.0}, {f"token {w}": 1.0}) for w in sayable),
        *(({f"sought {o}": 1.5}, {f"previous {o}": 1.0}) for o in OBJECTS),
        sink,
    ]
    for head, strength in ((0, 8.0), (1, 4.0)):
        b.head(2, head, wanted, [({f"token {w}": 1.0}, {f"said {w}": strength}) for w in sayable])
    shunned = [({f"inhibited {w}": strong}, {f"token {w}": 1.0}) for w in sayable]
    b.head(2, 2, [*shunned, sink], [({f"token {w}": 1.0}, {f"said {w}": -8.0}) for w in sayable])
    for word in sayable:
        model.unembed.weight[IDS[word], slots[f"said {word}"]] = 1.0
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def _ids(words: tuple[str, ...]) -> Tensor:
    return torch.tensor([IDS[word] for word in words])


def _distinct(n: int, words: tuple[str, ...], k: int, generator: torch.Generator) -> Tensor:
    return _ids(words)[torch.rand(n, len(words), generator=generator).argsort(1)[:, :k]]


def _row(n: int, word: str) -> Tensor:
    return torch.full((n, 1), IDS[word])


def indirect_objects(n: int, generator: torch.Generator) -> PlantedPairs:
    """``<bos> A B A to`` → B; the corrupt prompt repeats B, so that its answer is A. Either name may come first."""
    names = _distinct(n, NAMES, 2, generator)
    giver = torch.randint(2, (n, 1), generator=generator)
    subject, other = names.gather(1, giver), names.gather(1, 1 - giver)
    prompts = [torch.cat([_row(n, "<bos>"), names, repeated, _row(n, "to")], 1) for repeated in (subject, other)]
    options = torch.tensor([1, 2]).expand(n, 2)
    return PlantedPairs(*prompts, other[:, 0], subject[:, 0], torch.full((n,), 3), options)


def colored_objects(n: int, generator: torch.Generator) -> PlantedPairs:
    """``<bos> o c o c o c o color`` → the colour of the object named again; the corrupt prompt names another one."""
    objects, colors = _distinct(n, OBJECTS, 3, generator), _distinct(n, COLORS, 3, generator)
    asked = torch.randint(3, (n, 1), generator=generator)
    other = (asked + 1 + torch.randint(2, (n, 1), generator=generator)) % 3
    listed = torch.stack([objects, colors], 2).flatten(1)
    prompts = [
        torch.cat([_row(n, "<bos>"), listed, objects.gather(1, place), _row(n, "color")], 1) for place in (asked, other)
    ]
    right, wrong = colors.gather(1, asked)[:, 0], colors.gather(1, other)[:, 0]
    return PlantedPairs(*prompts, right, wrong, torch.full((n,), 7), torch.tensor([2, 4, 6]).expand(n, 3))


def partners(n: int, generator: torch.Generator) -> PlantedPairs:
    """``<bos> A partner`` → the name that the network has stored for A: the control task."""
    first = torch.randint(len(NAMES), (n, 1), generator=generator)
    other = (first + 1 + torch.randint(len(NAMES) - 1, (n, 1), generator=generator)) % len(NAMES)
    table = _ids(NAMES)
    prompts = [torch.cat([_row(n, "<bos>"), table[who], _row(n, "partner")], 1) for who in (first, other)]
    right, wrong = (table[(who[:, 0] + 1) % len(NAMES)] for who in (first, other))
    return PlantedPairs(*prompts, right, wrong, torch.full((n,), 1), torch.ones(n, 1, dtype=torch.long))


def write(folder: Path) -> None:
    """Writes config, weights and card to ``folder``, which is made if need be."""
    model = build()
    save(model, folder)
    card = {
        "name": "planted-circuit",
        "architecture": "attention only, 3 layers, 4 heads, hand-built weights: it was never trained",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "command": "python -m mechanisms.models.planted",
        "roles": {f"{layer}.{head}": role for (layer, head), role in ROLES.items()},
    }
    atomic_write(folder / "card.json", json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
