"""The sweep's command: it measures what is there, trains what is not, and goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from mechanisms.training import circuits_sweep, lab_lm
from mechanisms.training import measure_circuits as circuits


@dataclass(frozen=True)
class Tiny(lab_lm.Recipe):
    """A recipe of a few steps."""

    steps: int = 2
    binding_steps: int = 2
    binding: int = 4
    d_model: int = 16
    n_layers: int = 2
    n_heads: int = 2
    live_heads: str = "2,1"


@pytest.fixture
def tiny(monkeypatch):
    condition = circuits_sweep.Condition(seeds=3, whole=2, recipe=Tiny)
    monkeypatch.setattr(circuits_sweep, "CONDITIONS", {"tiny": condition})
    real = circuits.measure
    monkeypatch.setattr(circuits_sweep, "measure", lambda model: real(model, 12))


def test_a_sweep_that_was_stopped_goes_on_and_an_untrained_model_has_no_circuit(tiny, tmp_path, capsys):
    table, kept = tmp_path / "table.json", tmp_path / "kept"
    assert circuits_sweep.main(["--out", str(table), "--checkpoints", str(kept)]) == 0
    first = json.loads(table.read_text())
    assert [run["seed"] for run in first["tiny"]] == [0, 1, 2] and circuits_sweep.unfinished(first) == []
    assert sorted(folder.name for folder in kept.iterdir() if list(folder.iterdir())) == ["tiny-0", "tiny-1"]
    assert first["tiny"][2] == {"seed": 2, "recipe": first["tiny"][2]["recipe"], "unbound": 2}, "trained no further"
    assert not any((folder / lab_lm.STATE).exists() for folder in kept.iterdir())
    capsys.readouterr()
    table.write_text(json.dumps({"tiny": first["tiny"][::2]}))
    assert circuits_sweep.main(["--out", str(table), "--checkpoints", str(kept)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("tiny, seed 1") == 1 and "seed 0" not in printed and "seed 2" not in printed
    assert json.loads(table.read_text()) == first, "measured again from the kept checkpoint, the same numbers"
    found = circuits_sweep.summary(first["tiny"], name="tiny")
    assert found["tried"] == 3 and found["seeds"] == 2
    assert found["learned"] == 0 and found["repair where learned"]["seeds"] == 0
    assert found["repair"]["seeds"] == 1 and found["repair where learned"]["lift"] == {}


def test_a_finished_sweep_does_nothing(tiny, tmp_path, monkeypatch, capsys):
    table = tmp_path / "table.json"
    assert circuits_sweep.main(["--out", str(table)]) == 0
    capsys.readouterr()
    monkeypatch.setattr(circuits_sweep, "run", lambda *args: pytest.fail("nothing is left to run"))
    assert circuits_sweep.main(["--out", str(table)]) == 0
    assert capsys.readouterr().out == ""
