"""Two answers agree exactly when they should, and the line about a difference says where and what."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mechanisms.check.compare import compare

FLOATS = st.floats(-1e3, 1e3)
FLOAT_ARRAYS = hnp.arrays("float64", hnp.array_shapes(max_dims=3, max_side=4), elements=FLOATS)
TENSORS = FLOAT_ARRAYS.map(torch.from_numpy)
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats()
    | st.text(max_size=5)
    | FLOAT_ARRAYS.map(torch.from_numpy),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_everything_agrees_with_itself(tree):
    assert compare(tree, tree) is None


@settings(max_examples=150, deadline=None)
@given(FLOAT_ARRAYS, st.data())
def test_tolerance_is_what_it_says(array, data):
    place = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    allowed = 1e-5 + 1e-4 * abs(array[place])
    inside, outside = array.copy(), array.copy()
    inside[place] += 0.9 * allowed
    outside[place] += 1.1 * allowed
    assert compare(torch.from_numpy(inside), torch.from_numpy(array)) is None
    difference = compare(torch.from_numpy(outside), torch.from_numpy(array))
    assert difference.kind == "value"
    assert f"[{', '.join(map(str, place))}]" in difference.sentence


@settings(max_examples=150, deadline=None)
@given(TREES, TREES)
def test_it_agrees_in_both_directions_and_speaks_in_one_line(one, other):
    there, back = compare(one, other, 0, 0), compare(other, one, 0, 0)
    if there:
        assert "\n" not in there.sentence and len(there.sentence) < 400 and there.path.startswith("result")
    kinds = {found.kind for found in (there, back) if found}
    assert (there is None) == (back is None) or kinds == {"type"}  # an int where a float is expected will do


@settings(max_examples=80, deadline=None)
@given(FLOAT_ARRAYS)
def test_a_sign_turned_around_is_named(array):
    assume(numpy.abs(array).max() > 1)
    assert "the sign is the opposite" in compare(torch.from_numpy(-array), torch.from_numpy(array)).sentence


T = torch.tensor
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (T([1.0, 2.0], dtype=torch.float64), T([1.0, 2.0])),
        (T([1.0, 2.0], dtype=torch.bfloat16), T([1.0, 2.0])),
        (T([1, 2], dtype=torch.int32), T([1, 2])),
        (T([NAN, INF]), T([NAN, INF])),
        (torch.zeros(0, 3), torch.zeros(0, 3)),
        (T([1.0], requires_grad=True), T([1.0])),
        (2, 2.0),
        ((1, 2), [1, 2]),
        (numpy.float32(0.5), 0.5),
        (NAN, NAN),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
)
def test_what_agrees(got, expected):
    assert compare(got, expected) is None


@pytest.mark.parametrize(
    ("got", "expected", "kind", "words"),
    [
        (None, T([1.0]), "type", "is None, expected a float tensor of shape [1] (is there a return at the end?)"),
        ([1.0], T([1.0]), "type", "not a list (or tuple) of 1 item: torch.tensor(...)"),
        (numpy.zeros(2), torch.zeros(2), "type", "torch.from_numpy(...)"),
        (torch.zeros(2), numpy.zeros(2), "type", ".numpy()"),
        (torch.zeros(2), [0.0, 0.0], "type", ".tolist()"),
        (T(1.0), 1.0, "type", ".item()"),
        (1.0, T(1.0), "type", "torch.tensor(...)"),
        (True, 1, "type", "should be the int 1, not the bool True"),
        (1.0, 1, "type", "should be the int 1"),
        ({1}, [1], "type", "it is a set"),
        ({"a": 1}, {"a": 1, "b": 2}, "keys", "lacks the key 'b'"),
        ({"a": 1, "c": 0}, {"a": 1}, "keys", "unexpected key 'c'"),
        (["x"], ["x", "y"], "length", "should have 2 items, not 1: 'y' is missing"),
        (["x", "z"], ["x"], "length", "'z' does not belong"),
        (["x", "x"], ["x"], "length", "more than once"),
        (["b", "a"], ["a", "b"], "value", "right items in another order"),
        (
            torch.zeros(3),
            torch.zeros(1, 3),
            "shape",
            "[1, 3], not [3]: the numbers are right, only",
        ),
        (torch.ones(3, 2), torch.zeros(2, 3), "shape", "not [3, 2] (is it transposed?)"),
        (T([1, 2]), T([1.0, 2.0]), "dtype", "should hold floats, not ints (its dtype is int64)"),
        (T([1, 0]), T([True, False]), "dtype", "should hold bools"),
        (T([[0.0, NAN]]), T([[0.0, 2.0]]), "nan", "is NaN at [0, 1], expected 2 (1 of 2 entries differs)"),
        (T([INF, 1.0]), T([0.0, 1.0]), "nan", "infinite at [0]"),
        (T([0.0, 1.0]), T([NAN, 1.0]), "value", "is wrong at [0]: expected nan, got 0 (1 of 2 entries differs)"),
        (NAN, 1.0, "nan", "is NaN, expected 1"),
        (2.5, 1.0, "value", "should be 1, not 2.5"),
        (1000.2, 1000.4, "value", "should be 1000.4, not 1000.2"),
        (T([1000.25]), T([1000.5]), "value", "expected 1000.5, got 1000.25"),
        (T([1, 2, 5]), T([1, 2, 3]), "value", "at [2]: expected 3, got 5 (1 of 3 entries differs)"),
        (T([0.0, 1.5, 1.2]), T([0.0, 1.0, 1.0]), "value", "at [1]: expected 1, got 1.5; the largest error is 0.5"),
        (2 * T([1.0, 2, 3]), T([1.0, 2, 3]), "value", "every entry is 2 times what it should be"),
        (T([1.0, 2, 4]) + 7, T([1.0, 2, 4]), "value", "off by the same 7"),
        (T([[1.0, 2], [3, 4]]).T, T([[1.0, 2], [3, 4]]), "value", "it is transposed"),
        (T([3.0, 2, 7]), T([7.0, 2, 3]), "value", "reverse order"),
        (T([True, False]), T([False, True]), "value", "the exact opposite"),
        ("Rome ", "Rome", "value", "only spaces at the ends"),
        ("rome", "Rome", "value", "only capitals"),
        ("a" * 100 + "b", "a" * 100 + "c", "value", "…"),
        ({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 3.0}]}, "value", "result['a'][1]['b'] should be 3, not 2"),
    ],
)
def test_what_differs_and_what_is_said(got, expected, kind, words):
    difference = compare(got, expected)
    assert difference.kind == kind
    assert words in difference.sentence
    assert len(difference.sentence) < 200


@pytest.mark.parametrize(
    ("got", "expected", "secret"),
    [
        (1.0, 4321.0, "4321"),
        ([1] * 9, [1] * 77, "77"),
        ({"a": 1}, {"secretkey": 1}, "secretkey"),
        ({"secretkey": 1}, {"secretkey": 2}, "secretkey"),
        ("no", "secretword", "secretword"),
        (torch.zeros(2), torch.zeros(77), "77"),
        (torch.zeros(2), T([4321.0, 0]), "4321"),
    ],
)
def test_the_brief_line_tells_nothing_of_the_expected_answer(got, expected, secret):
    difference = compare(got, expected)
    assert secret in difference.sentence + difference.path
    assert secret not in difference.brief and difference.brief


def test_a_long_text_is_shown_around_the_first_difference():
    sentence = compare("a" * 100 + "b", "a" * 100 + "c").sentence
    assert "c'" in sentence and "b'" in sentence
