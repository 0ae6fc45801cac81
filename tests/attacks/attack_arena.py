"""Where attacks are made: a course of its own, full of secrets, graded as one batch.

- ``build_arena`` releases the attacked chapter, plants secrets in every place that a submission could reach if the
  isolation failed, and hands in the honest students and all attacks;
- ``Batch`` grades everybody in two processes and counts, after each submission, the processes it left;
- ``Outcome`` is what came of one submission: record, executed notebook, feedback page, time;
- ``leaks_in``, ``marks_left`` and ``digest`` are the looks at it afterwards;
- ``control`` runs an attack's cells with nothing around them, to see that it would have found something.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import multiprocessing
import os
import re
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import psutil
from attack_kit import MARK, SECRET, Attack, cells_of, corpus, notebook_of

HERE = Path(__file__).resolve().parent
SLUG = "91_arena"
WORKERS = 2
# How long one submission may take at the very most: the chapter's total limit and some room on a busy machine.
PATIENCE = 240.0
# What a grader may map: far more than it needs, far less than a machine has.
MEMORY = 12 << 30
HONEST = {
    "a-honest-before": Attack(tries="an honest student before the attacks"),
    "b-honest-partly-right": Attack(
        tries="an honest student whose answers are partly right",
        answers={
            "double": "def double(values):\n    return [abs(2 * value) for value in values]",
            "soften": "def soften(scores):\n    lifted = torch.exp(scores)\n"
            "    return lifted / lifted.sum(dim=1, keepdim=True)",
        },
        honest={"double": 3, "soften": 4},
    ),
    "p-honest-between": Attack(tries="an honest student between the attacks"),
    "z-honest-after": Attack(tries="an honest student after the attacks"),
}
_PR_SET_CHILD_SUBREAPER = 36


def new_secret() -> str:
    """A secret that `SECRET` recognises."""
    return f"canary-{secrets.token_hex(8)}"


@dataclass
class Outcome:
    """What came of one submission. ``left`` are the command lines of processes that were still there, ``grown`` is by
    how many bytes the grading process's own memory was at its highest beyond what it ever had before, ``handles`` how
    many file descriptors it has open afterwards."""

    student: str
    record: str = ""
    page: str = ""
    seconds: float = 0.0
    left: list[str] = field(default_factory=list)
    error: str = ""
    grown: int = 0
    handles: int = 0

    @cached_property
    def graded(self) -> Any:
        """The record as grade_submission gave it."""
        from autograder.graded import graded_from

        return graded_from(json.loads(self.record))

    @property
    def points(self) -> dict[str, float]:
        """Points by exercise."""
        return {name: entry.points for name, entry in self.graded.result.exercises.items()}

    def outputs(self) -> list[dict[str, Any]]:
        """Every output of the executed notebook, those of check cells left out."""
        cells = (self.graded.notebook or {}).get("cells", [])
        own = [cell for cell in cells if cell.get("metadata", {}).get("mechanisms", {}).get("role") != "check"]
        return [output for cell in own for output in cell.get("outputs", [])]

    def text_of_outputs(self) -> str:
        """Everything that the student's cells showed."""
        return json.dumps(self.outputs())


