"""Shapes: tuples of expressions that evaluate, match an actual shape, and print three ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

import sympy

from mhadoc.errors import ShapeError
from mhadoc.language.compiled import compiled, free_names
from mhadoc.language.printing import expression_latex, expression_text

__all__ = ["Each", "Match", "Shape", "Shared", "broadcast"]


class Each(sympy.Function):  # type: ignore[misc]  # sympy ships no types
    """The axes of a shape that is an argument itself: ``Shape(Each(normalized_shape))``.

    The value of its symbol is a tuple of sizes, one for each axis.
    """

    @classmethod
    def eval(cls, sizes: sympy.Basic) -> sympy.Basic | None:
        """Return the size itself where there is one."""
        return sizes.args[0] if isinstance(sizes, sympy.Tuple) and len(sizes) == 1 else None

    def _pythoncode(self, printer: Any) -> str:
        return self._sympystr(printer)

    def _sympystr(self, printer: Any) -> str:
        return f"*{printer.doprint(*self.args)}"

    def _latex(self, printer: Any) -> str:
        return rf"{printer.doprint(*self.args)}\ldots"


class Shared(Each):
    """Axes that several tensors share by broadcasting: ``Shape(Shared(batch), L, E)``.

    In any of them such an axis may be missing, or be one.
    """


class Elements(sympy.Function):  # type: ignore[misc]  # sympy ships no types
    """The number of elements over the axes of one ``Each``: their product."""

    def _pythoncode(self, printer: Any) -> str:
        return self._sympystr(printer)

    def _sympystr(self, printer: Any) -> str:
        return f"prod({printer.doprint(*self.args)})"

    def _latex(self, printer: Any) -> str:
        return rf"\prod {printer.doprint(*self.args)}"


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape to which all of these broadcast; None where there is none.

    >>> from mhadoc.language import broadcast
    >>> broadcast((2, 1, 5), (3, 1))
    (2, 3, 5)
    """
    found: list[int] = []
    for sizes in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        others = {size for size in sizes if size != 1}
        if len(others) > 1:
            return None
        found.append(others.pop() if others else 1)
    return tuple(reversed(found))


@dataclass(frozen=True)
class Match:
    """What comparing a shape with an actual one gave: the sizes found, or what is wrong."""

    sizes: Mapping[str, int]
    problem: str = ""

    def __bool__(self) -> bool:
        """Tell whether the actual shape fits."""
        return not self.problem


