"""Own: one cell that claims every exercise."""

from attack_kit import RIGHT, Attack
from nbformat.v4 import new_code_cell


def claims_all(notebook, arena):
    """A single cell with every marker and every function, put after a check that fails."""
    markers = "\n".join(f"# exercise: ch91.{name}\n{text}" for name, text in RIGHT.items())
    notebook.cells.append(new_code_cell(markers))
    notebook.cells.append(new_code_cell("# exercise: ch91.double\n# exercise: ch91.double\n# exercise: ch01.relations"))
    return notebook


ATTACK = Attack(
    tries="claim every exercise in one cell, an exercise of another chapter, and none at all",
    answers={"double": "def double(values):\n    return values"},
    edit=claims_all,
    least={"*": 0},
    status=("graded", "partly matched"),
)
