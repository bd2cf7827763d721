"""Expressions as JavaScript, so that a page works out what a rule says of the reader's numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sympy
from sympy.printing.jscode import JavascriptCodePrinter

from mhadoc.errors import MhadocError

__all__ = ["expression_javascript", "script"]


def expression_javascript(expression: sympy.Basic) -> str:
    """Return an expression as JavaScript in which ``v`` holds the value of each symbol.

    A flag is 0 or 1 there, as it is here; a condition's value counts as true or false. Raises
    MhadocError where there is no JavaScript for a part.

    >>> from sympy import Symbol
    >>> expression_javascript(3 * Symbol("embed_dim"))
    '3*v.embed_dim'
    """
    _, unknown, text = _Javascript({"human": False}).doprint(expression)
    if unknown:
        raise MhadocError(f"{expression} cannot be written in JavaScript: {sorted(unknown)[0]}")
    return " ".join(text.split())


def script(data: object) -> str:
    """Return data as JavaScript: expressions become functions of the values, the rest is JSON.

    >>> from sympy import Symbol
    >>> script({"name": "out_proj.bias", "axes": [Symbol("embed_dim")]})
    '{"name": "out_proj.bias", "axes": [(v) => v.embed_dim]}'
    """
    if isinstance(data, sympy.Basic):
        return f"(v) => {expression_javascript(data)}"
    if isinstance(data, Mapping):
        return f"{{{', '.join(f'{json.dumps(k)}: {script(v)}' for k, v in data.items())}}}"
    if isinstance(data, Sequence) and not isinstance(data, str):
        return f"[{', '.join(map(script, data))}]"
    return json.dumps(data)


class _Javascript(JavascriptCodePrinter):  # type: ignore[misc]  # sympy ships no types
    """Print a symbol as a member of the values, and a remainder as Python works it out."""

    def _print_Symbol(self, expr: sympy.Symbol) -> str:
        name: str = expr.name
        return f"v.{name}" if name.isidentifier() else f"v[{json.dumps(name)}]"

    def _print_BooleanTrue(self, expr: sympy.Basic) -> str:
        return "true"

    def _print_BooleanFalse(self, expr: sympy.Basic) -> str:
        return "false"

    def _print_Mod(self, expr: Any) -> str:
        number, divisor = (f"({self._print(part)})" for part in expr.args)
        return f"((({number} % {divisor}) + {divisor}) % {divisor})"