class Shape:
    """A tuple of expressions in symbols, such as ``(3*embed_dim, embed_dim)``.

    >>> from mhadoc.language import Shape
    >>> from sympy import Symbol
    >>> E = Symbol("embed_dim")
    >>> Shape(3 * E, E).evaluate({"embed_dim": 512})
    (1536, 512)
    >>> Shape(3 * E, E).jaxtyping()
    '3*embed_dim embed_dim'
    """

    def __init__(self, *axes: sympy.Expr | int) -> None:
        """Take one expression, or a plain number, for each axis."""
        self.axes: tuple[sympy.Expr, ...] = tuple(map(_checked, axes))

    def __iter__(self) -> Iterator[sympy.Expr]:
        """Iterate over the axes' expressions."""
        return iter(self.axes)

    def __len__(self) -> int:
        """Return the number of axes (the rank)."""
        return len(self.axes)

    def __bool__(self) -> bool:
        """A shape is something even when it has no axes."""
        return True

    def __eq__(self, other: object) -> bool:
        """Compare two shapes axis by axis, as expressions."""
        return isinstance(other, Shape) and self.axes == other.axes

    def __hash__(self) -> int:
        """Hash the axes."""
        return hash(self.axes)

    def __repr__(self) -> str:
        """Return the shape as text, marked as a shape."""
        return f"Shape{self.text()}"

    def __str__(self) -> str:
        """Return the shape as text."""
        return self.text()

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Return the names of the symbols that occur, sorted."""
        return tuple(sorted({s.name for axis in self.axes for s in axis.free_symbols}))

    @property
    def spreads(self) -> bool:
        """Tell whether the first or the last axis stands for several."""
        return any(isinstance(axis, Each) for axis in (*self.axes[:1], *self.axes[-1:]))

    @cached_property
    def numel(self) -> sympy.Expr:
        """Return the number of elements as an expression."""
        return sympy.Mul(*(Elements(*a.args) if isinstance(a, Each) else a for a in self.axes))

    def evaluate(self, sizes: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the shape in numbers; raise ShapeError naming every size that is missing."""
        missing = [name for name in self.symbols if name not in sizes]
        if missing:
            raise ShapeError(f"{self.text()} needs a value for {', '.join(missing)}")
        numbers: tuple[int, ...] = compiled(self.axes, self.symbols)(
            *(sizes[name] for name in self.symbols)
        )
        return numbers

    def match(self, actual: tuple[int, ...], known: Mapping[str, int] | None = None) -> Match:
        """Compare with an actual shape and find the sizes that make the two equal.

        ``known`` holds sizes that are fixed already. An axis with one unknown size is solved
        for it; a contradiction, or a size that is no whole number, is told in ``problem``.
        """
        sizes = dict(known or {})
        if self.spreads:
            return self._spread(actual, sizes)
        if len(actual) != len(self):
            return Match(sizes, f"expected {len(self)} axes {self.text()}, got {len(actual)}")
        waiting = list(zip(self._compiled, actual, strict=True))
        while waiting:
            left = [entry for entry in waiting if not _solve(*entry, sizes)]
            if len(left) == len(waiting):
                break
            waiting = left
        return Match(sizes, self._contradiction(actual, sizes))

    def takes(self, rank: int, known: Mapping[str, Any]) -> bool:
        """Tell whether a shape of so many axes can be this one, for sizes that are known.

        An axis that stands for several is any number of them while its value is not known.
        """
        spread = [axis for axis in self.axes if isinstance(axis, Each)]
        names = [symbol.name for axis in spread for symbol in axis.free_symbols]
        least = len(self) - len(spread) + sum(len(known[name]) for name in names if name in known)
        return rank == least if known.keys() >= {*names} else rank >= least

    def _spread(self, actual: tuple[int, ...], sizes: dict[str, Any]) -> Match:
        """Compare where an end stands for several axes: what the others leave is its value."""
        if isinstance(self.axes[0], Shared):
            return self._shared(self.axes[0], actual, sizes)
        place, name = self._end(sizes)
        others = Shape(*(self.axes[:-1] if place else self.axes[1:]))
        if name not in sizes and others.spreads:
            return Match(sizes, f"{self.text()} leaves {name} undetermined")
        count = len(sizes.get(name, actual[len(others) :]))
        left = len(actual) - count
        if left < 0 or (not others.spreads and left != len(others)):
            return self._count_differs(actual, sizes)
        theirs, mine = (actual[:left], actual[left:]) if place else (actual[count:], actual[:count])
        if sizes.setdefault(name, mine) != mine:
            return self._count_differs(actual, sizes)
        return others.match(theirs, sizes)

    def _count_differs(self, actual: tuple[int, ...], sizes: Mapping[str, Any]) -> Match:
        return Match(sizes, f"expected {self.text()}, got {len(actual)} axes")

    def _end(self, sizes: Mapping[str, Any]) -> tuple[int, str]:
        """Return the end that stands for several axes, and its symbol; one that is known first."""
        found = [(p, self.axes[p]) for p in (-1, 0) if isinstance(self.axes[p], Each)]
        ends = [(place, symbol.name) for place, axis in found for symbol in axis.free_symbols]
        return next((end for end in ends if end[1] in sizes), ends[0])

    def _shared(self, axis: Shared, actual: tuple[int, ...], sizes: dict[str, Any]) -> Match:
        """Compare where the axes in front broadcast with others."""
        others, (symbol,) = Shape(*self.axes[1:]), axis.free_symbols
        if (count := len(actual) - len(others)) < 0:
            return self._count_differs(actual, sizes)
        known = sizes.setdefault(symbol.name, actual[:count])
        if (together := broadcast(known, actual[:count])) is None:
            return Match(sizes, f"axes of {actual[:count]} and {known} do not broadcast")
        sizes[symbol.name] = together
        return others.match(actual[count:], sizes)

    @cached_property
    def _compiled(self) -> tuple[_Axis, ...]:
        return tuple(_Axis(axis) for axis in self.axes)

    def _contradiction(self, actual: tuple[int, ...], sizes: Mapping[str, int]) -> str:
        for number, (axis, size) in enumerate(zip(self._compiled, actual, strict=True)):
            unknown = [name for name in axis.names if name not in sizes]
            if len(unknown) > 1:
                return f"axis {number} ({axis}) leaves {', '.join(unknown)} undetermined"
            if unknown and axis({**sizes, unknown[0]: 0}) != size:
                return f"axis {number} is {size}, which no whole {unknown[0]} makes of {axis}"
            if not unknown and (value := axis(sizes)) != size:
                return f"axis {number} is {size}, but {axis} = {value}"
        return ""

    def text(self) -> str:
        """Return the shape as a Python tuple of expressions."""
        axes = ", ".join(map(expression_text, self.axes))
        return f"({axes},)" if len(self.axes) == 1 else f"({axes})"

    def latex(self) -> str:
        """Return the shape as LaTeX in torch's letters, without dollar signs."""
        return r"\left(" + ", ".join(map(expression_latex, self.axes)) + r"\right)"

    def jaxtyping(self) -> str:
        """Return the shape as a jaxtyping string: one word an axis, separated by spaces."""
        return " ".join(re.sub(r"\s+", "", expression_text(axis)) for axis in self.axes)


def _checked(axis: sympy.Expr | int) -> sympy.Expr:
    if not isinstance(axis, (int, sympy.Expr)):
        raise ShapeError(f"an axis is a number or a sympy expression, not {axis!r}")
    return sympy.Integer(axis) if isinstance(axis, int) else axis


class _Axis:
    """One axis of a shape, compiled: its value for sizes, and the size that gives it a value."""

    def __init__(self, expression: sympy.Expr) -> None:
        self.expression = expression
        self.names = free_names(expression)
        self._value = compiled((expression,), self.names)

    def __str__(self) -> str:
        return expression_text(self.expression)

    def __call__(self, sizes: Mapping[str, int]) -> Any:
        return self._value(*[sizes[name] for name in self.names])[0]

    def solved(self, name: str, actual: int, sizes: Mapping[str, int]) -> int | None:
        """Return the size that makes a linear axis as long as it is; None where none does."""
        rest = self({**sizes, name: 0})
        factor = self({**sizes, name: 1}) - rest
        if not factor or (actual - rest) % factor:
            return None
        size = int((actual - rest) // factor)
        return size if size >= 0 and self({**sizes, name: size}) == actual else None


def _solve(axis: _Axis, actual: int, sizes: dict[str, int]) -> bool:
    """Settle one axis if it has at most one unknown size; tell whether it did."""
    unknown = [name for name in axis.names if name not in sizes]
    if len(unknown) == 1 and (size := axis.solved(unknown[0], actual, sizes)) is not None:
        sizes[unknown[0]] = size
    return len(unknown) < 2
