"""Row 41: answers taken from the released notebook."""

import copy
import json

from attack_kit import Attack
from nbformat.v4 import new_output


def released(arena):
    """The release holds no output, no expected value and no line of the solution, and the scan would say so."""
    from autograder.build.exercises import expected_values
    from autograder.build.leaks import scan
    from autograder.build.source import build_notebook
    from mechanisms.check import codec

    chapter, project = arena.chapter, arena.project
    source = build_notebook(project.solution(chapter), chapter)
    expected = expected_values(codec.read(project.snapshots / chapter.slug))
    assert not any(cell.get("outputs") or cell.get("attachments") for cell in arena.release.cells)
    assert scan(arena.release, source, expected) == []
    assert "canary" not in json.dumps(arena.release)
    value = arena.public("describe")[0]["expected"]["mean"]
    plants = [
        lambda cell: cell.update(outputs=[new_output("stream", text="[1.0]")]),
        lambda cell: cell.update(source=f"{cell.source}\n# {value}"),
        lambda cell: cell.update(source=f"{cell.source}\n    doubled_values = [2 * value for value in values]"),
        lambda cell: cell.update(attachments={"answer.png": {"image/png": "aGk="}}),
    ]
    for plant in plants:
        planted = copy.deepcopy(arena.release)
        plant(next(cell for cell in planted.cells if cell.cell_type == "code"))
        assert scan(planted, source, expected)
    return f"{len(plants)} plants found"


ATTACK = Attack(row=41, tries="copy answers from outputs and text that the release still holds", proof=released)
