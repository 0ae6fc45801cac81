"""Setting up finds a Python that fits, or says what to install."""

from __future__ import annotations

import environment
import pytest


@pytest.fixture
def interpreters(tmp_path, monkeypatch):
    """Make stand-ins for interpreters that only tell a version, and put them alone on the path."""

    def make(**versions: str) -> None:
        for name, version in versions.items():
            program = tmp_path / name.replace("_", ".")
            program.write_text(f"#!/bin/sh\necho {version}\n")
            program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return make


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_the_tested_versions_are_supported(version):
    assert environment.supported(version)


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14), (4, 0)])
def test_others_are_not(version):
    assert not environment.supported(version)


def test_the_plain_python_is_taken_when_it_fits(interpreters):
    interpreters(python3="3 12", python3_11="3 11")
    assert environment.find_python().endswith("/python3")


def test_another_one_is_taken_when_the_plain_one_is_too_old_or_too_new(interpreters):
    interpreters(python3="3 14", python3_13="3 13")
    assert environment.find_python().endswith("/python3.13")


def test_one_sentence_tells_what_was_found_and_what_to_do(interpreters):
    interpreters(python3="3 9")
    with pytest.raises(environment.SetupError, match=r"3\.11, 3\.12 or 3\.13 \(python3 is 3\.9\).*PYTHON=") as problem:
        environment.find_python()
    assert "\n" not in str(problem.value)


def test_the_environment_is_not_made_from_itself(interpreters, tmp_path, monkeypatch):
    interpreters(python3="3 12")
    monkeypatch.setattr(environment, "inside", lambda name: tmp_path / name)
    with pytest.raises(environment.SetupError, match="no Python was found"):
        environment.find_python()


def test_no_python_at_all(interpreters):
    with pytest.raises(environment.SetupError, match="no Python was found"):
        environment.find_python()


def test_a_program_that_is_no_python_is_passed_over(interpreters):
    interpreters(python3="hello", python3_12="3 12")
    assert environment.find_python().endswith("/python3.12")


def test_a_failing_pip_shows_its_last_words(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'ERROR: no such package'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(environment, "inside", lambda name: program)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LOG", tmp_path / "install.log")
    with pytest.raises(environment.SetupError, match="no such package"):
        environment.pip(["-r", "lock"], 3)


def test_the_fingerprint_follows_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LOCK", tmp_path / "requirements.lock")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "requirements.lock").write_text("a==1\n")
    before = environment.fingerprint()
    (tmp_path / "requirements.lock").write_text("a==2\n")
    assert environment.fingerprint() != before
