"""Comparing an answer with what was expected, and saying in one short line how they differ.

- ``compare`` walks two trees of plain data and returns the first ``Difference``, or None when they agree;
- it looks at type, keys, length, shape, dtype kind, NaN and infinity, and value, in this order;
- the line says where, what was expected and what was found, and what the two have in common when that is
  telling: opposite sign, a constant factor, transposed, another order.

Numbers are compared by this module's own arithmetic, on plain types only: nothing that a student wrote runs here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch

from mechanisms.check.codec import ModelRef, NotPlain, plain

WIDTH = 44
_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex"}


@dataclass(frozen=True)
class Difference:
    """One difference: ``kind`` (type, keys, length, shape, dtype, nan, value), ``path`` ("result['rate'][2]"),
    ``sentence`` for the student, and ``brief``, which tells no value, no size and no name of the expected answer."""

    kind: str
    path: str
    sentence: str
    brief: str


def compare(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-5) -> Difference | None:
    """The first difference between two trees, or None when they agree.

    Floats agree when ``|got - expected| <= atol + rtol * |expected|``, and NaN agrees with NaN; everything else
    must be equal. Any float precision and any width of integer will do, but int, float and bool differ.
    A tensor on a GPU is brought to the CPU. What is not plain data differs.
    """
    try:
        got = plain(got)
    except NotPlain as error:
        return Difference("type", "result", f"the result cannot be compared: {error.message}", "it is not plain data")
    difference = _compare(got, plain(expected), "result", rtol, atol)
    if difference is None or difference.path == "result":
        return difference
    brief = difference.brief.replace(difference.path, "a part of the result", 1)
    return replace(difference, brief=brief)


def _compare(got: Any, expected: Any, path: str, rtol: float, atol: float) -> Difference | None:
    if _is_numeric(expected) and type(expected) is type(got):
        return _compare_arrays(got, expected, path, rtol, atol)
    if type(expected) is float and type(got) is int:
        got = float(got)
    if type(got) is not type(expected):
        return _type_difference(got, expected, path)
    if type(expected) is dict:
        return _compare_dicts(got, expected, path, rtol, atol)
    if type(expected) is list:
        return _compare_lists(got, expected, path, rtol, atol)
    if type(expected) is float:
        return _compare_floats(got, expected, path, rtol, atol)
    if got == expected:
        return None
    if type(expected) is str:
        return _text_difference(got, expected, path)
    sentence = f"{name_of(path)} should be {short(expected)}, not {short(got)}"
    return Difference("value", path, sentence, f"{name_of(path)} has the wrong value")


def _is_numeric(value: Any) -> bool:
    return type(value) in (torch.Tensor, numpy.ndarray)


def name_of(path: str) -> str:
    """How a sentence speaks of a place: "the result" or the path itself."""
    return "the result" if path == "result" else path


def _type_difference(got: Any, expected: Any, path: str) -> Difference:
    place = name_of(path)
    if got is None:
        advice = " (is there a return at the end?)" if path == "result" else ""
        return Difference(
            "type",
            path,
            f"{place} is None, expected {describe(expected)}{advice}",
            f"{place} is None{advice}",
        )
    advice = _conversion(got, expected)
    sentence = f"{place} should be {describe(expected)}, not {describe_answer(got)}{advice}"
    return Difference("type", path, sentence, f"{place} has the wrong type{advice}")


def _conversion(got: Any, expected: Any) -> str:
    """How to turn the one type into the other, where there is one obvious way."""
    scalars = (bool, int, float)
    if _is_numeric(got) and type(expected) in scalars and _size(got) == 1:
        return ": .item() takes the number out"
    if type(got) is list and type(expected) is torch.Tensor:
        return ": torch.tensor(...) or torch.stack(...) makes one"
    if type(got) in scalars and type(expected) is torch.Tensor and expected.ndim == 0:
        return ": torch.tensor(...) makes one"
    if _is_numeric(got) and type(expected) is list:
        return ": .tolist() makes one"
    if type(got) is numpy.ndarray and type(expected) is torch.Tensor:
        return ": torch.from_numpy(...) makes one"
    if type(got) is torch.Tensor and type(expected) is numpy.ndarray:
        return ": .numpy() makes one"
    return ""


def _size(value: torch.Tensor | numpy.ndarray) -> int:
    return value.numel() if type(value) is torch.Tensor else value.size


def _compare_dicts(got: dict, expected: dict, path: str, rtol: float, atol: float) -> Difference | None:
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    if missing or extra:
        parts = []
        if missing:
            parts.append(f"lacks the key{'s' * (len(missing) > 1)} {_names(missing)}")
        if extra:
            parts.append(f"has the unexpected key{'s' * (len(extra) > 1)} {_names(extra)}")
        place = name_of(path)
        return Difference("keys", path, f"{place} {' and '.join(parts)}", f"{place} has other keys than expected")
    for key, value in expected.items():
        difference = _compare(got[key], value, f"{path}[{_clip(repr(key))}]", rtol, atol)
        if difference:
            return difference
    return None


def _names(keys: list[str]) -> str:
    shown = ", ".join(_clip(repr(key)) for key in keys[:4])
    return shown if len(keys) <= 4 else f"{shown} and {len(keys) - 4} more"


def _compare_lists(got: list, expected: list, path: str, rtol: float, atol: float) -> Difference | None:
    place = name_of(path)
    if len(got) != len(expected):
        sentence = f"{place} should have {_count(len(expected), 'item')}, not {len(got)}"
        sentence += _extra_items(got, expected)
        return Difference("length", path, sentence, f"{place} has the wrong number of items")
    for index, (one, other) in enumerate(zip(got, expected, strict=True)):
        difference = _compare(one, other, f"{path}[{index}]", rtol, atol)
        if difference:
            if _same_in_another_order(got, expected, rtol, atol):
                sentence = f"{place} has the right items in another order: {difference.sentence}"
                return Difference("value", path, sentence, f"{place} has the right items in another order")
            return difference
    return None


def _extra_items(got: list, expected: list) -> str:
    """Names one item too many or too few, for lists of text or whole numbers."""
    if not all(type(item) in (str, int) for item in [*got, *expected]):
        return ""
    missing = [item for item in expected if item not in got]
    extra = [item for item in got if item not in expected]
    if missing and not extra:
        return f": {short(missing[0])} is missing"
    if extra and not missing:
        return f": {short(extra[0])} does not belong"
    if not missing and len(got) > len(expected):
        return ": some items occur more than once"
    return ""


def _same_in_another_order(got: list, expected: list, rtol: float, atol: float) -> bool:
    if not 1 < len(expected) <= 64:
        return False
    left = list(got)
    for item in expected:
        place = next((i for i, other in enumerate(left) if _compare(other, item, "", rtol, atol) is None), None)
        if place is None:
            return False
        del left[place]
    return True


def _text_difference(got: str, expected: str, path: str) -> Difference:
    place = name_of(path)
    note = ""
    if got.strip() == expected.strip():
        note = " (only spaces at the ends differ)"
    elif " ".join(got.split()) == " ".join(expected.split()):
        note = " (only spaces differ)"
    elif got.casefold() == expected.casefold():
        note = " (only capitals differ)"
    at = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), min(len(got), len(expected)))
    start = max(0, at - 16) if max(len(got), len(expected)) > WIDTH else 0
    sentence = f"{place} should be {_window(expected, start)}, not {_window(got, start)}{note}"
    return Difference("value", path, sentence, f"{place} has the wrong text{note}")


def _window(text: str, start: int) -> str:
    part = text[start : start + WIDTH]
    return ("…" if start else "") + repr(part) + ("…" if start + WIDTH < len(text) else "")


def _compare_floats(got: float, expected: float, path: str, rtol: float, atol: float) -> Difference | None:
    one, other = numpy.array([got]), numpy.array([expected])
    if not _wrong(one, other, rtol, atol).any():
        return None
    place = name_of(path)
    if numpy.isnan(got):
        return Difference("nan", path, f"{place} is NaN, expected {number(expected)}", f"{place} is NaN")
    if numpy.isinf(got):
        sentence = f"{place} is infinite, expected {number(expected)}"
        return Difference("nan", path, sentence, f"{place} is infinite")
    note = _relation(one, other, rtol, atol)
    wanted, found = pair(expected, got)
    sentence = f"{place} should be {wanted}, not {found}{note}"
    return Difference("value", path, sentence, f"{place} has the wrong value{note}")


def _compare_arrays(got: Any, expected: Any, path: str, rtol: float, atol: float) -> Difference | None:
    place = name_of(path)
    got_kind, expected_kind = kind_of(got), kind_of(expected)
    one, other = _numpy(got), _numpy(expected)
    if one.shape != other.shape:
        note = _shape_note(one, other, rtol, atol)
        sentence = f"{place} should have shape {shape_of(expected)}, not {shape_of(got)}{note}"
        return Difference("shape", path, sentence, f"{place} has the wrong shape{note}")
    if got_kind != expected_kind:
        sentence = (
            f"{place} should hold {_plural(expected_kind)}, not {_plural(got_kind)} (its dtype is {dtype_of(got)})"
        )
        return Difference("dtype", path, sentence, f"{place} holds {_plural(got_kind)}, which is the wrong dtype")
    wrong = _wrong(one, other, rtol, atol)
    if not wrong.any():
        return None
    return _array_difference(one, other, wrong, path, rtol, atol)


def _wrong(got: numpy.ndarray, expected: numpy.ndarray, rtol: float, atol: float) -> numpy.ndarray:
    """Which entries disagree, as a bool array; integers and bools must be equal."""
    if expected.dtype.kind not in "fc":
        return got != expected
    both_nan = numpy.isnan(got) & numpy.isnan(expected)
    finite = numpy.isfinite(got) & numpy.isfinite(expected)
    with numpy.errstate(all="ignore"):
        close = numpy.abs(got - expected) <= atol + rtol * numpy.abs(expected)
    return ~(both_nan | (got == expected) | (finite & close))


def _array_difference(
    got: numpy.ndarray, expected: numpy.ndarray, wrong: numpy.ndarray, path: str, rtol: float, atol: float
) -> Difference:
    place = name_of(path)
    for test, word in ((numpy.isnan, "NaN"), (numpy.isinf, "infinite")):
        if expected.dtype.kind not in "fc":
            break
        strange = test(got) & wrong
        if strange.any():
            at = _where(strange)
            found = f"{place} is {word}" if got.ndim == 0 else f"{place} is {word} at {_index(at)}"
            sentence = f"{found}, expected {number(expected[at])}{_share(strange)}"
            return Difference("nan", path, sentence, f"{place} has entries that are {word}" if got.ndim else found)
    note = _relation(got, expected, rtol, atol)
    if got.ndim == 0:
        wanted, found = pair(expected[()], got[()])
        sentence = f"{place} should be {wanted}, not {found}{note}"
        return Difference("value", path, sentence, f"{place} has the wrong value{note}")
    if expected.dtype.kind == "b":
        at = _where(wrong)
        sentence = f"{place} is wrong at {_index(at)}: expected {bool(expected[at])}, got {bool(got[at])}"
    else:
        with numpy.errstate(all="ignore"):
            error = numpy.where(wrong, numpy.abs(_wide(got) - _wide(expected)), -1)
        error = numpy.where(numpy.isnan(error), numpy.inf, error)
        at = _where(error == error.max())
        told = expected.dtype.kind == "f" and numpy.isfinite(error[at])
        size = f"; the largest error is {number(error[at])}" if told else ""
        wanted, found = pair(expected[at], got[at])
        sentence = f"{place} is wrong at {_index(at)}: expected {wanted}, got {found}{size}"
    return Difference("value", path, f"{sentence}{_share(wrong)}{note}", f"{place} has wrong values{note}")


def _wide(values: numpy.ndarray) -> numpy.ndarray:
    return values if values.dtype.kind in "fc" else values.astype(numpy.float64)


def _where(mask: numpy.ndarray) -> tuple[int, ...]:
    return tuple(int(axis) for axis in numpy.unravel_index(int(numpy.argmax(mask)), mask.shape))


def _index(at: tuple[int, ...]) -> str:
    return f"[{', '.join(str(axis) for axis in at)}]"


def _share(mask: numpy.ndarray) -> str:
    count = int(mask.sum())
    if mask.size == 1:
        return ""
    if count == mask.size:
        return " (every entry differs)"
    return f" ({count} of {mask.size} entries {'differ' if count > 1 else 'differs'})"


def _relation(got: numpy.ndarray, expected: numpy.ndarray, rtol: float, atol: float) -> str:
    """What a wrong numeric answer has in common with the right one, if that is telling."""

    def agree(one: numpy.ndarray) -> bool:
        return one.shape == expected.shape and not _wrong(one, expected, rtol, atol).any()

    if expected.dtype.kind == "b":
        return ": it is the exact opposite" if expected.size > 1 and agree(~got) else ""
    one, other = _wide(got), _wide(expected)
    if one.dtype.kind != "f" or not (numpy.isfinite(one).all() and numpy.isfinite(other).all()):
        return ""
    significant = numpy.abs(other) > 100 * atol
    if not significant.any():
        return ""
    expected = other
    if agree(-one):
        return ": the sign is the opposite"
    if one.size < 3:
        return ""
    flat_one, flat_other = one.ravel(), other.ravel()
    with numpy.errstate(all="ignore"):
        factor = float(flat_one @ flat_other / (flat_other @ flat_other))
    if numpy.isfinite(factor) and abs(factor) > 1e-3 and agree(one / factor):
        return f": every entry is {number(factor)} times what it should be"
    offset = float((flat_one - flat_other).mean())
    if numpy.ptp(other) > 100 * atol and agree(one - offset):
        return f": every entry is off by the same {number(offset)}"
    if one.ndim == 2 and agree(one.T):
        return ": it is transposed"
    for axis in range(one.ndim):
        if one.shape[axis] > 1 and agree(numpy.flip(one, axis)):
            return f": it is in reverse order along dimension {axis}"
    return ""


def _shape_note(got: numpy.ndarray, expected: numpy.ndarray, rtol: float, atol: float) -> str:
    if got.dtype.kind != expected.dtype.kind:
        return ""
    got_sizes = [size for size in got.shape if size != 1]
    if got.size == expected.size and got_sizes == [size for size in expected.shape if size != 1]:
        same = not _wrong(got.reshape(expected.shape), expected, rtol, atol).any()
        return ": the numbers are right, only dimensions of size 1 differ" if same else ""
    if got.ndim == expected.ndim == 2 and got.shape == expected.shape[::-1]:
        return ": it is transposed" if not _wrong(got.T, expected, rtol, atol).any() else " (is it transposed?)"
    return ""


def _numpy(value: torch.Tensor | numpy.ndarray) -> numpy.ndarray:
    """The values as a numpy array in the widest type of their kind."""
    if type(value) is torch.Tensor:
        if value.dtype is torch.bfloat16:
            value = value.to(torch.float32)
        value = value.numpy()
    if value.dtype.kind == "f":
        return value.astype(numpy.float64)
    return value.astype(numpy.complex128) if value.dtype.kind == "c" else value


def kind_of(value: torch.Tensor | numpy.ndarray) -> str:
    """The kind of number an array holds: bool, int, float or complex."""
    if type(value) is torch.Tensor:
        if value.dtype is torch.bool:
            return "bool"
        return "float" if value.is_floating_point() else "complex" if value.is_complex() else "int"
    return _KINDS[value.dtype.kind]


def _plural(kind: str) -> str:
    return {"bool": "bools", "int": "ints", "float": "floats", "complex": "complex numbers"}[kind]


def dtype_of(value: torch.Tensor | numpy.ndarray) -> str:
    """The dtype as a student writes it, without "torch."."""
    return str(value.dtype).removeprefix("torch.")


def shape_of(value: torch.Tensor | numpy.ndarray) -> str:
    """The shape as a list, "[2, 3]"."""
    return str([int(size) for size in value.shape])


def number(value: Any, digits: int = 4) -> str:
    """A number in a few significant digits; whole numbers and bools in full."""
    if isinstance(value, numpy.generic):
        value = value.item()
    return f"{value:.{digits}g}" if type(value) in (float, complex) else str(value)


def pair(expected: Any, got: Any) -> tuple[str, str]:
    """Two different numbers with as many digits as it takes to see that they differ."""
    texts = number(expected), number(got)
    for digits in (6, 9, 17):
        if texts[0] != texts[1]:
            break
        texts = number(expected, digits), number(got, digits)
    return texts


def describe(value: Any) -> str:
    """A value's type in a few words: "a float tensor of shape [2, 3]", "a list of 3 items"."""
    if value is None:
        return "None"
    if _is_numeric(value):
        what = "tensor" if type(value) is torch.Tensor else "numpy array"
        kind = kind_of(value)
        return f"{'an' if kind == 'int' else 'a'} {kind} {what} of shape {shape_of(value)}"
    if type(value) is list:
        return f"a list of {_count(len(value), 'item')}" if value else "an empty list"
    if type(value) is dict:
        return f"a dict with {_count(len(value), 'key')}" if value else "an empty dict"
    if type(value) is str:
        return f"the text {_window(value, 0)}"
    if type(value) is ModelRef:
        return "a model"
    return f"the {type(value).__name__} {number(value)}"


def describe_answer(value: Any) -> str:
    """The type of what a function returned. A tuple comes as a list (`mechanisms.check.codec`), so both are named."""
    return describe(value).replace("a list of", "a list (or tuple) of", 1) if type(value) is list else describe(value)


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def short(value: Any) -> str:
    """A value in at most about forty characters."""
    if _is_numeric(value):
        return describe(value)
    return number(value) if type(value) is float else _clip(repr(value))


def _clip(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
