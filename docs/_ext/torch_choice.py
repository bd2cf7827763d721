"""The selector of a torch release in the sidebar, for the releases that have a ledger.

A script marks what a page states and does not hold there; the verdicts are with the badges.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from mhadoc.catalog.ledgers import releases
from mhadoc.language.releases import installed
from mhadoc.proof.standing import short


class Choice(NamedTuple):
    """The release that pages are proved on, and the others: their places among all, and names."""

    here: str
    others: list[tuple[int, str]]


def choice() -> Choice:
    """Return what can be chosen, the newest first."""
    here = short(installed())
    names = [short(release) for release in releases()]
    others = [(place, name) for place, name in enumerate(names) if name != here]
    return Choice(here, others[::-1])


def add_choice(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Give the template of the sidebar what can be chosen, where there is something."""
    found = choice()
    context["torch_choice"] = found if found.others else None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for every page."""
    app.connect("html-page-context", add_choice)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
