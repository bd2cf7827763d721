"""Compiled expressions: sympy once, plain Python arithmetic from then on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any

import sympy

__all__ = ["compiled", "free_names", "number", "picker", "truth"]


@cache
def compiled(parts: tuple[sympy.Basic, ...], names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a function of the named values that gives the parts' values as a tuple.

    A part is an expression (its number) or a condition (its truth).
    """
    found = {symbol.name: symbol for part in parts for symbol in part.free_symbols}
    symbols = [found.get(name, sympy.Symbol(name)) for name in names]
    function: Callable[..., Any] = sympy.lambdify(symbols, parts, modules="math")
    return function


def number(expression: sympy.Basic, values: Mapping[str, Any]) -> Any:
    """Return the value of one expression or condition for these values."""
    names, function = _single(expression)
    return function(*[values[name] for name in names])[0]


def truth(condition: sympy.Basic, values: Mapping[str, Any]) -> bool:
    """Tell whether a condition is true of these values."""
    return bool(number(condition, values))


@cache
def _single(expression: sympy.Basic) -> tuple[tuple[str, ...], Callable[..., Any]]:
    names = free_names(expression)
    return names, compiled((expression,), names)


def free_names(*parts: sympy.Basic) -> tuple[str, ...]:
    """Return the names of the symbols that occur in the parts, sorted."""
    return tuple(sorted({symbol.name for part in parts for symbol in part.free_symbols}))


def picker(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a function that takes these names' values out of a mapping, as a tuple."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)
