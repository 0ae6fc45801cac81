"""`autograder serve`: the book, the feedback pages and the class report on this computer only.

- listens on 127.0.0.1 and answers no other host name, so no web page elsewhere can read it;
- serves exactly three things, never the course directory with its secret and gradebook;
- shows feedback pages sandboxed, because they hold what students wrote;
- a landing page says what is there and which command makes what is not.
"""

from __future__ import annotations

import errno
import html
import mimetypes
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mechanisms.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.project import Project

HOST = "127.0.0.1"
# On top of the page's own policy: no script, no form, nothing from another computer.
SANDBOX = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
)


class CourseServer(ThreadingHTTPServer):
    """An HTTP server that knows its project. Raises UsageError when the port cannot be had."""

    daemon_threads = True

    def __init__(self, project: Project, port: int):
        self.project = project
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                reason = "is taken by another program" if error.errno == errno.EADDRINUSE else "may not be used"
                raise UsageError(f"Port {port} {reason}; choose another one with --port.") from None
            raise
        except OverflowError:
            raise UsageError(f"{port} is no port; choose one between 1024 and 65535.") from None

    @property
    def address(self) -> str:
        """Where to point a browser."""
        return f"http://{HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: CourseServer
    server_version = "mechanisms"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        path = unquote(urlsplit(self.path).path)
        if host not in (HOST, "localhost"):
            self._send(HTTPStatus.FORBIDDEN, _message("This server answers its own computer only."), with_body)
        elif path == "/":
            self._send(HTTPStatus.OK, landing_page(self.server.project), with_body)
        elif path in ("/book", "/class"):
            self._redirect(f"{path}/")
        elif path == "/class/feedback/":
            self._redirect("/class/")
        else:
            self._file(path, with_body)

    def _file(self, path: str, with_body: bool) -> None:
        found = find_file(self.server.project, path)
        if found is None:
            page = _message("There is no such page. <a href='/'>Back to the start.</a>")
            self._send(HTTPStatus.NOT_FOUND, page, with_body)
            return
        if found.is_dir():
            self._redirect(path + "/")
            return
        kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        self._send(HTTPStatus.OK, found.read_bytes(), with_body, kind, sandbox=path.startswith("/class/feedback/"))

    def _redirect(self, where: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", "/" + where.lstrip("/"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(
        self, status: HTTPStatus, body: bytes | str, with_body: bool, kind: str = "text/html", sandbox: bool = False
    ) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        charset = "; charset=utf-8" if kind.startswith("text/") or kind.endswith(("javascript", "json")) else ""
        self.send_header("Content-Type", kind + charset)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        if sandbox:
            self.send_header("Content-Security-Policy", SANDBOX)
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the command prints the address, the browser shows the rest."""


def find_file(project: Project, path: str) -> Path | None:
    """The file behind a path of a URL, or None; never one outside the book, the feedback or the report."""
    single = {
        "/class/": "report.html",
        "/class/report.html": "report.html",
        "/class/report.csv": "report.csv",
        "/class/report.json": "report.json",
    }
    if path in single:
        found = project.course / single[path]
        return found if found.is_file() else None
    if path.startswith("/book/"):
        return _inside(project.book, path.removeprefix("/book/"))
    if path.startswith("/class/feedback/"):
        return _feedback(project, path.removeprefix("/class/feedback/"))
    return None


def _feedback(project: Project, relative: str) -> Path | None:
    """A page that the grader wrote, STUDENT/SLUG/NOTEBOOK.html; nothing else that may lie in the folder."""
    parts = relative.split("/")
    chapter = project.chapters.get(parts[1]) if len(parts) == 3 else None
    if chapter is None or parts[2] != f"{chapter.notebook}.html":
        return None
    return _inside(project.course / "feedback", relative)


def _inside(root: Path, relative: str) -> Path | None:
    if "\x00" in relative or "\\" in relative:
        return None
    root = root.resolve()
    found = (root / relative.lstrip("/")).resolve()
    if not found.is_relative_to(root):
        return None
    if found.is_dir():
        index = found / "index.html"
        if relative and not relative.endswith("/"):
            return found if index.is_file() else None
        found = index
    return found if found.is_file() else None


def landing_page(project: Project) -> str:
    """The start page: three links, each with what to run when its target is not there yet."""
    feedback = project.course / "feedback"
    ours = [feedback.glob(f"*/{chapter.slug}/{chapter.notebook}.html") for chapter in project.chapters.values()]
    pages = sorted(path for found in ours for path in found)
    entries = [
        ("The book", "/book/", (project.book / "index.html").is_file(), "make book"),
        ("The class report", "/class/", (project.course / "report.html").is_file(), "autograder sample-class"),
    ]
    items = "".join(
        f"<li><a href='{link}'>{name}</a></li>"
        if there
        else f"<li>{name}: not there yet, run <code>{command}</code>.</li>"
        for name, link, there, command in entries
    )
    if pages:
        links = "".join(
            f"<li><a href='/class/feedback/{html.escape(page.relative_to(feedback).as_posix(), quote=True)}'>"
            f"{html.escape(page.parents[1].name)}, {html.escape(page.stem)}</a></li>"
            for page in pages
        )
        items += f"<li><details><summary>Feedback pages ({len(pages)})</summary><ul>{links}</ul></details></li>"
    else:
        items += "<li>Feedback pages: not there yet, run <code>autograder sample-class</code>.</li>"
    return _message(f"<h1>Mechanisms</h1><ul>{items}</ul>")


def _message(body: str) -> str:
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>Mechanisms</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<style>:root{color-scheme:light dark}body{font:18px/1.6 system-ui,sans-serif;max-width:42rem;"
        "margin:3rem auto;padding:0 1rem}li{margin:.4rem 0}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )
