"""``check``, ``predict`` and ``case`` as a notebook calls them: values, sentences, and what they leave alone."""

from __future__ import annotations

import functools
import logging
import os
import random
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy
import pytest
import tiny
import torch

from mechanisms import models
from mechanisms.check import api, run
from mechanisms.check.api import CheckResult, case, check, predict
from mechanisms.errors import CheckFailed, CourseError, UsageError


def failing(function, exercise=None):
    """The message of a check that earns nothing."""
    with pytest.raises(CheckFailed) as caught:
        check(function, exercise)
    return str(caught.value)


def named(name):
    """Decorator: give a test's function the name of an exercise."""

    def rename(function):
        function.__name__ = name
        return function

    return rename


def test_a_right_answer_earns_everything(capfd):
    result = check(tiny.scale_rows)
    assert isinstance(result, CheckResult) and result == 4.5 and repr(result) == "4.5" and str(result) == "4.5"
    assert result.verdict.status == "passed"
    out, err = capfd.readouterr()
    assert "scale_rows: 4.5 of 4.5 points" in out and err == ""


def test_a_partly_right_answer_is_worth_its_points_and_named():
    result = check(tiny.drops_the_sign, "scale_rows")
    assert result == 3 and result.verdict.status == "partial"
    assert result.verdict.mistake.sentence == "You dropped the sign of alpha."
    bundle = result._repr_mimebundle_()
    assert bundle["text/plain"] == "3" and "You dropped the sign of alpha." in bundle["text/html"]


def test_a_wrong_answer_names_group_difference_hint_and_mistake():
    message = failing(tiny.scales_columns, "ch90.scale_rows")
    for words in (
        "scale_rows: 0 of 4.5 points",
        "You scaled the columns",
        "FAILED  positive factors (3 points), case 1 of 2: the result is wrong at [",
        "expected ",
        "the largest error is ",
        "Hint: Which dimension does alpha belong to?",
    ):
        assert words in message
    assert "Traceback" not in message


def test_an_unknown_wrong_answer_names_no_mistake():
    assert "known mistake" not in failing(lambda values, alpha: values - alpha[:, None], "scale_rows")


def test_the_stub_says_what_to_do():
    @named("scale_rows")
    def scale_rows(values, alpha):
        raise NotImplementedError

    assert failing(scale_rows) == (
        "scale_rows still raises NotImplementedError: write it above, run its cell, run this again. "
        "(More: 'still-raises-not-implemented' in the book's list of errors.)"
    )


def test_a_stub_that_it_calls_is_named():
    def helper(values):
        raise NotImplementedError("write helper")

    assert "scale_rows calls helper, which still raises" in failing(lambda values, alpha: helper(values), "scale_rows")


def test_a_failure_renders_without_traceback():
    with pytest.raises(CheckFailed) as caught:
        check(tiny.scales_columns, "scale_rows")
    rendering = "\n".join(caught.value._render_traceback_())
    assert rendering == str(caught.value) and "File " not in rendering


def test_case_gives_the_inputs_that_fail():
    inputs = case("scale_rows", 3)
    assert (inputs["alpha"] < 0).all() and not (case("scale_rows", 1)["alpha"] < 0).any()
    inputs["alpha"] += 100
    assert (case("scale_rows", 3)["alpha"] < 0).all()
    assert isinstance(case("double_output")["model"], tiny.TinyModel)


def test_case_leaves_out_what_only_the_probe_takes(monkeypatch):
    entry = api.exercises.find("scale_rows")
    entry["cases"][0]["inputs"]["only_for_the_probe"] = True
    monkeypatch.setattr(api.exercises, "find", lambda name: entry)
    assert set(case("scale_rows", 1)) == {"values", "alpha"}


