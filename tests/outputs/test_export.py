"""Points that leave the house: complete, harmless, and read back as the same numbers."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import MISTAKEN, PERFECT, mistaken, partly, perfect

from autograder.export import (
    ChapterGrades,
    Identity,
    Standing,
    canvas_file,
    chapter_grades,
    fill_canvas,
    fill_moodle,
    moodle_items,
    moodle_worksheets,
    named_columns,
    plain_file,
    read_identities,
)
from autograder.export.template import parse, read_sheet, unquoted
from autograder.nbg.results import UNMATCHED, Result
from mechanisms.errors import UsageError
from mechanisms.spreadsheet import harmless, number, starts_formula, table

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "'=1", '"=1', "''\" =1", "＝1+1", "＋1", "－1",
    "＠x",
    "\u200b=1", "\ufeff=1", "\u00a0=1", "|calc", "%0A", "“=1", "\x00=1", "﹢1", "﹣1",
]  # fmt: skip


def read(text):
    """A CSV text as a strict reader sees it."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


# ------------------------------------------------------------------ cells


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula(text):
    assert starts_formula(text) and harmless(text).startswith("'")


def test_what_needs_no_care_stays():
    assert [harmless(value) for value in ("Ada O'Neil-Smith", "", None, 7.5, -0.25, 10, 1e-7)] == [
        "Ada O'Neil-Smith", "", "", "7.5", "-0.25", "10", "0",
    ]  # fmt: skip
    assert number(-1e-9) == "0" and number(1234567.125) == "1234567.125"


CELL = st.one_of(
    st.none(),
    st.floats(-1e6, 1e6).map(lambda value: round(value, 4)),
    st.text(max_size=12),
    st.sampled_from(FORMULAS),
    st.text("\",;\r\n\t=+-@'| ", max_size=8),
)


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=5))
def test_any_table_reads_back_and_runs_nothing(rows):
    back = read(table(rows))
    assert [len(row) for row in back] == [len(row) for row in rows]
    for row, cells in zip(rows, back, strict=True):
        for value, cell in zip(row, cells, strict=True):
            assert not set(cell) & set("\r\n\t\x00")
            if isinstance(value, float):
                assert float(cell) == pytest.approx(value, abs=1e-9)
            elif value is None:
                assert cell == ""
            else:
                assert not starts_formula(cell) or cell.startswith("'")
                assert not cell.strip(" \u00a0")[:1] or cell.strip(" \u00a0")[0] not in "=+-@"


# ------------------------------------------------------------------ templates


@given(st.lists(st.lists(st.text('ab",;\r\n\t é1', max_size=6), min_size=2, max_size=4), min_size=1, max_size=5),
       st.sampled_from(",;\t"), st.sampled_from(["\r\n", "\n"]), st.booleans())  # fmt: skip
def test_a_template_is_kept_byte_for_byte(rows, separator, end, bom):
    # the first row decides the separator, so it has to show it
    rows = [[f"column {place}" for place in range(len(rows[0]))], *rows]
    if end == "\n":
        # Python's writer leaves a lone \r without quotes then, which no reader takes for part of a cell
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, lineterminator=end).writerows(rows)
    text = ("\ufeff" if bom else "") + buffer.getvalue()
    sheet = parse(text)
    assert sheet.text() == text and sheet.separator == separator
    assert [[unquoted(cell) for cell in row] for row in sheet.rows] == rows


