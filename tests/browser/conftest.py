"""A real JupyterLab on an address of this computer, and a real browser to use it with."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "tests" / "browser" / "screenshots"
SETTINGS = (
    "--no-browser", "--allow-root", "--ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password=",
    "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--ServerApp.disable_check_xsrf=True", "--ServerApp.open_browser=False", "--log-level=ERROR",
)  # fmt: skip


@pytest.fixture(scope="session")
def pictures() -> Path:
    """The folder of the screenshots, which git ignores and continuous integration keeps."""
    PICTURES.mkdir(exist_ok=True)
    return PICTURES


class Lab:
    """A running JupyterLab: its address, its folder, and the file of what its student did."""

    def __init__(self, address: str, folder: Path, progress: Path):
        self.address, self.folder, self.progress = address, folder, progress


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab, started in an empty folder as a student starts it."""
    folder, home = tmp_path_factory.mktemp("student"), tmp_path_factory.mktemp("home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    progress = home / "progress.json"
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environment = os.environ | {
        "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "IPYTHONDIR": str(home / "ipython"),
        "MECHANISMS_PROGRESS": str(progress), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-m", "jupyterlab", *SETTINGS, f"--port={port}", f"--ServerApp.root_dir={folder}"]
    with (home / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, home / "lab.log")
        yield Lab(address, folder, progress)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(address: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text("utf-8", "replace")[-2000:]
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError("JupyterLab did not start: " + log.read_text("utf-8", "replace")[-2000:])
