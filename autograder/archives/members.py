"""The files of an archive or a folder, one by one, whatever the archive was made to do.

- zip, tar, tar.gz, tar.bz2 and tar.xz are told by what stands in them, and folders are walked;
- an archive inside an archive (a student's own zip) is opened too, two levels deep;
- a name is only ever information: nothing is written where a name says, so none can lead outside;
- links, devices and pipes are named and left alone; a password or damage costs that file or that archive only;
- bytes, entries, sizes and depth are bounded, counted as they are unpacked and not as the archive claims.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from mechanisms.errors import CourseError

MEGABYTE = 1 << 20
CHUNK = MEGABYTE
# No header of a tar archive that people make comes near this.
LONGEST_READ = 4 * MEGABYTE
_ZIP_ENTRY = b"PK\x01\x02"
# Years that a file's time cannot be from: what archives write when they know none.
_FIRST_YEAR = 1990


class BadArchive(CourseError):
    """An archive, or one file in it, cannot be unpacked."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may unfold to: bytes of one file, entries, levels, and bytes in all.

    All of it together may have `least` bytes, or `ratio` times the archive's own size if that is more.
    """

    file_bytes: int = 1024 * MEGABYTE
    entries: int = 50_000
    levels: int = 2
    ratio: int = 200
    least: int = 2048 * MEGABYTE


@dataclass(frozen=True)
class Member:
    """One file. `parts` are the folders above it and its name, the names of archives it lay in included.

    `problem` says why it cannot be had; then `copy` is not to be called. `archives` are the places in `parts` that
    are archives. `modified` is the file's time in seconds since 1970, or None when the archive tells none.
    """

    parts: tuple[str, ...]
    size: int = 0
    modified: float | None = None
    problem: str = ""
    archives: tuple[int, ...] = ()
    _open: Callable[[], BinaryIO] | None = None
    _budget: _Budget | None = None
    _counted_below: bool = False

    def copy(self, target: BinaryIO) -> None:
        """Write the content to `target`. Raises BadArchive when it cannot be read or is too much."""
        size = 0
        with _readable(self._open) as source:
            while True:
                with _faults():
                    data = source.read(CHUNK)
                if not data:
                    return
                size += len(data)
                if not self._counted_below:
                    self._budget.take(len(data))
                if size > self._budget.limits.file_bytes:
                    raise BadArchive(f"it has more than {self._budget.limits.file_bytes // MEGABYTE} MB")
                target.write(data)


class _Budget:
    """What is left of an archive's allowance."""

    def __init__(self, limits: Limits, size: int):
        self.limits = limits
        self.allowed = max(limits.least, limits.ratio * size)
        self.bytes = self.allowed
        self.entries = limits.entries

    def take(self, size: int) -> None:
        self.bytes -= size
        if self.bytes < 0:
            raise TooMuch(f"it unfolds to more than {self.allowed // MEGABYTE:,} MB; the rest of it was left alone")

    def entry(self) -> None:
        self.entries -= 1
        if self.entries < 0:
            raise TooMuch(f"it has more than {self.limits.entries:,} entries; the rest of it was left alone")


class TooMuch(BadArchive):
    """The archive's allowance is used up."""


@contextmanager
def _faults() -> Iterator[None]:
    """Whatever reading an archive raises, as BadArchive."""
    try:
        yield
    except BadArchive:
        raise
    except Exception as error:  # zipfile, tarfile and the decompressors raise a dozen kinds, RuntimeError among them
        raise BadArchive(_in_words(error)) from None


def _in_words(error: Exception) -> str:
    if "password" in str(error).lower() or "encrypted" in str(error).lower():
        return "it is protected by a password"
    if isinstance(error, NotImplementedError):
        return "it is compressed in a way that cannot be read"
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    return "it is damaged"


@contextmanager
def _readable(opening: Callable[[], BinaryIO]) -> Iterator[BinaryIO]:
    with _faults():
        source = opening()
    try:
        yield source
    finally:
        source.close()


