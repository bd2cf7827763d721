"""Take the link to a zip file off the gallery's pages: the file differs in every build."""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_ZIP = re.compile(
    r"^ *\.\. container:: sphx-glr-download sphx-glr-download-zip\n\n *:download:.*\n", re.MULTILINE
)


def drop_zip(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Take the zip download off a gallery page; script and notebook stay."""
    if docname.startswith("auto_gallery/"):
        source[0] = _ZIP.sub("", source[0])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for every page that is about to be read."""
    app.connect("source-read", drop_zip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