class Callable:
    def __call__(self, values, alpha):
        return values

    def method(self, values, alpha):
        return values


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((), "check needs a function"),
        ((3,), "check was given an int, which is no function"),
        ((torch.zeros(2),), "check was given a Tensor"),
        (([1],), "check was given a list"),
        ((None,), "check was given None"),
        (("scale_rows",), "without quotes"),
        ((lambda values, alpha: values,), "a lambda, which has no name"),
        ((int,), "the class int"),
        ((len,), "len, which is part of Python or a library"),
        ((torch.mul,), "mul, which is part of Python or a library"),
        ((functools.partial(tiny.scale_rows, alpha=1),), "functools.partial"),
        ((types,), "the module types"),
        ((Callable(),), "check was given a Callable, which is no function"),
        ((Callable().method,), "the method method of an object"),
        ((tiny.rows_in_a_loop,), "There is no exercise called 'rows_in_a_loop'"),
        ((tiny.scale_rows, "scale_row"), "did you mean 'scale_rows'?"),
        ((tiny.scale_rows, "ch01.scale_rows"), "There is no exercise called 'ch01.scale_rows'"),
        ((tiny.scale_rows, 3), "an exercise's name in quotes"),
    ],
)
def test_the_wrong_thing_gives_one_sentence(wrong, words, capfd):
    with pytest.raises(UsageError) as caught:
        check(*wrong)
    message = caught.value.message
    assert words in message and "\n" not in message and message.count(". ") == 0 and message[-1] in ".?"
    assert caught.value._render_traceback_() == [str(caught.value)] and str(caught.value).startswith(message)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "function",
    [
        lambda: None,
        lambda values: None,
        lambda rows, alpha: None,
        lambda values, alpha, extra: None,
        lambda values, alpha, *, extra: None,
        lambda values, alpha, /: None,
    ],
)
def test_other_parameters_are_named(function):
    with pytest.raises(UsageError, match=r"scale_rows must take the parameters \(values, alpha\), yours takes \("):
        check(function, "scale_rows")


@pytest.mark.parametrize(
    "function",
    [
        lambda values, alpha, extra=1: tiny.scale_rows(values, alpha),
        lambda **named: tiny.scale_rows(**named),
        lambda alpha, values: tiny.scale_rows(values, alpha),
        functools.wraps(tiny.scale_rows)(lambda *args, **named: tiny.scale_rows(*args, **named)),
        functools.cache(tiny.scale_rows),
    ],
)
def test_harmless_differences_of_the_signature_pass(function):
    assert check(function, "scale_rows") == 4.5


def yields(values, alpha):
    yield values


async def waits(values, alpha):
    return values


@pytest.mark.parametrize(("function", "words"), [(yields, "uses yield"), (waits, "'async def'")])
def test_functions_that_return_later_are_refused(function, words):
    with pytest.raises(UsageError, match=words):
        check(function, "scale_rows")


class Odd(torch.Tensor):
    pass


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError


def raises(error):
    def function(values, alpha):
        raise error

    return function


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda values, alpha: None, "the result is None, expected a float tensor"),
        (lambda values, alpha: values[:, :1], "the result should have shape ["),
        (lambda values, alpha: values.long(), "should hold floats, not ints"),
        (lambda values, alpha: values.tolist(), "not a list (or tuple) of"),
        (lambda values, alpha: (values, alpha), "not a list (or tuple) of 2 items"),
        (lambda values, alpha: values.numpy(), "not a float numpy array"),
        (lambda values, alpha: values * float("nan"), "is NaN at [0, 0]"),
        (lambda values, alpha: values.to("meta"), "'meta' device"),
        (lambda values, alpha: (row for row in values), "list(...)"),
        (lambda values, alpha: values.as_subclass(Odd), "a subclass of tensor"),
        (lambda values, alpha: values.expand(10**9, *values.shape), "takes more than 64 MB"),
        (lambda values, alpha: {"$tensor": "x"}, "starts with '$'"),
        (lambda values, alpha: values[99], "it raised IndexError (index 99 is out of bounds"),
        (lambda values, alpha: undefined_name, "Is it spelled right? If so, run the cells above first"),
        (raises(SystemExit(0)), "Return a value instead of leaving Python"),
        (raises(Unprintable()), "it raised Unprintable"),
        (raises(ValueError("x" * 10_000)), "…"),
        (raises(ValueError("two\nlines")), "(two lines)"),
    ],
)
def test_a_strange_answer_gives_one_clear_line(function, words, capfd):
    message = failing(function, "scale_rows")
    line = next(line for line in message.splitlines() if "FAILED" in line)
    assert words in line and len(line) < 600
    assert capfd.readouterr().err == ""


def test_what_was_raised_is_placed_in_the_students_code():
    def scale_rows(values, alpha):
        rows = values
        return rows[99]

    assert "in line 3 (`return rows[99]`)" in failing(scale_rows)