def members(source: Path, limits: Limits | None = None) -> Iterator[Member]:
    """The files of a folder, an archive, or one file by itself, each to be copied before the next is asked for.

    What is wrong with the archive as a whole comes as a last Member with a `problem`. Raises BadArchive when
    `source` is not there or is a link to nowhere.
    """
    limits = limits or Limits()
    if not source.exists():
        raise BadArchive(f"{source} is not there.")
    if source.is_dir():
        yield from _below(source, _Budget(limits, _size_of_archives(source)))
        return
    budget = _Budget(limits, source.stat().st_size)
    kind = archive_kind(source)
    if kind:
        try:
            yield from _unpacked(source, kind, (), (), budget, 0)
        except BadArchive as error:
            yield Member((source.name,), problem=str(error))
    else:
        yield _plain(source, (source.name,), budget)


def _size_of_archives(folder: Path) -> int:
    try:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return 0


def archive_kind(path: Path) -> str:
    """ "zip" or "tar" for what can be opened as one, the name of another kind of archive, or an empty string."""
    with open(path, "rb") as file:
        start = file.read(512)
    for magic, name in ((b"Rar!", "rar"), (b"7z\xbc\xaf\x27\x1c", "7z")):
        if start.startswith(magic):
            return name
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    compressed = start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"))
    return "tar" if compressed or start[257:262] == b"ustar" else ""


def _plain(path: Path, parts: tuple[str, ...], budget: _Budget) -> Member:
    status = path.lstat()
    problem = "" if stat.S_ISREG(status.st_mode) else _what(status.st_mode)
    return Member(parts, status.st_size, status.st_mtime, problem, (), _file_opening(path), budget)


def _file_opening(path: Path) -> Callable[[], BinaryIO]:
    return lambda: _open_file(path)


def _open_file(path: Path) -> BinaryIO:
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags), "rb")


def _what(mode: int) -> str:
    return "it is a link, which is never followed" if stat.S_ISLNK(mode) else "it is no plain file"


def _below(folder: Path, budget: _Budget) -> Iterator[Member]:
    """The files below a folder; what is hidden (a name that starts with a dot) is passed over."""
    for here, folders, names in os.walk(folder):
        above = Path(here).relative_to(folder).parts
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not passed_over(name) and name not in links)
        for name in sorted([*names, *links]):
            if passed_over(name):
                continue
            path, parts = Path(here) / name, (*above, name)
            try:
                budget.entry()
                member = _plain(path, parts, budget)
                kind = "" if member.problem else archive_kind(path)
                if kind:
                    yield from _unpacked(path, kind, parts, (len(parts) - 1,), budget, 1)
                else:
                    yield member
            except TooMuch as error:
                yield Member(parts, problem=str(error))
                return
            except (BadArchive, OSError) as error:
                words = str(error) if isinstance(error, BadArchive) else "it cannot be read"
                yield Member(parts, problem=words)


