"""A whole toy class, graded by nbgrader with real kernels: sample students and awkward ones.

One class serves all tests of this file, so run them in one process (`--dist loadfile` with several workers).
"""

from __future__ import annotations

import copy
import json
import re
import stat
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder.build.exercises import build_chapter
from autograder.build.source import write_notebook
from autograder.course import course_secret, prepare_course, release_chapter
from autograder.engine.run import Order, Watcher, grade_class, handed_in
from autograder.nbg.reference import chapter_reference
from autograder.nbg.results import read_result
from autograder.report import gather, write_report
from autograder.sample_class import mistaken_students, write_sample_class
from mechanisms.errors import CourseError

RIGHT_DOUBLE = "# exercise: ch90.double\ndef double(values):\n    return [2 * value for value in values]"
STASH = (
    "# exercise: ch90.double\nseen = []\n"
    "def double(values):\n    seen.append(list(values))\n    print(values)\n    return [2 * value for value in values]"
)
TRIPLE = "# exercise: ch90.double\ndef double(values):\n    return [3 * value for value in values]"
FROM_DOUBLES = (
    "# exercise: ch90.describe\ndef describe(values):\n    twice = double(values)\n"
    "    return {'mean': sum(twice) / 2 / len(values), 'spread': max(values) - min(values)}"
)
TELLTALE = "# exercise: ch90.describe\ndef describe(values):\n    raise ValueError(f'I got {values}')"


def edited(release, **sources):
    """The release with the cells of some exercises replaced."""
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        about = cell.metadata.get("mechanisms", {})
        if about.get("role") == "solution" and about["exercise"] in sources:
            cell.source = sources[about["exercise"]]
    return notebook


def awkward(release):
    """Submissions that break something, by student."""
    warns = RIGHT_DOUBLE.replace("    return", "    import sys, warnings\n    warnings.warn('x')\n"
                                 "    print('noise', file=sys.stderr)\n    return")  # fmt: skip
    exits = "# exercise: ch90.double\nimport os\ndef double(values):\n    os._exit(3)"
    endless = "# exercise: ch90.double\ndef double(values):\n    while True:\n        pass"
    stash = edited(release, double=STASH, describe=TELLTALE)
    stash.cells.append(new_code_cell("print(seen)"))
    odd = edited(release, double=warns)
    odd.cells.append(copy.deepcopy(next(cell for cell in odd.cells if cell.source.startswith("check(double)"))))
    odd.cells[-1]["id"] = "pasted"
    odd.metadata = nbformat.from_dict({})
    deleted = edited(release, double=RIGHT_DOUBLE)
    deleted.cells = [cell for cell in deleted.cells if "def describe" not in cell.source]
    fatal = edited(release, double=RIGHT_DOUBLE)
    fatal.cells.insert(2, new_code_cell("import os\nos._exit(1)"))
    other = nbformat.v4.new_notebook(cells=[new_code_cell("print('another course')")])
    forged = edited(release, double="# exercise: ch90.double\nclass Five(float):\n    pass\ndef double(values):\n"
                    "    return [Five(2 * value) for value in values]")  # fmt: skip
    return {
        "a-below": write_notebook(edited(release, double=TRIPLE, describe=FROM_DOUBLES)),
        "a-deleted-exercise": write_notebook(deleted),
        "a-empty-file": "",
        "a-endless": write_notebook(edited(release, double=endless)),
        "a-exits": write_notebook(edited(release, double=exits)),
        "a-fatal-cell": write_notebook(fatal),
        "a-odd": write_notebook(odd),
        "a-other-notebook": write_notebook(other),
        "a-stash": write_notebook(stash),
        "a-subclass": write_notebook(forged),
    }


@pytest.fixture(scope="module")
def graded(toy, chapter):
    """The class after grading: result by student."""
    build_chapter(toy, chapter)
    assert release_chapter(toy, chapter) is True
    write_sample_class(toy, chapter)
    release = nbformat.read(toy.release(chapter), as_version=4)
    for student, text in awkward(release).items():
        path = toy.submission(chapter, student)
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    grade_class(toy, [chapter])
    return {student: read_result(toy, chapter.slug, student) for student in handed_in(toy, chapter)}


def scores(result):
    return {name: exercise.points for name, exercise in result.exercises.items()}


