"""Minimal pairs of the tasks of chapter 03 on lab-lm: prompts that differ in one word, and in their right answer.

- ``indirect_objects``, ``colored_objects``, ``laundry_lists`` and, as a control, ``capitals``; ``TASKS`` names them;
- each draws its clean prompts from the lab corpus (``mechanisms.data.documents``) and edits one word of them;
- ``places``: the positions of given words in the prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mechanisms.data.documents import FACT_TEMPLATES, Corpus, fill
from mechanisms.data.vocabulary import word_ids

Tensor = torch.Tensor
CAPITAL_TEMPLATE = 0


@dataclass(frozen=True)
class Pairs:
    """Minimal pairs of one task.

    ``clean``, ``corrupt`` [n, pos]: prompts that differ in the word at ``edited`` [n]. ``right``, ``wrong`` [n]: the
    right answers to clean and to corrupt. ``options`` [n, k]: positions of the words that can be answers, as far as
    they are listed; ``fillers`` [n, m]: positions of listed words that cannot.
    """

    clean: Tensor
    corrupt: Tensor
    right: Tensor
    wrong: Tensor
    edited: Tensor
    options: Tensor
    fillers: Tensor

    def __len__(self) -> int:
        return len(self.clean)

    @property
    def wrong_options(self) -> Tensor:
        """Positions of the listed answers that are not the right one, [n, k - 1]."""
        rows = torch.arange(len(self))[:, None]
        keep = self.clean[rows, self.options] != self.right[:, None]
        return self.options[keep].view(len(self), -1)


def places(tokens: Tensor, words: Tensor) -> Tensor:
    """For every row the first position of each of its ``words`` [n, k] in ``tokens`` [n, pos]; [n, k]."""
    return (tokens[:, None, :] == words[:, :, None]).int().argmax(-1)


def _pairs(clean: Tensor, edited: Tensor, new: Tensor, right: Tensor, wrong: Tensor, options: Tensor, fillers: Tensor):
    corrupt = clean.clone()
    corrupt[torch.arange(len(clean)), edited] = new
    return Pairs(clean, corrupt, right, wrong, edited, options, fillers)


def indirect_objects(corpus: Corpus, n: int, pool: str = "names") -> Pairs:
    """The giver is exchanged for the other person. ``pool`` "names", "colors" or "objects"."""
    batch = corpus.ioi(n, pool)
    subject, other = batch.info["subject"], batch.info["indirect_object"]
    clean = batch.prompts
    edited = clean.shape[1] - 1 - (clean.flip(1) == subject[:, None]).int().argmax(1)  # where the giver comes again
    options = places(clean, torch.stack([subject, other], 1))
    return _pairs(clean, edited, other, other, subject, options, options[:, :0])


def colored_objects(corpus: Corpus, n: int, length: int = 3, style: str = "inventory", held_out: bool = False) -> Pairs:
    """Another listed object is asked about. ``held_out`` objects were never asked about in training."""
    batch = corpus.colored_objects(n, length, 1, style, held_out)
    colors, objects, asked = batch.info["colors"], batch.info["objects"], batch.info["asked"]
    other = (asked + 1 + corpus.randint(length - 1, n, 1)) % length
    clean = batch.prompts
    right, wrong = colors.gather(1, asked)[:, 0], colors.gather(1, other)[:, 0]
    edited = torch.full((n,), clean.shape[1] - 1)
    return _pairs(
        clean, edited, objects.gather(1, other)[:, 0], right, wrong, places(clean, colors), places(clean, objects)
    )


def laundry_lists(corpus: Corpus, n: int, length: int = 3) -> Pairs:
    """The last thing that was got is exchanged for the missing one, which makes that thing the missing one."""
    batch = corpus.laundry(n, length)
    clean, missing = batch.prompts, batch.targets
    last = batch.info["got"][:, -1]
    edited = clean.shape[1] - 1 - (clean.flip(1) == last[:, None]).int().argmax(1)
    return _pairs(clean, edited, missing, missing, last, places(clean, batch.info["items"]), edited[:, None][:, :0])


def capitals(corpus: Corpus, n: int) -> Pairs:
    """The control: a fact about another country. There is nothing to look up in the prompt."""
    country = corpus.draw_countries(n)
    total = len(corpus.country)
    other = (country + 1 + corpus.randint(total - 1, n)) % total
    table = word_ids()
    slots = {"r": torch.full((n,), table["capital"]), "c": corpus.country[country]}
    value = corpus.value["capital"]
    clean = fill(FACT_TEMPLATES[CAPITAL_TEMPLATE], n, **slots, k=value[country]).prompts
    edited = (clean == corpus.country[country][:, None]).int().argmax(1)
    empty = edited[:, None][:, :0]
    return _pairs(clean, edited, corpus.country[other], value[country], value[other], empty, empty)


TASKS: dict[str, Callable[[Corpus, int], Pairs]] = {
    "indirect objects": indirect_objects,
    "laundry lists": laundry_lists,
    "coloured objects": colored_objects,
    "capitals (control)": capitals,
}
