"""The paper-scale part of chapter 03: prompts for GPT-2, and the heads that the paper names.

- ``ioi_prompts`` and ``colored_prompts``: minimal pairs as text, written by the student's own generators;
- ``PaperPairs``: those pairs as tokens, one length only, so that nothing needs padding;
- ``attention_to_repeat`` and ``show_ranks``: what a named head does, and where it stands among all heads.

Head ids from Merullo et al. 2024 (GPT-2 medium, layer and head counted from 0). The paper names 13.13 in its section 5
and 13.14 in an appendix as the third inhibition head: both are here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

Tensor = torch.Tensor
SHARED_MOVERS = [[15, 14], [16, 15], [17, 4], [18, 5], [19, 15]]
NEGATIVE_MOVER = [[19, 1]]
INHIBITION = [[12, 3], [13, 4], [13, 13], [13, 14]]
PEOPLE = ("Mary", "John", "Anna", "Paul", "Tom", "Sarah", "James", "Peter", "David", "Mark")
PLACES, GIFTS = ("store", "park", "office", "school"), ("drink", "book", "ring", "letter")
OBJECTS = ("pen", "cup", "key", "ball", "book", "hat", "lamp", "box", "coin", "ring")
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black")
SURFACES = ("table", "desk", "floor")
Row = dict[str, str]


def _picks(options: Sequence[str], count: int, generator: torch.Generator) -> list[str]:
    return [options[i] for i in torch.randperm(len(options), generator=generator)[:count].tolist()]


def ioi_prompts(make: Callable[..., Row], n: int, seed: int = 0) -> list[dict[str, object]]:
    """``n`` pairs from the student's ``ioi_pair``, capitalised as GPT-2 expects; answers with a leading space."""
    generator, rows = torch.Generator().manual_seed(seed), []
    for i in range(n):
        first, second = _picks(PEOPLE, 2, generator)
        [place], [thing] = _picks(PLACES, 1, generator), _picks(GIFTS, 1, generator)
        pair = make(first, second, (first, second)[i % 2], place, thing)
        spelled = {key: ("W" + pair[key][1:]).replace(" ,", ",") for key in ("clean", "corrupt")}
        rows.append({**spelled, "right": f" {pair['right']}", "wrong": f" {pair['wrong']}", "options": [first, second]})
    return rows


def colored_prompts(make: Callable[..., Row], n: int, seed: int = 0) -> list[dict[str, object]]:
    """``n`` pairs from the student's ``colored_pair``, three objects each."""
    generator, rows = torch.Generator().manual_seed(seed), []
    for i in range(n):
        objects, colors = _picks(OBJECTS, 3, generator), _picks(COLORS, 3, generator)
        [surface] = _picks(SURFACES, 1, generator)
        asked, other = i % 3, (i + 1 + i // 3 % 2) % 3
        rows.append({**make(objects, colors, asked, other, surface), "options": colors})
    return rows


@dataclass(frozen=True)
class PaperPairs:
    """The fields of ``mechanisms.data.circuit_tasks.Pairs`` that the notebook needs, on the model's device."""

    clean: Tensor
    corrupt: Tensor
    right: Tensor
    wrong: Tensor
    edited: Tensor
    wrong_options: Tensor

    def __len__(self) -> int:
        return len(self.clean)

    @classmethod
    def from_text(cls, model, rows: Sequence[dict[str, object]]) -> PaperPairs:
        """Tokenizes pairs; keeps those of the most frequent length whose prompts differ in one token and whose two
        answers start with different tokens. Raises ValueError if none is left."""
        made = []
        for row in rows:
            clean, corrupt = (model.to_tokens(row[key])[0] for key in ("clean", "corrupt"))
            right, wrong = (_first_token(model, row[key]) for key in ("right", "wrong"))
            if len(clean) != len(corrupt) or (clean != corrupt).sum() != 1 or right == wrong:
                continue
            said = str(row["right"]).strip().lower()
            places = [_place(model, clean, str(word)) for word in row["options"] if str(word).lower() != said]
            if None not in places:
                made.append((clean, corrupt, right, wrong, int((clean != corrupt).int().argmax()), places))
        if not made:
            raise ValueError("No pair is left: this tokenizer splits every edited word into pieces of its own.")
        (length, options), _ = Counter((len(one[0]), len(one[5])) for one in made).most_common(1)[0]
        kept = [one for one in made if (len(one[0]), len(one[5])) == (length, options)]
        clean, corrupt, right, wrong, edited, places = zip(*kept, strict=True)
        device = clean[0].device
        numbers = (torch.tensor(values, device=device) for values in (right, wrong, edited, places))
        return cls(torch.stack(clean), torch.stack(corrupt), *numbers)


def _first_token(model, text: object) -> int:
    return model.tokenizer.encode(str(text), add_special_tokens=False)[0]


def _place(model, tokens: Tensor, word: str) -> int | None:
    """The position of a word that follows a space, by its first token; None if it is not there."""
    found = (tokens == _first_token(model, f" {word}")).nonzero()
    return int(found[0]) if len(found) else None


def attention_to_repeat(model, pairs: PaperPairs, head: Sequence[int]) -> float:
    """Mean attention of the last position to the edited word of the clean prompt, for one head [layer, head]."""
    name = f"blocks.{head[0]}.attn.hook_pattern"
    _, cache = model.run_with_cache(pairs.clean, names_filter=name)
    return cache[name][torch.arange(len(pairs)), head[1], -1, pairs.edited].mean().item()


def show_ranks(title: str, scores: Tensor, heads: Sequence[Sequence[int]]) -> None:
    """Prints the five largest scores, and for each named head that the model has its score and its place."""
    size = scores.shape[1]
    order = scores.abs().flatten().argsort(descending=True).tolist()
    largest = ", ".join(f"{i // size}.{i % size} {scores.flatten()[i]:+.3f}" for i in order[:5])
    print(f"   {title}, largest: {largest}")
    for layer, head in heads:
        if layer < scores.shape[0] and head < size:
            place = order.index(layer * size + head) + 1
            print(f"   head {layer}.{head}: {scores[layer, head]:+.3f}, place {place} of {len(order)}")
