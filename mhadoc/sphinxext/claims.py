"""A claim on a page: its sentence, its example, and what the proof says of it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.sphinxext.badges import badge
from mhadoc.sphinxext.text import code, permalink, proof, sentence

if TYPE_CHECKING:
    from mhadoc.language import Claim
    from mhadoc.proof.report import Report
    from mhadoc.proof.standing import Standing

__all__ = ["claim_card"]


def claim_card(
    claim: Claim, report: Report | None, standing: Standing | None = None, *, linked: bool = True
) -> nodes.container:
    """Return a claim as one block, with an anchor where it is linked to.

    ``standing`` says on which releases it holds.
    """
    card = nodes.container(classes=["mhadoc-claim"])
    card["ids"] += [claim.id] if linked else []
    text = [*sentence(claim.sentence), permalink(claim.id, "claim", here=linked)]
    card += nodes.paragraph("", "", *text, classes=["mhadoc-sentence"])
    if claim.doctest.strip():
        card += _example(claim)
    ran = "the example ran, and it " if claim.doctest.strip() else ""
    line = proof(report, claim.id, claim.source, ran, badge(standing))
    name = nodes.inline("", "", nodes.Text("claim "), code(claim.id, "mhadoc-id"))
    line += [nodes.Text(" "), name]
    card += line
    return card


def _example(claim: Claim) -> nodes.literal_block:
    """Return the example as code to copy; it ran with the proof, so no builder runs it again."""
    text = textwrap.dedent(claim.doctest).strip("\n")
    return nodes.literal_block(text, text, language="pycon")
