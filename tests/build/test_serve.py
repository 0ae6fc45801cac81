"""The local server shows three things and nothing else."""

from __future__ import annotations

import http.client
import threading

import pytest

from autograder.serve import CourseServer
from mechanisms.errors import UsageError


@pytest.fixture(scope="module")
def server(toy):
    """A server on a free port, with a book page, a feedback page, a report and a secret."""
    for path, text in (
        (toy.book / "index.html", "<h1>Book</h1>"),
        (toy.book / "chapters" / "index.html", "<h1>Chapters</h1>"),
        (toy.course / "feedback" / "ada" / "90_toy" / "toy.html", "<h1>Feedback</h1>"),
        (toy.course / "feedback" / "ada" / "90_toy" / "copied.html", "hidden away"),
        (toy.course / "report.html", "<h1>Report</h1>"),
        (toy.course / "secret", "hidden away"),
        (toy.root / "outside.html", "hidden away"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (toy.book / "link.html").symlink_to(toy.course / "secret")
    with CourseServer(toy, 0) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def get(server, path, host=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_address[1]}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, answer.headers


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "/class/feedback/ada/90_toy/toy.html"),
        ("/book/", "Book"),
        ("/book/index.html", "Book"),
        ("/book/chapters/", "Chapters"),
        ("/class/", "Report"),
        ("/class/report.html", "Report"),
        ("/class/feedback/ada/90_toy/toy.html", "Feedback"),
    ],
)
def test_what_is_served(server, path, text):
    status, body, headers = get(server, path)
    assert status == 200 and text in body and headers["X-Content-Type-Options"] == "nosniff"


def test_feedback_is_sandboxed(server):
    headers = get(server, "/class/feedback/ada/90_toy/toy.html")[2]
    assert headers["Content-Security-Policy"].startswith("sandbox") and "allow-same-origin" not in str(headers)


@pytest.mark.parametrize(
    "path",
    [
        "/secret", "/class/secret", "/class/gradebook.db", "/class/feedback/../secret", "/book/../outside.html",
        "/book/%2e%2e/%2e%2e/outside.html", "/class/feedback/..%2fsecret", "/book/link.html", "/book//etc/passwd",
        "/book/..\\outside.html", "/book/%00", "/class/feedback/ada/", "/nothing",
        "/class/feedback/ada/90_toy/copied.html", "/class/feedback/ada/91_other/toy.html", "/class/summary.html",
    ],
)  # fmt: skip
def test_what_is_not_served(server, path):
    status, body, _ = get(server, path)
    assert status == 404 and "hidden away" not in body


def test_another_host_name_is_refused(server):
    assert get(server, "/", host="evil.example")[0] == 403
    assert get(server, "/", host="localhost:1")[0] == 200


def test_redirects_stay_here(server):
    status, _, headers = get(server, "/book/chapters")
    assert (status, headers["Location"]) == (302, "/book/chapters/")
    assert get(server, "/book")[2]["Location"] == "/book/"


def test_head_has_no_body(server):
    status, body, headers = get(server, "/book/", method="HEAD")
    assert status == 200 and body == "" and int(headers["Content-Length"]) > 0


def test_a_taken_port_is_one_sentence(toy, server):
    with pytest.raises(UsageError, match="is taken by another program; choose another one with --port"):
        CourseServer(toy, server.server_address[1])
