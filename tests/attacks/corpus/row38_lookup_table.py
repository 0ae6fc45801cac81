"""Row 38: a table of the public answers."""

from attack_kit import Attack


def tabled(notebook, arena):
    """Replace double by a table of what `check` shows: the public cases and their answers."""
    table = {repr(case["inputs"]["values"]): case["expected"] for case in arena.public("double")}
    for cell in notebook.cells:
        if "def double" in cell.source:
            cell.source = (
                f"# exercise: ch91.double\ntable = {table!r}\n"
                "def double(values):\n    return table.get(repr(list(values)), [])"
            )
    return notebook


ATTACK = Attack(row=38, tries="answer from a table of the public cases", edit=tabled, honest={"double": 0})
