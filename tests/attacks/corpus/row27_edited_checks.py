"""Row 27: edited test cells."""

from attack_kit import Attack


def edited(notebook, arena):
    """The check of one exercise always passes, that of another is gone, a third checks something else."""
    cells = []
    for cell in notebook.cells:
        if cell.source.startswith("check(double)"):
            cell.source = "True  # exercise: ch91.double"
        if cell.source.startswith("check(describe)"):
            continue
        if cell.source.startswith("check(tally)"):
            cell.source = "check = print; check(5)  # exercise: ch91.tally"
        cells.append(cell)
    notebook.cells = cells
    return notebook


ATTACK = Attack(
    row=27,
    tries="replace, delete and rewrite check cells",
    answers={"double": "def double(values):\n    return values"},
    edit=edited,
    honest={"double": 0},
)
