"""What runs in a sandbox, what comes back, and what happens to a cell that misbehaves."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import SMALL

from autograder.sandbox import wire
from autograder.sandbox.client import Gone, _cell
from autograder.sandbox.limits import Limits

CASES = {"function": "f", "probe": "call", "cases": [{"inputs": {"x": n}} for n in (1.0, 2.0, 3.0)]}


def said(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def test_outputs_of_every_kind_come_back(session):
    cell = session.run(
        "import sys\nprint('out'); print('err', file=sys.stderr)\nimport os; os.write(1, b'raw')\n"
        "from IPython.display import HTML, display; display(HTML('<b>x</b>'))\n"
        "import matplotlib.pyplot as plt; plt.plot([1, 2])\n[1, 2]",
        20,
    )
    kinds = [output["type"] for output in cell.outputs]
    assert kinds.count("stream") == 3 and "execute_result" in kinds and kinds.count("display_data") == 2
    assert said(cell) == "out\nerr\nraw"
    assert any("image/png" in output.get("data", {}) for output in cell.outputs)
    assert cell.seconds > 0


def test_names_live_on_and_magics_and_await_work(session):
    session.run("x = 3", 5)
    assert said(session.run("%time\nimport asyncio\nawait asyncio.sleep(0)\n!echo shell\nprint(x)", 5)).count("3") >= 1


def test_an_error_is_an_output_and_the_next_cell_runs(session):
    cell = session.run("1 / 0", 5)
    assert cell.outputs[-1]["type"] == "error" and cell.outputs[-1]["name"] == "ZeroDivisionError"
    assert said(session.run("print('on')", 5)) == "on\n"


@pytest.mark.parametrize("source", ["while True: pass", "import time; time.sleep(60)"])
def test_an_endless_cell_is_interrupted_and_the_next_one_runs(session, source):
    assert session.run(source, 0.3).outputs[-1]["name"] == "CellTimeout"
    assert said(session.run("print('on')", 5)) == "on\n"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os; os._exit(0)", "ended the Python process"),
        ("import ctypes; ctypes.string_at(0)", "ended the Python process"),
        ("import signal, time; signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(60)", "in time"),
        (
            "import os, time\nfor n in range(12):\n    if os.fork() == 0:\n        x = bytearray(300 << 20)\n"
            "        x[::4096] = b'1' * len(x[::4096])\n        time.sleep(60)\ntime.sleep(20)",
            "used more than",
        ),
    ],
)
def test_what_ends_a_session_is_said(parent, source, words):
    with parent.open(SMALL) as session, pytest.raises(Gone, match=words):
        session.run(source, 10 if "used" in words else 0.5)


def test_memory_is_an_ordinary_error_first(session):
    cell = session.run("x = []\nwhile True: x.append(bytearray(64 << 20))", 10)
    assert cell.outputs[-1]["name"] == "MemoryError"


def test_a_flood_of_output_is_cut(session):
    cell = session.run("for _ in range(200): print('x' * 100_000)", 10)
    assert len(said(cell)) < SMALL.output + 200 and "[output cut]" in said(cell)


def test_a_snapshot_keeps_the_function_of_its_moment(session):
    cell = session.run("def f(x): return x + 1", 5)
    assert set(cell.defined) == {"f"}
    early = session.snapshot()
    session.run("def f(x): return -1", 5)
    late = session.snapshot()
    assert early.ask("f", CASES, SMALL).trees == [2.0, 3.0, 4.0]
    assert late.ask("f", CASES, SMALL).trees == [-1, -1, -1]


def test_a_case_that_ends_the_process_costs_itself_only(session):
    session.run("import os\ndef f(x):\n    if x == 2: os._exit(1)\n    return x", 5)
    answers = session.snapshot().ask("f", CASES, SMALL)
    assert answers.trees == [1.0, None, 3.0] and answers.reasons == {1: "ended the Python process"}


def test_a_case_that_does_not_end_is_given_up(session):
    session.run("def f(x):\n    while x == 2: pass\n    return x", 5)
    answers = session.snapshot().ask("f", CASES, Limits(**{**SMALL.as_json(), "answer_seconds": 0.5}))
    assert answers.trees[0] == 1.0 and answers.trees[1] is None and "in time" in answers.reasons[1]


def test_one_case_does_not_see_what_another_did(session):
    session.run("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)", 5)
    snapshot = session.snapshot()
    assert snapshot.ask("f", CASES, SMALL).trees == [1, 2, 3]
    assert snapshot.ask("f", CASES, SMALL).trees == [1, 2, 3], "asking again starts from the same moment"


def test_answers_are_exact_plain_data(session):
    session.run("class Five(float):\n    __eq__ = lambda self, other: True\ndef f(x): return Five(x)", 5)
    assert all(set(tree) == {"$refused"} for tree in session.snapshot().ask("f", CASES, SMALL).trees)


FORGE = """
import json, os, socket, struct
def raw(data):
    for n in os.listdir('/proc/self/fd'):
        try: socket.socket(fileno=os.dup(int(n))).sendall(data)
        except OSError: pass
"""


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!IQ", 2**31, 2**40),
        struct.pack("!IQ", 4, 0) + b"nope",
        struct.pack("!IQ", 2, 0) + b"[]",
        struct.pack("!IQ", 200_000, 0) + b"[" * 200_000,
        struct.pack("!IQ", 10_001, 0) + b"9" * 10_001,
    ],
)
def test_broken_messages_end_the_session(parent, data):
    with parent.open(SMALL) as session, pytest.raises(Gone, match="disturbed"):
        session.run(FORGE + f"raw({data!r})", 5)


def test_forged_answers_are_answers_of_the_student(session):
    answer = json.dumps({"case": 0, "text": json.dumps({"answer": 41.0})}).encode()
    forged = struct.pack("!IQ", len(answer), 0) + answer
    session.run(FORGE + f"def f(x):\n    raw({forged!r})\n    return x", 5)
    answers = session.snapshot().ask("f", CASES, SMALL)
    assert answers.trees[0] == 41.0 and answers.trees[1] is None and "no answer" in answers.reasons[1]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["outputs", "seconds", "defined", "x"]), plain))
def test_any_reply_becomes_bounded_plain_data(reply):
    cell = _cell(reply, SMALL)
    assert 0 <= cell.seconds < 1e6 and all(type(value) is int for value in cell.defined.values())
    assert all(output["type"] in ("stream", "display_data", "execute_result", "error") for output in cell.outputs)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_wire_error(data):
    import socket
    import time

    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            message, _ = wire.receive(ours, max_json=1000, max_data=1000, deadline=time.monotonic() + 5)
            assert type(message) is dict
        except wire.WireError:
            pass
