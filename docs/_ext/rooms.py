"""The rooms of the package and who imports whom, read from the source while the site is built."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from mhadoc.sphinxext.svg import Drawn, element

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).resolve().parents[2] / "mhadoc"

#: The house by columns: a room may use the rooms to its left, not those beside it or beyond.
COLUMNS = (
    ("language",),
    ("catalog",),
    ("proof", "answers"),
    ("sphinxext", "cli", "pytest_plugin", "strategies"),
)

#: Modules that belong to a room without lying in its folder.
_FACES = {"__main__": "cli", "console": "cli"}

Imports = Counter[tuple[str, str]]

_WIDTH, _HEIGHT, _GAP, _STEP, _PAD = 118, 44, 72, 68, 12


def imports(package: Path = PACKAGE) -> Imports:
    """Return how often each room imports each other one, imports inside functions included."""
    found: Imports = Counter()
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package).with_suffix("").parts
        room = _room(inside[0])
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")), package.name):
            other = _room(name)
            if room and other and room != other:
                found[room, other] += 1
    return found


def _room(part: str) -> str:
    """Return the room that a top-level name belongs to; empty for the package's own file."""
    room = _FACES.get(part, part)
    return room if any(room in column for column in COLUMNS) else ""


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Iterate over the parts of the package that a file imports, by their top-level names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        parts = (name.split(".") for name in names)
        yield from (part[1] for part in parts if part[0] == package and len(part) > 1)


def unallowed(found: Imports) -> list[str]:
    """Return the imports that go the wrong way, each as a sentence."""
    place = {room: column for column, rooms in enumerate(COLUMNS) for room in rooms}
    return [
        f"{room} imports {other}, which is not to its left"
        for room, other in found
        if place[other] >= place[room]
    ]


class Rooms(SphinxDirective):
    """Draw the rooms; an import that goes the wrong way fails the build."""

    def run(self) -> list[Node]:
        """Return the picture."""
        for path in PACKAGE.rglob("*.py"):
            self.env.note_dependency(str(path))
        found = imports()
        for sentence in unallowed(found):
            logger.warning("%s", sentence, location=self.get_location(), type="rooms")
        return [nodes.container("", _picture(found), classes=["mhadoc-picture", "mhadoc-scrolls"])]


def _picture(found: Imports) -> Drawn:
    places = {room: (x, y) for x, rooms in enumerate(COLUMNS) for y, room in enumerate(rooms)}
    corners = {room: (x * (_WIDTH + _GAP), y * _STEP + _PAD) for room, (x, y) in places.items()}
    told = "; ".join(f"{room} imports {other} {n} times" for (room, other), n in found.items())
    arrows = [_arrow(corners[other], corners[room]) for room, other in sorted(found)]
    boxes = [part for room, corner in corners.items() for part in _box(room, corner)]
    width = len(COLUMNS) * (_WIDTH + _GAP) - _GAP
    height = max(y for _, y in corners.values()) + _HEIGHT + _PAD
    at = {"viewBox": f"0 0 {width} {height}", "width": width, "role": "img", "aria-label": told}
    return element("svg", *arrows, *boxes, **at)


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> Drawn:
    """Draw what flows from one room to another: from its right side to the other's left."""
    (x1, y1), (x2, y2) = start, end
    x1, y1, y2 = x1 + _WIDTH, y1 + _HEIGHT // 2, y2 + _HEIGHT // 2
    half = _GAP // 2
    path = f"M{x1} {y1}C{x1 + half} {y1} {x2 - half} {y2} {x2} {y2}M{x2 - 6} {y2 - 4}l6 4l-6 4"
    return element("path", d=path)


def _box(room: str, corner: tuple[int, int]) -> tuple[Drawn, Drawn]:
    x, y = corner
    frame = {"class": "mhadoc-room", "width": _WIDTH, "height": _HEIGHT, "rx": 4}
    return (
        element("rect", x=x, y=y, **frame),
        element("text", room, x=x + 10, y=y + _HEIGHT // 2 + 4, **{"class": "mhadoc-module"}),
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