@given(st.text('a1,;"\r\n\t', max_size=40))
def test_any_text_is_kept_or_refused(text):
    try:
        assert parse(text).text() == text
    except UsageError as error:
        assert "never ends" in str(error)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"\xff\xfea\x00", "no CSV file in UTF-8"), (b"PK\x03\x04", "no CSV file in UTF-8"), (b"", "no rows"),
     (b"Student,ID\n", "no rows"), (b'a,b\n"never,ends\n', "never ends")],
)  # fmt: skip
def test_a_file_that_is_no_template_is_one_sentence(tmp_path, data, sentence):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=sentence):
        read_sheet(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_sheet(tmp_path / "missing.csv")


# ------------------------------------------------------------------ what may leave


def standing(toy, chapter, student, **more):
    return chapter_grades(toy, chapter, [student], **more).standings[0]


def test_a_total_needs_every_part(toy, chapter, hand_in):
    hand_in(perfect("ada"), PERFECT)
    hand_in(mistaken("bob"), MISTAKEN)
    assert standing(toy, chapter, "ada").total == 17
    bob = standing(toy, chapter, "bob")
    assert bob.total is None and bob.items == {"double": 3, "describe": 8, "why_spread": None}
    assert bob.doubts == ["free text why_spread is not marked yet"]


def test_lateness_is_taken_off_and_never_below_zero(toy, chapter, hand_in):
    hand_in(perfect("late"), PERFECT, penalty=2.5)
    late = standing(toy, chapter, "late")
    assert (late.total, late.late) == (14.5, -2.5)
    assert sum(late.items.values()) + late.late == late.total
    hand_in(perfect("later"), PERFECT, penalty=99)
    later = standing(toy, chapter, "later")
    assert (later.total, later.late) == (0, -17)


def test_a_persons_mark_goes_first(toy, chapter, hand_in):
    scores = {**PERFECT, "double-check": (5, 2.5, False)}
    hand_in(perfect("max"), scores)
    assert standing(toy, chapter, "max").items["double"] == 2.5


@pytest.mark.parametrize(
    ("waits", "sentence"),
    [((0, None, True), "describe waits for a person's mark"), ((0, None, False), "needs a person's look")],
)
def test_what_needs_a_person_is_never_a_silent_zero(toy, chapter, hand_in, waits, sentence):
    hand_in(partly("cleo"), {**PERFECT, "describe-check": waits})
    cleo = standing(toy, chapter, "cleo")
    assert cleo.total is None and any(sentence in doubt for doubt in cleo.doubts)
    assert standing(toy, chapter, "cleo", looked_at=True).total == (None if waits[2] else 9)


def test_marking_the_lost_exercise_settles_it(toy, chapter, hand_in):
    hand_in(partly("cleo"), {**PERFECT, "describe-check": (0, 6, False)})
    cleo = standing(toy, chapter, "cleo")
    assert cleo.total == 15 and cleo.doubts == []


def test_unreadable_unfinished_and_contradicting(toy, chapter, hand_in):
    hand_in(Result("eve", "90_toy", status=UNMATCHED, needs_person=["no notebook"]), None)
    assert standing(toy, chapter, "eve").doubts == ["no notebook"]
    assert standing(toy, chapter, "nobody").doubts == ["it has no grade yet"]
    hand_in(perfect("mallory"), {**PERFECT, "double-check": (4, None, False)})
    mallory = standing(toy, chapter, "mallory")
    assert mallory.total is None and "disagree on double" in mallory.doubts[0]
    for name in ("eve", "nobody"):
        assert standing(toy, chapter, name, looked_at=True).total is None


# ------------------------------------------------------------------ Canvas


def made(points, slug="90_toy", number=90, title="A toy chapter"):
    """A chapter of two exercises with everybody's points; None is a doubt."""
    standings = []
    for student, (first, second, penalty) in points.items():
        doubts = [] if first is not None else ["it waits"]
        standings.append(Standing(student, "graded", {"double": first, "describe": second}, penalty, doubts))
    return ChapterGrades(slug, number, title, "toy", {"double": 5.0, "describe": 8.0}, standings)


POINTS = {"ada": (5, 8, 0), "bob": (2.5, 8, 1.25), "eve": (None, 8, 0), '=HYPERLINK("http://x")': (1, 1, 0)}


def canvas_import(text):
    """What Canvas's importer takes from a file: points possible by assignment, score by student and assignment.

    It wants Student, ID (and then the SIS columns in this order) before Section; what follows are assignments.
    """
    rows = read(text)
    head = rows[0]
    assert "Student" in head[0] and head[1] == "ID" and len(head) > 3
    last = head.index("Section")
    assert head[2:last] in ([], ["SIS Login ID"], ["SIS User ID", "SIS Login ID"])
    possible, scores = {}, {}
    for row in rows[1:]:
        assert len(row) == len(head)
        if "Points Possible" in row[0]:
            possible = {head[place]: row[place] for place in range(last + 1, len(head))}
            continue
        key = row[1] or row[last - 1] or row[0]
        for place in range(last + 1, len(head)):
            if row[place].strip():
                scores[key, head[place]] = float(row[place])
    return possible, scores


def test_canvas_without_a_template():
    who = {"ada": Identity("ada", "Lovelace, Ada", sis_id="S1", login="alove", section="A", canvas_id="4711")}
    outcome = canvas_file([made(POINTS)], who, False, {"90": "Homework (77)"})
    possible, scores = canvas_import(outcome.texts["canvas.csv"])
    assert possible == {"Homework (77)": "13"}
    assert scores["4711", "Homework (77)"] == 13 and scores["bob", "Homework (77)"] == 9.25
    assert not any(key[0] == "eve" for key in scores) and outcome.filled == 3
    assert [entry.student for entry in outcome.left_out] == ["eve"] and "--template" in outcome.warnings[0]
    assert all(
        not starts_formula(cell) or cell.startswith("'") for row in read(outcome.texts["canvas.csv"]) for cell in row
    )


def test_canvas_per_exercise_adds_up_to_the_total():
    text = canvas_file([made(POINTS)], {}, True, {}).texts["canvas.csv"]
    possible, scores = canvas_import(text)
    assert possible == {"90 A toy chapter: double": "5", "90 A toy chapter: describe": "8",
                        "90 A toy chapter: late penalty": "0"}  # fmt: skip
    assert sum(value for (student, _), value in scores.items() if student == "bob") == 9.25
    assert scores["eve", "90 A toy chapter: describe"] == 8 and ("eve", "90 A toy chapter: double") not in scores


TEMPLATE = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Essay (11),A toy chapter (12),Homework Current Score,"
    "Current Score\r\n"
    ",,,,,,Manual Posting,,\r\n"
    "    Points Possible,,,,,10.00,13.00,(read only),(read only)\r\n"
    '"Lovelace, Ada",1001,S-1,ada,"Sec 1, late",7.50,"1.00",88.1,88.1\r\n'
    '"=HYPERLINK(""http://x"")",1002,S-2,bob@uni.example,Sec 1,,,,\r\n'
    "Eve,1003,S-3,eve,Sec 1,,4.00,,\r\n"
    "Zoe,1004,S-4,zoe,Sec 1,,N/A,,\r\n"
    "Max,1005,S-5,max,Sec 1,,ex,,\r\n"
    '"Student, Test",1999,,8f3a,Sec 1,,,,\r\n'
)


