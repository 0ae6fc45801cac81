"""The README: its links lead somewhere, its pictures are small, its table has every chapter."""

from __future__ import annotations

import re
import struct

import pytest
import readme_pictures
from tracked import ROOT

from autograder.specs import chapters

README = (ROOT / "README.md").read_text("utf-8")
LOCAL = [link for link in re.findall(r"\]\(([^)\s]+)\)", README) if "://" not in link]
PICTURES = [link for link in LOCAL if link.endswith(".png")]


@pytest.mark.parametrize("link", LOCAL)
def test_a_link_leads_to_a_file(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("link", PICTURES)
def test_a_picture_is_small_and_wide_enough(link):
    data = (ROOT / link).read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert data.startswith(b"\x89PNG") and len(data) < readme_pictures.LARGEST
    assert width >= 1000 and height >= 500


def test_each_picture_can_be_printed_again():
    assert {f"book/_static/pictures/{name}" for name in readme_pictures.MADE} == set(PICTURES)


def test_every_chapter_has_a_line_that_leads_to_its_page():
    pages = {f"book/chapters/{slug}.md" for slug in chapters()}
    assert pages == {link for link in LOCAL if link.startswith("book/chapters/")}


def test_the_two_commands_are_there():
    assert re.search(r"(?m)^make course\b", README) and re.search(r"(?m)^make test\b", README)
