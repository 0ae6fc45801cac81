"""A submission reaches no file, no process, no network and no other submission."""

from __future__ import annotations

import os
import socket
import time

import psutil
import pytest
from small import SMALL

from autograder.project import REPOSITORY
from autograder.sandbox.client import Gone
from autograder.sandbox.warm import NoSandbox, WarmParent

ATTEMPTS = {
    "the references": f"open({str(REPOSITORY / 'solutions' / '02_factual_recall.py')!r})",
    "the specs": f"open({str(REPOSITORY / 'autograder' / 'specs' / 'ch02.py')!r})",
    "the grader's package": "import autograder.specs",
    "the file system": "open('/etc/written', 'w')",
    "the packages": "import numpy; open(numpy.__file__, 'a')",
    "the network": "import socket; socket.create_connection(('127.0.0.1', PORT), 2)",
    "a raw socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "the init process's memory": "open('/proc/1/mem', 'rb')",
    "kernel settings": "open('/proc/sys/kernel/hostname', 'w')",
    "a second user namespace": "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
    "assert l.unshare(0x10000000) == 0, 'refused'",
    "a mount": "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
    "assert l.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0, 'refused'",
    "another user": "import os; os.setuid(0)",
    "a debugger": "import ctypes; l = ctypes.CDLL(None)\nassert l.ptrace(16, 1, 0, 0) == 0, 'refused'",
    "memory that no limit counts": "import os; os.memfd_create('x')",
}


def said(cell):
    return " ".join(str(output.get("text") or output.get("value") or output.get("data")) for output in cell.outputs)


@pytest.mark.parametrize("what", ATTEMPTS)
def test_out_of_reach(session, what):
    with socket.create_server(("127.0.0.1", 0)) as server:
        cell = session.run(ATTEMPTS[what].replace("PORT", str(server.getsockname()[1])), 5)
    assert [output["type"] for output in cell.outputs] == ["error"], said(cell)


def test_the_environment_holds_no_secret(parent, monkeypatch):
    monkeypatch.setenv("MECHANISMS_SECRET", "canary-in-the-environment")
    monkeypatch.setenv("HF_TOKEN", "canary-token")
    mine = WarmParent(models=())
    try:
        with mine.open(SMALL) as session:
            cell = session.run("import os; print(dict(os.environ)); print(open('/proc/self/environ').read())", 5)
            assert "PATH" in said(cell) and "canary" not in said(cell)
    finally:
        mine.stop()


def test_it_sees_its_own_processes_only(session):
    cell = session.run("import os; print([n for n in os.listdir('/proc') if n.isdigit()], os.getppid())", 5)
    assert said(cell).strip() == "['1', '2'] 1"


