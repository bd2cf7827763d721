"""Small alterations of expressions, conditions and shapes, each with the words for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sympy

from mhadoc.language import Each, ModuleSpec, Shape, condition_text, expression_text

__all__ = ["Letters", "altered", "altered_condition", "altered_shape", "letters"]


class Letters(NamedTuple):
    """The symbols that can be mistaken for each other: the sizes of the cases, and the flags."""

    sizes: tuple[sympy.Symbol, ...]
    flags: tuple[sympy.Symbol, ...]


Altered = Iterator[tuple[str, sympy.Basic]]


def letters(spec: ModuleSpec) -> Letters:
    """Return the symbols of a spec that can be mistaken for each other."""
    sizes = tuple(s.expr for s in spec.symbols if s.name in spec.cases.sizes)
    flags = tuple(s.expr for s in spec.symbols if s.kind == "flag")
    return Letters(sizes, flags)


def altered(expression: sympy.Basic, swaps: Letters) -> Altered:
    """Iterate over expressions with one symbol swapped, one number raised or one term dropped."""
    seen = {expression}
    for words, other in _alterations(expression, swaps):
        if other not in seen:
            seen.add(other)
            yield words, other


def _alterations(expression: sympy.Basic, swaps: Letters) -> Altered:
    free = sorted(expression.free_symbols, key=str)
    for symbol in free:
        for other in (o for group in swaps if symbol in group for o in group if o != symbol):
            yield f"{symbol} -> {other}", expression.xreplace({symbol: other})
    for number in sorted(expression.atoms(sympy.Integer) - {sympy.Integer(-1)}):
        yield f"{number} -> {number + 1}", expression.xreplace({number: number + 1})
    for node in sympy.preorder_traversal(expression):
        if isinstance(node, (sympy.Add, sympy.Mul, sympy.And, sympy.Or)):
            for part in node.args:
                rest = node.func(*(other for other in node.args if other != part))
                yield f"without {_text(part)}", expression.xreplace({node: rest})


def altered_condition(condition: sympy.Basic, swaps: Letters) -> Altered:
    """Iterate over altered conditions: the negated one, and one of its parts negated, as well."""
    yield "condition negated", sympy.Not(condition)
    if condition in (sympy.true, sympy.false):
        return
    if isinstance(condition, (sympy.And, sympy.Or)):
        for part in condition.args:
            parts = (sympy.Not(p) if p == part else p for p in condition.args)
            yield f"{_text(part)} negated", condition.func(*parts)
    for words, other in altered(condition, swaps):
        yield f"condition: {words}", other


def altered_shape(shape: Shape, swaps: Letters) -> Iterator[tuple[str, Shape]]:
    """Iterate over shapes with one axis altered, two axes exchanged, or one dropped."""
    axes = shape.axes
    for place, axis in enumerate(axes):
        for words, other in altered(axis, swaps):
            yield f"axis {place}: {words}", Shape(*_with(axes, place, other))
        if not axis.has(Each):
            yield f"axis {place}: 1 more", Shape(*_with(axes, place, axis + 1))
        yield f"without axis {place}", Shape(*axes[:place], *axes[place + 1 :])
    for place in range(1, len(axes)):
        if axes[place - 1] != axes[place]:
            exchanged = (axes[place], axes[place - 1])
            text = f"axes {place - 1} and {place} exchanged"
            yield text, Shape(*axes[: place - 1], *exchanged, *axes[place + 1 :])


def _with(axes: Sequence[sympy.Expr], place: int, axis: sympy.Expr) -> list[sympy.Expr]:
    return [*axes[:place], axis, *axes[place + 1 :]]


def _text(part: sympy.Basic) -> str:
    return condition_text(part) if part.is_Boolean else expression_text(part)
