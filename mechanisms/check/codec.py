"""Plain data in files: the only thing that passes between a student's code and whoever judges it.

- ``plain`` turns a value into a tree of None, bool, int, float, str, list, dict, tensor, array and ``ModelRef``,
  or says in one sentence why it is not plain data;
- ``dump`` and ``load`` turn a tree into JSON text plus safetensors bytes and back, the same bytes every time;
- ``write`` and ``read`` do so with two files, ``<stem>.json`` and ``<stem>.safetensors``, within fixed sizes.

Nothing is ever unpickled. Only the exact plain types are accepted: an object of a subclass may lie about
itself when it is compared. In JSON, a dictionary with a key that starts with "$" is a special value:
{"$tensor": key}, {"$array": key}, {"$model": name}, {"$float": "nan"}, {"$raises": ...}, {"$refused": ...}.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import safetensors
import safetensors.torch
import torch

from mechanisms.errors import BadData
from mechanisms.files import atomic_write

MAX_JSON_BYTES = 32 * 2**20
MAX_TENSOR_BYTES = 256 * 2**20
MAX_DEPTH = 24
MAX_ITEMS = 500_000
MAX_DIMENSIONS = 32
MAX_SIDE = 2**40
OUTCOMES = ("$raises", "$refused")
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_ARRAY_KINDS = "biufc"
_NUMPY_SCALARS = {numpy.bool_, numpy.str_, *(numpy.dtype(code).type for code in "bhilqBHILQefd")}
_TENSOR_TYPES = {
    torch.bool,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
}


@dataclass(frozen=True)
class ModelRef:
    """A model by name, in the inputs of a case; it is replaced by the loaded model before the function is called."""

    name: str = "lab-lm"


class NotPlain(BadData):
    """A value is not plain data; ``kind`` names its type in a few words, the message says what to return instead."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


def plain(value: Any, max_bytes: int = MAX_TENSOR_BYTES) -> Any:
    """A copy of ``value`` as a tree of plain data, tensors detached and on the CPU.

    Tuples and shapes become lists, numpy's scalars Python's. Raises NotPlain, whose message is a clause about
    the value such as "it is a set, which has no order: return a sorted list".
    """
    return _Plain(max_bytes).convert(value, 0)


class _Plain:
    """One conversion, which counts items and bytes as it goes."""

    def __init__(self, max_bytes: int):
        self.items = 0
        self.bytes = 0
        self.max_bytes = max_bytes

    def convert(self, value: Any, depth: int) -> Any:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise NotPlain("huge value", f"it has more than {MAX_ITEMS:,} items: return only what is asked for")
        if depth > MAX_DEPTH:
            raise NotPlain("nested value", f"it is nested more than {MAX_DEPTH} deep: does it contain itself?")
        kind = type(value)
        if value is None or kind in (bool, float, ModelRef):
            return value
        if kind is str:
            self.spend(len(value))
            return value
        if kind is int:
            if not -(2**63) <= value < 2**63:
                raise NotPlain("huge int", "it holds a whole number of more than 64 bits: is something growing?")
            return value
        if kind in (list, tuple, torch.Size):
            return [self.convert(item, depth + 1) for item in value]
        if kind is dict:
            return self.mapping(value, depth)
        if kind is torch.Tensor:
            return self.tensor(value)
        if kind is numpy.ndarray:
            return self.array(value)
        if kind in _NUMPY_SCALARS:
            return self.convert(value.item(), depth)
        raise NotPlain(_type_name(kind), _not_plain(value))

    def mapping(self, value: dict, depth: int) -> dict:
        result = {}
        for key, item in value.items():
            if type(key) is not str:
                raise NotPlain(
                    "dict", f"it is a dictionary with {_article(_type_name(type(key)))} as a key: keys must be text"
                )
            if key.startswith("$") and not _is_outcome(value):
                raise NotPlain("dict", "it is a dictionary with a key that starts with '$': use another name")
            self.spend(len(key))
            result[key] = self.convert(item, depth + 1)
        return result

    def tensor(self, value: torch.Tensor) -> torch.Tensor:
        if value.is_sparse or value.layout is not torch.strided:
            raise NotPlain("sparse tensor", "it is a sparse tensor: return an ordinary one (.to_dense())")
        if value.device.type == "meta":
            raise NotPlain("meta tensor", "it is a tensor on the 'meta' device, which holds no numbers: use the CPU")
        if value.is_quantized or value.dtype not in _TENSOR_TYPES:
            raise NotPlain(
                "tensor", f"it is a tensor of dtype {_dtype(value.dtype)}: return one of float32, int64 or bool"
            )
        self.shape(value.shape)
        self.spend(value.numel() * value.element_size())
        return value.detach().resolve_conj().resolve_neg().to("cpu", copy=True).contiguous()

    def shape(self, shape: tuple[int, ...]) -> None:
        """Shapes that one library can hold and another cannot are no answers."""
        if len(shape) > MAX_DIMENSIONS:
            raise NotPlain("tensor", f"it has {len(shape)} dimensions: no exercise asks for more than a few")
        if max(shape, default=0) > MAX_SIDE:
            raise NotPlain("tensor", "one of its dimensions is longer than anything that can be stored")

    def array(self, value: numpy.ndarray) -> numpy.ndarray:
        native = value.dtype.newbyteorder("=")
        if native.kind not in _ARRAY_KINDS or native.itemsize > 8:
            raise NotPlain(
                "array",
                f"it is an array of dtype {value.dtype}: return numbers (float, int or bool), or a list for text",
            )
        self.shape(value.shape)
        self.spend(value.nbytes)
        return numpy.array(value, dtype=native, order="C", copy=True)

    def spend(self, size: int) -> None:
        self.bytes += size
        if self.bytes > self.max_bytes:
            raise NotPlain(
                "huge value", f"it takes more than {self.max_bytes / 2**20:.0f} MB: return only what is asked for"
            )