def test_it_has_no_right_of_any_kind(session):
    text = said(session.run("print(open('/proc/self/status').read())", 5))
    lines = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert all(int(lines[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert lines["NoNewPrivs"] == "1" and lines["Seccomp"] == "2" and "0" not in lines["Uid"].split()


def test_scratch_is_there_and_bounded(session):
    good = session.run("open('kept.txt', 'w').write('x'); print(open('kept.txt').read())", 5)
    assert said(good).strip() == "x"
    for folder in ("/tmp", "/student", "/dev/shm"):
        cell = session.run(f"open({folder!r} + '/big', 'wb').write(bytes(60 << 20))", 5)
        assert "No space left" in said(cell)
    many = session.run("for n in range(100_000): open(f'/tmp/{n}', 'w').close()", 10)
    assert "No space left" in said(many)


def test_nothing_reaches_the_next_submission(parent):
    poison = (
        "import numpy, os, sys, tempfile\n"
        "numpy.add = None; sys.modules['torch'].tensor = None; os.environ['POISON'] = '1'\n"
        "open('/tmp/poison', 'w').close(); open('/student/poison', 'w').close()\n"
        "open('/dev/shm/poison', 'w').close()"
    )
    with parent.open(SMALL) as first:
        assert not first.run(poison, 5).outputs
    with parent.open(SMALL) as second:
        cell = second.run(
            "import os, numpy, torch\n"
            "print(os.path.exists('/tmp/poison'), os.listdir('/student'), os.listdir('/dev/shm'),\n"
            "      os.environ.get('POISON'), numpy.add is None, torch.tensor is None)",
            5,
        )
        assert said(cell).strip() == "False [] [] None False False"


@pytest.mark.parametrize(
    "source",
    [
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)",
        "import signal\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except OSError: pass",
        "import threading, time\nfor _ in range(5): threading.Thread(target=time.sleep, args=(600,)).start()",
    ],
)
def test_no_process_is_left(parent, source):
    session = parent.open(SMALL)
    session.run(source, 5)
    family = psutil.Process(session.pid).children(recursive=True)
    assert family
    session.close()
    assert not [process.pid for process in family if process.is_running()]


def test_everything_ends_with_the_trusted_side():
    mine = WarmParent(models=())
    session = mine.open(SMALL)
    session.run("import os\nif os.fork() == 0:\n    import time; time.sleep(600)", 5)
    family = psutil.Process(mine.process.pid).children(recursive=True)
    mine.process.kill()
    mine.process.wait()
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert not alive and len(gone) >= 3
    mine.stop()


def test_the_parent_holds_no_reference_in_its_memory(session):
    cell = session.run(
        "import sys; print(sorted(n for n in sys.modules if n.startswith('autograder'))); "
        "print('nbgrader' in sys.modules)",
        5,
    )
    names = said(cell)
    assert "autograder.specs" not in names and "autograder.course" not in names and "False" in names


def test_descriptors_lead_nowhere(session):
    cell = session.run(
        "import os\nfound = []\nfor n in os.listdir('/proc/self/fd'):\n"
        "    try: found.append(os.readlink(f'/proc/self/fd/{n}'))\n    except OSError: pass\n"
        "print(sorted({f.split(':')[0] for f in found}), sum(f.startswith('socket') for f in found))",
        5,
    )
    assert said(cell).strip() == "['/dev/null', '/tmp/.output', 'socket'] 1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start the sandbox as another user")
def test_it_works_without_root(tmp_path):
    """The isolation of an ordinary user, through a user namespace: tried in a process that gives up root."""
    from autograder.sandbox.isolate import Plan, enter, refuse
    from autograder.sandbox.syscalls import prctl

    ours, theirs = socket.socketpair()
    root = tmp_path / "root"
    root.mkdir()
    for folder in [tmp_path, *tmp_path.parents]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    root.chmod(0o777)
    pid = os.fork()
    if pid == 0:
        ours.close()
        keep = theirs.detach()
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            prctl(4, 1)  # a process that was another user's may not read its own /proc entries otherwise
            enter(Plan(str(root), ("/usr",), limits=SMALL), keep)
            from autograder.sandbox import wire

            there = [os.getpid(), os.getuid(), sorted(os.listdir("/"))]
            wire.send(socket.socket(fileno=keep), {"seen": there})
        except BaseException as error:
            refuse(keep, error)
        os._exit(0)
    theirs.close()
    from autograder.sandbox import wire

    try:
        reply, _ = wire.receive(ours, deadline=time.monotonic() + 20)
    finally:
        ours.close()
        os.waitpid(pid, 0)
    number, user, tree = reply.get("seen") or pytest.fail(str(reply))
    assert number == 2 and user == 1000 and "root" not in tree and "work" not in tree


def test_a_machine_that_refuses_is_said_so(monkeypatch):
    mine = WarmParent(models=())
    monkeypatch.setattr(type(mine), "_plan", lambda self, limits: _impossible(limits))
    try:
        with pytest.raises(NoSandbox, match="autograder doctor"):
            mine.open(SMALL)
    finally:
        mine.stop()


def _impossible(limits):
    from autograder.sandbox.isolate import Plan

    return Plan("/no/such/folder", ("/usr",), limits=limits)


def test_killing_everything_kills_nothing_else(session):
    cell = session.run("import os, signal\ntry:\n    os.kill(-1, signal.SIGKILL)\nexcept OSError as e: print(e)", 5)
    assert "No such process" in said(cell)
    assert said(session.run("print(1)", 5)).strip() == "1"


def test_a_session_that_was_closed_says_so(parent):
    session = parent.open(SMALL)
    session.close()
    with pytest.raises(Gone):
        session.run("1", 1)
