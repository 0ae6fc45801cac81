"""Chapter 07, image to text by one linear map: how its eight exercises are checked, one module for each.

- a module holds the exercise's card, its groups of cases, its known mistakes and other right answers;
- pure functions are checked on small drawn data, those that run a language model on lab-lm-scenes;
- ``train_projection`` returns a trained map, which is put to use on scenes that the student's function never saw.
"""

from __future__ import annotations

from autograder.specs.base import Chapter
from autograder.specs.ch07 import bootstrap, captioning, clipscore, gradients, inputs, project, train, vqa

CHAPTER = Chapter(
    slug="07_image_to_text",
    number=7,
    title="Image to text by one linear map",
    notebook="image_to_text",
    exercises=tuple(
        module.EXERCISE for module in (project, inputs, gradients, train, captioning, bootstrap, clipscore, vqa)
    ),
    page="book/chapters/07_image_to_text.html",
    paper="https://arxiv.org/abs/2209.15162",
    models=("lab-lm-scenes",),
)
