"""Pictures of parameters as matrices with their blocks, and of masks as grids of True and False."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from docutils import nodes

from mhadoc.errors import ShapeError
from mhadoc.language import Parameter, bound_text
from mhadoc.sphinxext.svg import Drawn, element, linked

if TYPE_CHECKING:
    import sympy

    from mhadoc.language import Block, ModuleSpec, Rule

__all__ = ["HIDDEN", "grid", "matrices"]

_TALL, _WIDE, _SIDE, _ROW, _CELL, _PAD, _LETTER = 216, 96, 150, 20, 22, 6, 7

#: Which cells of a mask hide, by the row and the column of a cell and the sizes of the mask.
HIDDEN: dict[str, Callable[[int, int, int, int], bool]] = {
    "later": lambda row, column, rows, columns: column > row,
    "padding": lambda row, column, rows, columns: column >= columns - row,
}


def matrices(spec: ModuleSpec, rules: Sequence[Rule], given: Mapping[str, int]) -> list[nodes.Node]:
    """Return parameters side by side as matrices, to one scale, each block and head marked.

    Labels are in numbers where sizes are given, and in symbols otherwise; the proportions are then
    those of the cases.
    """
    sizes = {**spec.cases.numbers, **given}
    wanted = [rule for rule in rules if isinstance(rule, Parameter) and _axes(rule) in (1, 2)]
    if len(wanted) < len(rules) or not rules:
        raise ShapeError("only a parameter with one or two axes is drawn as a matrix")
    shapes = [_shape(rule, sizes) for rule in wanted]
    scale = min(
        _TALL / max(rows for rows, _ in shapes), _WIDE / max(columns for _, columns in shapes)
    )
    drawn = [_Matrix(spec, rule, sizes, bool(given), scale).svg() for rule in wanted]
    return [nodes.container("", *drawn, classes=["mhadoc-picture", "mhadoc-matrices"])]


def _axes(rule: Parameter) -> int:
    return len(rule.shape or ())


def _shape(rule: Parameter, sizes: Mapping[str, Any]) -> tuple[int, int]:
    found = rule.shape.evaluate(sizes) if rule.shape is not None else ()
    return (found[0], found[1] if len(found) > 1 else 1)


@dataclass(frozen=True)
class _Matrix:
    """One parameter, with the sizes to draw it in."""

    spec: ModuleSpec
    rule: Parameter
    sizes: Mapping[str, Any]
    in_numbers: bool
    scale: float

    def svg(self) -> Drawn:
        """Return the matrix under its name and shape, its blocks labelled at its side."""
        rows, columns = _shape(self.rule, self.sizes)
        height, width = max(rows * self.scale, _ROW), max(columns * self.scale, 4)
        titles = (self.rule.name, self._shape_text())
        top = 2 * _ROW + _PAD
        inside = [*self._blocks(top, width), _box(0, top, width, height), *self._heads(top, width)]
        whole = max(_end(part) for part in (*self._titles(titles), *inside))
        at = {
            "viewBox": f"0 0 {whole} {round(top + height + _PAD)}",
            "width": whole,
            "role": "group",
            "aria-label": f"{' '.join(titles)}: {', '.join(self._told())}.",
        }
        title = element("g", *self._titles(titles))
        return element("svg", linked(self.spec.address(self.rule), title), *inside, **at)

    def _titles(self, titles: tuple[str, str]) -> tuple[Drawn, Drawn]:
        name, shape = titles
        return _text(name, 0, 14, "mhadoc-module"), _text(shape, 0, _ROW + 14)

    def _shape_text(self) -> str:
        shape = self.rule.shape
        if shape is None:
            return ""
        return str(shape.evaluate(self.sizes)) if self.in_numbers else shape.text()

    def _whole(self) -> tuple[Block, ...]:
        """Return the blocks that are no head's."""
        return tuple(block for block in self.rule.blocks if "h" not in _names(block))

    def _told(self) -> Iterator[str]:
        for block in self.rule.blocks:
            yield f"{block.name} is {'row' if block.axis == 0 else 'column'}s {self._bounds(block)}"
        if not self.rule.blocks:
            yield "one block"

    def _bounds(self, block: Block) -> str:
        return f"[{self._number(block.start)}:{self._number(block.stop)}]"

    def _number(self, bound: sympy.Expr) -> str:
        text = bound_text(bound)
        there = {symbol: self.sizes.get(symbol.name) for symbol in bound.free_symbols}
        in_numbers = self.in_numbers and None not in there.values()
        return str(bound.subs(there)) if in_numbers else text

    def _blocks(self, top: int, width: float) -> Iterator[Drawn]:
        yield from self._plain(top, width)
        for block in self._whole():
            start, stop = (self.scale * bound for bound in block.bounds(self.sizes))
            kind = {"class": f"mhadoc-block mhadoc-{block.name}"}
            yield _box(0, top + start, width, stop - start, **kind)
            middle = top + (start + stop) / 2
            yield _text(block.name, width + 2 * _PAD, middle - 2, "mhadoc-module")
            yield _text(f"rows {self._bounds(block)}", width + 2 * _PAD, middle + 13)

    def _plain(self, top: int, width: float) -> Iterator[Drawn]:
        """Iterate over the ground of a matrix without blocks: the colour of its letter."""
        rows, _ = _shape(self.rule, self.sizes)
        kind = {"class": f"mhadoc-block mhadoc-{self.rule.name[0]}"}
        if not self._whole() and self.rule.name[1] == "_":
            yield _box(0, top, width, rows * self.scale, **kind)

    def _heads(self, top: int, width: float) -> Iterator[Drawn]:
        """Iterate over the lines between heads, and the label of the first where nothing is."""
        heads = [block for block in self.rule.blocks if "h" in _names(block)]
        edges = (b.bounds({**self.sizes, "h": h}) for b in heads for h in range(self._count()))
        ends = sorted({start * self.scale for start, _ in edges} - {0})
        across = bool(heads) and heads[0].axis == 0
        rows, _ = _shape(self.rule, self.sizes)
        line = "M0 {down:.1f}h{width:.1f}" if across else "M{end:.1f} {top}v{height:.1f}"
        for end in ends:
            sizes = {"down": top + end, "width": width, "end": end, "top": top}
            path = line.format(**sizes, height=rows * self.scale)
            yield element("path", d=path, **{"class": "mhadoc-thin"})
        if heads and not self._whole():
            yield from self._beside(heads[0], top + rows * self.scale / 2, width + 2 * _PAD)

    def _beside(self, head: Block, middle: float, left: float) -> Iterator[Drawn]:
        """Iterate over the two lines of the label beside a matrix of heads."""
        yield _text(f"{head.name}: {'rows' if head.axis == 0 else 'columns'}", left, middle - 2)
        yield _text(f"{self._bounds(head)}", left, middle + 13)

    def _count(self) -> int:
        return int(self.sizes["num_heads"])


