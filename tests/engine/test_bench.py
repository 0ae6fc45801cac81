"""The benchmarks run and tell what they measured; how fast this machine is, is no test's business."""

from __future__ import annotations

import json

import pytest

from autograder import cli

PLAUSIBLE = 2**20, 2**35


def answer(capsys, monkeypatch, *words):
    """The exit code and the JSON of `autograder bench`."""
    monkeypatch.setattr("sys.argv", ["autograder", "bench", *words, "--json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_large_class_is_graded_and_its_memory_told(capsys, monkeypatch):
    code, found = answer(capsys, monkeypatch, "--class", "30", "--jobs", "2")
    assert code in (0, 1) and found["students"] == 30 and found["seconds"] > 0
    low, high = PLAUSIBLE
    assert low < found["early"] <= found["late"] <= found["peak"] < high and found["everything"] > found["late"]
    assert found["growth"] == pytest.approx(found["late"] / found["early"], abs=1e-3)


@pytest.mark.slow
def test_the_race_is_run_and_told(capsys, monkeypatch):
    """Two submissions: the grader has no head start to show, but every figure is there and agrees with the others."""
    from autograder.bench import grading
    from autograder.commands import bench

    monkeypatch.setattr(bench, "chosen_chapters", lambda *_: [])
    code, found = answer(capsys, monkeypatch, "--grading", "--submissions", "2", "--jobs", "2")
    (race,) = found["races"]
    assert race["submissions"] == 2 and race["chapter"] == "91_light" and race["aim"] == 15
    assert race["ratio"] == pytest.approx(race["stock"] / race["ours"], abs=1e-3)
    assert 0 < race["cells"] < race["cells_and_cases"] < race["ours"] and race["together"] > 0
    # Of two submissions next to nothing is left when the start is taken away: less than the noise of the start.
    for name, divisor in (("over_cells", race["cells"] / 2), ("over_together", race["together"])):
        assert race[name] == pytest.approx((race["ours"] - race["start"]) / divisor, abs=1e-3)
    assert code == (1 if race["ratio"] < race["aim"] else 0) and grading.CELLS_LIMIT == 1.5
