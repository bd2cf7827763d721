"""Small sites, built in this process, that share one folder of reports."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace


@pytest.hookimpl(tryfirst=True)  # before the marks are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests together, so that a spec that several of them show is proved once."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("sphinxext"))


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Site:
    """A folder of pages, and what building it gave."""

    source: Path
    cache: Path
    warnings: str = ""
    app: Sphinx | None = None

    def write(self, **pages: str) -> Site:
        """Write pages by name, with a title where they have none."""
        for name, text in pages.items():
            titled = text if text.startswith("# ") else f"# {name}\n\n{text}"
            (self.source / f"{name}.md").write_text(titled)
        return self

    def build(self, builder: str = "html", parallel: int = 0, **config: object) -> Site:
        """Build the pages that are out of date and keep the warnings."""
        output, heard = self.source / "build" / builder, io.StringIO()
        settings = {
            "extensions": ["myst_parser", "mhadoc.sphinxext"],
            "html_theme": "basic",
            "mhadoc_cache": str(self.cache),
            "exclude_patterns": ["build"],
            "nitpicky": True,
            "smartquotes": False,
            **config,
        }
        with docutils_namespace():
            self.app = Sphinx(
                self.source,
                None,
                output,
                output / ".doctrees",
                builder,
                settings,
                status=None,
                warning=heard,
                parallel=parallel,
            )
            self.app.build()
        self.warnings = COLOUR.sub("", heard.getvalue()).replace(f"{self.source}/", "")
        return self

    def html(self, name: str = "index") -> str:
        """Return a page as it was written."""
        return (self.source / "build" / "html" / f"{name}.html").read_text()

    def text(self, name: str = "index") -> str:
        """Return the words of a page, without its markup."""
        body = self.html(name).partition('<div class="body" role="main">')[2]
        plain = re.sub(r"<[^>]+>", "", body.partition('<div class="sphinxsidebar')[0])
        return re.sub(r"\s+", " ", plain.replace("&gt;", ">").replace("&#39;", "'"))


@pytest.fixture(scope="session")
def cache() -> Path:
    """Return the folder of reports that the project's own site uses: each spec is proved once."""
    return Path(__file__).resolve().parents[2] / "build" / "proof"


@pytest.fixture
def site(tmp_path: Path, cache: Path) -> Callable[..., Site]:
    """Return a function that writes pages, builds them, and returns the site."""

    def built(index: str, **pages: str) -> Site:
        return Site(tmp_path, cache).write(index=index, **pages).build()

    return built
