"""From an export to the folders that nbgrader reads, without losing a file on the way."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_members import SMALL, special, tarred, zipped

from autograder.archives import collect
from autograder.archives.placing import ASIDE, LEFT_OUT, PLACED, REFUSED, REPLACED, UNCHANGED, UNPLACED, file_name
from autograder.archives.table import Table, safe
from autograder.build.source import write_notebook
from autograder.nbg.intake import find_submission
from mechanisms.errors import CourseError, UsageError


@pytest.fixture
def project(toy, tmp_path):
    """The toy course with an empty course directory."""
    return dataclasses.replace(toy, course=tmp_path / "course")


@pytest.fixture(scope="session")
def text(answered):
    return write_notebook(answered)


def outcomes(collected):
    return {line.file: line.outcome for line in collected.lines}


def files(folder):
    """Every file below a folder, with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def submitted(project):
    return set(files(project.course / "submitted")) if (project.course / "submitted").exists() else set()


def table(project):
    return json.loads((project.course / "lms.json").read_text("utf-8"))["students"]


def test_a_canvas_export(project, text, release, chapter, tmp_path):
    export = zipped(
        tmp_path / "submissions.zip",
        [
            ("doejane_11_101_toy.ipynb", text + "\n"),
            ("doejane_11_105_toy-1.ipynb", text),
            ("roebob_LATE_12_102_my homework.ipynb", text),
            ("roebob_LATE_12_103_notes.txt", "please be kind"),
            ("limin_13_104_toy.py", "# %%\n# exercise: ch90.double\ndef double(values):\n    return values\n"),
            ("wu_14_106_page.html", "<html>"),
        ],
    )
    collected = collect(project, [export])
    assert outcomes(collected) == {
        "doejane_11_101_toy.ipynb": ASIDE,
        "doejane_11_105_toy-1.ipynb": PLACED,
        "roebob_LATE_12_102_my homework.ipynb": PLACED,
        "roebob_LATE_12_103_notes.txt": LEFT_OUT,
        "limin_13_104_toy.py": PLACED,
        "wu_14_106_page.html": PLACED,
    }
    assert submitted(project) == {
        "doejane-11/90_toy/toy.ipynb",
        "roebob-12/90_toy/toy.ipynb",
        "limin-13/90_toy/toy.py",
        "wu-14/90_toy/page.html",
    }
    for student in ("doejane-11", "roebob-12", "limin-13"):
        assert find_submission(project.submission(chapter, student).parent, chapter, release).exists()
    assert "it cannot be graded" in next(line.why for line in collected.lines if "wu_" in line.file)
    jane, bob = table(project)["doejane-11"], table(project)["roebob-12"]
    assert (jane["lms"], jane["user_id"], jane["name"]) == ("canvas", "11", "doejane")
    assert jane["submissions"]["90_toy"]["submission_id"] == "105"
    assert bob["submissions"]["90_toy"]["late"] is True
    assert bob["submissions"]["90_toy"]["file"] == "my homework.ipynb"


def test_the_export_reads_the_table(project, text, tmp_path):
    from autograder.export.identities import read_identities

    collect(project, [zipped(tmp_path / "c.zip", [("doejane_11_101_toy.ipynb", text)])])
    collect(project, [zipped(tmp_path / "m.zip", [("Bob Roe_77_assignsubmission_file_/toy.ipynb", text)])])
    who = read_identities(project)
    assert who["doejane-11"].canvas_id == "11" and who["bob-roe"].participants == {"90_toy": "77"}
    assert who["bob-roe"].name == "Bob Roe"