@dataclass
class Arena:
    """The attacked course and what was planted in it.

    ``visitors`` are those who reached its server, ``regraded`` the outcomes of whoever was graded twice.
    """

    root: Path
    attacks: dict[str, Attack]
    port: int = 0
    visitors: list[str] = field(default_factory=list)
    regraded: dict[str, Outcome] = field(default_factory=dict)

    # A submission that is begun again must not take longer than this (seconds; the chapter's total limit is 20).
    longest: float = 60.0

    @property
    def course(self) -> Path:
        return self.root / "course"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @cached_property
    def project(self) -> Any:
        from autograder.project import current

        return current()

    @cached_property
    def chapter(self) -> Any:
        return self.project.chapter(SLUG)

    @cached_property
    def release(self) -> Any:
        return nbformat.read(self.project.release(self.chapter), as_version=4)

    @cached_property
    def everybody(self) -> dict[str, Attack]:
        """Whoever hands something in in the first round."""
        return {**HONEST, **{name: attack for name, attack in self.attacks.items() if attack.proof is None}}

    @cached_property
    def accomplices(self) -> dict[str, Attack]:
        """Whoever comes after the attacks."""
        pairs = ((name, attack.accomplice) for name, attack in self.attacks.items())
        return {f"{name}-accomplice": other for name, other in pairs if other is not None}

    def folder_of(self, student: str) -> Path:
        """Where a student's submission lies; made when it is not there."""
        folder = self.project.submission(self.chapter, student).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def place(self, text: str) -> str:
        """A cell's text with the arena's own paths and port in it: an attacker may know where the course lies."""
        known = {"PORT": str(self.port), "ROOT": str(self.root), "COURSE": str(self.course), "HOME": str(self.home)}
        known |= {"TMP": str(self.tmp), "SPECS": str(HERE / "arena")}
        known["INIT"] = "/proc/1/root"  # the file system as process 1 sees it
        return re.sub(r"ARENA_([A-Z]+)", lambda found: known[found[1]], text)

    def public(self, exercise: str) -> list[dict[str, Any]]:
        """The public cases of an exercise, expected values included."""
        from mechanisms.check import codec

        return codec.read(self.project.snapshots / SLUG)["exercises"][exercise]["cases"]

    def hidden(self, student: str, exercise: str) -> list[dict[str, Any]]:
        """The hidden inputs of a student."""
        from autograder.nbg.reference import chapter_reference

        entry = chapter_reference(self.project, self.chapter).hidden(student)[exercise].entry
        return [case["inputs"] for case in entry["cases"]]

    def hidden_words(self, student: str) -> set[str]:
        """Texts by which a hidden input, its expected answer or held-out data is recognised (see `telling`)."""
        from autograder.nbg.reference import chapter_reference

        words = set()
        for exercise in chapter_reference(self.project, self.chapter).hidden(student).values():
            for case in exercise.entry["cases"]:
                words |= _telling([case["inputs"], case["expected"], case.get("held_out", {})])
        return words

    def hand_in(self, name: str, attack: Attack) -> None:
        """Write one submission."""
        notebook = notebook_of(attack, self.release)
        for cell in notebook.cells:
            cell.source = self.place(cell.source)
        made = attack.edit(notebook, self) if attack.edit else notebook
        if not isinstance(made, str | bytes):
            made = json.dumps(made, indent=1)
        path = self.folder_of(name) / f"{self.chapter.notebook}.ipynb"
        path.write_bytes(made if isinstance(made, bytes) else made.encode("utf-8"))

    def listen(self) -> None:
        """A server on this machine that has a secret for everybody who asks."""
        server = socket.create_server(("127.0.0.1", 0))
        self.port = server.getsockname()[1]
        secret = new_secret()

        def serve() -> None:
            while True:
                line, address = server.accept()
                self.visitors.append(f"{address}")
                with contextlib.suppress(OSError), line:
                    line.sendall(secret.encode())

        threading.Thread(target=serve, daemon=True, name="arena-server").start()


def _telling(value: Any) -> set[str]:
    """The long numbers and words in a value, as `_tokens` would find them in a text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return set().union(*(_telling(part) for part in value.values()), *(_telling(key) for key in value))
    if isinstance(value, list):
        return set().union(*(_telling(part) for part in value))
    if isinstance(value, str):
        return _tokens(value)
    return _tokens(f"{abs(value):.8f}") if isinstance(value, float) and abs(value) > 1e-2 else set()


def _tokens(text: str) -> set[str]:
    """Hexadecimal words of fourteen digits, and numbers without sign and last digits, so that rounding hides none."""
    found = set(re.findall(r"(?<![0-9a-f])[0-9a-f]{14}(?![0-9a-f])", text))
    for whole, rest in re.findall(r"(\d+)[.x_](\d{3,})", text):
        places = 3 if len(whole) > 1 else 6
        if len(rest) >= places:
            found.add(f"{whole}.{rest[:places]}")
    return found


def build_arena(root: Path) -> Arena:
    """Release the chapter, plant the secrets, hand in. The environment must be set (see the fixture)."""
    from nbgrader.api import Gradebook

    from autograder.build.exercises import build_chapter
    from autograder.course import release_chapter
    from autograder.nbg.results import Result, write_result

    arena = Arena(root, corpus())
    shutil.copytree(HERE / "arena" / "solutions", root / "solutions")
    for folder in (arena.home, arena.tmp):
        folder.mkdir(exist_ok=True)
    build_chapter(arena.project, arena.chapter)
    release_chapter(arena.project, arena.chapter)
    with Gradebook(f"sqlite:///{arena.course / 'gradebook.db'}") as gradebook:
        gradebook.add_student("victim", last_name=new_secret())
    write_result(arena.project, Result("victim", SLUG, notices=[new_secret()]))
    for path in (".netrc", ".ssh/id_arena", ".cache/huggingface/token"):
        (arena.home / path).parent.mkdir(parents=True, exist_ok=True)
        (arena.home / path).write_text(new_secret())
    (arena.course / "secret").write_text(os.environ["MECHANISMS_SECRET"])
    (arena.tmp / "notes.json").write_text(json.dumps({"expected": new_secret()}))
    arena.folder_of("victim").joinpath("arena.ipynb").write_text(json.dumps({"cells": [new_secret()]}))
    arena.listen()
    for name, attack in {**arena.everybody, **arena.accomplices}.items():
        arena.hand_in(name, attack)
    return arena


def collect_orphans() -> None:
    """Become the parent of whatever outlives its own parent below this process (Linux), so that it can be counted."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def below(others: Collection[psutil.Process] = ()) -> list[psutil.Process]:
    """Every process below this one but the warm parents, what Python itself keeps, and *others* with all below them."""
    from autograder import pipeline

    warm = {parent.process.pid for parent in pipeline._parents.values()}
    theirs = set(others)
    for process in others:
        with contextlib.suppress(psutil.Error):
            theirs |= set(process.children(recursive=True))
    found = []
    for process in set(psutil.Process().children(recursive=True)) - theirs:
        with contextlib.suppress(psutil.Error):
            own = process.pid in warm or "multiprocessing" in " ".join(process.cmdline())
            if process.status() != psutil.STATUS_ZOMBIE and not own:
                found.append(process)
    return found


