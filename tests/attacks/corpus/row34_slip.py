"""Row 34: names that lead out of an archive, or onto each other."""

import io
import tarfile
import warnings
import zipfile

from attack_kit import MARK, Attack
from elsewhere import course_beside, honest_notebook

NAMES = (
    f"../../{MARK}.ipynb", f"../../../../../../tmp/{MARK}.ipynb", f"/tmp/{MARK}.ipynb", f"x/../../../{MARK}.ipynb",
    f"..\\..\\{MARK}.ipynb", f"C:\\{MARK}.ipynb", f"\\\\server\\{MARK}.ipynb", f"./.././../{MARK}.ipynb",
    f"submitted/../{MARK}.ipynb", f"~/{MARK}.ipynb", f"%2e%2e/%2e%2e/{MARK}.ipynb", f"..%c0%af{MARK}.ipynb",
    "../gradebook.db", "../secret", "submitted/../../gradebook.db", "../../results/91_arena/honest.json",
)  # fmt: skip
CLASHES = [f"{folder}/91_arena/{name}.ipynb" for folder in ("twin", "TWIN") for name in ("arena", "arena", "ARENA")]
ODD = ("..", ".", "", " ", "con", "a" * 300, "new\nline", "\x1b[2Jclear", "-rf", "..\u2215..", "\u202egpj", ".git")


def collected(arena):
    """Nothing lands outside the course's own folders; nothing is lost; the honest file arrives as it was."""
    from autograder.archives import collect

    project = course_beside(arena, "row34")
    book = (project.course / "gradebook.db").read_bytes()
    honest = honest_notebook(arena)
    inside = [*NAMES, *CLASHES, *(f"{name}/91_arena/arena.ipynb" for name in ODD), "honest/91_arena/arena.ipynb"]
    zipped, tarred = project.course.parent / "row34.zip", project.course.parent / "row34.tar"
    with zipfile.ZipFile(zipped, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two of the names are the same on purpose
        for number, name in enumerate(inside):
            text = honest if name.startswith("honest") else honest + b" " * number
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, text)
    with tarfile.open(tarred, "w") as archive:
        for number, name in enumerate(inside[:-1]):
            text = honest + b"\n" * number
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    told = collect(project, [zipped, tarred])
    assert project.submission(arena.chapter, "honest").read_bytes() == honest
    assert (project.course / "gradebook.db").read_bytes() == book
    beside = {path.name for path in project.course.parent.iterdir()}
    assert not [name for name in beside if MARK in name]
    allowed = {"source", "release", "submitted", "results"}
    for path in project.course.rglob(f"*{MARK}*"):
        assert path.relative_to(project.course).parts[0] not in allowed - {"submitted"}
    twins = [path.read_bytes() for path in project.course.rglob("*") if path.is_file() and "arena" in path.name.lower()]
    assert sum(text.startswith(honest) for text in twins) >= 1 + 2
    for line in (*told.lines, *told.needs_person):
        assert "\x1b" not in str(line) and "\n" not in str(line)
    assert not (arena.root.parent / "results").exists()
    return f"{len(inside)} names"


ATTACK = Attack(row=34, tries="collect names with .., absolute ones, of Windows, twice, in other case", proof=collected)
