"""Row 33: links and devices in an archive."""

import io
import tarfile
import zipfile

from attack_kit import MARK, Attack
from elsewhere import course_beside, honest_notebook


def collected(arena):
    """Links become no files, nothing is written through one, and the honest file beside them arrives."""
    from autograder.archives import collect

    project = course_beside(arena, "row33")
    path = project.course.parent / "row33.tar.gz"
    honest = honest_notebook(arena)
    with tarfile.open(path, "w:gz") as archive:
        for student, kind, target in (
            ("links-secret", tarfile.SYMTYPE, str(arena.course / "secret")),
            ("links-source", tarfile.SYMTYPE, "../../source/91_arena/arena.ipynb"),
            ("hard-link", tarfile.LNKTYPE, "honest/91_arena/arena.ipynb"),
            ("hard-link-outside", tarfile.LNKTYPE, str(arena.course / "gradebook.db")),
            ("device", tarfile.CHRTYPE, ""),
            ("fifo", tarfile.FIFOTYPE, ""),
        ):
            member = tarfile.TarInfo(f"{student}/91_arena/arena.ipynb")
            member.type, member.linkname = kind, target
            archive.addfile(member)
        through = tarfile.TarInfo("through/91_arena")
        through.type, through.linkname = tarfile.SYMTYPE, str(arena.home)
        archive.addfile(through)
        for name in (f"through/91_arena/{MARK}.ipynb", "honest/91_arena/arena.ipynb"):
            member = tarfile.TarInfo(name)
            member.size = len(honest)
            archive.addfile(member, io.BytesIO(honest))
    zipped = project.course.parent / "row33.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        link = zipfile.ZipInfo("zip-link/91_arena/arena.ipynb")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(arena.course / "secret"))
    told = collect(project, [path, zipped])
    assert project.submission(arena.chapter, "honest").read_bytes() == honest
    assert not list(arena.home.rglob(f"*{MARK}*"))
    for place in project.course.rglob("*"):
        assert not place.is_symlink() and (place.is_file() or place.is_dir())
        if place.is_file() and "submitted" in place.parts:
            assert b"canary" not in place.read_bytes() and place.stat().st_nlink == 1
    assert len(told.needs_person) >= 6
    return f"{len(told.needs_person)} refused"


ATTACK = Attack(row=33, tries="collect links, devices, FIFOs and a file behind a linked folder", proof=collected)
