"""Which functions of its chapter a source uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechanisms.check.calls import listed, used

NAMES = ("double", "describe")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def describe(v):\n    return sum(double(v))", ["double"]),
        ("def f(v):\n    return map(double, describe(v))", ["double", "describe"]),
        ("def double(v):\n    return 2 * v", []),
        ("def double(v):\n    return double(v[1:])", ["double"]),
        ('def f(v):\n    """See double(v)."""\n    return v  # double', []),
        ("def f(net):\n    return net.double(1)", []),
        ("def f(v):\n    return doubled(v)", []),
        ("def f(v):\n    return double(v)\n  odd", ["double"]),
        ("def f(v:\n    double(", ["double"]),
        ("%%time\ndouble(3)", ["double"]),
        ("", []),
    ],
)
def test_what_counts_as_used(source, found):
    assert used(source, NAMES) == found


PIECES = [*"ab(){}[]'\"\\\n\t #:=.\0é", "double", "def ", "f'{", '"""', "\n    "]


@given(st.lists(st.sampled_from(PIECES) | st.characters()).map("".join))
def test_no_text_is_too_odd(source):
    assert set(used(source, NAMES)) <= set(NAMES)


def test_names_in_a_sentence():
    assert [listed("a"), listed("ab"), listed("abc")] == ["a", "a and b", "a, b and c"]