def page(toy, chapter, student):
    return toy.feedback(chapter, student).read_text("utf-8")


def test_perfect_blank_half_done_and_lost_metadata(graded):
    assert scores(graded["perfect"]) == {"double": 5, "describe": 8}
    assert scores(graded["lost-metadata"]) == {"double": 5, "describe": 8}
    assert scores(graded["blank"]) == {"double": 0, "describe": 0}
    assert {exercise.state for exercise in graded["blank"].exercises.values()} == {"blank"}
    assert scores(graded["half-done"]) == {"double": 5, "describe": 0}
    assert "ended with SyntaxError" in graded["half-done"].exercises["describe"].sentence
    assert not any(graded[name].needs_person for name in ("perfect", "lost-metadata", "blank", "half-done"))


def test_each_mistake_gets_its_points_and_its_sentence(toy, chapter, graded):
    for student, mistakes in mistaken_students(toy, chapter).items():
        right = {exercise.name: exercise.points for exercise in chapter.exercises}
        assert scores(graded[student]) == right | {name: mistake.points for name, mistake in mistakes.items()}
        for name, mistake in mistakes.items():
            assert graded[student].exercises[name].mistake == mistake.name
            assert _visible(mistake.sentence) in _visible(page(toy, chapter, student))


def test_who_fails_for_what_is_below_is_told_what_to_mend_first(toy, chapter, graded):
    below = {name: exercise.below for name, exercise in graded["a-below"].exercises.items()}
    assert below == {"double": [], "describe": ["double"]}
    sentence = "Your answer uses your double, which is not right yet. Mend it first: this one may be right as it is."
    assert _visible(page(toy, chapter, "a-below")).count(sentence) == 1
    right = [graded[name].exercises.values() for name in ("perfect", "blank", "half-done")]
    assert not any(exercise.below for exercises in right for exercise in exercises)
    others = set(graded) - {"a-below", "web-page"}
    assert not any("Mend it first" in page(toy, chapter, name) for name in others)