def test_a_moodle_export_and_the_next_assignment_with_other_numbers(project, text, other_chapter, tmp_path):
    names = ("Zoë Müller", "王小明")
    first = zipped(
        tmp_path / "1.zip", [(f"{n}_{k}_assignsubmission_file_/toy.ipynb", text) for k, n in enumerate(names)]
    )
    other = write_notebook(other_chapter)
    second = tarred(
        tmp_path / "2.tgz",
        [(f"{n}_{k + 50}_assignsubmission_file_/x.ipynb", other.encode()) for k, n in enumerate(names)],
    )
    collect(project, [first])
    collect(project, [second])
    students = table(project)
    assert len(students) == 2 and "zoe-muller" in students
    for entry in students.values():
        assert set(entry["submissions"]) == {"90_toy", "91_other"}
        assert entry["submissions"]["90_toy"]["user_id"] != entry["submissions"]["91_other"]["user_id"]
    assert {entry["name"] for entry in students.values()} == set(names)


def test_two_students_of_one_name_stay_two(project, text, tmp_path):
    other = text.replace("Two sets may share it.", "Another answer.")
    export = zipped(
        tmp_path / "m.zip",
        [("Jane Doe_1_assignsubmission_file_/a.ipynb", text), ("Jane Doe_2_assignsubmission_file_/a.ipynb", other)],
    )
    collected = collect(project, [export])
    assert set(table(project)) == {"jane-doe", "jane-doe-2"}
    assert all("several students are called Jane Doe" in line.why for line in collected.lines)
    assert len(set(files(project.course / "submitted").values())) == 2


@pytest.mark.parametrize(
    "name",
    ["jane/toy.ipynb", "jane/90_toy/toy.ipynb", "90_toy/jane/x.ipynb", "submitted/jane/90_toy/toy.ipynb", "jane.ipynb",
     "jane/a/b/c/work.ipynb", "jane/homework.zip"],
)  # fmt: skip
def test_a_plain_tree_in_a_folder(project, text, tmp_path, name):
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True)
    if name.endswith(".zip"):
        zipped(path, [("stuff/toy.ipynb", text)])
    else:
        path.write_text(text)
    collected = collect(project, [tmp_path / "in"])
    assert [line.outcome for line in collected.lines] == [PLACED]
    assert submitted(project) == {"jane/90_toy/toy.ipynb"}


def test_times_are_kept_as_nbgrader_expects_them(project, text, tmp_path):
    folder = tmp_path / "in" / "jane" / "90_toy"
    folder.mkdir(parents=True)
    (folder / "toy.ipynb").write_text(text)
    (folder / "timestamp.txt").write_text("2026-11-02 10:00:00 UTC")
    collect(project, [tmp_path / "in"])
    assert (project.course / "submitted/jane/90_toy/timestamp.txt").read_text() == "2026-11-02 10:00:00 UTC\n"
    (folder / "timestamp.txt").write_text("2026-11-01 10:00:00 UTC")
    (folder / "toy.ipynb").write_text(text + "\n")
    collected = collect(project, [tmp_path / "in"])
    assert [(line.outcome, line.why) for line in collected.lines] == [
        (ASIDE, "it was handed in earlier than that of the one collected before")
    ]
    assert (project.course / "submitted/jane/90_toy/toy.ipynb").read_text() == text


def versions(text):
    return [text.replace("Two sets may share it.", f"Version {number}.") for number in range(4)]


def test_a_newer_one_replaces_and_the_older_is_kept(project, text, tmp_path):
    first, second, third, _ = versions(text)
    for number, content in ((5, first), (9, second), (7, third), (9, second)):
        collected = collect(project, [zipped(tmp_path / "x.zip", [(f"doe_1_{number}_toy.ipynb", content)])])
        (line,) = collected.lines
        if number == 7:
            assert line.outcome == ASIDE and "submission number is lower" in line.why
    assert line.outcome == UNCHANGED
    assert (project.course / "submitted/doe-1/90_toy/toy.ipynb").read_text() == second
    kept = files(project.course / "replaced")
    assert sorted(kept.values()) == sorted([first.encode(), third.encode()])


