"""Training lab-dual in front of a student: three ways of forgetting, with the student's own schedule and reset.

- ``forget_live``: the course's recipes with progress bars and curves that grow; or, at once, the shipped models;
- ``paper_scale_toy``: the toy task at the size of the released script on a GPU, or one sentence where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from mechanisms.models import card, load
from mechanisms.training.forgetting import reset_embeddings, should_reset
from mechanisms.training.lab_dual import Progress, Recipe, train
from mechanisms.training.live import live_screen
from mechanisms.training.state import drop_state_of_others

WAYS = {
    "vanilla": ("lab-dual-vanilla", {"every": 0, "until": 0}),
    "active": ("lab-dual-active", {"until": 0}),
    "temporary": ("lab-dual", {}),
}
Curve = list[dict[str, float]]
# The released script's toy: six layers, one head, width 64, 10,000 content tokens, learning rate 5e-5, 62,500 steps.
PAPER_RECIPE = Recipe(
    steps=62_500, every=1000, until=0, content=10_000, spare=1000, n_layers=6, learning_rate=5e-5, spread=1.0,
    measure_every=500,
)  # fmt: skip


def forget_live(
    live: bool,
    due: Callable[[int, int, int], bool] = should_reset,
    forget: Callable[..., Any] = reset_embeddings,
    folder: str | Path = "my-lab-dual",
    draw: Callable[[Mapping[str, Curve]], Any] | None = None,
    steps: int | None = None,
) -> tuple[dict[str, Any], dict[str, Curve]]:
    """The models and the curves of vanilla training, active and temporary forgetting, by name.

    ``live`` False: the shipped checkpoints and the curves of their cards, at once. ``live`` True: trains all three,
    with ``due(step, every, until)`` and ``forget(model, optimizer, fresh)``; ``draw(curves)`` gives the figure that is
    shown meanwhile. States are kept in ``folder``: what was interrupted goes on there, unless ``due`` or ``forget`` is
    written differently now; then it starts afresh. ``steps`` shortens a try-out.
    Raises CourseError if a state in ``folder`` belongs to another recipe or cannot be saved.
    """
    if not live:
        return (
            {name: load(shipped) for name, (shipped, _) in WAYS.items()},
            {name: card(shipped)["curve"] for name, (shipped, _) in WAYS.items()},
        )
    stale = [drop_state_of_others(Path(folder) / name, (due, forget)) for name in WAYS]
    if any(stale):
        print(
            f"should_reset or reset_embeddings has changed since the states in {folder} were saved: "
            "the trainings start afresh."
        )
    screen = live_screen()
    models: dict[str, Any] = {}
    curves: dict[str, Curve] = {}
    for name, (_, changes) in WAYS.items():
        recipe = Recipe(**changes) if steps is None else Recipe(steps=steps, **changes)

        def watch(progress: Progress, name: str = name, recipe: Recipe = recipe) -> None:
            curves[name] = progress.curve
            if screen is not None and draw is not None and progress.step % (4 * recipe.measure_every) == 0:
                screen.update(draw(curves))

        models[name], progress = train(recipe, Path(folder) / name, due=due, forget=forget, watch=watch)
        curves[name] = progress.curve
        for parameter in models[name].parameters():
            parameter.requires_grad_(False)
    return models, curves


def paper_scale_toy(
    recipe: Recipe = PAPER_RECIPE, folder: str | Path = "dual-paper-scale", device: str | None = None
) -> Curve | None:
    """The curve of the toy task at paper scale; None, after one sentence, where there is no GPU.

    ``device`` "cpu" runs it without a GPU all the same. Stopped, it goes on where it was.
    """
    target = device or ("cuda" if torch.cuda.is_available() else "")
    if not target:
        print(
            f"No paper-scale toy run here: {recipe.steps:,} steps of {recipe.n_layers} layers need a GPU, and PyTorch "
            "finds none. Everything above is complete without it."
        )
        return None
    _, progress = train(recipe, Path(folder), device=target)
    return progress.curve