def _begin() -> None:
    """A worker counts orphans, and a grader that is made to need too much memory fails instead of taking it all."""
    collect_orphans()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def grade_one(student: str) -> Outcome:
    """Grade one submission in a worker process, and look at once at what it left."""
    from autograder.feedback import feedback_html
    from autograder.pipeline import grade_submission
    from autograder.project import current

    project = current()
    chapter = project.chapter(SLUG)
    outcome = Outcome(student)
    started, peak = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        graded = grade_submission(project, chapter, student)
        outcome.record = json.dumps(graded.as_json())
        notebook = json.loads(json.dumps(graded.notebook))
        outcome.page = feedback_html(project, chapter, graded.result, notebook, None)
    except Exception as error:  # the grader must never raise for a submission: this is what is tested
        outcome.error = f"{type(error).__name__}: {error}"[:500]
    outcome.seconds = time.monotonic() - started
    outcome.grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
    outcome.handles = psutil.Process().num_fds()
    outcome.left = [f"{process.pid} {' '.join(process.cmdline())[:80]}" for process in below()]
    return outcome


def end_one(_: int) -> list[str]:
    """End this worker's warm parent; what is still there then was left by somebody."""
    from autograder.pipeline import stop_parents

    stop_parents()
    time.sleep(0.3)
    return [f"{process.pid} {process.name()}" for process in below()]


@dataclass
class Batch:
    """Two workers that grade one round after the other, and what ran below this process before them (a browser)."""

    pool: ProcessPoolExecutor
    others: frozenset[psutil.Process]

    def grade(self, students: list[str]) -> dict[str, Outcome]:
        """Everybody's outcome; one that does not come within reason is an error of its own."""
        futures = {student: self.pool.submit(grade_one, student) for student in students}
        outcomes = {}
        for student, future in futures.items():
            try:
                outcomes[student] = future.result(timeout=PATIENCE)
            except Exception as error:  # a grader that hangs or dies is what is tested
                outcomes[student] = Outcome(student, error=f"the grader itself: {type(error).__name__}: {error}")
        return outcomes

    def finish(self) -> list[str]:
        """End the workers; what they and the batch left below this process."""
        left = [line for lines in self.pool.map(end_one, range(2 * WORKERS)) for line in lines]
        self.pool.shutdown()
        return left + [f"{process.pid} {process.name()}" for process in below(self.others)]


def start_batch() -> Batch:
    """The workers, each a fresh process with the environment of this one."""
    context = multiprocessing.get_context("spawn")
    return Batch(ProcessPoolExecutor(WORKERS, mp_context=context, initializer=_begin), frozenset(below()))


def leaks_in(text: str, words: set[str]) -> set[str]:
    """The secrets and the hidden words that a text tells."""
    return set(SECRET.findall(text)) | (words & _tokens(text))


def marks_left(*folders: Path) -> list[str]:
    """Files that an attack made anywhere in some folders, by their names."""
    found = []
    for folder in folders:
        for top, names, files in os.walk(folder):
            found += [os.path.join(top, name) for name in (*names, *files) if MARK in name]
    return found


def digest(*folders: Path) -> dict[str, str]:
    """What lies in some folders: kind, rights and content of everything, by path."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            about = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
            found[str(path)] = f"{about.st_mode:o} {about.st_uid} {content}"
    return found


def control(arena: Arena, attack: Attack, folder: Path) -> list[str]:
    """What the attack's own cells find in a copy of the course when nothing isolates them."""
    shutil.copytree(arena.root, folder, symlinks=True)
    copy = Arena(folder, {}, port=arena.port)
    cells = [copy.place(cell) for cell in cells_of(attack)]
    program = textwrap.dedent(
        """
        import json, sys, types
        names = {"torch": types.SimpleNamespace(__file__=sys.argv[2])}
        for cell in json.loads(sys.argv[1]):
            exec(cell, names)
        print("FOUND", json.dumps(sorted(set(names["found"]))))
        """
    )
    where = folder / "course" / "autograded" / "victim" / SLUG
    where.mkdir(parents=True)
    environment = {**os.environ, "HOME": str(copy.home), "TMPDIR": str(copy.tmp)}
    words = [sys.executable, "-c", program, json.dumps(cells), str(HERE / "torch" / "__init__.py")]
    done = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.rpartition("FOUND ")[2])
