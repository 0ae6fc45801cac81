"""Row 28: copied and reordered cells."""

import copy

from attack_kit import Attack


def copied(notebook, arena):
    """Every cell twice with the same ids and metadata, and the notebook back to front."""
    cells = [copy.deepcopy(cell) for cell in notebook.cells]
    notebook.cells = list(reversed(notebook.cells)) + cells
    return notebook


ATTACK = Attack(
    row=28,
    tries="stop the batch with duplicate grade ids, duplicate cell ids and cells in reverse",
    answers={"double": "def double(values):\n    return [abs(2 * value) for value in values]"},
    edit=copied,
    honest={"double": 3},
)
