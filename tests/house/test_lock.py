"""requirements.lock installs the same packages everywhere."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from portable_lock import HEADING, portable
from tracked import ROOT

# Debian 12's python3, and the first and the newest that the course names.
PYTHONS = ("3.11.2", "3.12.0", "3.13.0")


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {requirement.name.lower(): requirement for requirement in found}


def test_it_holds_exact_versions_and_nothing_else():
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*( ; .+)?", line), line


def test_torch_is_pinned_without_a_build():
    assert str(pins()["torch"].specifier) == "==2.13.0"
    assert str(pins()["torchvision"].specifier) == "==0.28.0"


def test_it_names_no_library_of_one_build():
    assert not [name for name in pins() if name.startswith(("nvidia", "cuda", "triton"))]


def test_it_satisfies_every_dependency_that_pyproject_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
    locked = {re.sub(r"[-_.]+", "-", name): pin for name, pin in pins().items()}
    for requirement in map(Requirement, wanted):
        pin = locked[re.sub(r"[-_.]+", "-", requirement.name.lower())]
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_students_get_lower_bounds_only():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in map(Requirement, project["dependencies"]):
        assert {clause.operator for clause in requirement.specifier} == {">="}, requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_every_locked_version_allows_each_python(python):
    from packaging.specifiers import SpecifierSet

    refused = []
    for name, pin in pins().items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # it has a marker for another Python
        wanted = found.metadata.get("Requires-Python") or ""
        if pin.specifier.contains(found.version) and not SpecifierSet(wanted).contains(python):
            refused.append(f"{name} {found.version} wants Python {wanted}")
    assert not refused


def test_a_fresh_lock_becomes_portable():
    fresh = """\
--find-links ./wheels
numpy==2.4.6
    # via torch
nvidia-cublas-cu12==12.1 ; platform_system == "Linux"
pip==26.3
pip-tools==7.6
torch==2.13.0+cpu
tzdata==2026.6 ; python_version < "3.12"
"""
    kept = ["numpy==2.4.6", "pip-tools==7.6", "torch==2.13.0", 'tzdata==2026.6 ; python_version < "3.12"']
    assert portable(fresh) == HEADING + "\n".join(kept) + "\n"
