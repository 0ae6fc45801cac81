"""Running a student's function on one case without letting it disturb anything else.

- inputs are deep-copied; a ``ModelRef`` becomes a private copy of the model that no notebook ever sees, its
  hooks removed before every case; a copy whose weights were changed is thrown away;
- random generators, default dtype and device, gradient mode, thread count and warnings are put back afterwards;
- what the function prints is kept up to a cap; nothing reaches stderr, not even from compiled code;
- whatever happens becomes an ``Outcome``: plain data, what was raised and where, or why the result is no plain data.

Only KeyboardInterrupt passes through: a function that never returns is interrupted by the student.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import linecache
import logging
import os
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy
import torch

from mechanisms.check import probes
from mechanisms.check.codec import ModelRef, NotPlain, plain
from mechanisms.check.compare import compare

PRINT_CAP = 4_000
MESSAGE_CAP = 300
ANSWER_BYTES = 64 * 2**20
SEED = 0


@dataclass(frozen=True)
class Outcome:
    """What one case gave: ``answer`` (plain data, or {"$raises": ...} or {"$refused": ...}), what the function
    printed, and notes on what it left behind (each goes on after the function's name: "left a hook ...")."""

    answer: Any
    printed: str = ""
    notes: tuple[str, ...] = ()


class Capped(io.TextIOBase):
    """A text stream that keeps its first ``cap`` characters and forgets the rest."""

    def __init__(self, cap: int = PRINT_CAP):
        self.cap = cap
        self.parts: list[str] = []
        self.kept = 0
        self.cut = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        piece = str(text)[: self.cap - self.kept]
        self.parts.append(piece)
        self.kept += len(piece)
        self.cut = self.cut or len(piece) < len(text)
        return len(text)

    def text(self) -> str:
        """What was kept, with a line that says so when more was printed."""
        return "".join(self.parts) + ("\n… and more, not shown" if self.cut else "")


@dataclass(frozen=True)
class _Private:
    """A model for checks as it was when it was loaded; ``values`` are its tensors beside copies of what they held."""

    model: Any
    values: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    shape: _Shape


@dataclass(frozen=True)
class _Shape:
    """Which hooks the modules of a model have, which parameters and buffers, and where the memory of these lies.

    As long as these stay, no hook has to be removed, and nothing but the tensors' values can have changed. A hook is
    known by its number, of which torch gives none twice.
    """

    hooks: set[int]
    places: list[Any]


_models: dict[str, _Private] = {}


def model(name: str) -> Any:
    """The private copy of a model for checks, without hooks. Raises ModelMissing."""
    if name not in _models:
        from mechanisms import models

        loaded = models.load(name, fresh=True)
        # TransformerLens puts hooks of its own on some architectures in the first run: those are no one's mistake.
        if hasattr(loaded, "run_with_cache"):
            with torch.no_grad():
                loaded(torch.zeros(1, 1, dtype=torch.long))
        tensors = [value.detach() for value in loaded.state_dict().values() if torch.is_tensor(value)]
        values = tuple((value, value.clone()) for value in tensors)
        _models[name] = _Private(loaded, values, _shape(loaded))
    private = _models[name]
    if _shape(private.model).hooks != private.shape.hooks:
        _reset_hooks(private.model)
    return private.model


def _reset_hooks(loaded: torch.nn.Module) -> None:
    """Remove the hooks that TransformerLens knows of; a model of transformers' own classes has none of those."""
    if hasattr(loaded, "reset_hooks"):
        loaded.reset_hooks()


def _shape(loaded: torch.nn.Module) -> _Shape:
    # Not ``loaded.modules()``: a bridge nests so deeply that walking through it takes longer than a small case.
    found, seen, waiting = _Shape(set(), []), set(), [loaded]
    while waiting:
        module = waiting.pop()
        if module is None or id(module) in seen:
            continue
        seen.add(id(module))
        waiting += module._modules.values()
        for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks):
            found.hooks.update(hooks)
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            if tensor is not None:
                found.places.append((id(tensor), tensor.data_ptr(), tensor.shape, tensor.dtype))
    return found


def _clean_up(name: str) -> list[str]:
    """Look at what the function left on a private model, remove it, and say it."""
    private = _models[name]
    notes = []
    after, own = _shape(private.model), len(private.shape.hooks)
    if len(after.hooks) > own:
        notes.append("left a hook on the model, so every later run of the model is changed too")
        _reset_hooks(private.model)
        if len(_shape(private.model).hooks) > own:  # registered with torch itself, which that does not know
            del _models[name]
    same = after.places == private.shape.places
    if not (same and all(torch.equal(value, before) for value, before in private.values)):
        _models.pop(name, None)
        notes.append("changed the model's weights, so every later run of the model is changed too")
    return notes


def resolve(value: Any, load: Callable[[str], Any]) -> Any:
    """A copy of a case's inputs with every ModelRef replaced by ``load(name)``."""
    if type(value) is ModelRef:
        return load(value.name)
    if type(value) is dict:
        return {key: resolve(item, load) for key, item in value.items()}
    if type(value) is list:
        return [resolve(item, load) for item in value]
    return copy.deepcopy(value)