def test_a_canvas_template_changes_in_its_own_cells_only():
    points = {
        "ada": (5, 8, 0),
        "b": (2.5, 8, 0),
        "eve": (None, 8, 0),
        "zoe": (1, 1, 0),
        "max": (1, 1, 0),
        "new": (1, 1, 0),
    }
    outcome = fill_canvas(parse(TEMPLATE), [made(points)], {"b": Identity("b", canvas_id="1002")}, False, {})
    expected = TEMPLATE.replace('"1.00",88.1', '"13",88.1').replace(
        "bob@uni.example,Sec 1,,,,", "bob@uni.example,Sec 1,,10.5,,"
    )
    assert outcome.texts["canvas.csv"] == expected and outcome.filled == 2
    why = {entry.student: entry.why for entry in outcome.left_out}
    assert why == {"eve": "it waits", "zoe": "not assigned in Canvas", "max": "excused in Canvas",
                   "new": "no single row of the template fits this student"}  # fmt: skip
    assert any("begin like a formula" in warning for warning in outcome.warnings)


def test_two_students_for_one_row_are_nobodys():
    points = {"ada": (5, 8, 0), "1001": (1, 1, 0)}
    outcome = fill_canvas(parse(TEMPLATE), [made(points)], {}, False, {})
    assert outcome.filled == 1 and "both fit one row" in outcome.left_out[0].why
    twice = TEMPLATE + "Ada,1006,S-6,ada,Sec 2,,,,\r\n"
    outcome = fill_canvas(parse(twice), [made({"ada": (5, 8, 0)})], {}, False, {})
    assert outcome.filled == 0 and outcome.texts["canvas.csv"] == twice