def _visible(text):
    import html

    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>|`", "", text)))


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        ("web-page", "it is not valid JSON"),
        ("a-empty-file", "is an empty file"),
        ("a-other-notebook", "a person has to look at it"),
    ],
)
def test_what_cannot_be_read_needs_a_person_and_is_no_zero(toy, chapter, graded, student, sentence):
    result = graded[student]
    assert result.status == "cannot be matched" and result.exercises == {}
    assert len(result.needs_person) == 1 and sentence in result.needs_person[0]
    row = next(row for row in gather(toy, chapter, [student]).rows)
    assert row.points is None


def test_odd_notebooks_are_graded_and_say_so(graded):
    # a-odd also writes to stderr, for which stock nbgrader would take every point away
    assert scores(graded["a-odd"])["double"] == 5
    assert graded["a-odd"].notices == [
        "The notebook names no kernel; it was run with the course's own (python3).",
        "The check cell of double is there 2 times; the last one counts.",
    ]
    assert scores(graded["a-deleted-exercise"]) == {"double": 5, "describe": 0}
    assert graded["a-deleted-exercise"].needs_person == ["No cell with the function describe was found."]
    assert scores(graded["a-subclass"])["double"] == 0


def test_what_ends_the_kernel_or_never_ends_costs_only_itself(toy, chapter, graded):
    assert scores(graded["a-endless"]) == {"double": 0, "describe": 0}
    assert "did not come to an end in time" in page(toy, chapter, "a-endless")
    assert "ended the Python process" in page(toy, chapter, "a-exits")
    assert graded["a-exits"].needs_person == ["The function double ended the Python process (a crash or an exit)."]
    assert scores(graded["a-fatal-cell"])["double"] == 5
    assert graded["a-fatal-cell"].needs_person == ["Cell 3 ended the Python process; it was left out."]


def test_the_gradebook_flags_what_a_person_should_see(toy, graded):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{toy.course / 'gradebook.db'}") as gradebook:

        def flags(student):
            grades = gradebook.find_submission_notebook("toy", "90_toy", student).grades
            return {grade.name for grade in grades if grade.needs_manual_grade}

        assert flags("a-deleted-exercise") == {"describe-check"}
        assert flags("a-exits") == {"double-check"}
        assert flags("perfect") == {"why_spread"}
        perfect = gradebook.find_submission_notebook("toy", "90_toy", "perfect").grades
        assert sum(grade.auto_score or 0 for grade in perfect) == 13


def test_no_hidden_case_anywhere_in_what_goes_out(toy, chapter, graded):
    """Inputs and expected values of every student's hidden cases are in no feedback page, result or report."""
    paths = write_report(toy, [gather(toy, chapter, handed_in(toy, chapter))])
    shared = "".join(path.read_text("utf-8") for path in paths)
    reference = chapter_reference(toy, chapter)
    for student, result in graded.items():
        if result.status != "graded":
            continue
        text = page(toy, chapter, student) + toy.autograded(chapter, student).read_text("utf-8") + shared
        text += (toy.course / "results" / "90_toy" / f"{student}.json").read_text("utf-8")
        for exercise in reference.hidden(student).values():
            for case in exercise.entry["cases"]:
                for number in re.findall(r"\d+\.\d{2,}", json.dumps([case["inputs"], case["expected"]])):
                    assert number[:7] not in text, f"{number} of {student}"


def test_demonstrations_and_paper_cells_are_not_run(toy, chapter, graded):
    notebook = nbformat.read(toy.autograded(chapter, "lost-metadata"), as_version=4)
    for text in ("figure = ", "this cell would need"):
        cell = next(cell for cell in notebook.cells if text in cell.source)
        assert cell.outputs == [] and cell.execution_count is None
    assert next(cell for cell in notebook.cells if cell.source == 'print("done")').outputs


class Seen(Watcher):
    """Who was graded, in the order of their names."""

    def __init__(self):
        self.results = []

    def graded(self, result):
        self.results = sorted([*self.results, result], key=lambda one: one.student)


def test_a_second_run_grades_only_what_changed(toy, chapter, graded):
    tally = grade_class(toy, [chapter])
    assert tally.counts == {"90_toy": {"unchanged": len(graded)}}
    path = toy.submission(chapter, "blank")
    notebook = nbformat.read(path, as_version=4)
    before = path.read_text("utf-8")
    path.write_text(write_notebook(edited(notebook, double=RIGHT_DOUBLE)), encoding="utf-8")
    seen = Seen()
    tally = grade_class(toy, [chapter], Order(students=("blank", "perfect")), seen)
    assert tally.counts == {"90_toy": {"graded": 1, "unchanged": 1}}
    assert [result.student for result in seen.results] == ["blank"]
    assert scores(seen.results[0])["double"] == 5
    path.write_text(before, encoding="utf-8")


def test_a_feedback_page_that_is_lost_is_written_again_without_grading(toy, chapter, graded):
    toy.feedback(chapter, "perfect").unlink()
    tally = grade_class(toy, [chapter], Order(students=("perfect",)))
    assert tally.counts == {"90_toy": {"unchanged": 1}} and toy.feedback(chapter, "perfect").exists()


def test_a_result_that_is_damaged_is_graded_again(toy, chapter, graded):
    path = toy.course / "results" / "90_toy" / "web-page.json"
    path.write_text("{")
    assert read_result(toy, "90_toy", "web-page") is None
    grade_class(toy, [chapter], Order(students=("web-page",)))
    assert read_result(toy, "90_toy", "web-page").status == "cannot be matched"


def test_the_secret_is_private_and_stays(toy, tmp_path, monkeypatch):
    monkeypatch.delenv("MECHANISMS_SECRET")
    fresh = replace(toy, course=tmp_path)
    prepare_course(fresh)
    first = course_secret(fresh)
    assert len(first) == 64 and course_secret(fresh) == first
    assert stat.S_IMODE((fresh.course / "secret").stat().st_mode) == 0o600


def test_a_secret_that_is_lost_is_not_replaced_by_chance(toy, graded, monkeypatch):
    monkeypatch.delenv("MECHANISMS_SECRET")
    with pytest.raises(CourseError, match="secret is missing.*Put your copy back"):
        course_secret(toy)
    assert not (toy.course / "secret").exists()


def test_an_unreleased_chapter_is_one_sentence(toy, chapter, tmp_path):
    with pytest.raises(CourseError, match="run 'autograder release' first"):
        grade_class(replace(toy, course=tmp_path), [chapter])
