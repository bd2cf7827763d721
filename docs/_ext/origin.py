"""Where each page comes from: the link to edit it leads to its source in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_GALLERY = "auto_gallery/"


def source(page: str, suffix: str) -> str:
    """Return the path of a page's source in the repository.

    >>> source("errors", ".md"), source("auto_gallery/plot_04_masks", ".rst")
    ('docs/errors.md', 'gallery/plot_04_masks.py')
    """
    if not page.startswith(_GALLERY):
        return f"docs/{page}{suffix}"
    name = page.removeprefix(_GALLERY)
    return "gallery/GALLERY_HEADER.rst" if name == "index" else f"gallery/{name}.py"


def link(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Let the theme link to the source of a page, where a person wrote one in a known place."""
    if not app.config.source_repository:
        context.pop("page_source_suffix", None)
        return
    suffix = Path(app.env.doc2path(page)).suffix if tree is not None else ""
    if suffix:
        place = f"{app.config.source_repository}/edit/main/{source(page, suffix)}"
        context.update(theme_source_edit_link=place, page_source_suffix=suffix)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the address of the repository, and listen for every page."""
    app.add_config_value("source_repository", "", "html", str)
    app.connect("html-page-context", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