def test_a_canvas_template_with_semicolons_and_decimal_commas():
    text = TEMPLATE.replace(",", ";").replace("13.00", "13,00").replace('"Lovelace; Ada"', '"Lovelace, Ada"')
    outcome = fill_canvas(parse(text), [made({"ada": (5, 7.5, 0)})], {}, False, {})
    assert '"12,5";88.1' in outcome.texts["canvas.csv"] and not any("points possible" in w for w in outcome.warnings)


@pytest.mark.parametrize(
    ("heading", "named", "sentence"),
    [
        ("Week 3 (12)", {}, "no column fits 90_toy; name it with --column"),
        ("Week 3 (12)", {"90": "Week 4"}, "There is: 'Essay (11)', 'Week 3 (12)'"),
        ("Essay on a toy chapter (12),Quiz on a toy chapter (13)", {}, "more than one column fits"),
    ],
)
def test_a_column_that_cannot_be_told_is_one_sentence(heading, named, sentence):
    head = f"Student,ID,SIS Login ID,Section,Essay (11),{heading}"
    empty = "," * heading.count(",")
    sheet = parse(f"{head}\nAda,1,ada,S,,{empty}\n")
    with pytest.raises(UsageError, match="template") as error:
        fill_canvas(sheet, [made({"ada": (5, 8, 0)})], {}, False, named)
    assert sentence in str(error.value)


@pytest.mark.parametrize("named", ["Week 3 (12)", "12", "week 3"])
def test_a_column_may_be_named(named):
    sheet = parse("Student,ID,SIS Login ID,Section,Essay (11),Week 3 (12)\nAda,1,ada,S,,\n")
    outcome = fill_canvas(sheet, [made({"ada": (5, 8, 0)})], {}, False, named_columns([f"90={named}"]))
    assert outcome.texts["canvas.csv"].endswith("Ada,1,ada,S,,13\n")
    with pytest.raises(UsageError, match="CHAPTER=HEADING"):
        named_columns(["90"])


def test_a_canvas_template_per_exercise():
    head = "Student,ID,SIS Login ID,Section,90 A toy chapter: double (5),90 A toy chapter: describe (6)"
    outcome = fill_canvas(parse(f"{head}\nAda,1,ada,S,,\n"), [made({"ada": (5, 7.5, 0)})], {}, True, {})
    assert outcome.texts["canvas.csv"].endswith("Ada,1,ada,S,5,7.5\n")
    with pytest.raises(UsageError, match="no columns for the exercises"):
        fill_canvas(parse(TEMPLATE), [made({"ada": (5, 7.5, 0)})], {}, True, {})
    with pytest.raises(UsageError, match="no gradebook that Canvas exported"):
        fill_canvas(parse("Name,Points\nAda,1\n"), [made({})], {}, False, {})


SCORES = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: "Points Possible" not in name),
    st.tuples(st.none() | st.integers(0, 20).map(lambda n: n / 4), st.integers(0, 32).map(lambda n: n / 4),
              st.sampled_from([0, 0.25, 30])),
    max_size=6,
)  # fmt: skip


