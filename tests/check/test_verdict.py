"""Points, known mistakes, and what text, JSON and card tell or keep to themselves."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mechanisms.check.card import rich
from mechanisms.check.verdict import judge, preview, recognise


def exercise(expected, mistakes=(), groups=(0, 0, 1)):
    """An exercise with a case per expected answer; groups of 2 and 0.5 points."""
    return {
        "function": "f",
        "id": "ch90.f",
        "title": "Do f",
        "page": "chapters/90.html#f",
        "groups": [
            {"name": "first", "points": 2, "hint": "Look at `x`."},
            {"name": "second", "points": 0.5, "hint": "Look at y."},
        ],
        "cases": [
            {"group": group, "label": "", "inputs": {"x": index}, "expected": value, "rtol": 1e-4, "atol": 1e-5}
            for index, (group, value) in enumerate(zip(groups, expected, strict=True))
        ],
        "mistakes": [{"name": name, "sentence": f"You did {name}.", "outputs": outputs} for name, outputs in mistakes],
    }


def raised(kind, message="", where="", function=""):
    return {"$raises": {"type": kind, "message": message, "where": where, "function": function}}


@pytest.mark.parametrize(
    ("answers", "points", "status"),
    [
        ([1, 2, 3], 2.5, "passed"),
        ([1, 2, 0], 2, "partial"),
        ([1, 0, 3], 0.5, "partial"),
        ([1, 0, 0], 0, "failed"),
        ([1, 2], 2, "partial"),
        ([], 0, "failed"),
        ([1, 2, 3, 4], 2.5, "passed"),
    ],
)
def test_a_group_earns_all_or_nothing(answers, points, status):
    verdict = judge(exercise([1, 2, 3]), answers)
    assert (verdict.points, verdict.max_points, verdict.status) == (points, 2.5, status)


def test_tenths_add_up():
    entry = exercise([1, 2, 3], groups=(0, 1, 2))
    for group, points in zip([*entry["groups"], {"name": "third", "hint": ""}], (0.1, 0.2, 0.3), strict=True):
        group["points"] = points
    entry["groups"].append({"name": "third", "points": 0.3, "hint": ""})
    verdict = judge(entry, [1, 2, 3])
    assert verdict.points == verdict.max_points == 0.6


def test_a_group_without_cases_earns_nothing():
    assert judge(exercise([1], groups=(0,)), [1]).points == 2


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ([1, 8, 9], "shifts"),
        ([0, 8, 9], "shifts"),  # the first case does not tell it apart, so the answer there says nothing
        ([1, 8, 3], None),
        ([7, 7, 7], "sevens"),
        ([1, 2, 3], None),
    ],
)
def test_a_mistake_is_named_when_every_telling_case_agrees(answers, name):
    mistakes = [("same", [1, 2, 3]), ("shifts", [1, 8, 9]), ("sevens", [7, 7, 7])]
    mistake = judge(exercise([1, 2, 3], mistakes), answers).mistake
    assert (mistake and mistake.name) == name


def test_of_two_mistakes_that_fit_the_closer_wins():
    mistakes = [("last only", [1, 2, 9]), ("both", [1, 8, 9])]
    assert judge(exercise([1, 2, 3], mistakes), [1, 8, 9]).mistake.name == "both"
    assert judge(exercise([1, 2, 3], mistakes[::-1]), [1, 2, 9]).mistake.name == "last only"


def test_errors_match_a_mistake_in_type_and_message():
    mistakes = [("indexes", [raised("IndexError", "9 is too far")] * 3)]
    entry = exercise([1, 2, 3], mistakes)
    assert recognise(entry, [raised("IndexError", "9 is too far", "line 3")] * 3).name == "indexes"
    assert recognise(entry, [raised("IndexError", "another")] * 3) is None
    assert recognise(entry, [raised("ValueError", "9 is too far")] * 3) is None
    assert recognise(entry, [9, 9, 9]) is None


def test_an_expected_error_counts_as_right_by_its_type():
    entry = exercise([raised("ValueError", "no"), 2, 3])
    assert judge(entry, [raised("ValueError", "another text"), 2, 3]).points == 2.5
    assert "it should raise ValueError, but returned the int 1" in judge(entry, [1, 2, 3]).to_text()
    assert "it should raise ValueError, but it raised KeyError" in judge(entry, [raised("KeyError"), 2, 3]).to_text()


STUB = raised("NotImplementedError", "", "line 2 (`raise NotImplementedError`)", "f")


def test_a_stub_is_told_apart_from_an_operator_that_is_not_implemented():
    assert judge(exercise([1, 2, 3]), [STUB] * 3).status == "stub"
    assert judge(exercise([1, 2, 3]), [STUB, STUB, 3]).status == "partial"
    torch_error = raised("NotImplementedError", "no such kernel", "line 2 (`torch.sum(x)`)", "f")
    assert judge(exercise([1, 2, 3]), [torch_error] * 3).status == "failed"


HOSTILE = [
    {"$raises": 3},
    {"$raises": {"type": 3, "message": ["x"], "where": None}},
    {"$raises": {}},
    {"$refused": {"message": 3}},
    {"$raises": {"type": "x"}, "other": 1},
    {"$tensor": "x"},
    float("nan"),
    [[[[]]]],
]


@pytest.mark.parametrize("answer", HOSTILE)
def test_answers_may_be_anything(answer):
    verdict = judge(exercise([1, 2, 3], [("m", [4, 5, 6])]), [answer] * 3)
    assert verdict.points == 0 and verdict.to_text() and verdict.to_html() and json.dumps(verdict.to_json())


class Checker(HTMLParser):
    """Collects the tags that are open at the end, all text, and the attributes seen."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.attributes, self.seen = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def parsed(html):
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    return checker