def test_gradients_and_double_precision_are_welcome():
    assert check(lambda values, alpha: tiny.scale_rows(values.requires_grad_(), alpha), "scale_rows") == 4.5
    assert check(tiny.rows_in_float64, "scale_rows") == 4.5


def test_a_noisy_function_is_kept_quiet_and_its_print_is_shown(capfd):
    log = logging.getLogger("noisy")
    log.addHandler(logging.StreamHandler())

    @named("scale_rows")
    def noisy(values, alpha):
        print("shape is", list(values.shape))
        print("x" * 100_000)
        print("to stderr", file=sys.stderr)
        os.write(2, b"from compiled code\n")
        warnings.warn("watch out", stacklevel=1)
        log.error("logged")
        return values

    try:
        message = failing(noisy)
    finally:
        log.handlers.clear()
    assert capfd.readouterr() == ("", "")
    assert "| shape is [" in message and "and more, not shown" in message and len(message) < 6000
    log.error("heard again")
    assert not logging.root.manager.disable


def test_an_interrupt_passes_through_and_everything_is_put_back(capfd):
    with pytest.raises(KeyboardInterrupt):
        check(raises(KeyboardInterrupt()), "scale_rows")
    print("out")
    print("err", file=sys.stderr)
    os.write(2, b"descriptor")
    assert capfd.readouterr() == ("out\n", "err\ndescriptor")


def test_global_settings_are_put_back():
    torch.manual_seed(7)
    numpy.random.seed(7)
    random.seed(7)
    threads, folder, limit = torch.get_num_threads(), os.getcwd(), sys.getrecursionlimit()
    drawn = torch.rand(1), numpy.random.rand(), random.random()
    torch.manual_seed(7)
    numpy.random.seed(7)
    random.seed(7)

    def meddles(values, alpha):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        torch.set_num_threads(2)
        torch.rand(3), numpy.random.rand(3), random.random()
        os.environ["MEDDLED"] = "1"
        os.chdir("/")
        sys.setrecursionlimit(5000)
        warnings.simplefilter("error")
        return values

    assert "Note: scale_rows changed torch's default dtype" in failing(meddles, "scale_rows")
    assert (
        torch.get_default_dtype() is torch.float32 and torch.is_grad_enabled() and torch.zeros(1).device.type == "cpu"
    )
    assert torch.get_num_threads() == threads and os.getcwd() == folder and "MEDDLED" not in os.environ
    assert sys.getrecursionlimit() == limit
    assert (torch.rand(1), numpy.random.rand(), random.random()) == drawn
    with pytest.warns(UserWarning):
        warnings.warn("still only a warning", UserWarning, stacklevel=1)


def test_random_answers_are_the_same_each_time():
    def function(values, alpha):
        return torch.rand(2)

    assert failing(function, "scale_rows") == failing(function, "scale_rows")


def test_changed_inputs_are_noted_and_do_not_spread():
    def in_place(values, alpha):
        values *= alpha[:, None]
        return values

    result = check(in_place, "scale_rows")
    assert result == 4.5 and result.verdict.notes == (
        "scale_rows changed its input values in place: work on a copy (.clone() or list(...))",
    )
    assert check(tiny.scale_rows).verdict.notes == ()


def leaves_hook(model, tokens):
    model.add_hook(lambda output: output * 0)
    return 2 * tiny.TinyModel()(tokens)


def leaves_torch_hook(model, tokens):
    model.hook.register_forward_hook(lambda module, args, output: output * 0)
    return 2 * tiny.TinyModel()(tokens)


def changes_weights(model, tokens):
    output = 2 * model(tokens)
    model.weight.data *= 0
    return output


def replaces_weights(model, tokens):
    output = 2 * model(tokens)
    model.weight = torch.nn.Parameter(torch.zeros(8))
    return output


def moves_weights(model, tokens):
    output = 2 * model(tokens)
    model.weight.data = torch.zeros(8)
    return output


@pytest.mark.parametrize(
    ("function", "note"),
    [
        (leaves_hook, "double_output left a hook on the model"),
        (leaves_torch_hook, "double_output left a hook on the model"),
        (changes_weights, "double_output changed the model's weights"),
        (replaces_weights, "double_output changed the model's weights"),
        (moves_weights, "double_output changed the model's weights"),
    ],
)
def test_what_is_left_on_the_model_is_noted_and_gone_in_the_next_case(function, note):
    result = check(function, "double_output")
    assert result == 4 and any(note in line for line in result.verdict.notes)
    assert check(tiny.double_output).verdict.notes == ()


