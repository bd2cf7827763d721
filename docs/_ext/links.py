"""Check a finished site: each link inside it leads somewhere, and no published address is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import unquote, urldefrag, urlsplit

from lost import root
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

logger = logging.getLogger(__name__)

#: One address a line, as readers have bookmarked it.
PUBLISHED = Path(__file__).resolve().parents[1] / "addresses.txt"
_OUTSIDE = re.compile(r"[a-z]+:", re.IGNORECASE)
_GALLERY = "auto_gallery/"


class _Page(HTMLParser):
    """A page: the places in it that a link can lead to, and where its own links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the addresses in an opening tag."""
        given = {name: value for name, value in attrs if value}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        self.links |= {given[name] for name in ("href", "src") if name in given}


def broken(folder: Path, top: str = "/") -> Iterator[tuple[str, str]]:
    """Iterate over links that lead nowhere: the page that has one, and the link.

    ``top`` is the path at which the site stands, where links begin with it.
    """
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    pages = {path: _read(folder / path) for path in paths}
    for path, page in pages.items():
        for link in sorted(page.links):
            if not _OUTSIDE.match(link) and not _leads(folder, pages, path, link, top):
                yield path, link


def gone(folder: Path, addresses: str) -> Iterator[str]:
    """Iterate over published addresses at which nothing stands any more."""
    read = cache(_read)
    for address in addresses.split():
        path, place = urldefrag(address)
        file = folder / path
        if not file.is_file() or (place and place not in read(file).places):
            yield address


def _read(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


def _leads(folder: Path, pages: dict[str, _Page], path: str, link: str, top: str) -> bool:
    address, place = urldefrag(link)
    file = unquote(urlsplit(address).path)
    start = PurePosixPath() if file.startswith(top) else PurePosixPath(path).parent
    target = normpath(start / file.removeprefix(top)) if file else path
    if target not in pages:
        return (folder / target).is_file()
    return not place or unquote(place) in pages[target].places


def check(app: Sphinx, error: Exception | None) -> None:
    """Warn of each link that leads nowhere, and of each address that is gone."""
    if error or app.builder.name != "html":
        return
    without = app.tags.has("without_gallery")
    for path, link in broken(Path(app.outdir), root(app.config.html_baseurl)):
        if not (without and _GALLERY in link):
            logger.warning("%s: the link %s leads nowhere", path, link, type="links")
    if Path(app.srcdir) != PUBLISHED.parent:
        return  # other pages, built as these are
    for address in gone(Path(app.outdir), PUBLISHED.read_text(encoding="utf-8")):
        if not (without and address.startswith(_GALLERY)):
            logger.warning("%s was published and is gone: let it lead on", address, type="links")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for the end of the build."""
    app.connect("build-finished", check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
