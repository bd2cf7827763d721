"""A browser, and pages to look at in it, served from this machine."""

from __future__ import annotations

import functools
import shutil
import threading
import warnings
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium or Chrome without a window; there is always one, or the tests fail."""
    path = chromium.found()
    assert path, "no Chromium or Chrome: run `make test`, which installs one, or set CHROMIUM"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield launched
        launched.close()


class Quiet(SimpleHTTPRequestHandler):
    """Serve files without a word; below /strict, with a strict policy."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/strict"))

    def end_headers(self) -> None:
        if self.path.startswith("/strict"):
            self.send_header("Content-Security-Policy", STRICT)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def served(folder: Path) -> Iterator[str]:
    """Serve a folder while the generator is open; yield its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


INDEX = "# All\n\nPages.\n\n```{toctree}\ncalculator\nreference/multihead_attention\n```\n"


@pytest.fixture(scope="session")
def calculator_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site with the calculator and the reference, in the project's looks."""
    source = tmp_path_factory.mktemp("calculator")
    (source / "reference").mkdir()
    (source / "index.md").write_text(INDEX)
    for name in ("calculator.md", "reference/multihead_attention.md"):
        shutil.copy(ROOT / "docs" / name, source / name)
    with docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Sphinx says of the extensions of others
        Sphinx(
            source,
            ROOT,
            source / "html",
            source / "doctrees",
            "html",
            {"mhadoc_proof": False, "suppress_warnings": ["*"]},
            status=None,
            warning=None,
            tags=["without_gallery"],
        ).build()
    yield from served(source / "html")


#: WCAG 2.2, levels A and AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def findings(page: Page) -> list[str]:
    """Return what axe-core finds on a page: the rule, and the first place that breaks it."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    broken = found.response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in broken]
