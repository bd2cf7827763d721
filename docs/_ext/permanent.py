"""Let a heading's own target be the address that links, tables of contents and search lead to.

Without this, Sphinx takes the address from the words of the heading, and it changes with them.
"""

from __future__ import annotations

from docutils import nodes
from docutils.transforms.references import PropagateTargets
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

PREFIX = "q-"


class PermanentFirst(SphinxTransform):
    """Put the address that a section was given before the one made from its title."""

    default_priority = PropagateTargets.default_priority + 1

    def apply(self, **_options: object) -> None:
        """Sort the addresses of each section; their order is kept otherwise."""
        for section in self.document.findall(nodes.section):
            section["ids"].sort(key=lambda address: not address.startswith(PREFIX))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the transform."""
    app.add_transform(PermanentFirst)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
