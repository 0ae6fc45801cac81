"""What an archive can be made to do, and what comes of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.archives.members import BadArchive, Limits, members

SMALL = Limits(file_bytes=200_000, entries=50, levels=2, ratio=1, least=500_000)


def unpacked(source, limits=SMALL):
    """Content by name, and problems by name."""
    contents, problems = {}, {}
    for member in members(source, limits):
        name = "/".join(member.parts)
        if member.problem:
            problems[name] = member.problem
            continue
        target = io.BytesIO()
        try:
            member.copy(target)
        except BadArchive as error:
            problems[name] = str(error)
        else:
            contents[name] = target.getvalue()
    return contents, problems


def zipped(path, entries, compression=zipfile.ZIP_DEFLATED):
    """A zip; `entries` are (name or ZipInfo, content)."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def tarred(path, entries, mode="w:gz"):
    """A tar; `entries` are (TarInfo or name, content)."""
    with tarfile.open(path, mode) as archive:
        for info, content in entries:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            if info.type == tarfile.REGTYPE:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def special(kind, name="x", target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_every_kind_by_what_stands_in_it_whatever_it_is_called(tmp_path, mode):
    entries = [("jane/a.ipynb", b"A" * 3_000), ("bob/a.ipynb", b"B")]
    path = tmp_path / "download.bin"
    made = zipped(path, entries) if mode == "zip" else tarred(path, entries, mode)
    assert unpacked(made) == ({"jane/a.ipynb": b"A" * 3_000, "bob/a.ipynb": b"B"}, {})


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../evil.ipynb", "evil.ipynb"),
        ("/etc/evil.ipynb", "etc/evil.ipynb"),
        ("..\\..\\evil.ipynb", "evil.ipynb"),
        ("C:\\Users\\evil.ipynb", "Users/evil.ipynb"),
        ("a/./b/../c.ipynb", "a/b/c.ipynb"),
        ("a//b.ipynb", "a/b.ipynb"),
    ],
)
def test_names_lead_nowhere(tmp_path, name, shown):
    assert unpacked(zipped(tmp_path / "a.zip", [(name, b"x")])) == ({shown: b"x"}, {})
    assert unpacked(tarred(tmp_path / "a.tgz", [(name, b"x")])) == ({shown: b"x"}, {})


def test_links_and_devices_in_a_tar_are_named_and_left_alone(tmp_path):
    kinds = {"sym": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE,
             "pipe": tarfile.FIFOTYPE}  # fmt: skip
    entries = [("ok.ipynb", b"x"), *[(special(kind, name), b"") for name, kind in kinds.items()], ("z.ipynb", b"z")]
    contents, problems = unpacked(tarred(tmp_path / "a.tar", entries, "w"))
    assert contents == {"ok.ipynb": b"x", "z.ipynb": b"z"} and set(problems) == set(kinds)


def test_a_link_in_a_zip_is_no_file(tmp_path):
    info = zipfile.ZipInfo("link.ipynb")
    info.external_attr = 0o120777 << 16
    contents, problems = unpacked(zipped(tmp_path / "a.zip", [(info, b"/etc/passwd")]))
    assert contents == {} and "link" in problems["link.ipynb"]


def test_links_and_pipes_in_a_folder(tmp_path):
    folder = tmp_path / "in"
    (folder / "jane").mkdir(parents=True)
    (folder / "jane" / "a.ipynb").write_bytes(b"x")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.ipynb").write_bytes(b"secret")
    (folder / "jane" / "s.ipynb").symlink_to(tmp_path / "secret" / "s.ipynb")
    (folder / "bob").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "jane" / "pipe.ipynb")
    contents, problems = unpacked(folder)
    assert contents == {"jane/a.ipynb": b"x"}
    assert set(problems) == {"jane/s.ipynb", "bob", "jane/pipe.ipynb"}


def test_one_file_by_itself_and_nothing_at_all(tmp_path):
    (tmp_path / "a.ipynb").write_bytes(b"{}")
    assert unpacked(tmp_path / "a.ipynb") == ({"a.ipynb": b"{}"}, {})
    with pytest.raises(BadArchive, match="is not there"):
        list(members(tmp_path / "no.zip"))


