"""Each page as Markdown beside it, and llms.txt, which lists them, for programs that read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_SILENT = (nodes.Invisible, nodes.raw, nodes.image, nodes.target, addnodes.index)
_MARKS = {nodes.strong: "**", nodes.emphasis: "*", nodes.literal: "`"}
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = '<link rel="alternate" type="text/markdown" title="This page as Markdown" href="{}.md">'


def markdown(node: nodes.Node, level: int = 1) -> str:
    """Return a page, or a part of it, as Markdown; pictures and forms are left out."""
    if isinstance(node, _SILENT):
        return ""
    for kind, write in _BLOCKS.items():
        if isinstance(node, kind):
            return write(node, level)
    if isinstance(node, (nodes.Text, nodes.Inline, nodes.TextElement)):
        return _inline(node)
    return _blocks(node.children, level + isinstance(node, nodes.section))


def _blocks(children: Iterable[nodes.Node], level: int) -> str:
    return "\n\n".join(text for child in children if (text := markdown(child, level).strip("\n")))


def _inline(node: Any) -> str:
    """Return a line of text; links to itself, which a heading carries, are left out."""
    if isinstance(node, nodes.Text):
        return str(node.astext())
    if isinstance(node, _SILENT) or "headerlink" in node.get("classes", ()):
        return ""
    if isinstance(node, nodes.math):
        return f"${node.astext()}$"
    text = "".join(map(_inline, node.children))
    mark = next((mark for kind, mark in _MARKS.items() if isinstance(node, kind)), "")
    if isinstance(node, nodes.reference) and node.get("refuri") and text:
        return f"[{text}]({node['refuri']})"
    return f"{mark}{text}{mark}" if text else ""


def _title(node: nodes.Node, level: int) -> str:
    text = "".join(map(_inline, node.children))
    section = isinstance(node.parent, nodes.section)
    return f"{'#' * max(level - 1, 1)} {text}" if section else f"**{text}**"


def _code(node: Any, level: int) -> str:
    return f"```{node.get('language', 'python')}\n{node.astext()}\n```"


def _formula(node: nodes.Node, level: int) -> str:
    return f"$$\n{node.astext()}\n$$"


def _list(node: Any, level: int) -> str:
    sign = "1. " if isinstance(node, nodes.enumerated_list) else "- "
    items = (_blocks(item.children, level).replace("\n", f"\n{' ' * len(sign)}") for item in node)
    return "\n".join(f"{sign}{item}" for item in items)


def _signature(node: nodes.Node, level: int) -> str:
    return f"**`{node.astext()}`**"


def _table(node: nodes.Node, level: int) -> str:
    rows = [_cells(row) for row in node.findall(nodes.row)]
    width = max(map(len, rows), default=0)
    if width == 0:
        return ""
    full = [[*row, *[""] * (width - len(row))] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in full]
    return "\n".join((lines[0], f"|{' --- |' * width}", *lines[1:]))


def _cells(row: nodes.Node) -> list[str]:
    entries = row.findall(nodes.entry, descend=True)
    texts = (_blocks(entry.children, 1) for entry in entries)
    return [" ".join(text.split()).replace("|", "\\|") for text in texts]


_BLOCKS: dict[type[nodes.Node], Callable[[Any, int], str]] = {
    nodes.title: _title,
    nodes.math_block: _formula,
    nodes.literal_block: _code,
    nodes.doctest_block: _code,
    nodes.bullet_list: _list,
    nodes.enumerated_list: _list,
    nodes.table: _table,
    addnodes.desc_signature: _signature,
}


def write(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Write the twin of a page, and let the page's head lead to it."""
    if tree is None or app.builder.name != "html":
        return
    path = Path(app.outdir) / f"{page}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    context["twin"] = f"{markdown(tree)}\n"
    path.write_text(context["twin"], encoding="utf-8")
    link = _LINK.format(os.path.basename(page))
    context["metatags"] = f"{context.get('metatags') or ''}\n{link}"


def contents(app: Sphinx) -> Iterator[str]:
    """Iterate over the lines of llms.txt: each page's title, where its twin is, how it begins."""
    folder = Path(app.outdir)
    yield f"# {app.config.html_title}\n\n> {_beginning_of(folder / 'index.md')}\n"
    for page in sorted(app.env.titles):
        twin = folder / f"{page}.md"
        if page != "index" and twin.is_file():
            yield f"- [{app.env.titles[page].astext()}]({page}.md): {_beginning_of(twin)}"


def _beginning_of(path: Path) -> str:
    return beginning(path.read_text(encoding="utf-8"))


def beginning(twin: str) -> str:
    """Return the first paragraph of a page, without links, which would lead on from that page."""
    parts = _FENCE.sub("", twin).split("\n\n")
    prose = (part for part in parts if part[:1] not in ("", "#", "|", "-", "$"))
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(next(prose, "").split()))


def listed(app: Sphinx, error: Exception | None) -> None:
    """Write llms.txt once every page is there."""
    if not error and app.builder.name == "html":
        text = "\n".join(contents(app))
        (Path(app.outdir) / "llms.txt").write_text(f"{text}\n", encoding="utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for every page that is written, and for the end."""
    app.connect("html-page-context", write)
    app.connect("build-finished", listed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
