"""What was done: noted by ``check`` and ``predict``, shown, exported, and never in the way of a check."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechanisms import progress
from mechanisms.check.api import check, predict
from mechanisms.errors import CheckFailed, CourseError, UsageError
from mechanisms.progress import page, record, view
from mechanisms.progress.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of one's own for what is noted."""
    monkeypatch.setenv(record.VARIABLE, str(tmp_path / "own" / "progress.json"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.setattr(record, "_told", set())
    return tmp_path / "own" / "progress.json"


def wrong(values, alpha):
    return values


def test_the_best_check_counts_and_every_one_is_counted(file):
    for function in (tiny.drops_the_sign, tiny.scale_rows, tiny.drops_the_sign):
        check(function, "scale_rows")
    with pytest.raises(CheckFailed):
        check(wrong, "scale_rows")
    kept = record.read(file).exercises["ch90.scale_rows"]
    assert (kept.best, kept.of, kept.attempts) == (4.5, 4.5, 4)
    assert kept.first <= kept.full <= kept.last and kept.full.endswith("+00:00")


def test_a_wrong_call_is_no_attempt(file):
    with pytest.raises(UsageError):
        check(3)
    assert not file.exists()


def test_the_first_prediction_is_the_one_that_is_kept(file):
    predict("90.q1", "a")
    predict("90.q1", "b")
    assert record.read(file).predictions["90.q1"].choice == "a"
    assert "1 prediction of 1 made, 0 right" in view.current().to_html()


def test_only_the_student_can_read_nothing_else_is_written(file):
    check(tiny.scale_rows)
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]
    tree = json.loads(file.read_text())
    assert set(tree) == {"version", "exercises", "predictions"}
    assert set(tree["exercises"]["ch90.scale_rows"]) == {"best", "of", "attempts", "first", "last", "full"}


@pytest.mark.parametrize("word", ["off", "OFF", "0", "no"])
def test_it_can_be_switched_off(file, monkeypatch, word):
    monkeypatch.setenv(record.VARIABLE, word)
    check(tiny.scale_rows)
    assert not file.parent.exists()
    assert "Nothing is noted" in str(progress())


def test_nothing_is_noted_where_nobody_works(tmp_path, monkeypatch):
    monkeypatch.delenv(record.VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delattr(sys, "ps1", raising=False)
    assert record.location() == tmp_path / ".mechanisms" / "progress.json"
    check(tiny.scale_rows)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    check(tiny.scale_rows)
    assert record.read(record.location()).exercises["ch90.scale_rows"].best == 4.5


def test_nothing_is_noted_while_nbgrader_runs(file, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    check(tiny.scale_rows)
    assert not file.exists()


def test_the_graders_process_is_told_to_note_nothing():
    from autograder.sandbox.start import environment

    assert environment()[record.VARIABLE] == "off"


DAMAGED = [
    b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b"[" * 100_000, b'{"version": 1}',
    b'{"version": true, "exercises": {}, "predictions": {}}',
    b'{"version": 1, "exercises": {"a": {"best": "9"}}, "predictions": {}}',
    b'{"version": 1, "exercises": {"a": {"best": NaN, "of": 1, "attempts": 1, "first": "", "last": ""}},'
    b' "predictions": {}}',
    b'{"version": 1, "exercises": {}, "predictions": {"a": {"choice": 1, "right": true, "when": ""}}}',
    b'{"version": 1, "exercises": {}, "predictions": {}}' + b" " * (4 * 2**20),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_set_aside_with_one_sentence(file, capfd, content):
    file.parent.mkdir()
    file.write_bytes(content)
    assert "is damaged" in str(progress())
    assert check(tiny.scale_rows) == 4.5
    out, err = capfd.readouterr()
    assert out.count("set aside as") == 1 and err == ""
    assert file.with_name("progress.damaged-1.json").read_bytes() == content
    assert record.read(file).exercises["ch90.scale_rows"].attempts == 1
    check(tiny.scale_rows)
    assert "set aside" not in capfd.readouterr().out


def test_two_damaged_files_are_both_kept(file):
    file.parent.mkdir()
    for content in (b"one", b"two"):
        file.write_bytes(content)
        check(tiny.scale_rows)
    kept = [file.with_name(f"progress.damaged-{number}.json").read_bytes() for number in (1, 2)]
    assert kept == [b"one", b"two"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["version", "exercises", "predictions", "best", "ch90.scale_rows"]), inner),
        max_leaves=8,
    ).map(lambda tree: json.dumps(tree).encode())
)  # fmt: skip
def test_whatever_the_file_holds_a_check_goes_on(file, content):
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    str(progress())
    assert check(tiny.scale_rows) == 4.5
    assert record.read(file).exercises["ch90.scale_rows"].best == 4.5


def test_a_later_version_is_left_alone(file, capfd):
    file.parent.mkdir()
    content = '{"version": 2, "surprise": []}'
    file.write_text(content)
    assert check(tiny.scale_rows) == check(tiny.scale_rows) == 4.5
    assert file.read_text() == content
    assert capfd.readouterr().out.count("newer version") == 1
    assert "newer version" in str(progress())


def test_a_place_that_cannot_be_written_costs_one_sentence_and_no_check(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(record.VARIABLE, str(tmp_path / "file" / "progress.json"))
    monkeypatch.setattr(record, "_told", set())
    assert check(tiny.scale_rows) == check(tiny.scale_rows) == 4.5
    out, err = capfd.readouterr()
    assert out.count("could not be noted") == 1 and err == ""


def test_a_folder_in_the_place_of_the_file(file, capfd):
    file.mkdir(parents=True)
    assert check(tiny.scale_rows) == 4.5
    assert "could not be noted" in capfd.readouterr().out
    assert "cannot be read" in str(progress())


def test_notebooks_that_write_at_once_lose_nothing(file):
    check(tiny.scale_rows)
    threads = [
        threading.Thread(target=lambda: [record.note_check("ch90.scale_rows", 1, 4.5) for _ in range(5)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = record.read(file).exercises["ch90.scale_rows"]
    assert kept.attempts == 16 and kept.best == 4.5


def test_the_bars_as_text(file):
    before = str(progress())
    assert "[....................]      0 of" in before and "0 of 3 exercises" in before
    check(tiny.drops_the_sign, "scale_rows")
    assert "[####" in str(progress()) and "Next: scale_rows in chapter 90." in str(progress())
    check(tiny.scale_rows)
    shown = str(progress())
    assert "1 of 3 exercises done, 4.5 of" in shown and "Next: count_words" in shown
    assert str(file) in shown and "nothing is sent anywhere" in shown and "not your grade" in shown


def test_a_bar_is_full_only_when_everything_is_done():
    assert [view._cells(best, 1000) for best in (0, 1, 500, 999, 1000)] == [0, 1, 10, 19, 20]


def test_a_notebook_gets_bars_with_their_numbers_as_text(file):
    check(tiny.scale_rows)
    bundle = progress()._repr_mimebundle_()
    card = bundle["text/html"]
    assert bundle["text/plain"] == str(progress())
    assert 'role="group"' in card and "4.5 of" in card
    assert all(f"</span>{word}</span>" in card for word in ("done", "open"))
    assert card.count('aria-hidden="true" style="height:8px') == len(progress().chapters)
    assert "<script" not in card and "#000" not in card and "color:black" not in card
    _well_formed(card)


def test_an_exercise_of_another_version_is_kept_and_not_shown(file):
    record.note_check("ch90.gone", 3, 3)
    check(tiny.scale_rows)
    assert "ch90.gone" in record.read(file).exercises and "gone" not in str(progress())


def test_points_never_exceed_what_an_exercise_gives_today(file):
    record.note_check("ch90.scale_rows", 99, 99)
    assert progress().best == 4.5


def test_a_csv_for_a_teacher(file, tmp_path, capsys):
    check(tiny.scale_rows)
    assert progress(export=tmp_path / "mine.csv") is None
    assert "not a grade" in capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO((tmp_path / "mine.csv").read_text())))
    assert [row["exercise"] for row in rows] == ["scale_rows", "count_words", "double_output"]
    assert (rows[0]["state"], rows[0]["best"], rows[0]["points"], rows[0]["checks"]) == ("done", "4.5", "4.5", "1")
    assert (rows[1]["state"], rows[1]["best"], rows[1]["checks"]) == ("open", "0", "0")


def test_a_csv_runs_no_formula(file, tmp_path):
    record.note_check("ch90.scale_rows", 1, 4.5)
    tree = json.loads(file.read_text())
    tree["exercises"]["ch90.scale_rows"] |= {"first": "=1+1", "last": "\t@SUM(A1)", "full": " -2\r\n=3"}
    file.write_text(json.dumps(tree))
    progress(export=tmp_path / "mine.csv")
    cells = [cell for row in csv.reader(io.StringIO((tmp_path / "mine.csv").read_text())) for cell in row]
    assert "'=1+1" in cells and not [cell for cell in cells if cell.strip()[:1] in ("=", "+", "-", "@")]


def test_a_json_for_a_teacher(file, tmp_path):
    check(tiny.scale_rows)
    predict("90.q1", "b")
    progress(export=str(tmp_path / "mine.json"))
    [chapter] = json.loads((tmp_path / "mine.json").read_text())["chapters"]
    assert chapter["best"] == 4.5 and chapter["exercises"][0]["state"] == "done"
    assert chapter["predictions"][0]["right"] is True


@pytest.mark.parametrize(
    ("name", "words"), [("mine.xlsx", "should end in"), ("mine", "should end in"), (3, "in quotes")]
)
def test_a_wrong_name_for_the_export_is_said(file, name, words):
    with pytest.raises(UsageError, match=words):
        progress(export=name)


def test_an_export_that_cannot_be_written_is_said(file, tmp_path):
    with pytest.raises(CourseError, match="could not be written"):
        progress(export=tmp_path / "nowhere" / "mine.csv")


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.links += [value for name, value in attributes if name == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _well_formed(text):
    parser = _Tags()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


def test_the_course_map_says_what_is_done_and_links_to_the_book(file, tmp_path, capsys):
    check(tiny.scale_rows)
    book = tmp_path / "a book" / "html"
    book.mkdir(parents=True)
    assert main(["--html", str(tmp_path / "map.html"), "--book", str(book)]) == 0
    text = html.unescape((tmp_path / "map.html").read_text())
    parser = _well_formed(text)
    assert "1 of 3 exercises done" in text and "default-src 'none'" in text and "<script" not in text
    assert all(link.startswith("a%20book/html/") for link in parser.links)
    assert page.book_for(tmp_path / "map.html", "https://example.org/b/") == "https://example.org/b"
    assert page.book_for(tmp_path / "map.html", str(tmp_path / "nowhere")) == ""
    assert "--book" in page.course_map(view.current(), "")


def test_the_course_map_of_the_real_course_links_every_exercise(tmp_path, monkeypatch):
    monkeypatch.delenv("MECHANISMS_CHECKS")
    made = view.current()
    text = page.course_map(made, "https://example.org/book")
    links = _well_formed(text).links
    assert len(made.chapters) == 9 and len(links) == 9 + sum(len(chapter.exercises) for chapter in made.chapters)
    sources = {link.removeprefix("https://example.org/book/").split("#")[0] for link in links}
    assert all((ROOT / place).with_suffix(".md").exists() for place in sources)
    assert [chapter.title for chapter in made.chapters][4:9:4] == ["Working-memory gating", "Pre-training budgets"]


def test_the_command_line(file, capsys):
    check(tiny.scale_rows)
    capsys.readouterr()
    assert main([]) == 0 and "1 of 3 exercises done" in capsys.readouterr().out
    assert main(["--all"]) == 0 and "open    count_words: 0 of" in capsys.readouterr().out
    assert main(["--export", "x.pdf"]) == 1
    captured = capsys.readouterr()
    assert "should end in" in captured.err and "Traceback" not in captured.err


def test_the_command_and_the_import_in_a_new_process(file):
    command = [sys.executable, "-m", "mechanisms.progress"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), timeout=60)
    assert done.returncode == 0 and "exercises done" in done.stdout and done.stderr == ""
    code = "from mechanisms import progress; import sys; assert 'torch' not in sys.modules; print(progress().headline)"
    for first in ("", "import mechanisms.progress.record; "):
        done = subprocess.run(
            [sys.executable, "-c", first + code], capture_output=True, text=True, cwd=ROOT, timeout=60
        )
        assert "exercises done" in done.stdout, done.stderr