@given(st.text(max_size=40))
def test_everything_in_the_card_is_escaped(text):
    poison = f"<script>alert(1)</script>\"'><img src=x onerror=y>{text}"
    entry = exercise([1, 2, 3], [("m", [poison] * 3)])
    entry |= {"function": poison, "title": poison, "page": poison}
    entry["groups"][0] |= {"name": poison, "hint": poison}
    entry["mistakes"][0]["sentence"] = poison
    entry["cases"][0]["inputs"] = {poison: poison}
    for answer in (poison, raised("ValueError", poison, f"line 1 ({poison})"), {"$refused": {"message": poison}}):
        checker = parsed(judge(entry, [answer] * 3).to_html())
        assert set(checker.seen) <= {"div", "span", "strong", "code", "ul", "li", "em", "details", "summary", "pre"}
        assert {name for name, _ in checker.attributes} <= {"style", "role", "aria-label", "aria-hidden"}


def test_the_card_can_be_read_without_colour():
    verdict = judge(exercise([1, 2, 3], [("m", [1, 2, 9])]), [1, 2, 9])
    checker = parsed(verdict.to_html())
    text = "".join(checker.texts)
    assert ("aria-label", "Check of f: Partly right, 2 of 2.5 points") in checker.attributes
    for words in ("Partly right", "passed", "failed", "2 of 2.5 points", "This looks like a known mistake. You did m."):
        assert words in text
    assert "<style" not in verdict.to_html() and "color:#000" not in verdict.to_html()


def test_backticks_become_code_only_in_pairs():
    assert rich("use `x < 1` here").count("<code") == 1 and "x &lt; 1" in rich("use `x < 1` here")
    assert rich("a ` alone") == "a ` alone"


def test_the_link_to_the_book_needs_the_books_address(monkeypatch):
    verdict = judge(exercise([1, 2, 3]), [1, 2, 3])
    monkeypatch.setenv("MECHANISMS_BOOK", "")
    assert "href" not in verdict.to_html()
    monkeypatch.setenv("MECHANISMS_BOOK", "https://example.org/course/")
    assert 'href="https://example.org/course/chapters/90.html#f"' in verdict.to_html()
    monkeypatch.setenv("MECHANISMS_BOOK", "javascript:alert(1)")
    assert "href" not in verdict.to_html()


@pytest.mark.parametrize(
    "answer",
    [
        0,
        "SECRETINPUT",
        {"SECRETINPUT": 1},
        ["SECRETINPUT"],
        raised("ValueError", "SECRETINPUT", "line 3 (`SECRETINPUT`)"),
        raised("SECRETINPUT", "SECRETINPUT", "SECRETINPUT", "SECRETINPUT"),
        {"$refused": {"type": "SECRETINPUT", "message": "SECRETINPUT"}},
        raised("NotImplementedError", "SECRETINPUT", "line 3", "f"),
        raised("NotImplementedError", "", "line 3", "SECRETINPUT"),
    ],
)
def test_without_inputs_nothing_hidden_is_told(answer):
    entry = exercise(["SECRETVALUE", {"SECRETVALUE": 1}, ["SECRETVALUE"]])
    for case in entry["cases"]:
        case["inputs"] = {"x": "SECRETINPUT"}
    verdict = judge(entry, [answer] * 3)
    outputs = verdict.to_text(False), verdict.to_html(False), json.dumps(verdict.to_json(False)), verdict.brief(False)
    for output in outputs:
        assert "SECRET" not in output and "f" in output
    assert "SECRET" in verdict.to_html()  # or the test above proves nothing


def test_only_arguments_of_the_function_are_shown():
    entry = exercise([1, 2, 3]) | {"parameters": ["x"]}
    for case in entry["cases"]:
        case["inputs"] = {"x": 12345, "for_the_probe": 67890}
    card = judge(entry, [0, 0, 0]).to_html()
    assert "12345" in card and "67890" not in card


def test_the_json_adds_up():
    report = judge(exercise([1, 2, 3], [("m", [1, 2, 9])]), [1, 2, 9]).to_json()
    assert json.loads(json.dumps(report)) == report
    assert report["points"] == sum(group["points"] for group in report["groups"]) == 2
    assert report["mistake"]["name"] == "m" and report["groups"][1]["failing_case"] == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.tensor([[1, 2]]), "[[1, 2]]"),
        (torch.zeros(99), "a float tensor of shape [99]"),
        (torch.tensor(2.0), "2.0"),
        (["a", "b"], "['a', 'b']"),
        ("x" * 1000, "…"),
        ({"a": [1]}, "a: [1]"),
        (None, "None"),
    ],
)
def test_inputs_are_previewed_in_one_line(value, text):
    shown = preview(value)
    assert text in shown and len(shown) < 320 and "\n" not in shown
