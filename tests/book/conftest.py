"""The real book, built once for all tests that read it, and a browser to read it with."""

from __future__ import annotations

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from book_copy import build, make_copy
from filelock import FileLock


@pytest.fixture(scope="session")
def repository(tmp_path_factory, worker_id) -> Path:
    """A copy of the repository with its book. Workers that need it share one."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent
    copy = shared / "repository"
    with FileLock(shared / "repository.lock"):
        if not (shared / "repository.done").exists():
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir()
            make_copy(copy)
            assert re.search(r"Built \d+ pages without a warning", build(copy))
            assert build(copy).strip() == "The book is up to date."
            (shared / "repository.done").touch()
    return copy


@pytest.fixture(scope="session")
def built(repository) -> Path:
    """The pages of the real book. Tests read them and change nothing."""
    return repository / "book" / "_build" / "html"


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that writes no log."""

    def log_message(self, *args) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def site(built):
    """The book on an address of this computer."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=built)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def browser(chromium):
    """The browser in its first state: a laptop's width, light, no messages."""
    size = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    # Another test's page may still be open, and go on complaining.
    chromium.get("about:blank")
    chromium.get_log("browser")
    return chromium
