"""Render LaTeX as MathML while the site is built, so that no page loads a script for its maths."""

from __future__ import annotations

import html
from itertools import groupby
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml import converter, exceptions
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

_REFUSALS: tuple[type[Exception], ...] = (
    *(
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
    IndexError,
    KeyError,
    StopIteration,
)


class LatexError(ValueError):
    """The LaTeX has an error, or uses a command that has no MathML here."""


def to_mathml(latex: str, *, block: bool = False) -> str:
    """Return the MathML of a formula.

    Raises:
        LatexError: The formula cannot be shown faithfully.

    >>> to_mathml("3 E")
    '<math display="inline" alttext="3 E"><mrow><mn>3</mn><mi>E</mi></mrow></math>'
    """
    try:
        root = converter.convert_to_element(latex, display="block" if block else "inline")
    except _REFUSALS as error:
        reason = f"{type(error).__name__} {error}".strip()
        raise LatexError(f"{reason} in the formula: {latex}") from error
    del root.attrib["xmlns"]  # HTML knows the element without it
    for leaf in root.iter():
        leaf.text = html.unescape(leaf.text) if leaf.text else None
        if "\\" in (leaf.text or "") or (leaf.tag, leaf.text) == ("mi", "&"):
            raise LatexError(f"no MathML for {leaf.text!r} in the formula: {latex}")
    root.set("alttext", latex)
    for row in root.iter():
        row[:] = _join_words(list(row))
    return str(ElementTree.tostring(root, encoding="unicode"))


def _join_words(children: list[ElementTree.Element]) -> list[ElementTree.Element]:
    r"""Join the letters of ``\mathrm{word}``: browsers show single ones in italics."""
    joined: list[ElementTree.Element] = []
    for variant, group in groupby(children, key=_variant):
        letters = list(group)
        if variant is None:
            joined += letters
            continue
        word = ElementTree.Element("mtext", {"class": f"math-{variant}"})
        word.text = "".join(letter.text or "" for letter in letters)
        joined.append(word)
    return joined


def _variant(element: ElementTree.Element) -> str | None:
    return element.get("mathvariant") if element.tag in {"mi", "mn", "mtext"} else None


def _mathml_or_warning(node: nodes.math | nodes.math_block, *, block: bool) -> str:
    try:
        return to_mathml(node.astext(), block=block)
    except LatexError as error:
        logger.warning("%s", error, location=node, type="math")
        return ""


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    translator.body.append(translator.starttag(node, "span", "", CLASS="math notranslate"))
    translator.body.append(_mathml_or_warning(node, block=False) + "</span>")
    raise nodes.SkipNode


def visit_math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own, with its number and anchor where it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate"))
    formula = _mathml_or_warning(node, block=True)
    translator.body.append(f'<div class="math-formula">{formula}</div>')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
