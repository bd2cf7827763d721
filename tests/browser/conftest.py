"""A browser, and the site to look at in it, served from this machine."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tests import chromium

ROOT = Path(__file__).resolve().parents[2]
#: Chromium asks no host of its own for anything, and a container needs no sandbox inside it.
SWITCHES = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]

#: What a strict server would allow: nothing but files of the site itself.
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium or Chrome without a window; there is always one, or the tests fail."""
    path = chromium.found()
    assert path, "no Chromium or Chrome: run `make test`, which installs one, or set CHROMIUM"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield launched
        launched.close()


class Strict(SimpleHTTPRequestHandler):
    """Serve files without a word, and let pages do nothing but what they need."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", STRICT)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A server that does not mind when a page is left before all of it has arrived."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Published(NamedTuple):
    """A site: where its files are, the address at which it is served, and its pages."""

    folder: Path
    address: str

    @property
    def pages(self) -> list[str]:
        """Return the paths of all pages."""
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*.html"))


def build(folder: Path, *pages: str) -> Path:
    """Build the site, without the gallery and without proofs, and return where it is.

    ``pages`` are patterns of the pages to build where not all of them are wanted.
    """
    with docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Sphinx says of the extensions of others
        Sphinx(
            ROOT / "docs",
            ROOT,
            folder / "html",
            folder / "doctrees",
            "html",
            {"mhadoc_proof": False, "include_patterns": pages or ["**"]},
            status=None,
            warning=None,
            tags=["without_gallery"],
        ).build()
    return folder / "html"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """The site, served under a strict policy."""
    folder = build(tmp_path_factory.mktemp("site"))
    handler = functools.partial(Strict, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Published(folder, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


#: WCAG 2.2, levels A and AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def findings(page: Page) -> list[str]:
    """Return what axe-core finds on a page: the rule, and the first place that breaks it."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    broken = found.response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in broken]
