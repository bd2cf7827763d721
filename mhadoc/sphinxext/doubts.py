"""The warnings of a call on a page: what a person notices, an example as it ran, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.catalog import spec, specs
from mhadoc.errors import MhadocError
from mhadoc.sphinxext.text import permalink, sentence

if TYPE_CHECKING:
    from mhadoc.language import Doubt

__all__ = ["doubt_section"]


def doubt_section(doubt: Doubt) -> nodes.section:
    """Return a section on one doubt; its example is run, and has to print the warning.

    Raises MhadocError where it does not.
    """
    from mhadoc.proof.doctests import printed

    text = printed(doubt.example)
    if f"[{doubt.claim}]" not in text:
        raise MhadocError(f"the example of {doubt.id} prints no warning: {text}")
    why = [*sentence(_claim(doubt)), nodes.Text(" "), permalink(doubt.claim, "claim", here=False)]
    return nodes.section(
        "",
        nodes.title("", "", *sentence(doubt.title)),
        nodes.literal_block(text, text, language="pycon"),
        nodes.paragraph("", "", nodes.strong("", "Why: "), *why),
        ids=[f"doubt-{doubt.id.replace('.', '-').replace('_', '-')}"],
        classes=["mhadoc-doubt"],
    )


def _claim(doubt: Doubt) -> str:
    """Return the sentence of the claim that says what torch does."""
    found = (claim for name in specs() for claim in spec(name).claims if claim.id == doubt.claim)
    text = next(found).sentence.removeprefix("Silent: ")
    return text[0].upper() + text[1:]