def _is_outcome(value: dict) -> bool:
    """Whether the dictionary records that a function raised or returned no plain data; only the runner makes these."""
    if len(value) != 1:
        return False
    ((key, detail),) = value.items()
    return key in OUTCOMES and type(detail) is dict and all(type(part) is str for part in [*detail, *detail.values()])


def _type_name(kind: type) -> str:
    known = {"builtins", "__main__"}
    return kind.__qualname__ if kind.__module__ in known else f"{kind.__module__.split('.')[0]} {kind.__qualname__}"


def _article(words: str) -> str:
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _not_plain(value: Any) -> str:
    """A clause that says what the value is and what to return instead."""
    kind = type(value)
    name = _type_name(kind)
    if isinstance(value, torch.nn.Parameter):
        return "it is a parameter of a model itself: return a copy of its numbers (.detach().clone())"
    if isinstance(value, torch.Tensor):
        return f"it is a {name}, a subclass of tensor: return a plain torch.Tensor"
    if isinstance(value, numpy.ndarray):
        return f"it is a {name}, a subclass of numpy's array: return a plain array"
    if isinstance(value, set | frozenset):
        return f"it is a {name}, which has no order: return a sorted list"
    if isinstance(value, tuple) and kind.__module__ == "torch.return_types":
        if hasattr(value, "indices"):
            return (
                "it is both the values and the indices of a torch reduction: return one of them (.values or .indices)"
            )
        return f"it is all that torch's {kind.__name__} gives: take it apart and return what is asked for"
    if hasattr(value, "__next__") or isinstance(value, range | map | filter | zip):
        return f"it is a {name}, which is not computed yet: return list(...) of it"
    if isinstance(value, type):
        return f"it is the class {value.__name__}: return a value"
    if hasattr(value, "__await__"):
        return "it is a coroutine, because the function is written with 'async def': write it with 'def'"
    if callable(value) and hasattr(value, "__name__"):
        return f"it is the function {value.__name__} itself: call it with parentheses"
    base = next((base.__name__ for base in (dict, list, str, int, float) if isinstance(value, base)), None)
    if base:
        return f"it is {_article(name)}: return a plain {base}, {base}(...) of it"
    if isinstance(value, complex | numpy.complexfloating):
        return "it is a complex number: return a float"
    return f"it is {_article(name)}, which is not plain data: return a tensor, a number, text, a list or a dict"


def dump(tree: Any) -> tuple[str, bytes]:
    """The tree as JSON text and safetensors bytes. Equal arrays are stored once. Raises NotPlain."""
    arrays: dict[str, torch.Tensor] = {}
    encoded = _encode(plain(tree), arrays)
    text = json.dumps(encoded, ensure_ascii=True, allow_nan=False, indent=1) + "\n"
    return text, safetensors.torch.save({key: arrays[key] for key in sorted(arrays)})


