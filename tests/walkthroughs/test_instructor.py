"""The instructor's guide, typed from an empty folder, command by command, and what came of it.

The guide runs once, on a copy of the project in a home folder of its own; all tests of this file look at that run.
"""

from __future__ import annotations

import contextlib
import csv
import html
import json
import os
import pwd
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from canvas_class import PEOPLE, known_mistake, make_downloads, student_of
from fresh import Lab, free_ports, git_finds, publish, settle, shell, written
from guide import Command, agrees, read
from terminal import Terminal

from autograder.project import Project
from autograder.sample_class import sample_submissions

sys.path.append(str(Path(__file__).parents[1] / "engine"))
from postgres import programs, running  # found only once the line above has put its folder on the path

pytestmark = pytest.mark.slow
READ = read(written("instructor"))
USER = pwd.getpwuid(os.getuid()).pw_name


@dataclass
class Typed:
    """A command of the guide after it ended."""

    command: Command
    code: int
    printed: str


@dataclass
class Afternoon:
    """The home folder after everything was typed, what came of each command, copies and pages made on the way."""

    home: Path
    typed: list[Typed]
    kept: dict[str, Path]
    seen: dict[str, str] = field(default_factory=dict)

    def said(self, start: str, number: int = 0) -> str:
        """What the commands that begin so printed; the first of them, or the one with this number."""
        return [one.printed for one in self.typed if one.command.text.startswith(start)][number]


