"""A browser of this machine and the rendered book, served from loopback; every other host is out of reach.

Not collected by default: ``make test`` names this folder, after the other tests.
"""

import contextlib
import functools
import os
import threading
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from filelock import FileLock
from playwright import sync_api

from ising_book import execute, pdf

MILLISECONDS = 120_000  # a page takes some seconds on a free core


@dataclass
class Visit:
    """An open page, and what went wrong on it so far."""

    page: sync_api.Page
    faults: list[str] = field(default_factory=list)

    def listen(self):
        """Note every error of a script, and every request that fails: also those to other hosts."""
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"{error}\n{error.stack}"))
        self.page.on("requestfailed", lambda request: self.faults.append(f"failed: {request.url}"))
        self.page.on("response", self._answered)

    def _answered(self, response):
        if not (response.ok or response.status == 304):  # 304: the browser's own copy is still right
            self.faults.append(f"{response.status}: {response.url}")


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture(scope="session")
def serve():
    """A function that serves a folder's files from this machine, and returns their address."""
    with contextlib.ExitStack() as served:

        def go(folder):
            server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=folder))
            served.enter_context(server)
            served.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return f"http://127.0.0.1:{server.server_port}"

        yield go


@pytest.fixture(scope="session")
def chromium():
    """The browser, or a skip with the reason why there is none."""
    try:
        path = pdf.browser()
    except RuntimeError as error:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(f"REQUIRE_BROWSER is set, but {error}")
        pytest.skip(str(error))
    alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with (
        sync_api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=[*pdf.FLAGS, alone]) as browser,
    ):
        yield browser


@pytest.fixture(scope="session")
def html(chromium):
    """The folder of the rendered book, rendered now if a source is newer."""
    (execute.ROOT / "_build").mkdir(exist_ok=True)
    with FileLock(execute.ROOT / "_build" / ".rendering"):
        return execute.rendered().parent


@pytest.fixture(scope="session")
def address(serve, html):
    """The address of the book on this machine."""
    return serve(html)


@contextlib.contextmanager
def tab(chromium):
    """A function that opens an address in one new tab, and waits until the page is complete."""
    with chromium.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(MILLISECONDS)
        visited = Visit(context.new_page())
        visited.listen()

        def go(url):
            visited.page.goto("about:blank")  # what the page before had still asked for ends here
            visited.page.set_viewport_size({"width": 1280, "height": 900})
            visited.page.emulate_media(color_scheme="light", reduced_motion="reduce")
            visited.faults.clear()
            visited.page.goto(url)
            visited.page.evaluate("window.MathJax?.startup.promise")
            visited.page.evaluate("document.fonts.ready.then(() => true)")
            return visited

        yield go


@pytest.fixture
def visit(chromium):
    """A function that opens an address in a browser of the test's own, which remembers nothing."""
    with tab(chromium) as go:
        yield go


@pytest.fixture(scope="session")
def turn_to(chromium):
    """The same in one tab for all tests, as a reader turns pages: what they share is loaded once."""
    with tab(chromium) as go:
        yield go