@pytest.mark.parametrize("kind", ["zip", "gz", "bz2", "xz"])
def test_a_bomb_of_bytes_stops_at_the_limit(tmp_path, kind):
    zeros = bytes(1_000_000)
    if kind == "zip":
        path = zipped(tmp_path / "a.zip", [(f"{n}.ipynb", zeros[:150_000]) for n in range(9)])
    else:
        path = tarred(tmp_path / f"a.tar.{kind}", [(f"{n}.ipynb", zeros[:150_000]) for n in range(9)], f"w:{kind}")
    contents, problems = unpacked(path)
    assert 1 <= len(contents) <= 3 and sum(map(len, contents.values())) <= 500_000
    assert any("unfolds to more than" in problem for problem in problems.values())


def test_a_file_that_is_larger_than_it_says(tmp_path):
    path = zipped(tmp_path / "a.zip", [("a.ipynb", bytes(300_000)), ("b.ipynb", b"fine")])
    data = path.read_bytes().replace(struct.pack("<L", 300_000), struct.pack("<L", 10))
    path.write_bytes(data)
    contents, problems = unpacked(path)
    assert contents == {"b.ipynb": b"fine"} and set(problems) == {"a.ipynb"}


def test_one_file_beyond_the_limit_costs_itself(tmp_path):
    path = zipped(tmp_path / "a.zip", [("a.ipynb", bytes(300_000)), ("b.ipynb", b"fine")])
    contents, problems = unpacked(path)
    assert contents == {"b.ipynb": b"fine"} and "it has more than" in problems["a.ipynb"]


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_bomb_of_entries(tmp_path, make):
    path = make(tmp_path / "a", [(f"{n}.ipynb", b"") for n in range(60)])
    contents, problems = unpacked(path)
    assert len(contents) <= 50 and "more than 50 entries" in next(iter(problems.values()))


def test_skipped_content_counts_too(tmp_path):
    """A tar whose entries nobody wants still has to be unpacked to get past them."""
    path = tarred(tmp_path / "a.tgz", [("big.bin", bytes(5_000_000)), ("a.ipynb", b"x")])
    problems = [member.problem for member in members(path, SMALL)]
    assert any("unfolds to more than" in problem for problem in problems)


def test_a_header_that_asks_for_gigabytes(tmp_path):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 3_000_000_000
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(100_000)))
    assert unpacked(path) == ({}, {"a.tgz": "it is damaged"})


def nested(levels):
    content = b"bottom"
    name = "toy.ipynb"
    for level in range(levels):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr(name, content)
        content, name = target.getvalue(), f"level{level}.zip"
    return content


