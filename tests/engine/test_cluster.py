"""Grading on a Dask cluster of real processes: a scheduler and three workers, one of them killed in the middle."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from rows import check_course, gradebook_rows
from standin import points_of

from autograder.database import gradebook_url
from autograder.engine.cluster import ClusterError, grade_there
from autograder.engine.pool import Task
from autograder.engine.run import Order, Watcher, grade_class
from autograder.nbg.results import read_result
from autograder.sample_class import write_sample_class
from mechanisms.errors import CourseError


class Cluster:
    """A scheduler and its workers, each in a process of its own, in a folder that is not the course's."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        # The workers share nothing with the driver but the installed package and the name of the project.
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "MECHANISMS_SECRET"},
            "MECHANISMS_COURSE": str(folder / "nowhere"),
            "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
        }
        self.processes = []
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        self._until(file.exists)
        import json

        self.address = json.loads(file.read_text())["address"]

    def add(self, *extra):
        """One more worker process, with one thread and without a nanny that would start it again."""
        local = self.folder / f"worker-{len(self.processes)}"
        words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(local), *extra)
        return self._start("worker", self.address, *words)

    def _start(self, *words):
        log = open(self.folder / f"{words[0]}-{len(self.processes)}.log", "wb")  # noqa: SIM115 - closed below, in both cases
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
        process = subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=log, stderr=log)
        log.close()
        self.processes.append(process)
        return process

    @staticmethod
    def _until(true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end
            time.sleep(0.05)

    def stop(self):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def cluster(tmp_path):
    running = Cluster(tmp_path / "cluster")
    yield running
    running.stop()


class KillOne(Watcher):
    """Kills a worker of the cluster once some are graded."""

    def __init__(self, victim, after):
        self.victim, self.after, self.count = victim, after, 0
        self.below = []

    def graded(self, result):
        self.count += 1
        if self.count == self.after:
            self.below = psutil.Process(self.victim.pid).children(recursive=True)
            self.victim.send_signal(signal.SIGKILL)


def gone(processes, seconds=20):
    """Whether processes end within some seconds."""
    return psutil.wait_procs(processes, timeout=seconds)[1] == []


def test_three_workers_one_killed_in_the_middle(course, chapter, hand_in, cluster):
    students = [f"s{number:02}" for number in range(40)]
    hand_in(*students)
    victim = cluster.add()
    cluster.add()
    cluster.add()
    killer = KillOne(victim, after=8)
    tally = grade_class(course, [chapter], Order(scheduler=cluster.address, function="standin:slow"), killer)
    assert tally.counts == {"90_toy": {"graded": 40}} and victim.wait() == -signal.SIGKILL
    assert killer.below and gone(killer.below)
    check_course(course, chapter, students)
    for student in students:
        result = read_result(course, chapter.slug, student)
        assert {exercise.name: points_of(student, exercise) for exercise in chapter.exercises} == {
            name: exercise.points for name, exercise in result.exercises.items()
        }
    assert grade_class(course, [chapter], Order(scheduler=cluster.address)).counts == {"90_toy": {"unchanged": 40}}


@pytest.mark.slow
def test_the_same_verdicts_as_on_one_machine(course, chapter, cluster, tmp_path):
    """The made-up class by the real pipeline: here, and on a cluster of which one worker is killed."""
    write_sample_class(course, chapter)
    other = replace(course, course=tmp_path.resolve() / "other")
    shutil.copytree(course.course, other.course)
    victim = cluster.add()
    cluster.add()
    there = grade_class(other, [chapter], Order(scheduler=cluster.address), KillOne(victim, after=2))
    here = grade_class(course, [chapter], Order())
    assert here.counts == there.counts and here.graded == 11
    assert gradebook_rows(gradebook_url(course)) == gradebook_rows(gradebook_url(other))
    for path in sorted((course.course / "results" / chapter.slug).glob("*.json")):
        ours, theirs = (read_result(project, chapter.slug, path.stem) for project in (course, other))
        assert ours.exercises == theirs.exercises
        assert (ours.status, ours.fingerprint, ours.version) == (theirs.status, theirs.fingerprint, theirs.version)
        assert (ours.needs_person, ours.notices) == (theirs.needs_person, theirs.notices)


def test_what_kills_its_worker_every_time_is_for_a_person(course, chapter, hand_in, cluster):
    hand_in("anna", "kills-it", "raises-it")
    cluster.add()
    tally = grade_class(course, [chapter], Order(scheduler=cluster.address, function="standin:troubled"))
    assert tally.counts == {"90_toy": {"graded": 1, "failed": 2}}
    assert "SIGKILL" in read_result(course, chapter.slug, "kills-it").needs_person[0]
    assert "a fault of the grader" in read_result(course, chapter.slug, "raises-it").needs_person[0]


def test_another_version_on_a_worker_is_refused(course, chapter, hand_in, cluster, monkeypatch):
    hand_in("anna")
    cluster.add()
    monkeypatch.setattr("autograder.engine.parcel.grader_hash", lambda: "another")
    with pytest.raises(CourseError, match="runs another version of the course"):
        grade_class(course, [chapter], Order(scheduler=cluster.address, function="standin:grade"))
    assert gradebook_rows(gradebook_url(course))["submissions"] == []


def test_no_scheduler_and_no_workers_are_one_sentence(course, chapter, hand_in, cluster, monkeypatch):
    monkeypatch.setattr("autograder.engine.cluster.CONNECT", 2.0)
    for address in ("tcp://127.0.0.1:1", "nonsense://x", ""):
        with pytest.raises(ClusterError, match="No Dask scheduler answers"):
            list(grade_there(course, iter([]), address or "tcp://"))
    task = Task(None, chapter.slug, "anna", str(course.root), str(course.course))
    with pytest.raises(ClusterError, match="has had no worker for 1 s"):
        list(grade_there(course, iter([task]), cluster.address, patience=1.0))
