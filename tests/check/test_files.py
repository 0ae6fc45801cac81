"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from mechanisms import files
from mechanisms.errors import CannotWrite, CourseError, DiskFull


def test_it_writes_text_and_bytes(tmp_path):
    assert files.atomic_write(tmp_path / "a", "ä\r\n").read_bytes() == "ä\r\n".encode()
    assert files.atomic_write(str(tmp_path / "a"), b"\x00").read_bytes() == b"\x00"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("stage", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, CannotWrite)]
)
def test_a_failure_loses_nothing(tmp_path, monkeypatch, stage, code, kind):
    target = files.atomic_write(tmp_path / "a", "old")

    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, stage, fail)
    with pytest.raises(kind) as caught:
        files.atomic_write(target, "new")
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a"]
    assert isinstance(caught.value, CourseError) and str(target) in str(caught.value)


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(CannotWrite, match="could not be written: No such file or directory"):
        files.atomic_write(tmp_path / "absent" / "a", "x")


def test_permissions_and_links_survive(tmp_path):
    target = files.atomic_write(tmp_path / "a", "old")
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    files.atomic_write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_an_error_names_its_page(monkeypatch):
    error = CourseError("No.", page="disk-full")
    monkeypatch.setenv("MECHANISMS_BOOK", "")
    assert error._render_traceback_() == ["No. (More: 'disk-full' in the book's list of errors.)"]
    monkeypatch.setenv("MECHANISMS_BOOK", "https://example.org/")
    assert "https://example.org/book/errors/disk-full.html" in str(error)
