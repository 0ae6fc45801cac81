"""Own: a notebook of thousands of cells."""

from attack_kit import Attack
from nbformat.v4 import new_code_cell, new_markdown_cell


def long(notebook, arena):
    """Twelve hundred cells, half of them naming an exercise."""
    notebook.cells += [new_code_cell(f"x = {number}") for number in range(600)]
    notebook.cells += [new_markdown_cell("<!-- exercise: ch91.why_softmax -->" * 3) for _ in range(600)]
    return notebook


ATTACK = Attack(tries="hand in twelve hundred cells, half of them with one identity", edit=long, least={"*": 0})
