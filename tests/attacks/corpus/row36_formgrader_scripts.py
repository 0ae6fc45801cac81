"""Row 36: scripts in the executed notebook that nbgrader's formgrader shows to the instructor."""

import nbformat
from active_content import active
from attack_kit import Attack, sibling

scripts = sibling("row36_page_scripts")


def as_formgrader(notebook):
    """The page that the formgrader makes of an executed notebook, with the shipped configuration."""
    from nbconvert.exporters import HTMLExporter
    from nbgrader.server_extensions.formgrader import handlers
    from traitlets.config import PyFileConfigLoader

    from autograder.project import REPOSITORY

    config = PyFileConfigLoader("nbgrader_config.py", path=str(REPOSITORY)).load_config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    resources = {"assignment_id": "91_arena", "notebook_id": "arena", "submission_id": "0", "index": 0, "total": 1}
    resources |= {"base_url": "", "student": "x", "last_name": "", "first_name": "", "notebook_path": ""}
    page, _ = HTMLExporter(config=config).from_notebook_node(notebook, resources=resources)
    return page


def harmless(arena, outcome):
    """Nothing of it runs in the formgrader."""
    page = as_formgrader(nbformat.from_dict(outcome.graded.notebook))
    assert "The arena" in page
    assert not active(page, scripts.WORD)


ATTACK = Attack(
    row=36,
    tries="put scripts into outputs and text cells, to run in the formgrader with the instructor's rights",
    first=scripts.HOSTILE_CELLS,
    edit=scripts.written,
    after=harmless,
)
