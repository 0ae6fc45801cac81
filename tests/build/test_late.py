"""Late days: the arithmetic, and a due date that the command sets."""

from __future__ import annotations

import pytest
from traitlets import TraitError
from traitlets.config import Config

from autograder import cli
from autograder.nbg.late import DAY, LateDays


def taken_off(days, score=20.0, **settings):
    return LateDays(config=Config(LateDays=settings)).late_submission_penalty("ada", score, days * DAY)


@pytest.mark.parametrize(
    ("days", "settings", "points"),
    [
        (3, {}, None),
        (0.01, {"per_day": 0.1}, 2),
        (1, {"per_day": 0.1}, 2),
        (2.5, {"per_day": 0.1}, 6),
        (2.5, {"per_day": 0.1, "free_days": 2}, 2),
        (1.9, {"per_day": 0.1, "free_days": 2}, None),
        (30, {"per_day": 0.1, "most": 0.5}, 10),
        (30, {"per_day": 0.1}, 20),
    ],
)
def test_what_is_taken_off(days, settings, points):
    assert taken_off(days, **settings) == points


def test_nothing_earned_loses_nothing():
    assert taken_off(3, score=0.0, per_day=0.5) is None


@pytest.mark.parametrize("settings", [{"per_day": -0.1}, {"per_day": 2.0}, {"most": 1.5}, {"free_days": -1.0}])
def test_a_setting_out_of_bounds_is_refused(settings):
    with pytest.raises(TraitError, match="of a LateDays instance"):
        taken_off(1, **settings)


@pytest.fixture
def run(toy, chapter, monkeypatch, capsys):
    """Run a command line; returns exit code and what it said."""

    def call(*words):
        monkeypatch.setattr("sys.argv", ["autograder", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out + captured.err

    return call


def test_due_dates(run, toy, chapter):
    code, said = run("due", "90", "2026-11-30 12:00")
    assert code == 3 and "run 'autograder release 90' first" in said
    assert run("release", "90")[0] == 0
    assert run("due", "90") == (0, "90_toy has no due date\n")
    code, said = run("due", "90", "2026-11-30 23:59 +0100")
    assert code == 0 and said.startswith("90_toy is due 2026-11-30 22:59 UTC\n")
    assert run("due", "90") == (0, "90_toy is due 2026-11-30 22:59 UTC\n")
    for words in ("the day after", "2026-11-30", "2026-13-30 23:59"):
        code, said = run("due", "90", words)
        assert code == 3 and said == f"'{words}' is no date and time; write it as '2026-11-30 23:59 +0100'.\n"
    for words in ("2026-11-30T23:59+01:00", "2026-11-30 22:59 UTC", "2026-11-30 22:59"):
        assert "22:59 UTC" in run("due", "90", words)[1]
    code, said = run("due", "90", "--student", "ada", "--days", "2")
    assert code == 3 and "grade it first" in said
    code, said = run("due", "90", "2026-12-01 12:00", "--student", "ada", "--days", "2")
    assert code == 3 and "give one of the two" in said
    assert run("release", "90")[0] == 0 and "22:59 UTC" in run("due", "90")[1]
    code, said = run("due", "90", "never")
    assert code == 0 and "has no due date" in said
