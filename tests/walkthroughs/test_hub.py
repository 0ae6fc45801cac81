"""The guide's section on JupyterHub: a real hub, an instructor who releases and grades, a student who hands in.

- the section's commands and its jupyterhub_config.py are taken from the guide; /srv is a folder of the test;
- what the test adds to the configuration is what a computer without these users needs: any password is right, and
  every server runs as the user of the tests;
- the two press the buttons of the pages Formgrader and Assignment List, by the addresses that the buttons ask.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fresh import free_ports, settle, shell, written
from guide import read
from project_copy import copy_files
from terminal import Terminal

from autograder.project import Project
from autograder.sample_class import sample_submissions

pytestmark = pytest.mark.slow
CHAPTER, NOTEBOOK = "09_pretraining_budgets", "pretraining_budgets.ipynb"
TEACHER, STUDENT, STRANGER = "emmy", "ada", "mallory"
TOKEN = "a-token-of-the-test-alone"
PROXY = "configurable-http-proxy"
# Servers of this hub run as one user of the system, and nbgrader calls a student by that name.
NAME = pwd.getpwuid(os.getuid()).pw_name
ADDED = """
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_port = {ports[1]}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{homes}/{{username}}"
c.Spawner.args = ["--allow-root"]
c.JupyterHub.services = [{{"name": "test", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "test", "services": ["test"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
"""


def configuration() -> str:
    """The jupyterhub_config.py of the guide."""
    [found] = re.findall(r"```python\n(# /srv/hub/jupyterhub_config.py\n.*?)```", written("instructor"), re.DOTALL)
    return found


class Hub:
    """A running hub."""

    def __init__(self, srv: Path, homes: Path, port: int, log: Path):
        self.srv, self.homes, self.log = srv, homes, log
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, content: dict | None = None) -> str:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        request.add_header("Authorization", f"token {TOKEN}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            text = f"{method} {path}: {error.code} {error.read().decode('utf-8', 'replace')[-1000:]}"
            raise AssertionError(text + self.log.read_text("utf-8", "replace")[-3000:]) from None

    def until(self, what, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if what():
                    return
            except (OSError, AssertionError):
                pass
            time.sleep(0.3)
        raise AssertionError(self.log.read_text("utf-8", "replace")[-5000:])

    def start_server(self, user: str) -> None:
        self.ask("POST", f"/hub/api/users/{user}/server", {})
        self.until(lambda: json.loads(self.ask("GET", f"/hub/api/users/{user}"))["servers"][""]["ready"])

    def run(self, user: str, command: str) -> str:
        """A command in a terminal of a user's server: its own environment, which the hub gave it."""
        [environment] = re.findall(r"c\.Spawner\.environment = (\{.*?\})", configuration())
        home = self.homes / user
        known = {"PATH": f"{self.srv}/mechanisms/.venv/bin:{os.environ['PATH']}", "HOME": str(home), "USER": user}
        known |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"} | json.loads(environment)
        done = subprocess.run(["bash", "-c", command], cwd=home, env=known, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The guide's commands, typed; the last one serves."""
    # The course does not need a hub, and its proxy is a Node program, which a lock file of Python's cannot install.
    if not (importlib.util.find_spec("jupyterhub") and shutil.which(PROXY)):
        pytest.skip(f"needs JupyterHub and {PROXY}")
    folder = tmp_path_factory.mktemp("hub").resolve()
    srv, homes, home = folder / "srv", folder / "homes", folder / "home"
    checkout = srv / "mechanisms"
    for one in (homes, home):
        one.mkdir()
    copy_files(checkout)
    settle(checkout)
    ports = free_ports(3)
    with Terminal(home, shell(home, NAME)) as terminal:
        terminal.type(f"cd {checkout} && source .venv/bin/activate")
        for command in read(written("instructor")).on_a_hub:
            text = command.text.replace("/srv", str(srv))
            if text.startswith("jupyterhub"):
                added = ADDED.format(ports=ports, homes=homes, token=TOKEN)
                (srv / "hub" / "jupyterhub_config.py").write_text(configuration() + added, "utf-8")
                process, log = terminal.start(text)
            else:
                code, printed = terminal.type(text)
                assert code == 0, f"{text}\n{printed}"
        made = Hub(srv, homes, ports[0], log)
        try:
            made.until(lambda: json.loads(made.ask("GET", "/hub/api/"))["version"])
            for user in (TEACHER, STUDENT):
                made.start_server(user)
            yield made
        finally:
            terminal.stop(process)


@pytest.fixture(scope="module")
def released(hub):
    """The instructor makes the release in a terminal, and presses Release on the formgrader page."""
    hub.run(TEACHER, "autograder release 09")
    answer = json.loads(hub.ask("POST", f"/user/{TEACHER}/formgrader/api/assignment/{CHAPTER}/release", {}))
    assert answer["success"], answer
    return hub


@pytest.fixture(scope="module")
def handed_in(released):
    """The student presses Fetch, works, and presses Submit on the Assignment List page."""
    about = {"course_id": "mechanisms", "assignment_id": CHAPTER}
    listed = json.loads(released.ask("GET", f"/user/{STUDENT}/assignments?course_id=mechanisms"))
    assert [(one["assignment_id"], one["status"]) for one in listed["value"]] == [(CHAPTER, "released")]
    fetched = json.loads(released.ask("POST", f"/user/{STUDENT}/assignments/fetch", about))
    assert fetched["success"], fetched
    path = released.homes / STUDENT / CHAPTER / NOTEBOOK
    text = path.read_text("utf-8")
    assert "NotImplementedError" in text
    project = Project(course=released.homes / TEACHER / "teaching" / "spring")
    path.write_text(sample_submissions(project, project.chapter("09"))["perfect"], "utf-8")
    submitted = json.loads(released.ask("POST", f"/user/{STUDENT}/assignments/submit", about))
    assert submitted["success"], submitted
    return released


def test_the_instructor_opens_the_formgrader_and_sees_the_release(released):
    page = released.ask("GET", f"/user/{TEACHER}/formgrader")
    assert "<title>" in page and "not be a subdirectory" not in page
    [one] = json.loads(released.ask("GET", f"/user/{TEACHER}/formgrader/api/assignments"))
    assert (one["name"], one["status"]) == (CHAPTER, "released")


def test_the_exchange_lets_nobody_remove_the_course_of_another(released):
    root = released.srv / "exchange"
    assert root.stat().st_mode & 0o7777 == 0o1777
    # Students can put something in, and cannot list what others put in.
    assert (root / "mechanisms" / "inbound").stat().st_mode & 0o777 == 0o733


def test_the_student_sees_the_notebook_and_nothing_of_the_course(handed_in):
    listed = json.loads(handed_in.ask("GET", f"/user/{STUDENT}/api/contents/"))
    assert {one["name"] for one in listed["content"]} == {CHAPTER}
    assert json.loads(handed_in.ask("GET", f"/user/{STUDENT}/formgrader/api/assignments")) == []


def test_the_instructor_collects_and_grades(handed_in, isolation):
    answer = json.loads(handed_in.ask("POST", f"/user/{TEACHER}/formgrader/api/assignment/{CHAPTER}/collect", {}))
    assert answer["success"], answer
    spring = handed_in.homes / TEACHER / "teaching" / "spring"
    assert (spring / "submitted" / NAME / CHAPTER / "timestamp.txt").is_file()
    assert f"{CHAPTER}: 1 graded" in handed_in.run(TEACHER, "autograder grade 09")
    [one] = json.loads(handed_in.ask("GET", f"/user/{TEACHER}/formgrader/api/submissions/{CHAPTER}"))
    full = sum(exercise.points for exercise in Project().chapter("09").exercises)
    assert (one["student"], one["autograded"], one["code_score"]) == (NAME, True, full)


def test_who_is_not_named_cannot_sign_in(hub):
    """The login page as a browser asks it."""
    assert STRANGER not in configuration()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = opener.open(f"{hub.address}/hub/login", timeout=60).read().decode("utf-8")
    [secret] = re.findall(r'name="_xsrf"\s+value="([^"]+)"', page)
    form = urllib.parse.urlencode({"username": STRANGER, "password": "x", "_xsrf": secret}).encode()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        opener.open(f"{hub.address}/hub/login", form, timeout=60)