@given(SCORES)
def test_every_class_comes_back_with_the_same_numbers(points):
    grades = made(points)
    rows = read(canvas_file([grades], {}, False, {}).texts["canvas.csv"])[2:]
    expected = [s.total for s in sorted(grades.standings, key=lambda s: s.student)]
    assert [float(row[-1]) if row[-1] else None for row in rows] == expected
    rows = read(moodle_worksheets([grades], {}).texts["moodle-90_toy.csv"])[1:]
    assert [float(row[3]) if row[3] else None for row in rows] == [s.total for s in grades.standings]
    rows = read(plain_file([grades], {}, True).texts["grades.csv"])[1:]
    totals = [float(row[5]) if row[5] else None for row in rows if row[4] == "total"]
    assert totals == [s.total for s in grades.standings]


# ------------------------------------------------------------------ Moodle

WORKSHEET = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    '"Participant 501","Ada Lovelace",ada@uni.example,"Submitted for grading",,13.00,Yes,'
    '"Tuesday, 3 March 2026, 9:00 AM",-,\n'
    '"Participant 502","Bob",bob@uni.example,"Submitted for grading",1.00,13.00,Yes,-,-,"<p>fine, ""really""</p>"\n'
    '"Participant 503","Eve",eve@uni.example,"No submission",,13.00,Yes,-,-,\n'
    '"Participant 504","Zoe",zoe@uni.example,"Submitted for grading",,13.00,No,-,-,\n'
    '"Participant 505","Max",max@uni.example,"Submitted for grading",,10.00,Yes,-,-,\n'
)


def test_a_moodle_worksheet_changes_in_its_grades_only():
    points = {
        "Ada Lovelace": (5, 8, 0),
        "b": (2.5, 8, 0),
        "eve@uni.example": (None, 8, 0),
        "Zoe": (1, 1, 0),
        "Max": (5, 8, 0),
    }
    outcome = fill_moodle(
        parse(WORKSHEET), made(points), {"b": Identity("b", participants={"90_toy": "502", "91_other": "501"})}
    )
    expected = WORKSHEET.replace('grading",,13.00,Yes,"Tue', 'grading",13,13.00,Yes,"Tue').replace(
        ",1.00,13", ",10.5,13"
    )
    assert outcome.texts["moodle-90_toy.csv"] == expected and outcome.filled == 2
    why = {entry.student: entry.why for entry in outcome.left_out}
    assert why == {"eve@uni.example": "it waits", "Zoe": "Moodle says that this grade cannot be changed",
                   "Max": "13 points are more than the maximum in Moodle, 10.00"}  # fmt: skip
    assert "The maximum in Moodle is 10.00" in outcome.warnings[0]


def test_a_moodle_worksheet_in_another_language():
    text = (
        WORKSHEET.replace("Identifier", "ID").replace(",Grade,", ",Bewertung,").replace("Participant ", "Teilnehmer/in")
    )
    with pytest.raises(UsageError, match="no single column 'Grade'"):
        fill_moodle(parse(text), made({}), {})
    outcome = fill_moodle(
        parse(text), made({"x": (5, 8, 0)}), {"x": Identity("x", participants={"90_toy": "501"})}, "Bewertung"
    )
    assert outcome.filled == 1


def test_moodle_without_a_template():
    who = {"ada": Identity("ada", "Ada", "ada@uni.example", participants={"90_toy": "501"})}
    outcome = moodle_worksheets([made(POINTS)], who)
    rows = read(outcome.texts["moodle-90_toy.csv"])
    assert rows[0] == ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Last modified (grade)"]
    assert rows[1] == ["Participant 501", "Ada", "ada@uni.example", "13", "13", ""]
    assert "3 of 4 students" in outcome.warnings[0] and rows[3][3] == ""
    items = read(moodle_items([made(POINTS)], who).texts["moodle-exercises.csv"])
    assert items[0][:4] == ["Full name", "Email address", "ID number", "Username"]
    assert items[0][4:] == ["90 A toy chapter: double", "90 A toy chapter: describe", "90 A toy chapter: late penalty"]
    assert ["Ada", "ada@uni.example", "", "", "5", "8", "0"] in items


