"""Show the results of ``make bench``: each promise of speed, its peer, and the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from mhadoc.sphinxext.tables import Column, Row, table

logger = logging.getLogger(__name__)

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results.json"

_COLUMNS = (
    Column("What", 34, "name"),
    Column("Measured", 20, "measured"),
    Column("Promised", 24, "promised"),
    Column("Compared with", 22, "peer"),
)


class Promises(SphinxDirective):
    """A table of every promise; one that was missed is a warning."""

    def run(self) -> list[Node]:
        """Return the sentence on the machine, and the table."""
        self.env.note_dependency(str(RESULTS))
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
        for promise in found["promises"]:
            if not promise["kept"]:
                logger.warning("missed: %s", promise["name"], location=self.get_location())
        machine = nodes.paragraph("", f"Taken on {_machine(found['machine'])}.")
        return [
            machine,
            table(_COLUMNS, [Row(list(_cells(promise))) for promise in found["promises"]]),
        ]


def _machine(machine: dict[str, Any]) -> str:
    place = f"{machine['cores']} cores of {machine['processor']}, {machine['system']}"
    versions = (f"{name} {machine[name]}" for name in list(machine)[3:])
    return f"{place}, with {', '.join(versions)}"


def _cells(promise: dict[str, Any]) -> Iterator[list[Node]]:
    word = "at least" if promise["at_least"] else "at most"
    for text in (
        promise["name"],
        _amount(promise, "measured"),
        f"{word} {_amount(promise, 'limit')}",
        "" if promise["peer"] == "none" else promise["peer"],
    ):
        # -- is no dash
        yield [nodes.inline("", text, support_smartquotes=False)] if text else []


def _amount(promise: dict[str, Any], name: str) -> str:
    """Return a figure with its unit; a ratio says which of the two takes longer.

    >>> _amount({"measured": 17.1, "unit": "times", "at_least": True}, "measured")
    '17.1 times faster'
    """
    unit = promise["unit"]
    if unit == "times":
        unit = "times faster" if promise["at_least"] else "times as long"
    return f"{promise[name]:g} {unit}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("promises", Promises)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
