"""How a call of scaled_dot_product_attention is broken on purpose: records that share words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy import Basic, true

from mhadoc.catalog.scaled_dot_product_attention.symbols import SOURCE
from mhadoc.language import Requirement, Seen

__all__ = ["SEQUENCES", "Inputs", "Shown", "changed", "mistake"]

Inputs = Mapping[str, Any]
Shown = Mapping[str, Any]

SEQUENCES = ("query", "key", "value")


def mistake(
    id: str,
    demand: str,
    error: str,
    hint: str,
    breaks: Callable[[Seen], Inputs],
    when: Basic = true,
    fits: Basic = true,
    observed: str = "",
    **computes: Any,
) -> Requirement:
    """Return the demand of an input that ``breaks`` breaks, by ``error``: its class and text."""
    kind, _, message = error.partition(": ")
    return Requirement(
        id,
        demand,
        kind,
        message,
        hint,
        about=(id.partition(".")[0],),
        breaks=breaks,
        when=when,
        fits=fits,
        observed=observed,
        computes=computes,
        source=SOURCE,
    )


def changed(name: str, change: Callable[[Any], Any]) -> Callable[[Seen], Inputs]:
    """Return how to break a call by changing one tensor of it."""
    return lambda seen: {name: change(seen.inputs[name])}
