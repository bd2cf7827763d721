"""Demands: what forward demands of a call, compared with one that was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from operator import not_
from typing import Any

import sympy

from mhadoc.language.compiled import compiled, free_names, picker
from mhadoc.language.rules import Requirement

__all__ = ["Demands"]


@dataclass(frozen=True)
class Demands:
    """Requirements in the order in which torch looks, compiled once for any call."""

    requirements: tuple[Requirement, ...]

    def unmet(self, values: Mapping[str, Any]) -> tuple[Requirement, ...]:
        """Return the requirements that a call with these symbols and measures does not meet."""
        asked, pick, test = self._compiled
        met = test(*pick(values))
        return () if all(met) else tuple(compress(asked, map(not_, met)))

    @cached_property
    def decides(self) -> bool:
        """Tell whether any of them can be compared with a call."""
        return bool(self._compiled[0])

    @cached_property
    def _compiled(self) -> tuple[tuple[Requirement, ...], Callable[..., Any], Callable[..., Any]]:
        asked = tuple(demand for demand in self.requirements if demand.fits != sympy.true)
        conditions = tuple(demand.fits for demand in asked)
        names = free_names(*conditions)
        return asked, picker(names), compiled(conditions, names)
