"""Row 35: archives and notebooks that unfold."""

import gzip
import io
import json
import tarfile
import zipfile

from attack_kit import Attack
from elsewhere import course_beside, honest_notebook

MEGABYTE = 1 << 20


def zipped(parts):
    """A zip archive of the parts as bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return stream.getvalue()


def bombs(arena):
    """Every bomb by its file name, with an honest submission in front of it."""
    honest = {"honest/91_arena/arena.ipynb": honest_notebook(arena)}
    zeros = bytes(120 * MEGABYTE)
    nested = zipped({"bomb/91_arena/arena.ipynb": zeros})
    for level in range(6):
        nested = zipped({f"bomb{level}/inner.zip": nested})
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in {**honest, "bomb/91_arena/arena.ipynb": zeros}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    lying = bytearray(zipped({**honest, "bomb/91_arena/arena.ipynb": zeros}))
    place = lying.rfind(b"PK\x01\x02")
    lying[place + 24 : place + 28] = (10).to_bytes(4, "little")
    return {
        "one-file.zip": zipped({**honest, "bomb/91_arena/arena.ipynb": zeros}),
        "nested.zip": zipped({**honest, "bomb/inner.zip": nested}),
        "many.zip": zipped({**honest, **{f"s{number}/91_arena/x{number}.txt": b"" for number in range(9000)}}),
        "deep.zip": zipped({**honest, "d/" * 3000 + "arena.ipynb": b"{}"}),
        "zeros.tar.gz": stream.getvalue(),
        "lying.zip": bytes(lying),
        "cut.tar.gz": stream.getvalue()[:2000],
        "gzip.gz": gzip.compress(b"x" * len(zeros), 1),
        "garbage.zip": b"PK\x05\x06" + bytes(18),
    }


def collected(arena):
    """Bounded by the limits, each bomb is one line for a person, and the honest file in front of it arrives."""
    from autograder.archives import collect
    from autograder.archives.members import Limits
    from autograder.nbg.intake import read_notebook
    from mechanisms.errors import BadNotebook, CourseError

    limits = Limits(file_bytes=20 * MEGABYTE, entries=5000, levels=2, ratio=20, least=60 * MEGABYTE)
    project = course_beside(arena, "row35")
    for name, content in bombs(arena).items():
        path = project.course.parent / f"row35-{name}"
        path.write_bytes(content)
        try:
            told = collect(project, [path], arena.chapter, limits=limits)
            assert told.needs_person or name in ("deep.zip", "garbage.zip"), name
        except CourseError:
            assert name in ("garbage.zip", "gzip.gz", "cut.tar.gz"), name
        size = sum(place.stat().st_size for place in project.course.rglob("*") if place.is_file())
        assert size < 100 * MEGABYTE, f"{name}: {size}"
        if name not in ("garbage.zip", "gzip.gz", "cut.tar.gz"):
            assert project.submission(arena.chapter, "honest").exists(), name
    texts = {
        "deep": "[" * 3_000_000,
        "deep-cells": '{"cells": ' + '[{"cells": ' * 100_000,
        "many-cells": json.dumps({"cells": [{"cell_type": "code", "source": "x"}] * 200_000}),
        "long-number": '{"cells": [{"cell_type": "code", "source": ' + "9" * 3_000_000 + "}]}",
        "same-key": "{" + '"cells": [], ' * 200_000 + '"cells": []}',
    }
    for name, text in texts.items():
        path = arena.root.parent / f"row35-{name}.ipynb"
        path.write_text(text)
        try:
            read_notebook(path)
        except BadNotebook as error:
            assert len(str(error)) < 1000
    return f"{len(texts) + 9} bounded"


ATTACK = Attack(
    row=35, tries="collect zip bombs, nested archives, many entries, false sizes, deep JSON", proof=collected
)
