"""Compositional distributional semantics on top of frozen image vectors: five ways to make one vector from words.

- ``KINDS``: Add, Mult, Conv, RF (role-filler) and TL (type-logical); ``compose`` builds the vector of a phrase;
- ``Composition``: a vector for each word, and what else a kind has (roles, matrices), to be trained;
- ``train``: five-way cross-entropy over candidate captions; ``scores`` is the dot product with an image vector;
- ``fair_accuracy``: right answers where equal scores share the point.

Image vectors have length 1. The vector of a phrase is not normalised, and there is no temperature, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mechanisms.data.binding import FIRST_SHAPE, VOCABULARY
from mechanisms.data.scenes.objects import held_out_pairs

KINDS = ("Add", "Mult", "Conv", "RF", "TL")
TIE = 1e-4  # scores closer than this count as equal: Conv's ties leave rounding behind


@dataclass(frozen=True)
class HeadRecipe:
    """How a composition head is trained. ``neutral``: candidates that are held-out pairs do not count in the loss."""

    steps: int = 400
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-5
    neutral: bool = False


def circular_convolution(a: Float[Tensor, "... d"], b: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
    """c[k] = sum over i of a[i] b[(k - i) mod d], by way of Fourier transforms."""
    return torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), n=a.shape[-1])


def compose(
    kind: str, words: list[Float[Tensor, "... d"]], roles: Float[Tensor, "n d"], matrix: Float[Tensor, "... d d"]
) -> Float[Tensor, "... d"]:
    """The vector of a phrase of two words (adjective, noun) or three (subject, relation, object).

    ``roles`` (RF): one for each word, in order. ``matrix`` (TL): that of the adjective, or of the relation.
    Raises ValueError for another kind.
    """
    last = words[-1]
    if kind == "Add":
        return sum(words)
    if kind == "Mult":
        return torch.stack(words).prod(0)
    if kind == "Conv":
        return _convolved(words)
    if kind == "RF":
        return sum(circular_convolution(word, role) for word, role in zip(words, roles, strict=True))
    if kind == "TL":
        applied = (matrix @ last[..., None])[..., 0]
        return applied if len(words) == 2 else words[0] * applied
    raise ValueError(f"kind must be one of {KINDS}, not {kind!r}")


def _convolved(words: list[Tensor]) -> Tensor:
    result = words[-1]
    for word in reversed(words[:-1]):
        result = circular_convolution(word, result)
    return result


class Composition(nn.Module):
    """Word vectors of one kind, drawn from N(0, 1) by torch's global generator."""

    def __init__(self, kind: str, d: int = 64, n_words: int = len(VOCABULARY)) -> None:
        super().__init__()
        self.kind = kind
        self.words = nn.Parameter(torch.randn(n_words, d))
        self.roles = nn.Parameter(torch.randn(3, d)) if kind == "RF" else None
        # divided by sqrt(d), so that a matrix times a vector has numbers of the vector's size
        self.matrices = nn.Parameter(torch.randn(n_words, d, d) / d**0.5) if kind == "TL" else None

    def forward(self, captions: Int[Tensor, "*n word"]) -> Float[Tensor, "*n d"]:
        """The vectors of captions of two or three words; a pair uses the first two roles."""
        words = [self.words[captions[..., i]] for i in range(captions.shape[-1])]
        none = self.words.new_zeros(0)
        roles = none if self.roles is None else self.roles[: len(words)]
        of = captions[..., 0 if len(words) == 2 else 1]
        return compose(self.kind, words, roles, none if self.matrices is None else self.matrices[of])


def scores(
    model: Composition, images: Float[Tensor, "n d"], captions: Int[Tensor, "n choice word"]
) -> Float[Tensor, "n choice"]:
    """Dot products of each image with its own candidates."""
    return _scores(model, images, *_phrases(captions))


def _phrases(captions: Int[Tensor, "n choice word"]) -> tuple[Int[Tensor, "k word"], Int[Tensor, "n choice"]]:
    """Every different caption once, and where each candidate is among them: a few phrases stand for thousands."""
    different, place = captions.flatten(0, 1).unique(dim=0, return_inverse=True)
    return different, place.view(captions.shape[:2])


def _scores(model: Composition, images: Tensor, different: Tensor, place: Tensor) -> Float[Tensor, "n choice"]:
    return (images @ model(different).T).gather(1, place)


def is_held_out(captions: Int[Tensor, "n choice 2"]) -> Tensor:
    """Whether a candidate names a held-out pair."""
    return held_out_pairs()[captions[..., 0], captions[..., 1] - FIRST_SHAPE]


def train(
    kind: str,
    images: Float[Tensor, "n d"],
    captions: Int[Tensor, "n choice word"],
    seed: int,
    recipe: HeadRecipe | None = None,
) -> Composition:
    """A head of this kind, trained on questions whose true candidate stands in column 0."""
    recipe = recipe or HeadRecipe()
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Composition(kind, images.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    different, place = _phrases(captions)
    for _ in range(recipe.steps):
        rows = torch.randint(len(images), (recipe.batch,), generator=generator)
        found = _scores(model, images[rows], different, place[rows])
        if recipe.neutral and captions.shape[-1] == 2:
            found = found.masked_fill(is_held_out(captions[rows]), float("-inf"))
        loss = functional.cross_entropy(found, torch.zeros(len(rows), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


def fair_accuracy(scores: Float[Tensor, "n choice"], tolerance: float = TIE) -> float:
    """Share of right answers, the true candidate being in column 0, where equal scores share the point.

    An answer whose true candidate is among m that are best (within ``tolerance``) counts 1/m. This is what shuffling
    the candidates and breaking ties at random gives on average.
    """
    best = scores >= scores.max(dim=1, keepdim=True).values - tolerance
    return (best[:, 0].double() / best.sum(1)).mean().item()


def two_way(scores: Float[Tensor, "n choice"], columns: tuple[int, ...], tolerance: float = TIE) -> float:
    """The true candidate (column 0) against each of ``columns`` alone, averaged."""
    return sum(fair_accuracy(scores[:, [0, c]], tolerance) for c in columns) / len(columns)
