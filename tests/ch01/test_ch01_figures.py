"""Figures, the layer slider, its page and the claims table: they draw what they are given, in words too."""

from __future__ import annotations

import io
import re

import pytest
import torch

from mechanisms.data import relations as lab
from mechanisms.plots import relational as plots
from mechanisms.plots.claims import RELATIONS, claims_table
from mechanisms.training import relational_sweep
from mechanisms.widgets import layer_page, layer_slider, layer_steps

EFFECT = {"own": 0.5, "other": 0.0, "random": 0.02}
REACHED = {"hits": 0.4, "random": 0.01, "rank before": 8.0, "rank after": 2.0}


def draw(name):
    curve = ([0.1, 0.6, 0.2], [0.0, 0.2, 1.0])
    found = {"past": {"formation": 1, "application": 2, "saturation": None}}
    return {
        "curves": lambda: plots.plot_curves(["a", "b", "c"], {"past": curve, "upper": curve}, found),
        "curves without stages": lambda: plots.plot_curves(["a", "b", "c"], {"past": curve}),
        "shares": lambda: plots.plot_shares({"FFN 1": [1, 2, 3], "att. 1": [-1, 0, 1]}, ("past", "upper", "plural")),
        "injection": lambda: plots.plot_injection({"past": EFFECT, "upper": EFFECT}, "title"),
        "reach": lambda: plots.plot_reach({"trained": REACHED, "new": REACHED}),
        "removal": lambda: plots.plot_removal([("none", {"x": 1.0, "y": 1.0}), ("all", {"x": 0.0, "y": 0.4})], "title"),
        "seeds": lambda: plots.plot_seeds({"regular": [EFFECT, EFFECT], "control": [EFFECT]}),
    }[name]()


@pytest.mark.parametrize(
    "name", ["curves", "curves without stages", "shares", "injection", "reach", "removal", "seeds"]
)
def test_every_figure_can_be_drawn_and_is_closed(name):
    import matplotlib.pyplot as plt

    figure, buffer = draw(name), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG") and plt.get_fignums() == []


def test_stages_that_do_not_exist_are_not_drawn():
    figure = draw("curves")
    assert len(figure.axes[0].lines) == 4 and len(figure.axes[1].lines) == 2


@pytest.fixture(scope="module")
def shown(trained):
    task, stem = lab.Task(), lab.Task().trained_stems(1)[3:4]
    [prompt] = lab.fact_prompts(task, 1, stem, 1, torch.Generator().manual_seed(0))
    argument, answer = int(stem) * lab.FORMS, int(task.answers[stem, 1])
    return layer_steps(trained, prompt, argument, answer, lab.words(), "a <title>"), prompt, answer


def test_the_last_step_is_the_models_answer(shown, trained):
    steps, prompt, answer = shown
    assert [step["after"] for step in steps["steps"]] == [
        "embedding", "attention 0", "attention 1", "attention 2", "FFN 2", "attention 3", "FFN 3",
    ]  # fmt: skip
    logits = trained(prompt[None])[0, -1]
    last = steps["steps"][-1]
    assert last["top"][0][0] == lab.words()[logits.argmax()] and last["answer"] == int((logits > logits[answer]).sum())
    assert last["top"][0][1] == pytest.approx(logits.softmax(-1).max().item(), abs=1e-3)
    assert sum(share for _, share in last["top"]) <= 1.01


def test_the_slider_moves(shown):
    slider = layer_slider([shown[0], shown[0]], start=1)
    before = slider.view.value
    slider.layer.value = 6
    assert slider.view.value != before and "FFN 3" in slider.view.value


def test_the_page_needs_nothing_from_elsewhere_and_repeats_no_id(shown):
    page = layer_page([shown[0], shown[0]], "A <title>", start=2)._repr_html_()
    assert "http" not in page and "A &lt;title&gt;" in page and "a &lt;title&gt;" in page
    assert page.count("</script>") == 1 and len(page) < 100_000
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 3


def test_every_token_has_a_name_of_its_own():
    names = lab.words()
    assert len(names) == len(set(names)) == lab.VOCABULARY
    assert names[1] == names[0] + "ed" and names[2] == names[0].upper() and names[3] == names[0] + "s"


def test_the_claims_table_has_a_lab_number_in_every_row(monkeypatch):
    table = claims_table(RELATIONS, {"injection": "99%"}, model="lab-relational")
    assert len(table.rows) == len(RELATIONS) and all(row[2].strip() for row in table.rows)
    assert [row[-1] for row in table.rows].count("99%") == 1
    monkeypatch.setattr(relational_sweep, "load", lambda: [])
    assert repr(claims_table(RELATIONS, model="lab-relational")).count("not run yet") == 4
