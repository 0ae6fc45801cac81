"""Each error that names a page has one, and the pages have one shape."""

from __future__ import annotations

import ast
import re

import pytest
import yaml
from build_book import pages_of
from tracked import ROOT, tracked_files

PAGES = sorted((ROOT / "book" / "errors").glob("*.md"))


def slugs_in_code() -> dict[str, str]:
    """Every literal page= of a call, and every usual_page of a class, and the file it stands in."""
    found = {}
    for path in tracked_files():
        if path.suffix == ".py" and path.parts[0] in ("mechanisms", "autograder"):
            for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
                named = node.targets[0] if isinstance(node, ast.Assign) else None
                if isinstance(named, ast.Name) and named.id == "usual_page":
                    found[node.value.value] = str(path)
                if isinstance(node, ast.Call) and path.parts[0] == "mechanisms":
                    for keyword in node.keywords:
                        if keyword.arg == "page" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                            found[keyword.value.value] = str(path)
    return found


def test_every_page_that_an_error_names_is_there():
    assert len(slugs_in_code()) >= 5
    missing = {slug: path for slug, path in slugs_in_code().items() if not (ROOT / f"book/errors/{slug}.md").exists()}
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_symptom_cause_and_fix(page):
    text = page.read_text("utf-8")
    assert re.findall(r"(?m)^## (.+)$", text) == ["Symptom", "Cause", "Fix"]
    assert all(part.strip() for part in re.split(r"(?m)^#.*$", text)[2:])


def test_every_page_is_in_the_contents_and_in_the_list():
    contents = pages_of(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8")))
    listed = (ROOT / "book" / "errors.md").read_text("utf-8")
    for page in PAGES:
        assert f"book/errors/{page.stem}" in contents
        assert f"{{doc}}`errors/{page.stem}`" in listed