def _names(block: Block) -> set[str]:
    return {symbol.name for end in (block.start, block.stop) for symbol in end.free_symbols}


def grid(spec: ModuleSpec, rule: Rule, hidden: str, sides: tuple[str, str]) -> list[nodes.Node]:
    """Return a boolean mask as a grid, a T in each cell that hides; ``sides`` name its axes.

    Of a mask for each head one is drawn.
    """
    if rule.shape is None or len(rule.shape) not in (2, 3):
        raise ShapeError(f"{spec.address(rule)} is no mask of two or three axes")
    rows, columns = (int(size) for size in rule.shape.evaluate(spec.cases.numbers)[-2:])
    title = _text(f"{rule.name} {rule.shape.text()}", 0, 14, "mhadoc-module")
    bottom = _ROW + _PAD + rows * _CELL
    width = max(columns * _CELL, _WIDE + _SIDE)
    at = {
        "viewBox": f"0 0 {width} {bottom + 44}",
        "width": width,
        "role": "group",
        "aria-label": f"{rule.name}: {rule.why}",
    }
    drawn = element(
        "svg",
        linked(spec.address(rule), element("g", title)),
        *_cells(HIDDEN[hidden], rows, columns),
        _text(f"down: {sides[0]}", 0, bottom + 18),
        _text(f"across: {sides[1]}", 0, bottom + 36),
        **at,
    )
    return [nodes.container("", drawn, classes=["mhadoc-picture", "mhadoc-matrices"])]


def _cells(hides: Callable[..., bool], rows: int, columns: int) -> Iterator[Drawn]:
    for row, column in product(range(rows), range(columns)):
        x, y = column * _CELL, _ROW + _PAD + row * _CELL
        hidden = hides(row, column, rows, columns)
        yield _box(x, y, _CELL, _CELL, **{"class": "mhadoc-hides" if hidden else "mhadoc-shows"})
        if hidden:
            yield _text("T", x + 7, y + 15)


def _end(part: Drawn) -> int:
    """Return where a text or a box ends at its right."""
    at: dict[str, float] = part["at"]
    return round(at.get("x", 0) + at.get("width", _LETTER * len(part.astext())) + _PAD)


def _text(text: str, x: float, y: float, kind: str = "") -> Drawn:
    return element("text", text, x=round(x, 1), y=round(y, 1), **({"class": kind} if kind else {}))


def _box(x: float, y: float, width: float, height: float, **more: str) -> Drawn:
    numbers = {"x": x, "y": y, "width": width, "height": height}
    return element("rect", **{name: round(size, 1) for name, size in numbers.items()}, **more)
