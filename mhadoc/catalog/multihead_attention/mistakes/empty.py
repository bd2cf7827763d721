"""What forward demands of masks where there is nothing to hide, and what torch raises otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import And, Basic, Eq, Ne, Not, Or, true

from mhadoc.catalog.multihead_attention.mistakes.broken import batch_axis
from mhadoc.catalog.multihead_attention.mistakes.given import (
    attn_mask,
    key_padding_mask,
    padding_merges,
)
from mhadoc.catalog.multihead_attention.mistakes.masks import (
    PER_HEAD,
    PRESENT,
    SLOW,
    compared,
    masked,
)
from mhadoc.catalog.multihead_attention.paths import discards_mask
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    H,
    N,
    S,
    batched,
    keys,
    need_weights,
    padding_mask,
    tensors,
)
from mhadoc.language import Requirement, Seen


def _emptied(seen: Seen) -> dict[str, Any]:
    """Return key and value of no positions, and masks that fit them."""
    axis = 1 - batch_axis(seen)
    found = {name: seen.inputs[name].narrow(axis, 0, 0) for name in ("key", "value")}
    masks = (name for name in PRESENT if seen.inputs.get(name) is not None)
    return found | {name: seen.inputs[name].narrow(-1, 0, 0) for name in masks}


def _empty(name: str, when: Basic, fits: Basic) -> Requirement:
    demand = f"with a mask in `{name}`, batch and source are not empty, where `need_weights=False`"
    message = (
        "RuntimeError: cannot reshape tensor of 0 elements into shape [{rows}, {num_heads}, -1, 0] "
        "because the unspecified dimension size -1 can be any value and is ambiguous"
    )
    requirement = masked(
        name,
        "empty",
        demand,
        message,
        f"leave {name} out where there is nothing to hide, or ask for the weights",
        lambda mask: mask,
        And(Not(need_weights), batched, SLOW, Not(discards_mask), tensors > 1, keys <= S, when),
        ATTEND,
        Or(Not(compared), need_weights, N * keys > 0, Eq(N * H, 1), fits),
        "must be left out where there is no batch element or no key",
        rows=1 * N,
    )
    return replace(requirement, breaks=_emptied, since="2.0")


EMPTY = (
    _empty(
        "attn_mask",
        And(PER_HEAD, Not(padding_mask)),
        Or(Ne(attn_mask.rank, 3), key_padding_mask.given),
    ),
    _empty("key_padding_mask", true, Not(padding_merges)),
)
