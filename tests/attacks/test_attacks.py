"""Every attack of the corpus, handed in among honest students and graded as one batch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest
from attack_arena import HONEST, below, collect_orphans, control, leaks_in, marks_left
from attack_kit import POINTS, corpus

import mechanisms
from autograder.sandbox.protections import protections

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not protections().enough, reason="this machine cannot isolate a submission"),
]
CORPUS = corpus()
MADE_BY_HAND = [name for name, attack in CORPUS.items() if attack.proof is None]
SIMPLE_MISTAKES = {"NameError", "ImportError", "ModuleNotFoundError", "UnboundLocalError"}


def line_of(name, attack, told):
    where = f"row {attack.row:2d}" if attack.row else "own   "
    return f"{where}  {name.removeprefix(f'row{attack.row or 0:02d}-'):28.28s} {told}  {attack.tries}"


@pytest.mark.parametrize("name", MADE_BY_HAND)
def test_attack(arena, graded, name, record_property):
    attack, outcome = CORPUS[name], graded.outcomes[name]
    assert not outcome.error, outcome.error
    points = outcome.points
    worth, got = sum(map(attack.worth, POINTS)), sum(points.values())
    told = f"{worth:4g} {got:4g} {outcome.seconds:5.1f}s"
    record_property("attack", line_of(name, attack, told))
    print(line_of(name, attack, told))
    assert outcome.graded.result.status in attack.status
    for exercise in POINTS:
        earned = points.get(exercise, 0.0)
        assert earned <= attack.worth(exercise), f"{exercise} earned {earned}"
        assert earned >= attack.floor(exercise), f"{exercise} lost points that were honest: {earned}"
    assert not outcome.left
    assert len(outcome.record) < 64 << 20, f"the record has {len(outcome.record) >> 20} MB"
    assert not leaks_in(outcome.record + outcome.page, arena.hidden_words(name))
    assert outcome.grown < 1 << 29, f"the grader itself needed {outcome.grown >> 20} MB more"
    if attack.after:
        attack.after(arena, outcome)


@pytest.mark.parametrize("name", MADE_BY_HAND)
def test_the_attack_is_made(graded, name):
    """No attack fails for a slip of its own: what its cells raise is what the sandbox made them raise."""
    if graded.outcomes[name].error:
        return  # said by the test above
    errors = {output["ename"] for output in graded.outcomes[name].outputs() if output["output_type"] == "error"}
    assert not errors & SIMPLE_MISTAKES


@pytest.mark.parametrize("name", [name for name, attack in CORPUS.items() if attack.control])
def test_it_would_find_something_without_isolation(arena, name, tmp_path):
    assert control(arena, CORPUS[name], tmp_path / "control")


@pytest.mark.parametrize("name", [name for name, attack in CORPUS.items() if attack.accomplice])
def test_the_accomplice_finds_nothing(arena, graded, name):
    attack, outcome = CORPUS[name].accomplice, graded.outcomes[f"{name}-accomplice"]
    assert not outcome.error
    assert outcome.points == {exercise: attack.worth(exercise) for exercise in POINTS}
    assert "found" not in outcome.graded.result.needs_person
    assert not leaks_in(outcome.record + outcome.page, arena.hidden_words(outcome.student))


@pytest.mark.parametrize("name", [name for name, attack in CORPUS.items() if attack.proof])
def test_attack_outside_the_sandbox(arena, name, record_property):
    attack = CORPUS[name]
    told = attack.proof(arena)  # raises AssertionError for what does not hold
    assert told
    record_property("attack", line_of(name, attack, f"{told:>16.16s}"))
    print(line_of(name, attack, told))


@pytest.mark.parametrize("name", sorted(HONEST))
def test_honest_students_get_what_they_earned(arena, graded, name):
    outcome = graded.outcomes[name]
    assert not outcome.error
    assert outcome.points == {exercise: HONEST[name].worth(exercise) for exercise in POINTS}
    assert outcome.graded.result.needs_person == []
    assert not leaks_in(outcome.record + outcome.page, arena.hidden_words(name))


def test_nothing_outside_was_changed(arena, graded):
    assert graded.after == graded.before
    package = Path(mechanisms.__file__).resolve().parent
    assert not marks_left(arena.root, package)
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        assert not list(Path(folder).glob("attack-left-this*"))


def test_nobody_was_reached(graded):
    # Counted while the batch ran: the controls do reach the server.
    assert graded.visitors == []


def test_no_process_is_left(graded):
    assert graded.left == []


def test_a_process_that_is_left_would_be_seen():
    collect_orphans()
    with subprocess.Popen(["sleep", "60"]) as browser:
        others = below()
        command = ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        orphan = psutil.Process(int(said.stdout))
        try:
            assert psutil.Process(browser.pid) in others
            assert below(others) == [orphan]
        finally:
            orphan.kill()
            orphan.wait(10)
            browser.kill()


def test_no_file_descriptor_is_left_open_in_the_grader(graded):
    counts = [outcome.handles for outcome in graded.outcomes.values()]
    assert max(counts) - min(counts) < 6


def test_every_class_of_the_table_is_tried():
    assert {attack.row for attack in CORPUS.values() if attack.row} == set(range(1, 45))
    assert sum(attack.row is None for attack in CORPUS.values()) >= 20
