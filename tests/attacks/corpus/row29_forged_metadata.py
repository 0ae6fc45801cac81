"""Row 29: forged metadata."""

from attack_kit import Attack


def forged(notebook, arena):
    """More points, no lock, other checksums, another kernel, roles that grading leaves out."""
    for cell in notebook.cells:
        grading = cell.metadata.get("nbgrader")
        if grading and grading.get("grade"):
            grading.update(points=1000, checksum="0" * 32, locked=False, solution=True, task=True, schema_version=99)
        if cell.source.startswith("check(double)"):
            cell.metadata["nbgrader"] = {"grade": False, "grade_id": "x", "points": -5, "schema_version": "no"}
            cell.metadata["mechanisms"] = {"role": "demo", "exercise": ["double"]}
    notebook.metadata["kernelspec"] = {"name": "bash", "display_name": "x", "language": "bash"}
    notebook.metadata["mechanisms"] = {"chapter": "../../..", "lost": {"double": "gone"}, "notices": [7], "flagged": 3}
    return notebook


ATTACK = Attack(
    row=29,
    tries="claim 1000 points, no locks, wrong checksums, another kernel and another chapter in the metadata",
    answers={"double": "def double(values):\n    return values"},
    edit=forged,
    honest={"double": 0},
)
