"""Row 31: files that shadow modules."""

from attack_kit import MARK, Attack


def beside(notebook, arena):
    """Hand in modules and start-up files beside the notebook."""
    text = f"import os\nos.system('touch /tmp/{MARK}-shadow')\nprint('shadowed')\n"
    folder = arena.folder_of("row31-shadow-modules")
    for name in ("torch.py", "numpy.py", "json.py", "mechanisms.py", "conftest.py", "sitecustomize.py"):
        (folder / name).write_text(text)
    (folder / "evil.pth").write_text(f"import os; os.system('touch /tmp/{MARK}-pth')\n")
    (folder / "nbgrader_config.py").write_text(text)
    (folder / "mechanisms").mkdir(exist_ok=True)
    (folder / "mechanisms" / "__init__.py").write_text(text)
    return notebook


def not_shadowed(arena, outcome):
    """No module of the submission was imported."""
    assert "shadowed" not in outcome.text_of_outputs()


ATTACK = Attack(
    row=31,
    tries="hand in torch.py, mechanisms/, sitecustomize.py, a .pth file and nbgrader_config.py beside the notebook",
    edit=beside,
    first=("import json, numpy, torch, mechanisms\nfrom mechanisms import check",),
    answers={"double": "def double(values):\n    return [abs(2 * value) for value in values]"},
    honest={"double": 3},
    after=not_shadowed,
)