def passed_over(name: str) -> bool:
    """Whether a name is one that systems leave behind and nobody handed in."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _unpacked(
    path: Path, kind: str, above: tuple[str, ...], archives: tuple[int, ...], budget: _Budget, level: int
) -> Iterator[Member]:
    if kind not in ("zip", "tar"):
        raise BadArchive(f"it is a {kind} archive: unpack it and collect the folder, or make a zip of it")
    if level > budget.limits.levels:
        raise BadArchive("it is an archive in an archive in an archive; unpack it by hand")
    for member in _zip_members(path, budget) if kind == "zip" else _tar_members(path, budget):
        if any(passed_over(part) for part in member.parts):
            continue
        parts = (*above, *member.parts)
        whole = replace(member, parts=parts, archives=archives)
        if whole.problem or not parts[-1].lower().endswith((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")):
            yield whole
            continue
        with tempfile.TemporaryDirectory(prefix="collect-") as folder:
            inner = Path(folder) / "inner"
            try:
                with open(inner, "wb") as file:
                    whole.copy(file)
                nested = archive_kind(inner)
                if nested:
                    yield from _unpacked(inner, nested, parts, (*archives, len(parts) - 1), budget, level + 1)
                else:
                    yield Member(parts, whole.size, whole.modified, "", archives, _file_opening(inner), budget)
            except TooMuch:
                raise
            except BadArchive as error:
                yield Member(parts, problem=str(error), archives=archives)


def _parts(name: str) -> tuple[str, ...]:
    """The folders and the name, without what could lead anywhere (roots, drives, dots)."""
    pieces = name.replace("\\", "/").split("/")
    if pieces and len(pieces[0]) == 2 and pieces[0][1] == ":":
        pieces = pieces[1:]
    return tuple(piece for piece in pieces if piece.strip() not in ("", ".", ".."))


def _zip_members(path: Path, budget: _Budget) -> Iterator[Member]:
    with open(path, "rb") as file:
        # Counted before zipfile makes an object of each.
        count, tail = 0, b""
        while data := file.read(CHUNK):
            count += (tail + data).count(_ZIP_ENTRY)
            tail = data[-3:]
        if count > budget.limits.entries:
            raise TooMuch(f"it has more than {budget.limits.entries:,} entries")
    with _faults():
        archive = zipfile.ZipFile(path)
    with archive:
        for info in archive.infolist():
            budget.entry()
            parts = _parts(_zip_name(info))
            if info.is_dir() or not parts:
                continue
            mode = info.external_attr >> 16
            # Archives made on Windows tell no kind of file.
            problem = _what(mode) if stat.S_IFMT(mode) and not stat.S_ISREG(mode) else ""
            if info.flag_bits & 1:
                problem = problem or "it is protected by a password"
            opening = _zip_opening(archive, info)
            yield Member(parts, info.file_size, _zip_time(info), problem, (), opening, budget)


def _zip_opening(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: archive.open(info)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name; where the archive does not say that it is UTF-8, it mostly is all the same."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _zip_time(info: zipfile.ZipInfo) -> float | None:
    try:
        moment = datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() if moment.year >= _FIRST_YEAR else None


def _tar_members(path: Path, budget: _Budget) -> Iterator[Member]:
    with _faults():
        stream = _decompressed(path)
    metered = _Metered(stream, budget)
    with stream, _open_tar(metered) as archive:
        while True:
            with _faults():
                info = archive.next()
            if info is None:
                # tarfile is silent about an archive that is cut off; a whole one ends with empty blocks.
                with _faults():
                    metered.seek(archive.offset)
                    if metered.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                        raise BadArchive("it ends too early: what came after this is missing")
                return
            # tarfile remembers every entry it has seen.
            archive.members = []
            budget.entry()
            parts = _parts(info.name)
            if info.isdir() or not parts:
                continue
            problem = "" if info.isreg() else "it is a link or a device, which is never unpacked"
            modified = float(info.mtime) if 631152000 < info.mtime < 4102444800 else None
            yield Member(parts, info.size, modified, problem, (), _tar_opening(archive, info), budget, True)


@contextmanager
def _open_tar(stream: _Metered) -> Iterator[tarfile.TarFile]:
    with _faults():
        archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - closed below
    with archive:
        yield archive


def _tar_opening(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], BinaryIO]:
    def opening() -> BinaryIO:
        source = archive.extractfile(info)
        if source is None:
            raise BadArchive("it is damaged")
        return source

    return opening


def _decompressed(path: Path) -> BinaryIO:
    with open(path, "rb") as file:
        start = file.read(6)
    opener = gzip.open if start.startswith(b"\x1f\x8b") else bz2.open if start.startswith(b"BZh") else None
    opener = lzma.open if start == b"\xfd7zXZ\x00" else opener or open
    return opener(path, "rb")


class _Metered:
    """A stream for tarfile: every byte that is unpacked counts once, and no header is read that is beyond reason."""

    def __init__(self, stream: BinaryIO, budget: _Budget):
        self._stream = stream
        self._budget = budget
        self._counted = 0

    def _count_to(self, place: int) -> None:
        if place > self._counted:
            self._budget.take(place - self._counted)
            self._counted = place

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > LONGEST_READ:
            raise BadArchive("it is damaged")
        data = self._stream.read(size)
        self._count_to(self._stream.tell())
        return data

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise BadArchive("it is damaged")
        # In a compressed stream this unpacks all that lies between.
        self._count_to(place)
        return self._stream.seek(place)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """The stream is closed by whoever opened it."""

    @property
    def closed(self) -> bool:
        return self._stream.closed
