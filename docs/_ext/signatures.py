"""Print a default that is an object as ``...`` in signatures: Python cannot write it otherwise."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_OBJECT = re.compile(r"(?<==)\s?<[^<>]+>")


def plain(signature: str) -> str:
    """Return a signature without objects among its defaults.

    >>> plain("(found: list = <factory>, heard=<function silent>, depth: int = 1)")
    '(found: list = ..., heard=..., depth: int = 1)'
    """
    return _OBJECT.sub(lambda found: " ..." if found[0][0] == " " else "...", signature)


def simplify(
    app: Sphinx, what: str, name: str, found: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Let autodoc print the plain signature."""
    return (plain(signature), returned) if signature else None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for each signature."""
    app.connect("autodoc-process-signature", simplify)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
