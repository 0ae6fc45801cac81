"""The codec gives back what it was given, always in the same bytes, and refuses what is not plain data."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json

import hypothesis.extra.numpy as hnp
import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanisms.check import codec
from mechanisms.check.codec import ModelRef, NotPlain
from mechanisms.errors import BadData

ARRAYS = hnp.arrays(
    dtype=st.sampled_from(["bool", "int8", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
TENSORS = ARRAYS.map(torch.from_numpy) | st.sampled_from([torch.bfloat16, torch.complex64]).map(
    lambda dtype: torch.ones(2, dtype=dtype)
)
KEYS = st.text().filter(lambda key: not key.startswith("$"))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.builds(ModelRef, st.text())
    | ARRAYS
    | TENSORS
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


def identical(one, other):
    """Equal in type, dtype, shape and every bit that matters (NaN equals NaN, 0.0 differs from -0.0)."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        if one.dtype != other.dtype:
            return False
        return (
            identical(one.float().numpy(), other.float().numpy())
            if one.dtype is torch.bfloat16
            else identical(one.numpy(), other.numpy())
        )
    if isinstance(one, numpy.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and numpy.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    if isinstance(one, list):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(identical(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return repr(one) == repr(other)
    return one == other


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_a_tree_comes_back_as_it_was(tree):
    assert identical(codec.load(*codec.dump(tree)), tree)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_the_same_tree_gives_the_same_bytes(tree):
    first = codec.dump(tree)
    assert codec.dump(codec.load(*first)) == first


def test_it_tells_trees_apart():
    assert not identical([1], [True]) and not identical(0.0, -0.0) and not identical(torch.ones(1), numpy.ones(1))


def test_files_round_trip(tmp_path):
    tree = {"x": torch.arange(3), "y": [ModelRef("lab-lm"), float("inf")]}
    codec.write(tmp_path / "a.b", tree)
    assert {path.name for path in tmp_path.iterdir()} == {"a.b.json", "a.b.safetensors"}
    assert identical(codec.read(tmp_path / "a.b"), tree)


def test_what_becomes_plain():
    values = torch.arange(6.0).reshape(2, 3).requires_grad_()
    tree = codec.plain({"t": (1, numpy.float32(0.5)), "s": values.shape, "g": values.T, "b": numpy.bool_(True)})
    assert identical(tree["t"], [1, 0.5]) and identical(tree["s"], [2, 3]) and tree["b"] is True
    assert not tree["g"].requires_grad and tree["g"].is_contiguous() and tree["g"].shape == (3, 2)


def test_plain_is_a_copy():
    tensor, array = torch.zeros(2), numpy.zeros(2)
    tree = codec.plain([tensor, array])
    tensor += 1
    array += 1
    assert tree[0].sum() == 0 and tree[1].sum() == 0


def test_equal_arrays_are_stored_once_but_come_back_apart():
    text, content = codec.dump([torch.zeros(1000), torch.zeros(1000)])
    assert len(content) < 2 * 4000
    one, other = codec.load(text, content)
    one += 1
    assert other.sum() == 0


class LyingTensor(torch.Tensor):
    def __eq__(self, other):
        return True


class LyingArray(numpy.ndarray):
    pass


class LyingText(str):
    pass


class Colour(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int


Pair = collections.namedtuple("Pair", "a b")
CIRCLE = []
CIRCLE.append(CIRCLE)


def generator():
    yield 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.zeros(2).as_subclass(LyingTensor), "subclass of tensor"),
        (torch.nn.Parameter(torch.zeros(2)), "a parameter of a model"),
        (numpy.zeros(2).view(LyingArray), "subclass of numpy's array"),
        (numpy.array(["a"]), "dtype <U1"),
        (numpy.array([None]), "dtype object"),
        (torch.zeros(2).to_sparse(), "sparse"),
        (torch.zeros(2, device="meta"), "'meta' device"),
        (torch.zeros(2).max(dim=0), ".values or .indices"),
        (torch.linalg.svd(torch.eye(2)), "linalg_svd gives: take it apart"),
        ({1, 2}, "sorted list"),
        (generator(), "list(...)"),
        (range(3), "list(...)"),
        (len, "the function len itself"),
        (Point, "the class Point"),
        (Point(1), "which is not plain data"),
        (Pair(1, 2), "which is not plain data"),
        (LyingText("a"), "return a plain str"),
        (Colour.RED, "return a plain int"),
        (collections.Counter("a"), "return a plain dict"),
        (1j, "complex"),
        (b"a", "which is not plain data"),
        ({1: 2}, "keys must be text"),
        ({"$tensor": "x"}, "starts with '$'"),
        (2**63, "64 bits"),
        (CIRCLE, "contain itself"),
        ([0] * (codec.MAX_ITEMS + 1), "items"),
    ],
)
def test_what_is_not_plain_is_refused_in_one_clause(value, words):
    with pytest.raises(NotPlain) as caught:
        codec.plain(value)
    assert words in caught.value.message and "\n" not in caught.value.message and caught.value.kind


def test_a_huge_tensor_is_refused_before_it_is_copied():
    with pytest.raises(NotPlain, match="takes more than 1 MB"):
        codec.plain(torch.zeros(1).expand(2**40), max_bytes=2**20)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[" * 100_000,
        "[" * 40 + "]" * 40,
        '{"$tensor": "absent"}',
        '{"$pickle": "x"}',
        '{"$float": "1e9"}',
        '{"$model": 3}',
        '{"$tensor": "a", "b": 1}',
        "99999999999999999999999",
    ],
)
def test_foreign_text_is_refused(text):
    with pytest.raises(BadData) as caught:
        codec.load(text)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 200


@pytest.mark.parametrize("content", [b"x", b"\x80\x04.", b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}"])
def test_foreign_bytes_are_refused(content):
    with pytest.raises(BadData, match="safetensors"):
        codec.load("1", content)


def test_missing_and_oversized_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(BadData, match=r"a\.json cannot be read"):
        codec.read(tmp_path / "a")
    codec.write(tmp_path / "a", torch.zeros(1000))
    monkeypatch.setattr(codec, "MAX_TENSOR_BYTES", 100)
    with pytest.raises(BadData, match="larger than"):
        codec.read(tmp_path / "a")


def test_outcomes_pass_only_in_their_own_form():
    raised = {"$raises": {"type": "ValueError", "message": "no"}}
    assert codec.load(*codec.dump([raised])) == [raised]
    with pytest.raises(NotPlain):
        codec.plain({"$raises": {"type": torch.zeros(1)}})


def test_nothing_but_the_course_writes_special_keys():
    assert "$" not in json.loads(codec.dump({"a": 1})[0])