def seed_torch(seed: int) -> None:
    """`torch.manual_seed`, except for CUDA generators that nobody has used yet.

    Torch would leave those for later, and takes a picture of the call's stack for it: ten times as long as the seeding.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put back every global setting that a function may have changed.

    Inside, the random generators start from one seed and torch uses one thread, so that sums come out the same
    on every machine with the same processor.
    """
    dtype, threads, grad = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    device = torch.get_default_device()
    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    folder, recursion = os.getcwd(), sys.getrecursionlimit()
    environment = dict(os.environ)
    random.seed(SEED)
    numpy.random.seed(SEED)
    seed_torch(SEED)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch.get_default_dtype() != dtype:
            torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)
        random.setstate(states[0])
        numpy.random.set_state(states[1])
        torch.set_rng_state(states[2])
        with contextlib.suppress(OSError):
            os.chdir(folder)
        sys.setrecursionlimit(recursion)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


@contextlib.contextmanager
def quiet(printed: Capped | None = None) -> Iterator[None]:
    """Keep stdout and stderr for ourselves, warnings and log messages too.

    stderr is caught at its file descriptor as well: compiled code writes there, and a notebook's kernel
    would show it, for which nbgrader takes all points away.
    """
    printed = printed or Capped()
    level = logging.root.manager.disable
    if level < logging.CRITICAL:  # asked, because it looks at every logger there is
        logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), _descriptor_closed(2):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                yield
    finally:
        if logging.root.manager.disable != level:
            logging.disable(level)


@contextlib.contextmanager
def _descriptor_closed(number: int) -> Iterator[None]:
    """Send what is written to a file descriptor nowhere, where the platform allows it."""
    try:
        kept = os.dup(number)
    except OSError:
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, number)
        finally:
            os.close(nowhere)
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


def run(function: Callable[..., Any], inputs: dict[str, Any], probe: str = "call") -> Outcome:
    """Drive the function on one case and return what came of it.

    Raises CourseError only for what is not the function's doing (a missing model, an unknown probe), and
    KeyboardInterrupt when the student interrupts.
    """
    driver = probes.find(probe)
    used: dict[str, Any] = {}

    def load(name: str) -> Any:
        used[name] = model(name)
        return used[name]

    printed = Capped()
    notes: list[str] = []
    with undisturbed(), quiet(printed):
        arguments = resolve(inputs, load)
        try:
            answer = _answer(driver, function, arguments)
        finally:
            notes += [note for name in sorted(used) for note in _clean_up(name)]
        notes += _changed_inputs(arguments, inputs)
        notes += _changed_settings()
    return Outcome(answer, printed.text(), tuple(notes))


def _answer(driver: Callable[..., Any], function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        result = driver(function, **arguments)
        if inspect.iscoroutine(result):
            result.close()
        answer = plain(result, ANSWER_BYTES)
    except NotPlain as error:
        return {"$refused": {"type": error.kind, "message": error.message}}
    except (Exception, SystemExit) as error:  # a student's function may raise anything
        return _raised(error, function)
    if type(answer) is dict and any(key.startswith("$") for key in answer):
        return {"$refused": {"type": "dict", "message": "it is a dictionary with a key that starts with '$'"}}
    return answer


def _raised(error: BaseException, function: Callable[..., Any]) -> dict:
    """What was raised, and where in the student's code: the function's name, the line in it, and its text."""
    try:
        message = str(error).strip()
    except Exception:  # a student's exception may fail to print itself
        message = ""
    detail = {"type": type(error).__name__, "message": _clip(message), "where": "", "function": ""}
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if code is not None and _is_students(frame.f_code.co_filename, code.co_filename)]
    if own:
        last = own[-1].f_code
        line = next(number for frame, number in traceback.walk_tb(error.__traceback__) if frame is own[-1])
        text = linecache.getline(last.co_filename, line).strip()
        detail["where"] = f"line {line - last.co_firstlineno + 1}" + (f" (`{_clip(text, 90)}`)" if text else "")
        detail["function"] = last.co_name
    return {"$raises": detail}


def _is_students(filename: str, own: str) -> bool:
    """Whether a frame's file is the student's: the function's own, or another cell of the notebook."""
    cell = "ipykernel_" in filename or filename.startswith("<ipython-input")
    return filename == own or (cell and ("ipykernel_" in own or own.startswith("<ipython-input")))


def _clip(text: str, width: int = MESSAGE_CAP) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _changed_inputs(arguments: dict[str, Any], inputs: dict[str, Any]) -> list[str]:
    return [
        f"changed its input {name} in place: work on a copy (.clone() or list(...))"
        for name, before in inputs.items()
        if not _holds_model(before) and compare(arguments[name], before, 0, 0) is not None
    ]


def _holds_model(value: Any) -> bool:
    if type(value) in (dict, list):
        return any(_holds_model(item) for item in (value.values() if type(value) is dict else value))
    return type(value) is ModelRef


def _changed_settings() -> list[str]:
    """Settings for the whole program that have a usual value in the course; they are put back in any case."""
    notes = []
    if torch.get_default_dtype() is not torch.float32:
        notes.append("changed torch's default dtype: say dtype=... where a tensor is made instead")
    return notes