def test_a_participant_number_of_another_assignment_is_not_used():
    points = {"b": (5, 8, 0)}
    other = {"b": Identity("b", participants={"91_other": "501"})}
    outcome = fill_moodle(parse(WORKSHEET), made(points), other)
    assert outcome.filled == 0 and outcome.texts["moodle-90_toy.csv"] == WORKSHEET
    assert read(moodle_worksheets([made(points)], other).texts["moodle-90_toy.csv"])[1][0] == ""


def test_identities_are_those_that_collecting_wrote(toy):
    from autograder.archives.senders import CANVAS, MOODLE, Sender
    from autograder.archives.table import Table

    path = toy.course / "lms.json"
    try:
        assert read_identities(toy) == {}
        table = Table(toy)
        for sender in (
            Sender(CANVAS, "12345", "doejane", "recall.ipynb", "12345", submission_id="67890"),
            Sender(MOODLE, "ada lovelace", "Ada Lovelace", "recall.ipynb", "501"),
        ):
            table.record(table.id_for(sender), "90_toy", sender, {})
        table.students["ada-lovelace"]["email"] = "ada@uni.example"
        table.save()
        who = read_identities(toy)
        assert who["doejane-12345"].canvas_id == "12345" and not who["doejane-12345"].participants
        assert who["ada-lovelace"].participants == {"90_toy": "501"} and who["ada-lovelace"].email == "ada@uni.example"
        for broken in ("[1, 2", "[]", '{"students": [1]}', '{"students": {"a": 1, "b": {"name": 3}}}'):
            path.write_text(broken)
            assert all(not identity.name for identity in read_identities(toy).values())
    finally:
        path.unlink(missing_ok=True)


# ------------------------------------------------------------------ the command


@pytest.fixture
def run(toy, monkeypatch, capsys):
    """Run a command line; returns exit code, stdout and stderr."""
    from autograder import cli

    def call(*words):
        monkeypatch.setattr("sys.argv", ["autograder", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def test_the_commands(run, toy, chapter, hand_in, tmp_path):
    hand_in(perfect("ada"), PERFECT)
    hand_in(mistaken("bob"), MISTAKEN)
    code, out, _ = run("feedback", "90", "--student", "ada", "--json")
    assert code == 0 and json.loads(out)["written"] == [str(toy.feedback(chapter, "ada"))]
    assert run("feedback", "--student", "nobody")[0] == 3
    code, out, _ = run("report", "--json")
    assert code == 0 and [name[-4:] for name in json.loads(out)["files"]] == ["html", ".csv", "json"]
    code, out, _ = run("export", "canvas", "--json")
    payload = json.loads(out)
    assert (
        code == 1
        and {"student": "bob", "chapter": "90_toy", "why": "free text why_spread is not marked yet"}
        in payload["left_out"]
    )
    assert canvas_import((toy.course / "export" / "canvas.csv").read_text("utf-8"))[1]["ada", "90 A toy chapter"] == 17
    template = tmp_path / "gradebook.csv"
    template.write_bytes("Student,ID,SIS Login ID,Section,A toy chapter (3)\nÄda,1,ada,S,\n".encode())
    code, _, _ = run("export", "canvas", "90", "--template", str(template), "--out", str(tmp_path / "full.csv"))
    assert code == 1 and (tmp_path / "full.csv").read_bytes() == template.read_bytes()[:-1] + b"17\n"
    for words in (("moodle",), ("moodle", "--per-exercise"), ("csv",), ("csv", "--per-exercise")):
        assert run("export", *words)[0] == 1
    assert len(list((toy.course / "export").iterdir())) == 4
    code, _, err = run("export", "csv", "--template", str(template))
    assert code == 3 and "a plain CSV file has none" in err
    assert run("export", "excel")[0] == 2
