"""Elements of SVG as nodes: text in them is text, and what is linked is a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.writers.html5 import HTML5Translator

__all__ = ["Drawn", "element", "linked", "visitors"]


class Drawn(nodes.General, nodes.Inline, nodes.TextElement):
    """An element of SVG: its ``tag`` and, in ``at``, its attributes."""


def _visit(translator: HTML5Translator, node: Drawn) -> None:
    there = "".join(f' {n}="{translator.attval(str(v))}"' for n, v in node["at"].items())
    translator.body.append(f"<{node['tag']}{there}>")


def _depart(translator: HTML5Translator, node: Drawn) -> None:
    translator.body.append(f"</{node['tag']}>")


def _skip(translator: Any, node: Drawn) -> None:
    raise nodes.SkipNode


#: How each kind of builder writes a picture; it is left out where there is no SVG.
visitors: dict[str, tuple[Callable[..., None], Callable[..., None] | None]] = {
    "html": (_visit, _depart),
    **dict.fromkeys(("latex", "text", "man", "texinfo"), (_skip, None)),
}


def element(tag: str, *inside: nodes.Node | str, **at: object) -> Drawn:
    """Return an element with what is inside it."""
    found = Drawn("", tag=tag, at=at, support_smartquotes=False)
    found += [nodes.Text(part) if isinstance(part, str) else part for part in inside]
    return found


def linked(address: str, inner: Drawn) -> nodes.Node:
    """Return a link to a rule, which the domain resolves once every page is read."""
    return addnodes.pending_xref(
        "",
        inner,
        refdomain="mhadoc",
        reftype="rule",
        reftarget=address,
        refexplicit=True,
        refwarn=True,
    )