def _encode(value: Any, arrays: dict[str, torch.Tensor]) -> Any:
    if type(value) is float and not math.isfinite(value):
        return {"$float": str(value)}
    if type(value) is ModelRef:
        return {"$model": value.name}
    if type(value) is list:
        return [_encode(item, arrays) for item in value]
    if type(value) is dict:
        return {key: _encode(item, arrays) for key, item in value.items()}
    if type(value) is torch.Tensor:
        return {"$tensor": _store(value, arrays)}
    if type(value) is numpy.ndarray:
        return {"$array": _store(torch.from_numpy(value), arrays)}
    return value


def _store(tensor: torch.Tensor, arrays: dict[str, torch.Tensor]) -> str:
    """Keep the tensor under a name made of its type, shape and content, so that files do not depend on order."""
    raw = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    digest = hashlib.sha256(f"{tensor.dtype}{list(tensor.shape)}".encode() + raw).hexdigest()[:20]
    arrays[digest] = tensor
    return digest


def load(text: str, content: bytes = b"") -> Any:
    """The tree that ``dump`` wrote. Raises BadData with a sentence when the text or the bytes are not of its making."""
    if len(text) > MAX_JSON_BYTES or len(content) > MAX_TENSOR_BYTES:
        raise BadData("The data is larger than any answer may be.")
    try:
        parsed = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadData("The data is not the JSON that the course writes.") from None
    try:
        arrays = safetensors.torch.load(bytes(content)) if content else {}
    except (safetensors.SafetensorError, ValueError, TypeError, RuntimeError, KeyError, OverflowError):
        raise BadData("The arrays are not the safetensors data that the course writes.") from None
    try:
        return plain(_decode(parsed, arrays, 0))
    except NotPlain as error:
        raise BadData(f"The data cannot be used: {error.message}.") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _decode(value: Any, arrays: dict[str, torch.Tensor], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise BadData("The data is nested too deeply.")
    if type(value) is list:
        return [_decode(item, arrays, depth + 1) for item in value]
    if type(value) is not dict:
        return value
    if not any(key.startswith("$") for key in value) or _is_outcome(value):
        return {key: _decode(item, arrays, depth + 1) for key, item in value.items()}
    if len(value) == 1:
        ((key, detail),) = value.items()
        if key == "$float" and type(detail) is str and detail in _NOT_FINITE:
            return _NOT_FINITE[detail]
        if key == "$model" and type(detail) is str:
            return ModelRef(detail)
        if key in ("$tensor", "$array") and type(detail) is str and detail in arrays:
            return _restore(arrays[detail], key)
    raise BadData(f"The data holds a special value that the course does not write: {_shorten(json.dumps(value))}.")


def _restore(tensor: torch.Tensor, key: str) -> torch.Tensor | numpy.ndarray:
    if key == "$tensor":
        return tensor
    if tensor.dtype is torch.bfloat16:
        raise BadData("The data holds a bfloat16 array, which numpy does not know.")
    try:
        return tensor.numpy()
    except (TypeError, ValueError, RuntimeError):
        raise BadData("The data holds an array that numpy cannot hold.") from None


def _shorten(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def files(stem: str | os.PathLike) -> tuple[Path, Path]:
    """The two files of a stem: JSON and safetensors."""
    return Path(f"{os.fspath(stem)}.json"), Path(f"{os.fspath(stem)}.safetensors")


def write(stem: str | os.PathLike, tree: Any) -> None:
    """Write the tree to the stem's two files. Raises NotPlain, DiskFull or CannotWrite."""
    text, content = dump(tree)
    if len(text) > MAX_JSON_BYTES:
        raise NotPlain("huge value", f"it takes more than {MAX_JSON_BYTES / 2**20:.0f} MB as text")
    json_file, array_file = files(stem)
    atomic_write(array_file, content)
    atomic_write(json_file, text)


def read(stem: str | os.PathLike) -> Any:
    """The tree in the stem's two files. Raises BadData when one is missing, too large, or not ours."""
    json_file, array_file = files(stem)
    contents = []
    for path, cap in ((json_file, MAX_JSON_BYTES), (array_file, MAX_TENSOR_BYTES)):
        try:
            with open(path, "rb") as file:
                content = file.read(cap + 1)
        except OSError as error:
            raise BadData(f"{path.name} cannot be read: {error.strerror or error}.") from None
        if len(content) > cap:
            raise BadData(f"{path.name} is larger than the {cap / 2**20:.0f} MB that it may have.")
        contents.append(content)
    try:
        text = contents[0].decode("ascii")
    except UnicodeDecodeError:
        raise BadData(f"{json_file.name} is not the JSON that the course writes.") from None
    return load(text, contents[1])
