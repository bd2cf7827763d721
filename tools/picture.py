"""Draw the README's picture from the spec: ``python -m tools.picture``."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes

import mhadoc
from mhadoc.sphinxext.matrices import matrices
from mhadoc.sphinxext.svg import Drawn

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "docs" / "_static" / "in_proj_weight.svg"
SIZES = {"embed_dim": 512, "num_heads": 8, "head_dim": 64}

#: The file stands alone: it follows the reader's system, there being no page around it.
STYLE = """
text { font: 11.5px monospace; fill: #1f2328 } .mhadoc-module { font-weight: 650 }
rect { fill: none; stroke: #8b949e } .mhadoc-block { stroke: none }
.mhadoc-thin { stroke: #fff; stroke-width: 1 }
.mhadoc-q { fill: #0072b2 } .mhadoc-k { fill: #e69f00 } .mhadoc-v { fill: #009e73 }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .mhadoc-thin { stroke: #0d1117 } }
"""


def picture() -> str:
    """Return the packed weight with its blocks and heads as a file of SVG."""
    spec = mhadoc.spec("MultiheadAttention")
    (container,) = matrices(spec, [spec.rule("in_proj_weight")], SIZES)
    (drawn,) = container.children
    root = _element(drawn)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.insert(0, style := ElementTree.Element("style"))
    style.text = STYLE
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _element(node: nodes.Node) -> ElementTree.Element:
    """Return a drawn node as an element; a link becomes what is inside it."""
    if not isinstance(node, Drawn):
        (node,) = node.children
    assert isinstance(node, Drawn)
    at = {name: str(value) for name, value in node["at"].items()}
    found = ElementTree.Element(node["tag"], at)
    texts = [child.astext() for child in node.children if isinstance(child, nodes.Text)]
    found.text = "".join(texts) or None
    found.extend(_element(child) for child in node.children if not isinstance(child, nodes.Text))
    return found


if __name__ == "__main__":
    PLACE.write_text(picture(), encoding="utf-8")
