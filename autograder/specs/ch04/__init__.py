"""Chapter 04, talking heads: how its seven exercises are checked.

- ``weights``: components, composition scores and the edit, on drawn weights;
- ``behaviour``: inhibition, the channel and recall, on drawn patterns and answers.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch04 import behaviour, weights

CHAPTER = Chapter(
    slug="04_talking_heads",
    number=4,
    title="Talking heads",
    notebook="talking_heads",
    exercises=(*weights.EXERCISES, *behaviour.EXERCISES),
    models=("lab-lm", "lab-list"),
    page="book/chapters/04_talking_heads.html",
    paper="https://arxiv.org/abs/2406.09519",
)
