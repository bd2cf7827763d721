"""The order of batch and length, of which only a call that torch refuses shows which is meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mhadoc.catalog.multihead_attention.looks import Look
from mhadoc.language import Call, Doubt
from mhadoc.language.demands import unmet

__all__ = ["ORDER"]


def _turned(look: Look) -> Mapping[str, Any] | None:
    """Find shapes that do not fit, and would if the batch were on the other axis."""
    call = look.call
    first = next(iter(call.facts.values()))
    if first.rank != 3 or "batch_first" not in call.values:
        return None
    given = bool(call.values["batch_first"])
    as_it_is, other = (
        Call(None, {**call.values, "batch_first": order}, call.inputs, call.facts)
        for order in (given, not given)
    )
    fits = unmet(look.spec, as_it_is) and not unmet(look.spec, other)
    return {"given": given, "other": not given} if fits else None


ORDER = Doubt(
    id="batch_first.other",
    argument="batch_first",
    claim="mha.silent.batch_first",
    beside_errors=True,
    finds=_turned,
    expected="should say on which axis the batch is",
    observed="is {given}, and with batch_first={other} every shape would fit",
    hint="build with batch_first={other}, or exchange the first two axes; to check: which axis of "
    "each sequence is its length?",
    title="Some shapes do not fit, and batch_first was forgotten",
    example="""
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2)                        # batch_first=False
        >>> query, key = torch.randn(3, 7, 10), torch.randn(3, 9, 10)  # but batch first
        >>> print(*mhadoc.diagnose(mha, query, key, key), sep="\\n")
        """,
)
