"""Row 33: links, FIFOs and hard links in a submission."""

import os

from attack_kit import Attack


def handed_in(arena):
    """Links to the solutions, the secret and the gradebook, as file and as folder; a FIFO; a folder; a hard link."""
    from autograder.pipeline import grade_submission, stop_parents

    course = arena.course
    source = arena.project.source(arena.chapter)
    tricks = {
        "row33-link-to-source": lambda path: path.symlink_to(source),
        "row33-link-to-secret": lambda path: path.symlink_to(course / "secret"),
        "row33-link-upwards": lambda path: path.symlink_to("../../../source/91_arena/arena.ipynb"),
        "row33-hard-link": lambda path: os.link(course / "gradebook.db", path),
        "row33-fifo": os.mkfifo,
        "row33-folder": lambda path: path.mkdir(),
        "row33-device": lambda path: path.symlink_to("/dev/zero"),
        "row33-loop": lambda path: path.symlink_to(path.name),
    }
    for student, trick in tricks.items():
        trick(arena.folder_of(student) / "arena.ipynb")
    (course / "submitted" / "row33-linked-folder").mkdir()
    (course / "submitted" / "row33-linked-folder" / "91_arena").symlink_to(source.parent)
    (course / "submitted" / "row33-linked-student").symlink_to(course / "submitted" / "a-honest-before")
    for student in [*tricks, "row33-linked-folder", "row33-linked-student"]:
        graded = grade_submission(arena.project, arena.chapter, student)
        assert graded.result.status == "cannot be matched", f"{student}: {graded.result.status}"
        assert graded.result.needs_person and "canary" not in str(graded.as_json())
    stop_parents()
    return f"{len(tricks) + 2} refused"


ATTACK = Attack(row=33, tries="hand in links, hard links, a FIFO, a device and a linked folder", proof=handed_in)
