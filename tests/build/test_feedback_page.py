"""The repairs to nbgrader's feedback page."""

from __future__ import annotations

from autograder.nbg.feedback_page import polished

PAGE = (
    "<!DOCTYPE html>\n<html>\n<head><title>toy</title></head><ol>"
    '<li><a href="#double-check">Test cell</a> (Score: 3.0 / 5.0)</li>'
    '<li><a href="#comment-double">Comment</a></li>'
    '<li><a href="#why">Written response</a> (Score: 0.0 / 4.0)</li>'
    '<li><a href="#somewhere">Test cell</a> (Score: 1.0 / 1.0)</li></ol></html>'
)


def test_exercises_are_named_and_unmarked_text_waits():
    page = polished(PAGE, "A <toy>: feedback for ada", {"double", "double-check", "why"}, {"why"})
    assert '<a href="#double-check"><code>double</code></a> (Score: 3.0 / 5.0)' in page
    assert "Comment on <code>double</code>" in page
    assert "<code>why</code></a> (waits to be marked, 4.0 points)" in page
    assert '<a href="#somewhere">Test cell</a>' in page
    assert '<html lang="en">' in page and "<title>A &lt;toy&gt;: feedback for ada</title><style>" in page


def test_marked_text_shows_its_points():
    assert "<code>why</code></a> (Score: 0.0 / 4.0)" in polished(PAGE, "t", {"why"}, set())


def test_an_unknown_page_is_left_alone():
    assert polished("<p>another page</p>", "t", {"why"}, set()) == "<p>another page</p>"
