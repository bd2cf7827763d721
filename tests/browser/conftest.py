"""A browser, and the site to look at in it, served from this machine."""

from __future__ import annotations

import functools
import gzip
import io
import shutil
import threading
import warnings
from collections.abc import Iterator
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, NamedTuple

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


@functools.cache
def compressed(path: Path) -> bytes:
    """Return a file as hosts send it."""
    return gzip.compress(path.read_bytes(), 6)


class Strict(SimpleHTTPRequestHandler):
    """Serve files without a word, and let pages do nothing but what they need.

    As hosts do, texts are sent compressed, and 404.html for what is not there.
    """

    def send_head(self) -> io.BytesIO:
        path = Path(self.translate_path(self.path))
        status = HTTPStatus.OK if path.is_file() else HTTPStatus.NOT_FOUND
        path = path if path.is_file() else Path(self.directory) / "404.html"
        kind = self.guess_type(path)
        packed = kind != "image/png"
        body = compressed(path) if packed else path.read_bytes()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        return io.BytesIO(body)

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
    """A site: where its files are, the address at which it is served, and what Sphinx warned of."""

    folder: Path
    address: str
    warnings: list[str]

    @property
    def pages(self) -> list[str]:
        """Return the paths of all pages."""
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*.html"))


#: Where the site is published and its sources are kept, as who publishes it would say.
ADDRESS, REPOSITORY = "https://mhadoc.example/", "https://github.com/OWNER/mhadoc"

#: The example of the gallery that runs; the others are shown without their pictures.
EXAMPLE = "plot_04_masks"


def build(folder: Path, *pages: str, heard: IO[str] | None = None) -> Path:
    """Build the site without proofs, one example of the gallery run, and return where it is.

    ``pages`` are patterns of the pages to build where not all of them are wanted; there is no
    gallery then. Warnings go to ``heard``.
    """
    settings = {
        "mhadoc_proof": False,
        "include_patterns": pages or ["**"],
        "sphinx_gallery_conf.filename_pattern": EXAMPLE,
        "html_baseurl": ADDRESS,
        "source_repository": REPOSITORY,
    }
    with docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Sphinx says of the extensions of others
        Sphinx(
            copied(folder),
            ROOT,
            folder / "html",
            folder / "doctrees",
            "html",
            settings,
            status=None,
            warning=heard,
            tags=["without_gallery"] if pages else [],
        ).build()
    return folder / "html"


def copied(folder: Path) -> Path:
    """Return a copy of the pages, into which a gallery of its own can be written.

    What they include from elsewhere is beside it.
    """
    made = shutil.ignore_patterns("auto_gallery", "sg_execution_times.rst", "__pycache__")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=made)
    for path in (*ROOT.glob("*.md"), ROOT / "tests"):
        (folder / path.name).symlink_to(path)
    return folder / "docs"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """The site, served under a strict policy."""
    heard = io.StringIO()
    folder = build(tmp_path_factory.mktemp("site"), heard=heard)
    handler = functools.partial(Strict, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        yield Published(folder, address, heard.getvalue().splitlines())
        server.shutdown()


#: WCAG 2.2, levels A and AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def findings(page: Page) -> list[str]:
    """Return what axe-core finds on a page: the rule, and the first place that breaks it."""
    wanted = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=wanted)
    broken = found.response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in broken]
