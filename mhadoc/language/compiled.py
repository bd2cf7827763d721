"""Compiled expressions: sympy once, plain Python arithmetic from then on."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from operator import itemgetter
from typing import Any, cast

import sympy
from sympy.printing.precedence import precedence
from sympy.printing.pycode import PythonCodePrinter

__all__ = ["Noted", "compiled", "free_names", "joined", "number", "picker", "truth"]


@cache
def compiled(parts: tuple[sympy.Basic, ...], names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a function of the named values that gives the parts' values as a tuple.

    A part is an expression (its number) or a condition (its truth).
    """
    found = {symbol.name: symbol for part in parts for symbol in part.free_symbols}
    symbols = [found.get(name, sympy.Symbol(name)) for name in names]
    printer = _Printer({"fully_qualified_modules": False})
    function: Callable[..., Any] = sympy.lambdify(symbols, parts, "math", printer=printer)
    return function


class _Printer(PythonCodePrinter):  # type: ignore[misc]  # sympy ships no types
    """Writes expressions as Python; before sympy 1.14 ``not x`` came out as one word."""

    def _print_Not(self, negation: sympy.Not) -> str:
        (negated,) = negation.args
        return f"not {self.parenthesize(negated, precedence(negation))}"


def number(expression: sympy.Basic, values: Mapping[str, Any]) -> Any:
    """Return the value of one expression or condition for these values."""
    if type(values) is Noted:
        return values.number(expression)
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


def joined(*layers: Mapping[str, Any]) -> ChainMap[str, Any]:
    """Return mappings read as one, none copied: the first that knows a name gives its value."""
    return ChainMap(*cast(tuple[MutableMapping[str, Any], ...], layers))


class Noted(Mapping[str, Any]):
    """Values that note what is asked of them: which names, and which whole expressions.

    ``asked`` is the notebook; who wants to know only whether a condition is true does not depend
    on each of the values that it mentions.
    """

    def __init__(self, values: Mapping[str, Any], asked: dict[str | sympy.Basic, None]) -> None:
        """Take the values, and the notebook to write in."""
        self._values, self.asked = values, asked

    def __getitem__(self, name: str) -> Any:
        self.asked[name] = None
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def number(self, expression: sympy.Basic) -> Any:
        """Return the value of an expression, and note it as one question."""
        self.asked[expression] = None
        return number(expression, self._values)
