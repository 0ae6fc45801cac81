"""Killing the writer before every single step that it takes on the disk, and letting the next run go on.

The steps are found by Python's own audit events (open, rename, remove, chmod, mkdir) and by the database's commits: the
writer runs once for each of them, in a process of its own that kills itself there.
"""

from __future__ import annotations

import os
import signal
import sys

from rows import check_course
from sqlalchemy.engine.default import DefaultDialect
from standin import grade

from autograder.gradebook import Entry, Ledger

STUDENTS = ("anna", "partly-ben", "carla")
STEPS = {"open", "os.rename", "os.remove", "os.chmod", "os.mkdir", "os.truncate"}


def write_missing(course, chapter):
    """What the driver does: finish what was cut off, then grade whoever has no state."""
    with Ledger(course, [chapter]) as ledger:
        ledger.recover()
        there = ledger.states(chapter.slug)
        missing = [student for student in STUDENTS if student not in there]
        for group in (missing[:1], missing[1:]):
            if group:
                ledger.write([entry(course, chapter, student) for student in group])


def entry(course, chapter, student):
    graded = grade(course, chapter, student)
    graded.result.fingerprint = "f"
    return Entry(chapter, graded, "f", "v1", "a" * 64, "the tests")


def steps_until_killed(course, chapter, fatal):
    """Run the writer in a child that kills itself before its step number `fatal`; its steps if it got through."""
    tell, told = os.pipe()
    child = os.fork()
    if child == 0:
        steps = 0

        def step():
            nonlocal steps
            steps += 1
            if steps == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

        def hook(event, arguments):
            if event in STEPS and str(course.course) in str(arguments[0]):
                step()

        commit = DefaultDialect.do_commit

        def counted_commit(self, connection):
            step()
            commit(self, connection)
            step()

        try:
            sys.addaudithook(hook)
            DefaultDialect.do_commit = counted_commit
            write_missing(course, chapter)
            os.write(told, str(steps).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(told)
    _, status = os.waitpid(child, 0)
    with open(tell, "rb") as pipe:
        steps = pipe.read()
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert os.WEXITSTATUS(status) == 0, "the writer failed where it should have been killed"
    return int(steps)


def test_a_kill_before_any_step_loses_and_doubles_nothing(course, chapter, hand_in, tmp_path):
    import shutil
    from dataclasses import replace

    hand_in(*STUDENTS)
    grade(course, chapter, "anna")
    killed, fatal = 0, 0
    while True:
        fatal += 1
        copy = replace(course, course=tmp_path.resolve() / "copies" / str(fatal))
        shutil.copytree(course.course, copy.course)
        if steps_until_killed(copy, chapter, fatal) is not None:
            break
        killed += 1
        # The next run is killed, too, somewhere else; the one after it gets through.
        steps_until_killed(copy, chapter, 1 + fatal * 7 % 11)
        write_missing(copy, chapter)
        check_course(copy, chapter, STUDENTS)
        shutil.rmtree(copy.course)
    assert killed > 30