def test_the_model_of_checks_is_private():
    seen = []
    check(lambda model, tokens: seen.append(model) or 2 * model(tokens), "double_output")
    assert seen[0] is run._models["tiny"].model and case("double_output")["model"] is not seen[0]


def test_a_second_check_reads_no_file_and_loads_no_model(monkeypatch):
    check(tiny.double_output)

    def again(*_, **__):
        raise AssertionError("once is enough")

    monkeypatch.setattr(models, "load", again)
    monkeypatch.setattr(Path, "read_text", again)
    monkeypatch.setattr(Path, "read_bytes", again)
    assert check(tiny.double_output) == 4


def test_damaged_files_are_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "90_tiny.json").write_text("{}")
    monkeypatch.setenv("MECHANISMS_CHECKS", str(tmp_path))
    with pytest.raises(CourseError, match="damaged: reinstall the course package"):
        check(tiny.scale_rows)


@pytest.mark.parametrize("number", [0, 9, "1", True, 1.0])
def test_a_case_that_is_not_there(number):
    with pytest.raises(UsageError, match="scale_rows has the cases 1 to 4"):
        case("scale_rows", number)


@pytest.fixture
def no_predictions(monkeypatch):
    monkeypatch.setattr(api, "_recorded", {})


def test_a_prediction_is_recorded_and_explained(no_predictions, capsys):
    asked = predict("90.q1")
    assert asked.right is None and api.predictions() == {} and "b: makes it zero" in repr(asked)
    wrong = predict("90.q1", " A ")
    assert wrong.right is False and "That is a factor of 1." in repr(wrong)
    right = predict("90.q1", "b")
    assert right.right is True and "Your first choice, a, stays recorded." in repr(right)
    assert api.predictions() == {"90.q1": "a"}
    assert "Right." in capsys.readouterr().out
    html = wrong._repr_mimebundle_()["text/html"]
    assert "Not so" in html and "That is a factor of 1." in html


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "a question and a choice in quotes"),
        ((1, "a"), "a question and a choice in quotes"),
        (("90.q2", "a"), "There is no question called '90.q2': did you mean '90.q1'?"),
        (("90.q1", "z"), "90.q1 has the choices a, b, not 'z'"),
        (("90.q1", 1), "90.q1 has the choices a, b, not 1"),
        (("90.q1", ["a"]), "90.q1 has the choices a, b, not ['a']"),
    ],
)
def test_a_wrong_prediction_call_gives_one_sentence(no_predictions, arguments, words):
    with pytest.raises(UsageError) as caught:
        predict(*arguments)
    assert words in str(caught.value) and "\n" not in str(caught.value) and api.predictions() == {}


ORDERS = {
    "function first": "from mechanisms import check, predict; import mechanisms.check.codec",
    "codec first": "import mechanisms.check.codec; from mechanisms import check, predict",
    "api first": "from mechanisms.check import api; from mechanisms import check, predict",
    "attribute first": "import mechanisms; check = mechanisms.check; from mechanisms import predict",
    "probes first": "import mechanisms.check.probes, mechanisms.check.run; from mechanisms import check, predict",
    "twice": "from mechanisms import check, predict; from mechanisms import check",
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_check_can_be_called_in_any_order_of_imports(order):
    script = f"""
{order}
import mechanisms, mechanisms.check.codec as codec
from mechanisms.errors import UsageError
assert mechanisms.check.codec is codec and callable(mechanisms.check) and callable(predict)
for function in (check, mechanisms.check):
    try:
        function(3)
    except UsageError as error:
        assert "an int" in str(error)
    else:
        raise SystemExit("check(3) was accepted")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_answer_that_uses_another_exercise_is_told_to_look_there_first():
    def double_output(model, tokens):
        return count_words(tokens)

    def count_words(tokens):
        raise ValueError("not a text")

    note = "double_output uses count_words. See that check(count_words) passes first."
    assert note in failing(double_output)
    assert "See that" not in failing(lambda model, tokens: 3 * model(tokens), "double_output")
