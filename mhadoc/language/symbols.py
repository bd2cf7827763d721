"""Symbols: the named sizes and flags that shapes and conditions are written in.

A symbol's mathematics is a plain sympy symbol, so that `3 * E` and `Eq(kdim, E)` are
ordinary sympy expressions. Flags are the integers 0 and 1: `S + add_bias_kv` is a size,
and `add_bias_kv` alone is a condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sympy

__all__ = ["LETTERS", "Kind", "Symbol"]

Kind = Literal["size", "flag"]

#: The letters that torch's own pages use for these sizes; every other symbol prints its name.
LETTERS = {
    "embed_dim": "E",
    "num_heads": "H",
    "head_dim": "D",
    "kdim": "E_k",
    "vdim": "E_v",
}


@dataclass(frozen=True)
class Symbol:
    """One named size or flag: its name, what it means and the smallest value it can have.

    ``python`` is how a caller would ask for it where it is no argument: one expression for a
    size, two conditions for a flag, of which the second says that it is not set.
    """

    name: str
    meaning: str
    kind: Kind = "size"
    least: int = 0
    python: tuple[str, ...] = ()

    @cached_property
    def expr(self) -> sympy.Symbol:
        """Return the sympy symbol that stands for this size or flag in expressions."""
        return sympy.Symbol(self.name, integer=True, nonnegative=True)

    @cached_property
    def given(self) -> sympy.Symbol:
        """Return the symbol for the value as it was given, which may also be negative.

        A requirement is written with it where ``expr`` is assumed to be what it demands.
        """
        return sympy.Symbol(self.name, integer=True)

    @property
    def letter(self) -> str:
        """Return the letter that mathematics on the page uses, or the name itself."""
        return LETTERS.get(self.name, self.name)
