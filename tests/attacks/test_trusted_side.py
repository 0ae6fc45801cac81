"""What the trusted side does with data and sources that were made to break it.

Whatever comes from a sandbox becomes an answer or a `BadData`, nothing else, and costs little; whatever a student may
return is compared without an error; what an exercise forbids is found where students write it.
"""

from __future__ import annotations

import json
import resource
import struct

import numpy
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechanisms.check import codec
from mechanisms.check.compare import compare
from mechanisms.check.policy import violation
from mechanisms.check.verdict import judge
from mechanisms.errors import BadData

SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F4": 1, "BF16": 2, "F16": 2, "U16": 2}
SIZES |= {"U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8, "F128": 16}
EXPECTED = {
    "matrix": torch.rand(3, 5),
    "bools": torch.tensor([True, False]),
    "empty": torch.zeros(0, 5),
    "number in a tensor": torch.tensor(2.0),
    "array": numpy.ones((2, 2)),
    "list": [1.0, 2.0],
    "dict": {"mean": 1.0, "count": 2},
    "float": 1.5,
    "text": "a" * 200,
    "none": None,
}


def safetensors(shape, dtype="F32", body=None, offsets=None, length=None) -> bytes:
    """A file with one array called k, as right or as wrong as its parts."""
    body = bytes(SIZES.get(dtype, 1)) if body is None else body
    offsets = [0, len(body)] if offsets is None else offsets
    header = json.dumps({"k": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def loaded(text: str, content: bytes):
    """The tree, or None for what is refused; any other error fails the test."""
    try:
        return codec.load(text, content)
    except BadData:
        return None


SHAPES = [[1] * 30, [1] * 64, [1] * 65, [1] * 2000, [-1], [0, 1 << 24], [1 << 24, 0], [0, 1 << 62], [0, 1 << 63]]
SHAPES += [[1 << 62, 8]]


@pytest.mark.parametrize("kind", ["$tensor", "$array"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{len(shape)}d-{shape[0]}-{shape[-1]}")
def test_any_shape_is_read_and_compared_or_refused(kind, shape):
    content = safetensors(shape, body=b"" if 0 in shape else bytes(4))
    tree = loaded(json.dumps({"answer": {kind: "k"}}), content)
    _compared_cheaply(tree["answer"] if tree else None)


@pytest.mark.parametrize("kind", ["$tensor", "$array"])
@pytest.mark.parametrize("dtype", sorted(SIZES))
def test_any_dtype_is_read_and_compared_or_refused(kind, dtype):
    tree = loaded(json.dumps({"answer": {kind: "k"}}), safetensors([1], dtype, body=b"\xff" * SIZES[dtype]))
    _compared_cheaply(tree["answer"] if tree else None)


RETURNED = {
    "65 dimensions": torch.zeros([1] * 65),
    "2,000 dimensions": torch.zeros([1] * 2000),
    "empty, 2**24 rows": torch.zeros(1 << 24, 0),
    "empty, 2**62 columns": torch.zeros(0, 1 << 62),
    "empty array, 2**24 rows": numpy.zeros((1 << 24, 0)),
    "a long list of texts": ["x"] * 400_000,
    "a long text": "a" * 8_000_000,
    "many keys": {f"key {number}": 1 for number in range(100_000)},
    "halves of characters": {"\ud800": "\udfff"},
    "complex": torch.tensor([complex(1e38, 1e38)]),
    "uint64": torch.tensor([2**63], dtype=torch.uint64),
    "a raise": {"$raises": {"type": "\ud800", "message": "x" * 100_000, "where": "line 99999"}},
    "a raise without details": {"$raises": {}},
}


@pytest.mark.parametrize("answer", RETURNED.values(), ids=RETURNED)
def test_whatever_a_function_returns_is_compared_cheaply(answer):
    try:
        text, content = codec.dump({"answer": answer})
    except BadData:
        return  # refused where it was made
    tree = loaded(text, content)
    _compared_cheaply(tree["answer"] if tree else None)


def _compared_cheaply(answer) -> None:
    """Comparing and judging raise nothing and take no more than a few hundred megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for expected in EXPECTED.values():
        difference = compare(answer, expected)
        assert difference is None or len(difference.brief) < 500
        case = {"group": 0, "label": "a", "inputs": {}, "expected": expected, "rtol": 1e-4, "atol": 1e-5}
        entry = {"id": "ch91.x", "function": "x", "title": "x", "points": 1.0, "probe": "call", "parameters": []}
        entry |= {"page": "", "groups": [{"name": "a", "points": 1.0, "hint": ""}], "cases": [case], "mistakes": []}
        verdict = judge(entry, [answer])
        verdict.to_html(show_inputs=False).encode("utf-8")
        verdict.brief(show_inputs=False).encode("utf-8")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10


SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
KEYS = ("$tensor", "$array", "$float", "$model", "$raises")
SPECIAL = st.fixed_dictionaries({}, optional={key: SCALARS for key in KEYS})
TREES = st.recursive(SCALARS | SPECIAL, lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(), parts))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES, st.lists(st.integers(-2, 2**64), max_size=6), st.sampled_from(sorted(SIZES)), st.binary())
def test_no_message_from_a_sandbox_breaks_the_reader(tree, shape, dtype, body):
    found = loaded(json.dumps({"answer": tree, "other": {"$tensor": "k"}}), safetensors(shape, dtype, body))
    if found:
        compare(found, {"answer": 1})


FORBIDDEN = {"torch.softmax": "r", "torch.nn.functional.softmax": "r", "torch.nn.Softmax": "r", ".softmax": "r"}
WRITTEN = {
    "in an if block": "if True:\n    def soften(s):\n        return torch.softmax(s, 1)",
    "in a try block": "try:\n    pass\nfinally:\n    def soften(s):\n        return s.softmax(1)",
    "in a loop": "for _ in [1]:\n    soften = lambda s: s.softmax(1)",
    "in a with block": "with torch.no_grad():\n    def soften(s):\n        return torch.softmax(s, 1)",
    "by global": "def make():\n    global soften\n    def soften(s):\n        return s.softmax(1)\nmake()",
    "by walrus": "(soften := lambda s: s.softmax(1))",
    "another name of a module": "layers = torch.nn\ndef soften(s):\n    return layers.Softmax(1)(s)",
    "a star import": "from torch.nn.functional import *\ndef soften(s):\n    return softmax(s, 1)",
    "beside a shell line": "here = !ls\ndef soften(s):\n    return torch.softmax(s, 1)",
    "beside a question": "torch?\ndef soften(s):\n    return torch.softmax(s, 1)",
    "under a cell magic": "%%time\ndef soften(s):\n    return torch.softmax(s, 1)",
    "by a literal in vars": "def soften(s):\n    return vars(torch)['softmax'](s, 1)",
    "by __getattribute__": "def soften(s):\n    return s.__getattribute__('softmax')(1)",
}


@pytest.mark.parametrize("source", WRITTEN.values(), ids=WRITTEN)
def test_a_forbidden_routine_is_found(source):
    assert "forbids" in violation("soften", ["import torch", source], FORBIDDEN)


@pytest.mark.parametrize("count", [500, 1000, 1500, 2500])
@pytest.mark.parametrize("part", [".a", ".a()", "[0]", "+x", "(0)"])
def test_no_source_breaks_the_policy(count, part):
    assert violation("soften", ["def soften(s):\n    return s" + part * count], FORBIDDEN) == ""
