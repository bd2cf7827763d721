"""Take off the gallery's pages what a reader does not need there.

That is the link to a zip file, which differs in every build, and the note above the title, which
leads to the downloads at the end.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_ZIP = re.compile(
    r"^ *\.\. container:: sphx-glr-download sphx-glr-download-zip\n\n *:download:.*\n", re.MULTILINE
)
_NOTE = re.compile(
    r"^\.\. only:: html\n\n    \.\. note::\n        :class: sphx-glr-download-link-note\n\n"
    r"(?:        .*\n)+",
    re.MULTILINE,
)


def shorten(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Take zip and note off a gallery page; script and notebook stay."""
    if docname.startswith("auto_gallery/"):
        source[0] = _NOTE.sub("", _ZIP.sub("", source[0]))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for every page that is about to be read."""
    app.connect("source-read", shorten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
