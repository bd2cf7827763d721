"""What forward demands of the masks, and what torch raises otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sympy import And, Basic, Eq, Ne, Not, Or

from mhadoc.catalog.breaking import in_c, longer
from mhadoc.catalog.multihead_attention.mistakes.broken import UNHINTED, form
from mhadoc.catalog.multihead_attention.mistakes.given import (
    attn_mask,
    discarded,
    key_padding_mask,
    mask_merges,
    masks_dtype,
    masks_float32,
    padding_merges,
    query,
    ranked,
    read_as_bytes,
    sized,
    weight_common,
)
from mhadoc.catalog.multihead_attention.paths import discards_mask, fast, merges, slow
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    CHECK,
    FUNCTIONAL,
    H,
    L,
    N,
    S,
    attn_mask_float,
    attn_mask_rank,
    batched,
    is_causal,
    keys,
    need_weights,
    padding_mask,
)
from mhadoc.language import Measured, Requirement
from mhadoc.language.releases import newer

_KERNEL = "torch: _native_multi_head_attention"

MATRIX = Eq(attn_mask_rank, 2)
PER_HEAD = Eq(attn_mask_rank, 3)
NO_MASK = Eq(attn_mask_rank, 0)
SLOW = And(Not(fast), UNHINTED)
_LOOKED_AT = And(UNHINTED, Not(merges), Not(discards_mask))
_NOT_MERGED = Not(And(merges, attn_mask_rank > 0))
PRESENT = {"attn_mask": attn_mask_rank > 0, "key_padding_mask": padding_mask}

Change = Callable[[Any], Any]


def masked(
    name: str,
    id: str,
    demand: str,
    error: str,
    hint: str,
    change: Change,
    when: Basic,
    source: str,
    fits: Basic,
    expected: str,
    observed: str = "",
    **computes: Any,
) -> Requirement:
    """Return the demand of a mask that is broken by changing the mask given."""
    kind, _, message = error.partition(": ")
    return Requirement(
        f"{name}.{id}",
        demand,
        kind,
        message,
        hint,
        about=(name,),
        breaks=lambda seen: {name: change(seen.inputs[name])},
        when=And(PRESENT[name], when),
        fits=Or(Not(Measured(name).tensor), fits),
        expected=expected,
        observed=observed or f"has shape {{{name}.shape}}",
        computes=computes,
        source=source,
    )


compared = And(slow, Not(discarded), ranked, mask_merges)

RANKS = (
    masked(
        "key_padding_mask",
        "rank",
        "the `key_padding_mask` has one axis less than the query",
        "AssertionError: For {form} `query`, expected `key_padding_mask` to be `None` or "
        "{axes}-D but found {key_padding_mask.ndim}-D tensor instead",
        "pass a mask of shape (N, S), or (S,) for an unbatched query",
        lambda mask: mask[None],
        SLOW,
        CHECK,
        Or(Not(And(slow, ranked, padding_merges)), Eq(key_padding_mask.rank, query.rank - 1)),
        "must have one axis less than the query, which has {query.rank}",
        form=form,
        axes=1 + batched,
    ),
    masked(
        "attn_mask",
        "rank",
        "the `attn_mask` has two axes or three",
        "AssertionError: For {form} `query`, expected `attn_mask` to be `None`, 2-D or 3-D "
        "but found {attn_mask.ndim}-D tensor instead",
        "pass a mask of shape (L, S) or (N * num_heads, L, S); "
        "what has one entry for each key is a key_padding_mask",
        lambda mask: mask.flatten(),
        And(SLOW, Not(And(merges, PER_HEAD))),
        CHECK,
        Or(Not(And(slow, mask_merges)), Eq(attn_mask.rank, 2), Eq(attn_mask.rank, 3)),
        "must have two axes or three",
        form=form,
    ),
    masked(
        "attn_mask",
        "shape_unbatched",
        "a 3-D `attn_mask` is (num_heads, L, S), for an unbatched query",
        "AssertionError: Expected `attn_mask` shape to be ({num_heads}, {L}, {S}) "
        "but got {attn_mask.shape}",
        "pass mask.expand(num_heads, -1, -1), or a 2-D mask for all heads",
        lambda mask: longer(mask, 0),
        And(Not(batched), PER_HEAD),
        CHECK,
        Or(Not(ranked), Eq(query.rank, 3), Ne(attn_mask.rank, 3), sized(attn_mask, H, L, S)),
        "must have shape (num_heads, L, S) = ({num_heads}, {L}, {S})",
    ),
)

SHAPES = (
    masked(
        "attn_mask",
        "shape",
        "a 2-D `attn_mask` is (L, S), without the extra keys",
        "RuntimeError: The shape of the 2D attn_mask is {attn_mask.shape}, "
        "but should be ({L}, {S}).",
        "pass a mask of shape (L, S): rows are queries, columns keys; extra keys have no column",
        lambda mask: longer(mask, 1),
        And(MATRIX, _LOOKED_AT),
        ATTEND,
        Or(Not(compared), Ne(attn_mask.rank, 2), sized(attn_mask, L, S)),
        "must have shape (L, S) = ({L}, {S})",
    ),
    masked(
        "attn_mask",
        "shape_per_head",
        "a 3-D `attn_mask` is (N * num_heads, L, S)",
        "RuntimeError: The shape of the 3D attn_mask is {attn_mask.shape}, "
        "but should be ({rows}, {L}, {S}).",
        "pass mask.repeat_interleave(num_heads, 0) for one mask a batch element",
        lambda mask: mask[:1].expand(mask.shape[0] + 1, -1, -1),
        And(PER_HEAD, batched, _LOOKED_AT),
        ATTEND,
        Or(
            Not(compared),
            Ne(attn_mask.rank, 3),
            Ne(query.rank, 3),
            sized(attn_mask, N * H, L, S),
        ),
        "must have shape (N*num_heads, L, S) = ({rows}, {L}, {S})",
        rows=N * H,
    ),
)

_PADDING = f"{FUNCTIONAL}: _check_key_padding_mask"
_EXPECTED = "AssertionError: Expected key_padded_mask.shape[%d] to be {wanted}, but got {found}"
#: Once the message told both numbers, whichever was wrong.
_BOTH = {
    "2.6": {
        "message": "expecting key_padding_mask shape of ({rows}, {keys}), "
        "but got torch.Size({padded})"
    }
}
_PADDED = Or(Not(And(slow, ranked, padding_merges)), Ne(key_padding_mask.rank, query.rank - 1))


def _padded(shown: Mapping[str, Any]) -> list[int]:
    """Return the sizes of the `key_padding_mask` as torch looks at it: with the extra keys."""
    mask = shown["key_padding_mask"]
    rows = mask.shape[0] if mask.ndim > 1 else 1
    return [rows, mask.shape[-1] + shown["add_bias_kv"] + shown["add_zero_attn"]]


_PADDING_SHAPES = (
    masked(
        "key_padding_mask",
        "batch",
        "the `key_padding_mask` has one row for each batch element",
        _EXPECTED % 0,
        "pass a mask of shape (N, S), whatever batch_first is",
        lambda mask: longer(mask, 0),
        And(batched, SLOW, _NOT_MERGED),
        _PADDING,
        Or(_PADDED, Eq(query.rank, 2), Eq(key_padding_mask.axis_0, N)),
        "must have shape (N, S) = ({N}, {S})",
        wanted=1 * N,
        found=lambda shown: _padded(shown)[0],
        rows=1 * N,
        keys=keys,
        padded=_padded,
    ),
    masked(
        "key_padding_mask",
        "length",
        "the `key_padding_mask` has one entry for each key; the message counts extra keys too",
        _EXPECTED % 1,
        "pass a mask of shape (N, S): the extra keys have no entry, so take both numbers "
        "less add_bias_kv and add_zero_attn",
        lambda mask: longer(mask, mask.dim() - 1),
        And(SLOW, _NOT_MERGED),
        _PADDING,
        Or(_PADDED, Eq(key_padding_mask.features, S)),
        "must have one entry for each of S = {S} keys",
        wanted=keys,
        found=lambda shown: _padded(shown)[1],
        rows=batched * (N - 1) + 1,
        keys=keys,
        padded=_padded,
    ),
)
PADDING = tuple(replace(demand, before=_BOTH) for demand in _PADDING_SHAPES)


#: Once the first byte of each float that pads was read beside a mask of floats: `-inf` hid nothing.
BESIDE_FLOATS = (
    replace(
        masked(
            "key_padding_mask",
            "bools_beside_floats",
            "beside an `attn_mask` of floats, the `key_padding_mask` is one of bools",
            "RuntimeError: Mask tensor can take 0 and 1 values only",
            "pass key_padding_mask == float('-inf'): torch 2.0 adds floats, and before it 0 and "
            "-inf hide nothing here, and other floats fail",
            lambda mask: mask.double() + 0.1,
            And(SLOW, attn_mask_rank > 0, attn_mask_float),
            ATTEND,
            Not(And(compared, attn_mask.floating, key_padding_mask.floating, read_as_bytes)),
            "must be one of bools where attn_mask is one of floats",
            "is one of {key_padding_mask.dtype}, not all of them 0 or -inf",
        ),
        until="2.0",
    ),
)


def _other_float(name: str, id: str, error: str, when: Basic, fits: Basic) -> Requirement:
    mask = Measured(name)
    where = ", where `need_weights=False`" if id == "floats_without_weights" else ""
    return masked(
        name,
        id,
        f"floats in the `{name}` have the query's dtype{where}",
        error,
        f"pass {name}.to(query.dtype), or a boolean mask",
        lambda mask: mask.half(),
        And(UNHINTED, when),
        ATTEND,
        Or(
            Not(And(slow, Not(discarded), mask.floating, Eq(query.common, weight_common))),
            Eq(masks_dtype, query.common),
            Eq(mask.common, query.common),
            fits,
        ),
        "must have the dtype of the query where it is one of floats: {query.dtype}",
        f"has {{{name}.dtype}}",
        given=lambda shown: in_c(shown[name]),
        own=lambda shown: in_c(shown["query"]),
    )


_SUM = (
    "RuntimeError: Input dtypes must be the same, got: input {given}, batch1: {own}, batch2: {own}"
)
_FUSED = (
    "RuntimeError: Expected attn_mask dtype to be bool or float or to match query dtype, "
    "but got attn_mask.dtype: {given} and  query.dtype: {own} instead."
)
#: Once the mask had to have the query's dtype, also where it is float32.
_STRICT = {
    "message": "Expected attn_mask dtype to be bool or to match query dtype, "
    "but got attn_mask.dtype: {given} and  query.dtype: {own} instead."
}

_UNUSED = Not(need_weights)

_WITH_WEIGHTS = (
    _other_float("attn_mask", "floats", _SUM, And(need_weights, Not(padding_mask)), _UNUSED),
    _other_float("key_padding_mask", "floats", _SUM, And(need_weights, NO_MASK), _UNUSED),
)
FLOATS = tuple(replace(demand, since="2.1") for demand in _WITH_WEIGHTS)

_WITHOUT_WEIGHTS = (
    _other_float(
        "attn_mask",
        "floats_without_weights",
        _FUSED,
        And(Not(need_weights), Not(padding_mask), Not(is_causal)),
        Or(need_weights, And(newer("2.4"), masks_float32)),
    ),
    _other_float(
        "key_padding_mask",
        "floats_without_weights",
        _FUSED,
        And(Not(need_weights), NO_MASK),
        Or(need_weights, And(newer("2.4"), masks_float32)),
    ),
)
#: And once the fused kernel read floats as bools, whatever they were.
FLOATS_WITHOUT_WEIGHTS = tuple(
    replace(d, since="2.0", before={"2.4": _STRICT, "2.1": {"when": And(d.when, Not(fast))}})
    for d in _WITHOUT_WEIGHTS
)
