"""Badges: on which releases of torch a statement is proved to hold, beside the statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED, UNTRIED
from mhadoc.proof.standing import OTHERWISE, UNKNOWN

if TYPE_CHECKING:
    from sphinx.writers.html5 import HTML5Translator

    from mhadoc.proof.standing import Standing

__all__ = ["SIGNS", "Badge", "aside", "badge", "signs", "visitors"]

#: The letter of each verdict in ``data-verdicts``, which has one for each release, oldest first.
SIGNS = {HOLDS: "h", OTHERWISE: "o", NOT_THERE: "n", REFUTED: "r", UNTRIED: "u", UNKNOWN: "-"}


class Badge(nodes.inline):
    """A badge, and in ``signs`` the verdict of each release; one that is not seen has ``words``."""


def badge(standing: Standing | None) -> list[nodes.Node]:
    """Return the badge of a statement: quiet where it holds throughout, none without a ledger."""
    words = standing.words() if standing else ""
    if standing is None or not words:
        return []
    kinds = ["mhadoc-badge", *(["mhadoc-throughout"] if standing.throughout else [])]
    return [nodes.Text(" "), Badge("", words, classes=kinds, signs=signs(standing))]


def aside(standing: Standing | None) -> list[nodes.Node]:
    """Return a badge that is not seen, for where a statement is only mentioned.

    There is none where it holds throughout.
    """
    if standing is None or standing.throughout or not (words := standing.words()):
        return []
    return [Badge("", "", classes=["mhadoc-aside"], signs=signs(standing), words=words)]


def signs(standing: Standing) -> str:
    """Return the verdicts of a standing, a letter for each release."""
    return "".join(SIGNS[verdict] for verdict in standing.verdicts.values())


def _visit(translator: HTML5Translator, node: Badge) -> None:
    told = {"data-verdicts": node["signs"]}
    if "words" in node:
        told["data-words"] = node["words"]
    translator.body.append(translator.starttag(node, "span", "", **told))


def _depart(translator: HTML5Translator, node: Badge) -> None:
    translator.body.append("</span>")


#: Other builders write the words of a badge like any others.
visitors = {"html": (_visit, _depart)}
