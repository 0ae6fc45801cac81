"""What an exercise forbids is found however it is written, and nothing else is."""

from __future__ import annotations

import inspect

import pytest

from autograder.build.source import read_source
from autograder.project import Project
from mechanisms.check.policy import violation

FORBIDDEN = {"torch.linalg.svd": "write the power iteration.", ".svd": "write the power iteration."}
USES = [
    ["import torch\ndef f(x): return torch.linalg.svd(x)"],
    ["import torch as t", "def f(x): return t.linalg.svd(x)"],
    ["from torch.linalg import svd", "def f(x): return svd(x)"],
    ["from torch import linalg as l", "def f(x): return l.svd(x)"],
    ["def f(x):\n    from torch.linalg import svd as s\n    return s(x)"],
    ["import torch", "helper = torch.linalg.svd", "def f(x): return helper(x)"],
    ["import torch", "def g(x): return torch.linalg.svd(x)", "def f(x): return g(x)"],
    ["def f(x): return x.svd()"],
    ["import torch", "def f(x): return getattr(torch.linalg, 'svd')(x)"],
    ["%matplotlib inline\nimport torch", "!ls", "def f(x): return torch.linalg.svd(x)"],
]
DOES_NOT = [
    ["import torch", "def f(x): return torch.linalg.norm(x)"],
    ["import torch", "def f(x): return x", "torch.linalg.svd(torch.eye(2))"],
    ["def f(x):\n    'not svd'\n    svd = 3\n    return svd"],
    ["def f(x) return"],
    [],
]


@pytest.mark.parametrize("sources", USES)
def test_it_is_found(sources):
    sentence = violation("f", sources, FORBIDDEN)
    assert sentence.startswith("f uses ") and sentence.endswith("write the power iteration.")


@pytest.mark.parametrize("sources", DOES_NOT)
def test_honest_code_passes(sources):
    assert violation("f", sources, FORBIDDEN) == ""


def test_no_reference_and_no_variant_breaks_its_own_rules():
    project = Project()
    for chapter in project.chapters.values():
        sources = [cell.text for cell in read_source(project.solution(chapter)) if cell.role in ("setup", "solution")]
        for exercise in chapter.exercises:
            assert violation(exercise.name, sources, exercise.forbidden) == ""
            for variant in exercise.variants:
                own = [*sources, inspect.getsource(variant)]
                assert violation(variant.__name__, own, exercise.forbidden) == ""
