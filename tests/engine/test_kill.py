"""The command line, killed at random points many times; then it runs to its end.

A round runs `autograder grade` in a process of its own and kills it with SIGKILL, either alone or with everything that
it started, after a number of submissions drawn from a seed. The last run is left alone.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from rows import check_course

from autograder.engine.fingerprint import grader_hash
from autograder.sample_class import write_sample_class


@pytest.fixture
def folder_for_temporary_files(tmp_path, monkeypatch):
    """Where every process of the test puts what it does not mean to keep."""
    folder = tmp_path.resolve() / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def forked_grade(function):
    """`autograder grade` in a fork of this process, which has imported everything; its number."""
    child = os.fork()
    if child:
        return psutil.Process(child)
    try:
        os.setsid()
        quiet = os.open(os.environ["TMPDIR"] + "/../grade.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(quiet, stream)
        import tempfile

        from autograder import cli
        from autograder.engine import run

        tempfile.tempdir = None
        run.Order = functools.partial(run.Order, function=function)
        sys.argv = ["autograder", "grade", "90", "--jobs", "2"]
        cli.main()
    except SystemExit as end:
        os._exit(int(end.code))
    finally:
        os._exit(99)


def started_grade():
    """`autograder grade` as anybody starts it."""
    command = [sys.executable, "-m", "autograder.cli", "grade", "90", "--jobs", "2"]
    return psutil.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_at_random(start, course, chapter, rng, most):
    """One round: the exit code when it was through before the kill, else None."""
    results = course.course / "results" / chapter.slug
    process = start()
    before = len(os.listdir(results)) if results.exists() else 0
    wanted = before + rng.randrange(most + 1)
    pause, alone = rng.random() * (2.0 if wanted == before else 0.1), rng.random() < 0.5
    while (len(os.listdir(results)) if results.exists() else 0) < wanted:
        if process.status() == psutil.STATUS_ZOMBIE:
            return process.wait()
        time.sleep(0.005)
    time.sleep(pause)
    below = process.children(recursive=True)
    for victim in [process] if alone else [process, *below]:
        if victim.is_running():
            victim.send_signal(signal.SIGKILL)
    code = process.wait()
    assert psutil.wait_procs(below, timeout=30)[1] == [], "a process outlived the command"
    return None if code == -signal.SIGKILL else code


def run_to_the_end(start, course, chapter, students, folder):
    """The run that nobody kills, and everything that has to hold afterwards."""
    process = start()
    assert process.wait() == 0
    assert process.is_running() is False
    check_course(course, chapter, students)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kills", [4, pytest.param(25, marks=pytest.mark.slow)])
def test_killed_at_random_points(course, chapter, hand_in, folder_for_temporary_files, kills):
    students = [f"s{number:03}" for number in range(14 * kills + 8)]
    hand_in(*students)
    # Every fork has the version of this moment, also while somebody edits the grader.
    assert grader_hash()
    rng = random.Random(20_26)
    start = functools.partial(forked_grade, "standin:slow")
    done = 0
    while done < kills:
        code = kill_at_random(start, course, chapter, rng, most=10)
        assert code is None, "the class was graded before the last kill"
        done += 1
    run_to_the_end(start, course, chapter, students, folder_for_temporary_files)


@pytest.mark.slow
def test_the_real_grader_killed_at_random_points(course, chapter, folder_for_temporary_files):
    students = [name for name in write_sample_class(course, chapter) if name != "web-page"]
    course.submission(chapter, "web-page").unlink()
    course.submission(chapter, "web-page").parent.rmdir()
    rng = random.Random(5)
    for _ in range(4):
        kill_at_random(started_grade, course, chapter, rng, most=3)
    run_to_the_end(started_grade, course, chapter, students, folder_for_temporary_files)
