"""Ten notebooks as Canvas exports them: three archives, and the gradebook that they belong to.

- Ada is right in all three chapters, Alan makes a known mistake, Grace's notebook lost its metadata;
- Emmy handed in the notebook as it came, Claude stopped half way, Marie saved the page on which one signs in.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import nbformat

from autograder.nbg.identity import exercise_of, role_of
from autograder.project import Project
from autograder.sample_class import sample_submissions
from autograder.specs.base import Chapter, source_as

# Canvas's name of a person, and the number that it gives them.
PEOPLE = {
    "ada": ("lovelaceada", 101),
    "grace": ("hoppergrace", 102),
    "alan": ("turingalan", 103),
    "emmy": ("noetheremmy", 104),
    "claude": ("shannonclaude", 105),
    "marie": ("curiemarie", 106),
}
COLUMNS = "Student,ID,SIS User ID,SIS Login ID,Section,Factual recall (4711),Current Score"
NAMES = {
    "ada": "Lovelace, Ada",
    "grace": "Hopper, Grace",
    "alan": "Turing, Alan",
    "emmy": "Noether, Emmy",
    "claude": "Shannon, Claude",
    "marie": "Curie, Marie",
}


def student_of(person: str) -> str:
    """The name of a person's folder in submitted/."""
    name, number = PEOPLE[person]
    return f"{name}-{number}"


def known_mistake(project: Project) -> tuple[str, str, float]:
    """Alan's: the exercise, the sentence that he reads, and the points that he keeps of that exercise."""
    exercise = project.chapter("02").exercises[0]
    mistake = exercise.mistakes[0]
    return exercise.name, mistake.sentence, mistake.points


def _with_a_mistake(chapter: Chapter, perfect: str) -> str:
    """The perfect notebook with the first known mistake of the chapter's first exercise."""
    first, notebook = chapter.exercises[0], nbformat.reads(perfect, as_version=4)
    [cell] = [cell for cell in notebook.cells if (role_of(cell), exercise_of(cell)) == ("solution", first.name)]
    cell.source = f"# exercise: {chapter.identity(first)}\n{source_as(first.mistakes[0].fn, first.name)}"
    return nbformat.writes(notebook)


def make_downloads(project: Project, folder: Path) -> None:
    """Write the three archives and the gradebook to a folder. The chapters must have been released."""
    folder.mkdir(exist_ok=True)
    handed_in = {
        "02": {
            "ada": ("perfect", "factual_recall.ipynb"),
            "grace": ("lost-metadata", "factual_recall-1.ipynb"),
            "alan": ("one-mistake", "factual_recall (2).ipynb"),
            "emmy": ("blank", "factual_recall.ipynb"),
            "claude": ("half-done", "Untitled.ipynb"),
            "marie": ("web-page", "factual_recall.html"),
        },
        "06": {"ada": ("perfect", "dual_process.ipynb")},
        "09": {"ada": ("perfect", "pretraining_budgets.ipynb"), "emmy": ("blank", "pretraining_budgets.ipynb")},
    }
    for number, those in handed_in.items():
        chapter = project.chapter(number)
        texts = sample_submissions(project, chapter)
        texts["one-mistake"] = _with_a_mistake(chapter, texts["perfect"])
        with zipfile.ZipFile(folder / f"submissions-{number}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for place, (person, (student, file)) in enumerate(those.items()):
                name, ident = PEOPLE[person]
                late = "_LATE" if person == "claude" else ""
                archive.writestr(f"{name}{late}_{ident}_{90000 + place}_{file}", texts[student])
    rows = [COLUMNS, "    Points Possible,,,,,30.00,(read only)"]
    rows += [f'"{NAMES[person]}",{ident},,{name},Spring,,' for person, (name, ident) in PEOPLE.items()]
    (folder / "gradebook.csv").write_text("\r\n".join(rows) + "\r\n")
