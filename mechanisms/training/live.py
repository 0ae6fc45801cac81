"""Training lab-gate in front of a student: a progress bar, a curve that grows, and a state to go on from.

- ``train_live``: the course's recipe with the student's own loss; or, at once, the shipped model and its curve;
- ``watched``: a loop over a few long pieces of work, with a bar;
- ``paper_scale``: several seeds of a harder task on a GPU, or one sentence where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import torch

from mechanisms.models import card, load
from mechanisms.training.lab_gate import Progress, Recipe, train
from mechanisms.training.state import drop_state_of_others


def train_live(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    live: bool,
    folder: str | Path = "my-lab-gate",
    recipe: Recipe | None = None,
    draw: Callable[[list[dict[str, float]]], Any] | None = None,
) -> tuple[Any, list[dict[str, float]]]:
    """The trained model and its curve, one row {"step", "loss", "accuracy", ...} for each measurement.

    ``live`` False: the shipped checkpoint and the curve of its card, at once. ``live`` True: trains here with ``loss``
    (logits, tokens), about one to three minutes; ``draw(curve)`` gives the figure that is shown meanwhile. The state is
    kept in ``folder``: a training that was interrupted goes on there, and one that has ended is not repeated, unless
    ``loss`` is written differently now; then it starts afresh.
    Raises CourseError if the state in ``folder`` belongs to another recipe or cannot be saved.
    """
    if not live:
        return load("lab-gate"), card("lab-gate")["curve"]
    recipe = recipe or Recipe()
    if drop_state_of_others(Path(folder), (loss,)):
        print(f"The loss has changed since the state in {folder} was saved: the training starts afresh.")
    screen = live_screen()

    def watch(progress: Progress) -> None:
        if screen is not None and draw is not None and progress.step % (4 * recipe.measure_every) == 0:
            screen.update(draw(progress.curve))

    model, progress = train(recipe, Path(folder), loss=loss, watch=watch)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model, progress.curve


def watched(items: Sequence[Any], what: str) -> Iterator[Any]:
    """The items one by one; meanwhile the notebook shows how many are through, and nothing any more at the end."""
    screen = live_screen(f"{what}: 0 of {len(items)}")
    for done, item in enumerate(items):
        _show(screen, f"{what}: {done} of {len(items)}", done / len(items))
        yield item
    _show(screen, "", 1.0)


def _show(screen: Any, text: str, share: float) -> None:
    if screen is None:
        return
    from IPython.display import HTML

    bar = (
        '<div aria-hidden="true" style="height:8px;max-width:30em;border-radius:4px;background:rgba(127,127,127,.35)">'
        f'<div style="height:8px;border-radius:4px;width:{100 * share:.0f}%;background:#2f7fd0"></div></div>'
    )
    screen.update(HTML(f'<div role="status">{escape(text)}{bar}</div>' if text else ""))


def live_screen(first: str = "The curve appears here …") -> Any:
    """A place in the notebook whose content can be replaced, with some text at first; None outside a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    return display(first, display_id=True) if get_ipython() is not None else None


def paper_scale(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    recipe: Recipe,
    seeds: int = 10,
    folder: str | Path = "three-registers",
    device: str | None = None,
) -> list[list[dict[str, float]]] | None:
    """The curves of ``seeds`` trainings of ``recipe``, one after another; None, after one sentence, where no GPU is.

    ``device`` "cpu" runs it without a GPU all the same. Stopped, it goes on with the seed that it was at.
    """
    target = device or ("cuda" if torch.cuda.is_available() else "")
    if not target:
        print(
            f"No paper-scale run here: {seeds} trainings of {recipe.steps:,} steps need a GPU, and PyTorch finds none. "
            "Everything above is complete without it."
        )
        return None
    curves = []
    for seed in range(seeds):
        one = replace(recipe, seed=seed)
        _, progress = train(one, Path(folder) / f"seed-{seed}", device=target, loss=loss)
        curves.append(progress.curve)
    return curves
