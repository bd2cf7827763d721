"""A picture of a module as boxes, drawn from its spec: links and text that can be read aloud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.sphinxext.boxes import Box, Line, Stage, returned, stages
from mhadoc.sphinxext.svg import Drawn, element, linked

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec

__all__ = ["picture"]

# All in the units of the picture, which is shown at its own size or smaller.
_WIDTH, _ROW, _PAD, _GAP, _FLOW, _LETTER = 328, 22, 6, 64, 40, 7


def picture(spec: ModuleSpec) -> list[nodes.Node]:
    """Return the picture of a module; one of several stages is there for wide and narrow pages.

    A style sheet shows the one that fits.
    """
    found, out = stages(spec), returned(spec)
    drawings = {"narrow": _below(found, out)}
    if len(found) > 1:
        drawings = {"wide": _beside(found, out), **drawings}
    pictures = [_svg(spec, kind, canvas) for kind, canvas in drawings.items()]
    return [nodes.container("", *pictures, classes=["mhadoc-picture"])]


def _below(found: Sequence[Stage], out: Line) -> _Canvas:
    """Draw stages below each other, with what goes from one to the next."""
    canvas, y = _Canvas(_WIDTH), 0
    for stage in found:
        y = canvas.down((*stage.before, *stage.outside), 0, y)
        y = canvas.box(stage.box, 0, y, _WIDTH)
    canvas.height = canvas.down((out,), 0, y)
    return canvas


def _beside(found: Sequence[Stage], out: Line) -> _Canvas:
    """Draw stages beside each other; what goes over stands on its arrow."""
    canvas, bottom = _Canvas(len(found) * (_WIDTH + _GAP) - _GAP), 0
    for place, stage in enumerate(found):
        x = place * (_WIDTH + _GAP)
        for line in stage.before:
            canvas.across(line, x, bottom - _ROW)
        bottom = canvas.box(stage.box, x, canvas.down(stage.outside, x, 0), _WIDTH)
        canvas.height = max(canvas.height, bottom)
    canvas.height = max(canvas.height, canvas.down((out,), x, bottom))
    return canvas


def _svg(spec: ModuleSpec, kind: str, canvas: _Canvas) -> Drawn:
    name = f"picture-{kind}-{spec.name}"
    words = "Boxes are modules, lines are their parameters with shapes; each leads to its rule."
    return element(
        "svg",
        element("title", f"nn.{spec.name} as boxes", id=f"{name}-title"),
        element("desc", f"nn.{spec.name}: {spec.summary}. {words}", id=f"{name}-text"),
        *canvas.shapes,
        viewBox=f"0 0 {canvas.width} {canvas.height}",
        width=canvas.width,
        role="group",
        **{"class": f"mhadoc-{kind}"},
        **{"aria-labelledby": f"{name}-title", "aria-describedby": f"{name}-text"},
    )


class _Canvas:
    """What is drawn so far, and how much room it takes."""

    def __init__(self, width: int) -> None:
        self.shapes: list[nodes.Node] = []
        self.width, self.height = width, 0

    def down(self, lines: Sequence[Line], x: int, y: int) -> int:
        """Draw arrows down from a height, a line beside each; return where they end."""
        for place, line in enumerate(lines):
            at = x + 2 * _PAD + place * _WIDTH // 4
            self._arrow(f"M{at} {y}V{y + _FLOW}", f"M{at - 4} {y + _FLOW - 6}l4 6l4 -6")
            self._link(line, at, y + (_FLOW - _ROW) // 2, len(line.text) * _LETTER + 3 * _PAD)
        return y + _FLOW

    def across(self, line: Line, x: int, y: int) -> None:
        """Draw an arrow to a place from the left, with a line on it."""
        self._arrow(f"M{x - _GAP} {y}H{x}", f"M{x - 6} {y - 4}l6 4l-6 4")
        self._link(line, x - _GAP, y - _ROW, _GAP)

    def box(self, box: Box, x: int, y: int, width: int) -> int:
        """Draw a box with all that is in it, and return where it ends."""
        frame = element("rect")
        self.shapes.append(frame)
        bottom = y + _PAD // 2
        for line in box.lines:
            kind = "mhadoc-module" if line is box.title else ""
            self._link(line, x, bottom, width, kind)
            bottom += _ROW
        for inside in box.boxes:
            bottom = self.box(inside, x + _PAD, bottom, width - 2 * _PAD) + _PAD
        bottom += 0 if box.boxes else _PAD // 2
        frame["at"] = {"x": x, "y": y, "width": width, "height": bottom - y, "rx": 4}
        return bottom

    def _arrow(self, *paths: str) -> None:
        self.shapes.append(element("path", d="".join(paths)))

    def _link(self, line: Line, x: int, y: int, width: int, kind: str = "") -> None:
        """Draw a line of text that leads to its address; all of its row can be clicked."""
        row = element("rect", x=x, y=y, width=width, height=_ROW, **{"class": "mhadoc-touch"})
        base = y + _ROW - 7
        parts = [element("title", line.name), row, *_stripes(line, x, y)]
        parts.append(element("text", line.text, x=x + _PAD + 4, y=base, **{"class": kind}))
        if line.note:
            end = {"x": x + width - _PAD, "y": base, "class": "mhadoc-note"}
            parts.append(element("text", line.note, **end))
        self.shapes.append(linked(line.address, element("g", *parts)))


def _stripes(line: Line, x: int, y: int) -> Iterator[Drawn]:
    """Iterate over the blocks of a parameter as stripes at its left, one colour each."""
    height = (_ROW - 4) / max(len(line.blocks), 1)
    for place, name in enumerate(line.blocks):
        top = y + 2 + place * height
        colour = {"class": f"mhadoc-block mhadoc-{name}"}
        yield element("rect", x=x + 3, y=round(top, 1), width=4, height=round(height, 1), **colour)
