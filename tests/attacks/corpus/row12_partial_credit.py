"""Row 12: forged partial credit."""

from attack_kit import Attack
from nbformat.v4 import new_output


def claims(notebook, arena):
    """Full marks in the stored output of every check cell, and more marks than there are."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("check("):
            cell.outputs = [new_output("execute_result", data={"text/plain": "5.0"}, execution_count=1)]
    return notebook


ATTACK = Attack(
    row=12,
    tries="leave points as the last value of a cell, in stored outputs and through the display hook",
    first=("attempt(lambda: get_ipython().displayhook(5.0))\n100.0",),
    answers={"double": "def double(values):\n    sys.displayhook(5.0)\n    return 5.0\n5.0"},
    last=("5.0",),
    edit=claims,
    honest={"double": 0},
)
