"""The way through a call as a picture: each step with the shapes that it makes, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.errors import ShapeError
from mhadoc.sphinxext.svg import Drawn, element, linked

if TYPE_CHECKING:
    from mhadoc.language import Made, ModuleSpec, Rule, Step

__all__ = ["used", "way"]

# All in the units of the picture, which is as wide as a phone.
_WIDTH, _GAP, _ROW, _BOX, _ARROW = 328, 8, 20, 52, 14

#: How wide a letter of a shape is, and what stands beside the text in a box.
_LETTER, _MARGIN = 6.95, 14


def way(spec: ModuleSpec, given: Mapping[str, int]) -> list[nodes.Node]:
    """Return the picture; a size that is not given is that of the cases, and a flag is not set.

    Raises ShapeError for a spec that says nothing of what a call makes on the way.
    """
    if not spec.steps:
        raise ShapeError(f"{spec.name} tells no steps of a call")
    flags = {symbol.name: 0 for symbol in spec.symbols if symbol.kind == "flag"}
    sizes = {**flags, **spec.cases.numbers, **given}
    drawn, y = [], 0
    for step in spec.steps:
        drawn += list(_step(spec, step, sizes, y))
        y += _height(step)
    return [nodes.container("", _svg(spec, drawn, y - _ARROW), classes=["mhadoc-picture"])]


def used(spec: ModuleSpec) -> list[Rule]:
    """Return the parameters that the steps of a call use."""
    return [spec.rule(step.uses) for step in spec.steps if step.uses]


def _height(step: Step) -> int:
    return _ROW * (2 if step.uses else 1) + _BOX + _ARROW


def _svg(spec: ModuleSpec, drawn: list[Drawn | nodes.Node], height: int) -> Drawn:
    told = "; ".join(f"{s.how}: {', '.join(made.name for made in s.makes)}" for s in spec.steps)
    return element(
        "svg",
        element("title", f"The shapes on the way through one call of nn.{spec.name}"),
        element("desc", f"Step by step: {told}. The shapes stand in the picture."),
        *drawn,
        viewBox=f"0 0 {_WIDTH} {height}",
        width=_WIDTH,
        role="group",
        **{"class": "mhadoc-way", "data-way": spec.name},
    )


def _step(
    spec: ModuleSpec, step: Step, sizes: Mapping[str, int], y: int
) -> Iterator[Drawn | nodes.Node]:
    """Draw what is done, what is used, and the tensors that are made, side by side."""
    yield _text(step.how, 0, y + 14, "mhadoc-how")
    y += _ROW
    if step.uses:
        rule = spec.rule(step.uses)
        yield linked(spec.address(rule), element("g", _text(f"with {rule.name}", 0, y + 13)))
        y += _ROW
    returned = {rule.name for rule in spec.outputs}
    width = (_WIDTH + _GAP) / len(step.makes) - _GAP
    for place, made in enumerate(step.makes):
        x = place * (width + _GAP)
        yield from _made(made, sizes, x, y, width)
        if made.name not in returned:
            middle, end = x + width / 2, y + _BOX
            yield element("path", d=f"M{middle:.0f} {end}v{_ARROW - 4}m-4 -5l4 5l4 -5")


def _made(
    made: Made, sizes: Mapping[str, int], x: float, y: float, width: float
) -> Iterator[Drawn]:
    frame = {"x": round(x, 1), "y": y, "width": round(width, 1), "height": _BOX, "rx": 4}
    yield element("rect", **frame)
    if made.kind:
        stripe = {**frame, "width": 4, "rx": 2, "class": f"mhadoc-block mhadoc-{made.kind}"}
        yield element("rect", **stripe)
    yield _text(made.name, x + 9, y + 17, "mhadoc-module")
    room = int((width - _MARGIN) / _LETTER)
    yield _shape(made, str(made.shape.evaluate(sizes)), room, {"x": round(x + 9, 1), "y": y + 38})


def _shape(made: Made, shape: str, room: int, at: dict[str, object]) -> Drawn:
    """Draw a shape, and say how many letters there is room for: a script writes others."""
    if len(shape) > room:
        at |= {"textLength": round(room * _LETTER), "lengthAdjust": "spacingAndGlyphs"}
    return element("text", shape, **at, **{"data-made": made.name, "data-room": room})


def _text(text: str, x: float, y: float, kind: str = "") -> Drawn:
    at = {"x": round(x, 1), "y": round(y, 1), **({"class": kind} if kind else {})}
    return element("text", text, **at)