def test_nothing_readable_is_replaced_by_something_unreadable(project, text, tmp_path):
    collect(project, [zipped(tmp_path / "x.zip", [("doe_1_5_toy.ipynb", text)])])
    collected = collect(project, [zipped(tmp_path / "x.zip", [("doe_1_6_toy.ipynb", "<html>")])], project.chapter("90"))
    assert [line.outcome for line in collected.lines] == [ASIDE]
    assert (project.course / "submitted/doe-1/90_toy/toy.ipynb").read_text() == text
    collected = collect(project, [zipped(tmp_path / "x.zip", [("doe_1_7_toy.ipynb", text + "\n")])])
    assert [line.outcome for line in collected.lines] == [REPLACED]


def test_a_script_takes_the_place_of_a_notebook_and_back(project, text, release, chapter, tmp_path):
    script = "# %%\n# exercise: ch90.double\ndef double(values):\n    return values\n"
    for number, name, content in ((1, "toy.ipynb", text), (2, "toy.py", script), (3, "toy.ipynb", text)):
        collect(project, [zipped(tmp_path / "x.zip", [(f"doe_1_{number}_{name}", content)])])
        assert submitted(project) == {f"doe-1/90_toy/{name}"}
    assert len(files(project.course / "replaced")) == 2


def test_what_cannot_be_placed_is_kept_with_a_reason_until_it_can(project, text, tmp_path):
    folder = tmp_path / "in"
    (folder / "jane").mkdir(parents=True)
    (folder / "toy.ipynb").write_text(text)
    (folder / "jane" / "essay.docx").write_bytes(b"PK\x03\x04 broken")
    (folder / "bob").mkdir()
    (folder / "bob" / "mystery.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "x = 1"}]}')
    collected = collect(project, [folder])
    assert outcomes(collected) == {"toy.ipynb": UNPLACED, "jane/essay.docx": REFUSED, "bob/mystery.ipynb": UNPLACED}
    assert len(collected.needs_person) == 3 and submitted(project) == set()
    kept = files(project.course / "unplaced")
    assert text.encode() in kept.values() and len(kept) == 4
    assert any(b"does not say whose it is" in content for content in kept.values())
    (folder / "toy.ipynb").rename(folder / "jane" / "toy.ipynb")
    assert outcomes(collect(project, [folder]))["jane/toy.ipynb"] == PLACED
    assert text.encode() not in files(project.course / "unplaced").values()


def test_another_chapter_is_recognised_or_said(project, other_chapter, tmp_path):
    other = write_notebook(other_chapter)
    export = zipped(tmp_path / "x.zip", [("doe_1_5_toy.ipynb", other)])
    (line,) = collect(project, [export]).lines
    assert (line.outcome, line.chapter) == (PLACED, "91_other")
    (line,) = collect(project, [export], project.chapter("90")).lines
    assert (line.outcome, line.chapter, line.why) == (PLACED, "90_toy", "it holds exercises of 91_other")


def test_names_that_clash_in_case_or_in_form(project, text, tmp_path):
    composed, decomposed = unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë")
    other = text + "\n"
    export = zipped(
        tmp_path / "x.zip",
        [("Jane/toy.ipynb", text), ("jane/toy.ipynb", other), (f"{composed}/toy.ipynb", text),
         (f"{decomposed}/again.ipynb", text)],
    )  # fmt: skip
    collected = collect(project, [export])
    names = {entry["key"]: name for name, entry in table(project).items()}
    assert len({name.casefold() for name in names.values()}) == 3 and set(names) == {"Jane", "jane", composed}
    assert sorted(line.outcome for line in collected.lines) == [PLACED, PLACED, PLACED, UNCHANGED]
    assert set(outcomes(collect(project, [export])).values()) == {UNCHANGED}


def test_two_files_of_one_name_are_both_kept(project, text, tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        export = zipped(tmp_path / "x.zip", [("doe_1_5_toy.ipynb", text), ("doe_1_5_toy.ipynb", text + "\n")])
    collected = collect(project, [export])
    assert sorted(line.outcome for line in collected.lines) == [ASIDE, PLACED]
    assert (project.course / "submitted/doe-1/90_toy/toy.ipynb").read_text() == text + "\n"


def test_nothing_is_written_outside_or_through_a_link(project, text, tmp_path):
    outside = tmp_path / "outside"
    collect(project, [zipped(tmp_path / "x.zip", [("doe_1_4_toy.ipynb", text)])])
    (project.course / "submitted" / "doe-1").rename(outside)
    (project.course / "submitted" / "doe-1").symlink_to(outside)
    held = files(outside)
    export = tarred(
        tmp_path / "x.tar",
        [("doe_1_5_toy.ipynb", text.encode() + b"\n"),
         ("../../../evil_7_2_toy.ipynb", text.encode()), ("/abs_2_3_toy.ipynb", text.encode()),
         (special(b"2", "jane_3_4_toy.ipynb"), b"")],
        "w",
    )  # fmt: skip
    before = {path for path in tmp_path.iterdir()}
    collected = collect(project, [export])
    assert files(outside) == held and {path for path in tmp_path.iterdir()} == before
    assert outcomes(collected)["doe_1_5_toy.ipynb"] == REFUSED
    assert outcomes(collected)["jane_3_4_toy.ipynb"] == REFUSED
    assert {"evil-7/90_toy/toy.ipynb", "abs-2/90_toy/toy.ipynb"} <= submitted(project)


def test_a_bomb_beside_good_ones(project, text, tmp_path):
    names = [("a_1_1_toy.ipynb", text)] + [(f"bomb{n}_2_{n}_toy.ipynb", bytes(150_000)) for n in range(9)]
    collected = collect(project, [zipped(tmp_path / "x.zip", names)], limits=SMALL)
    assert outcomes(collected)["a_1_1_toy.ipynb"] == PLACED
    assert any("unfolds to more than" in line.why for line in collected.needs_person)


def test_a_dry_run_writes_nothing(project, text, tmp_path):
    export = zipped(tmp_path / "x.zip", [("doe_1_5_toy.ipynb", text), ("nobody.pdf", "%PDF")])
    collected = collect(project, [export], dry_run=True)
    assert not project.course.exists()
    assert [(line.file, line.outcome) for line in collected.lines] == [
        (line.file, line.outcome) for line in collect(project, [export]).lines
    ]


def test_a_damaged_table_and_a_second_collection_are_one_sentence(project, text, tmp_path):
    import fcntl

    export = zipped(tmp_path / "x.zip", [("doe_1_5_toy.ipynb", text)])
    project.course.mkdir()
    (project.course / "lms.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read; mend it or move it away"):
        collect(project, [export])
    (project.course / "lms.json").unlink()
    with open(project.course / ".collecting.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="is going on"):
            collect(project, [export])
    with pytest.raises(CourseError, match="is not there"):
        collect(project, [tmp_path / "none.zip"])
    assert submitted(project) == set()


def test_an_id_that_was_changed_by_hand_is_kept(project, text, tmp_path):
    collect(project, [zipped(tmp_path / "x.zip", [("doe_1_5_toy.ipynb", text)])])
    students = table(project)
    students["jane.doe"] = students.pop("doe-1")
    (project.course / "lms.json").write_text(json.dumps({"version": 1, "students": students}))
    (project.course / "submitted" / "doe-1").rename(project.course / "submitted" / "jane.doe")
    (line,) = collect(project, [zipped(tmp_path / "x.zip", [("doe_1_6_toy.ipynb", text + "\n")])]).lines
    assert (line.outcome, line.student) == (REPLACED, "jane.doe")


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on(project, text, tmp_path):
    """Ended at any moment, the next collection puts everything in its place, and no older file is gone."""
    old, new = versions(text)[:2]
    count = 30
    collect(project, [zipped(tmp_path / "old.zip", [(f"s{n}_{n}_1_toy.ipynb", old) for n in range(count)])])
    export = zipped(tmp_path / "new.zip", [(f"s{n}_{n}_2_toy.ipynb", new) for n in range(count)])
    toy_folder = Path(__file__).resolve().parents[1] / "fixtures" / "toy"
    program = (
        "import sys, toy_spec\nfrom pathlib import Path\nfrom autograder.archives import collect\n"
        f"print('ready', flush=True)\ncollect(toy_spec.project(), [Path({str(export)!r})])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(toy_folder), "TOY_ROOT": str(project.root),
                   "MECHANISMS_COURSE": str(project.course)}  # fmt: skip
    for delay in (0.05, 0.3):
        child = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE)
        child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        now = files(project.course / "submitted").values()
        assert len(now) == count and set(now) <= {old.encode(), new.encode()}
    assert set(outcomes(collect(project, [export])).values()) <= {REPLACED, UNCHANGED}
    assert set(files(project.course / "submitted").values()) == {new.encode()}
    assert set(files(project.course / "replaced").values()) == {old.encode()}
    assert len({name.split("/")[0] for name in files(project.course / "replaced")}) == count
    assert not list(project.course.glob(".collecting-*"))


def test_the_command(project, text, tmp_path, monkeypatch, capsys):
    from typer.testing import CliRunner

    import autograder.commands.collect as command
    from autograder.cli import app

    monkeypatch.setattr(command, "current", lambda: project)
    export = zipped(tmp_path / "x.zip", [("doe_1_5_toy.ipynb", text), ("[bold]evil\x1b[31m_2_6_x.pdf", "%PDF")])
    runner = CliRunner()
    told = runner.invoke(app, ["collect", str(export), "--json", "--dry-run"], standalone_mode=False)
    answer = json.loads(told.stdout)
    assert answer["counts"] == {PLACED: 2} and answer["dry_run"] is True and told.return_value == 0
    told = runner.invoke(app, ["collect", str(export), "--chapter", "90"], standalone_mode=False)
    assert "doe_1_5_toy.ipynb: placed for doe-1, 90_toy" in told.stdout
    assert "[bold]evil?[31m_2_6_x.pdf: placed" in told.stdout and "\x1b" not in told.stdout
    lonely = zipped(tmp_path / "y.zip", [("toy.ipynb", text)])
    told = runner.invoke(app, ["collect", str(lonely)], standalone_mode=False)
    assert told.return_value == 1 and "A person has to look at:" in told.stdout


NAMES = st.text(min_size=1, max_size=40).filter(lambda name: "\x00" not in name)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from([".ipynb", ".py", ".pdf", ".zip", "/toy.ipynb", ""])), max_size=6))
def test_any_export_ends_with_one_line_for_each_file(toy, text, tmp_path_factory, names):
    place = tmp_path_factory.mktemp("any")
    project = dataclasses.replace(toy, course=place / "course")
    export = place / "x.zip"
    with zipfile.ZipFile(export, "w") as archive:
        for name in dict.fromkeys(name.encode("utf-8", "replace").decode() + ending for name, ending in names):
            archive.writestr(name, text)
    expected = sum(1 for _ in zipfile.ZipFile(export).infolist())
    collected = collect(project, [export])
    assert len(collected.lines) <= expected
    for line in collected.lines:
        assert str(line).isprintable() and (not line.student or safe(line.student))
    assert {path.name for path in place.iterdir()} <= {"course", "x.zip"}
    for student in Table(project).students:
        assert safe(student)
    again = collect(project, [export])
    assert [(line.file, line.student) for line in again.lines] == [
        (line.file, line.student) for line in collected.lines
    ]
    assert not {line.outcome for line in again.lines} & {PLACED, REPLACED}


@given(st.text(max_size=300))
def test_any_file_name_becomes_one_that_every_system_takes(name):
    made = file_name(name)
    assert made and made.isascii() and len(made) <= 100 and not made.startswith((".", "-")) and "/" not in made
