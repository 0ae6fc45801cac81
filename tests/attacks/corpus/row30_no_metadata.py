"""Row 30: a notebook without metadata is no silent zero."""

from attack_kit import Attack


def bare(notebook, arena):
    """What an editor leaves that keeps neither metadata nor ids; one exercise's cell is gone."""
    notebook.metadata = type(notebook.metadata)()
    for cell in notebook.cells:
        cell.metadata = type(cell.metadata)()
        cell.pop("id", None)
    notebook.nbformat_minor = 4
    notebook.cells = [cell for cell in notebook.cells if "def tally" not in cell.source]
    return notebook


def said(arena, outcome):
    """The lost exercise is for a person to look at."""
    assert any("tally" in sentence for sentence in outcome.graded.result.needs_person)


ATTACK = Attack(
    row=30,
    tries="drop all metadata and one exercise",
    edit=bare,
    honest={"tally": 0},
    status=("graded", "partly matched"),
    after=said,
)
