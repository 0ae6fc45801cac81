"""The command line: exit codes, and one sentence for what is wrong."""

from __future__ import annotations

import pytest

from autograder import cli


@pytest.fixture
def run(toy, monkeypatch, capsys):
    """Run a command line; returns exit code, stdout and stderr."""

    def call(*words):
        monkeypatch.setattr("sys.argv", ["autograder", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def test_exercises_then_check_then_stale(run, toy, chapter):
    code, out, _ = run("exercises")
    assert code == 0 and "3 written" in out
    assert run("exercises", "--check") == (0, "", "")
    path = toy.exercise(chapter)
    path.write_text(path.read_text("utf-8").replace("Hint", "Help"), encoding="utf-8")
    code, out, _ = run("exercises", "--check", "90_toy")
    assert code == 1 and "toy.ipynb is stale: run 'make exercises'" in out
    assert run("exercises")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("exercises", "99"), 3, "There is no chapter '99'; the chapters are: 90_toy."),
        (("report",), 3, "Nobody handed in anything yet"),
        (("grade",), 3, "'autograder collect ARCHIVE' puts submissions there"),
        (("serve",), 3, "There is nothing to serve yet"),
        (("serve", "--port", "99999"), 2, "65535"),
        (("exercises", "--wrong"), 2, "No such option"),
        (("unknown",), 2, "No such command"),
    ],
)
def test_problems_are_one_sentence(run, words, code, sentence):
    got, _, err = run(*words)
    assert got == code and sentence in err and "Traceback" not in err


def test_a_broken_source_is_one_sentence(run, toy, chapter):
    path = toy.solution(chapter)
    text = path.read_text("utf-8")
    path.write_text(text.replace('role="setup"', 'role="stup"'), encoding="utf-8")
    try:
        code, _, err = run("exercises")
        assert code == 3 and 'role "stup" is not one of' in err and "Traceback" not in err
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_project_that_is_not_there(run, monkeypatch):
    monkeypatch.setenv("MECHANISMS_PROJECT", "no_such_module:project")
    code, _, err = run("report")
    assert code == 3 and "does not name an importable module:function" in err


def test_help_tells_the_exit_codes(run):
    for words in (("--help",), ("sample-class", "--help")):
        code, out, _ = run(*words)
        assert code == 0 and "Exit codes" in out