def test_archives_in_archives_two_levels_deep(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(nested(3))
    assert list(unpacked(path)[0].values()) == [b"bottom"]
    path.write_bytes(nested(4))
    contents, problems = unpacked(path)
    assert contents == {} and "archive in an archive" in next(iter(problems.values()))


def test_a_nested_bomb_uses_up_the_same_allowance(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.ipynb", bytes(150_000))
    path = zipped(tmp_path / "a.zip", [(f"{n}_1_2_x.zip", inner.getvalue()) for n in range(10)])
    contents, problems = unpacked(path)
    assert sum(map(len, contents.values())) <= 500_000
    assert "unfolds to more than" in next(iter(problems.values()))


def test_a_password_costs_the_file(tmp_path):
    path = zipped(tmp_path / "a.zip", [("a.ipynb", b"secret"), ("b.ipynb", b"open")])
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    contents, problems = unpacked(path)
    assert contents == {"b.ipynb": b"open"} and problems == {"a.ipynb": "it is protected by a password"}


def test_damage_costs_the_file(tmp_path):
    path = zipped(tmp_path / "a.zip", [("a.ipynb", b"A" * 5_000), ("b.ipynb", b"open")], zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"A" * 5_000, b"A" * 4_999 + b"B"))
    assert unpacked(path) == ({"b.ipynb": b"open"}, {"a.ipynb": "it is damaged"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 and nothing else", "it is damaged"),
        (gzip.compress(b"no tar at all" * 100, mtime=0), "it is damaged"),
        (gzip.compress(random.Random(1).randbytes(2_000), mtime=0)[:90], "it is damaged"),
        (bz2.compress(b"x"), "it is damaged"),
        (lzma.compress(b"x" * 2_000)[:40], "it is damaged"),
        (b"Rar!\x1a\x07\x01\x00", "it is a rar archive"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "it is a 7z archive"),
    ],
    ids=["zip", "gzip of no tar", "half a gzip", "bzip2", "half an xz", "rar", "7z"],
)
def test_what_cannot_be_opened_is_said(tmp_path, content, words):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    contents, problems = unpacked(path)
    assert contents == {} and problems["a.zip"].startswith(words)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_that_was_cut_off_says_that_something_is_missing(tmp_path, mode):
    chance = random.Random(2)
    path = tarred(tmp_path / "a", [(f"{n}.ipynb", chance.randbytes(512)) for n in range(6)], mode)
    path.write_bytes(path.read_bytes()[: 1024 * 3 if mode == "w" else 2_200])
    contents, problems = unpacked(path)
    assert 2 <= len(contents) < 6 and len(problems) >= 1


def test_the_same_name_twice_gives_both(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "a.zip", [("a.ipynb", b"1"), ("a.ipynb", b"2")])
    assert [member.parts for member in members(path, SMALL)] == [("a.ipynb",)] * 2


def test_names_that_are_utf_8_without_saying_so(tmp_path):
    path = zipped(tmp_path / "a.zip", [("Zoë.ipynb", b"x")])
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        data[data.index(magic) + offset] &= ~0x08
    path.write_bytes(data)
    assert unpacked(path)[0] == {"Zoë.ipynb": b"x"}


def test_what_systems_leave_behind_is_passed_over(tmp_path):
    names = ["__MACOSX/jane/._a.ipynb", "jane/.ipynb_checkpoints/a.ipynb", ".DS_Store", "Thumbs.db", "jane/a.ipynb"]
    assert list(unpacked(zipped(tmp_path / "a.zip", [(name, b"x") for name in names]))[0]) == ["jane/a.ipynb"]


@pytest.mark.parametrize("kind", ["zip", "tar", "gz"])
def test_fuzz_a_damaged_archive_is_words_and_not_a_traceback(tmp_path, kind):
    chance = random.Random(f"archive-{kind}")
    entries = [(f"s{n}/toy.ipynb", chance.randbytes(400)) for n in range(5)]
    path = tmp_path / "a"
    good = zipped(path, entries) if kind == "zip" else tarred(path, entries, {"tar": "w", "gz": "w:gz"}[kind])
    good = good.read_bytes()
    seen = set()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            what = chance.randrange(3)
            if what == 0:
                data[at] ^= 1 << chance.randrange(8)
            elif what == 1:
                del data[at : at + chance.choice([1, 20, 600])]
            else:
                data[at:at] = chance.randbytes(chance.choice([1, 20, 600]))
            if len(data) < 10:
                break
        path.write_bytes(data)
        contents, problems = unpacked(path)
        seen.add((bool(contents), bool(problems)))
        assert all(isinstance(words, str) and words for words in problems.values())
    assert len(seen) > 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=60).filter(lambda name: "\x00" not in name),
            st.binary(max_size=50),
        ),
        max_size=8,
    ),
    st.booleans(),
)
def test_any_names_come_out_as_harmless_parts(tmp_path_factory, entries, as_zip):
    path = tmp_path_factory.mktemp("names") / "a"
    entries = [(name.encode("utf-8", "replace").decode(), content) for name, content in entries]
    if as_zip:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zipped(path, entries)
    else:
        tarred(path, entries, "w")
    for member in members(path, SMALL):
        assert member.parts
        assert not any(part in ("", ".", "..") or "/" in part or "\\" in part for part in member.parts)