def no_browser(home: Path) -> None:
    """Jupyter opens no browser, takes any free port, and starts for root too (some tests run as root)."""
    config = home / ".config" / "jupyter"
    config.mkdir(parents=True)
    quiet = {"open_browser": False, "port": 0, "allow_root": True}
    (config / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": quiet}))


def mark_free_text(lab: Lab, points: float) -> int:
    """Give points to every free-text answer of chapter 02 that waits, through the formgrader; how many there were."""
    marked = 0
    for notebook in json.loads(lab.get("/formgrader/api/submitted_notebooks/02_factual_recall/factual_recall")):
        # This page makes the lists of points and comments that the formgrader then changes.
        assert "<html" in lab.get(f"/formgrader/submissions/{notebook['id']}/")
        for grade in json.loads(lab.get(f"/formgrader/api/grades?submission_id={notebook['id']}")):
            if grade["needs_manual_grade"]:
                lab.put(f"/formgrader/api/grade/{grade['id']}", {"manual_score": points})
                marked += 1
    return marked


def look_at_the_formgrader(lab: Lab, seen: dict[str, str]) -> None:
    """Open the formgrader's pages, and mark there."""
    for page in ("/formgrader", "/formgrader/api/assignments", "/formgrader/gradebook"):
        seen[page] = lab.get(page)
    assert mark_free_text(lab, 4.0) == 3


@pytest.fixture(scope="module")
def afternoon(tmp_path_factory, isolation):
    """Type the guide."""
    folder = tmp_path_factory.mktemp("instructor").resolve()
    home, origin = folder / "home", folder / "origin"
    home.mkdir()
    no_browser(home)
    publish(origin)
    done = Afternoon(home, [], {})
    [port] = map(str, free_ports(1))
    with contextlib.ExitStack() as stack:
        known = shell(home, USER) | git_finds(origin)
        if programs():
            known |= stack.enter_context(running())
        terminal = stack.enter_context(Terminal(home, known))
        for command in READ.typed:
            if command.text == "make setup":
                settle(home / "mechanisms")
            elif command.text.startswith("autograder collect ~/Downloads/submissions"):
                make_downloads(Project(course=home / "teaching" / "spring"), home / "Downloads")
            elif command.text.startswith("jupyter lab"):
                process, log = terminal.start(command.text)
                look_at_the_formgrader(Lab(log, lambda number=process: Path(f"/proc/{number}").exists()), done.seen)
                done.typed.append(Typed(command, terminal.stop(process), log.read_text("utf-8", "replace")))
                continue
            elif command.text.startswith("nbgrader submit"):
                # The student has worked on what was fetched.
                project = Project(course=home / "teaching" / "spring")
                texts = sample_submissions(project, project.chapter("09"))
                fetched = home / "student" / "09_pretraining_budgets" / "pretraining_budgets.ipynb"
                assert fetched.is_file()
                fetched.write_text(texts["perfect"], encoding="utf-8")
            code, printed = terminal.type(command.text.replace("8786", port))
            done.typed.append(Typed(command, code, printed.replace(port, "8786")))
            if command.text.startswith("source "):
                terminal.warm_up(home / "mechanisms" / ".venv" / "bin" / "python")
            elif command.text.startswith("autograder export canvas"):
                # Later commands grade again: the tests look at the course as it was at the end of the afternoon.
                done.kept["afternoon"] = home / "at-the-end-of-the-afternoon"
                shutil.copytree(home / "teaching" / "spring", done.kept["afternoon"])
    return done


def needs_postgres(line: int) -> bool:
    """Whether the command of this line stands between the one that makes a database and the one that leaves it."""
    texts = [one.text for one in READ.typed if one.line <= line]
    return "createdb spring" in texts and "unset MECHANISMS_GRADEBOOK" not in texts


@pytest.mark.parametrize("number", range(len(READ.typed)), ids=lambda n: f"line{READ.typed[n].line}")
def test_the_command_ends_and_prints_as_the_guide_says(afternoon, number):
    one = afternoon.typed[number]
    if programs() is None and needs_postgres(one.command.line):
        pytest.skip("no PostgreSQL server is installed")
    assert one.code == one.command.code, f"$ {one.command.text}\n{one.printed}"
    assert "Traceback" not in one.printed, one.printed
    if one.command.prints is not None:
        assert agrees(one.command.prints, one.printed), f"$ {one.command.text}\n{one.printed}"


def test_what_is_not_typed_is_in_the_table():
    table = written("instructor").split("(not-typed)=")[1]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| `")
    ]
    assert [row[0].strip("`") for row in rows] == READ.by_hand
    assert all(len(row) == 2 and row[1] for row in rows)


def test_make_setup_found_everything_there(afternoon):
    assert afternoon.said("make setup") == ""
    assert not (afternoon.home / "mechanisms" / ".venv" / "install.log").exists()


def test_the_formgrader_lists_the_released_chapters(afternoon):
    assert "<title>" in afternoon.seen["/formgrader"] and "<title>" in afternoon.seen["/formgrader/gradebook"]
    listed = {one["name"]: one for one in json.loads(afternoon.seen["/formgrader/api/assignments"])}
    assert set(listed) == {"02_factual_recall", "06_dual_process", "09_pretraining_budgets"}
    assert listed["02_factual_recall"]["num_submissions"] == len(PEOPLE)
    assert "not a subdirectory" not in afternoon.said("jupyter lab")


def course(afternoon) -> Path:
    return afternoon.kept["afternoon"]


def result(afternoon, person: str, slug: str = "02_factual_recall") -> dict:
    return json.loads((course(afternoon) / "results" / slug / f"{student_of(person)}.json").read_text("utf-8"))


def points(afternoon, person: str, slug: str = "02_factual_recall") -> float:
    return sum(one["points"] for one in result(afternoon, person, slug)["exercises"].values())


def visible(path: Path) -> str:
    """The text of a page as a reader sees it."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>|`", "", path.read_text("utf-8"))))


def test_everybody_has_the_points_that_the_work_earns(afternoon):
    project = Project()
    for slug in ("02_factual_recall", "06_dual_process", "09_pretraining_budgets"):
        full = sum(exercise.points for exercise in project.chapter(slug).exercises)
        assert points(afternoon, "ada", slug) == full, slug
    full = sum(exercise.points for exercise in project.chapter("02").exercises)
    name, _, kept = known_mistake(project)
    assert points(afternoon, "grace") == full
    assert points(afternoon, "alan") == full - project.chapter("02").exercise(name).points + kept
    assert points(afternoon, "emmy") == points(afternoon, "emmy", "09_pretraining_budgets") == 0
    assert 0 < points(afternoon, "claude") < full


def test_what_is_no_notebook_waits_for_a_person_and_is_no_zero(afternoon):
    marie = result(afternoon, "marie")
    assert marie["status"] == "cannot be matched" and marie["exercises"] == {} and len(marie["needs_person"]) == 1
    assert student_of("marie") in afternoon.said("autograder grade")


def test_a_feedback_page_names_the_mistake_and_no_page_is_missing(afternoon):
    _, sentence, _ = known_mistake(Project())
    pages = course(afternoon) / "feedback"
    page = pages / student_of("alan") / "02_factual_recall" / "factual_recall.html"
    assert re.sub(r"\s+", " ", sentence.replace("`", "")) in visible(page)
    written = {page.parts[-3] for page in pages.glob("*/02_factual_recall/*.html")}
    assert written == {student_of(person) for person in PEOPLE}


def test_the_report_has_everybody(afternoon):
    text = visible(course(afternoon) / "report.html")
    assert all(student_of(person) in text for person in PEOPLE)
    with open(course(afternoon) / "report.csv", encoding="utf-8", newline="") as file:
        assert {row["student"] for row in csv.DictReader(file)} == {student_of(person) for person in PEOPLE}


def test_grading_one_chapter_again_leaves_the_others_in_the_report(afternoon):
    report = visible(afternoon.home / "teaching" / "spring" / "report.html")
    assert all(title in report for title in ("Factual recall", "Dual process learning", "Pre-training budgets"))


def test_the_exports_hold_marks_or_an_empty_cell_and_never_a_silent_zero(afternoon):
    teaching = afternoon.home / "teaching"
    filled = (teaching / "filled.csv").read_text("utf-8").splitlines()
    before = (afternoon.home / "Downloads" / "gradebook.csv").read_text("utf-8").splitlines()
    assert [line.rsplit(",", 2)[0] for line in filled] == [line.rsplit(",", 2)[0] for line in before]
    assert "left empty" in afternoon.said("autograder export canvas")
    with open(teaching / "marks.csv", encoding="utf-8", newline="") as file:
        marks = {row["student"]: row["points"] for row in csv.DictReader(file)}
    assert (marks[student_of("ada")], marks[student_of("alan")]) == ("59", "51")
    assert (marks[student_of("emmy")], marks[student_of("marie")]) == ("0", "")


def test_each_second_grading_is_in_the_trail_with_its_reason(afternoon):
    assert "by Emmy N." in afternoon.said("autograder grade 02 --history")
    assert "asked for a second look" in afternoon.said("autograder grade 02 --history")
    trail = afternoon.said("autograder grade 09 --history")
    assert "how many times fewer: 3 points" in trail and "training_time-check 5 to 6" in trail


def test_the_exchange_brought_a_notebook_with_its_time_and_late_days_took_half(afternoon):
    spring = afternoon.home / "teaching" / "spring"
    handed_in = spring / "submitted" / USER / "09_pretraining_budgets"
    assert (handed_in / "pretraining_budgets.ipynb").is_file() and (handed_in / "timestamp.txt").is_file()
    # Months after the due date: never more than the share `most`, one half, of all points.
    page = visible(spring / "feedback" / USER / "09_pretraining_budgets" / "pretraining_budgets.html")
    assert "points30 points were taken off because it came late" in page


def test_another_secret_grades_again_and_the_same_one_does_not(afternoon):
    with_copy, rotated = (afternoon.said("autograder grade 06", number) for number in (1, 2))
    assert "06_dual_process: 1 unchanged" in with_copy and "06_dual_process: 1 graded" in rotated
