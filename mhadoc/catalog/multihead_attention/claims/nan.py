"""NaN: what becomes of a query from which every key is hidden."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import RUNS, failure
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.claims.hiding import (
    FLOAT,
    GIVEN,
    PADDING_FLOAT,
    over_weights,
    weights,
)
from mhadoc.catalog.multihead_attention.paths import discards_mask, fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    add_bias_kv,
    add_zero_attn,
    grad,
    need_weights,
    padding_mask,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_HIDING = And(RUNS, EXACT, Or(GIVEN, padding_mask), Not(discards_mask))
_EXTRA = Or(add_bias_kv, add_zero_attn)
_REAL_ONLY = And(_HIDING, Not(_EXTRA))
_NEVER = -1e300


def _batch_first(seen: Seen, output: Any) -> Any:
    """Return the output, or its gradient, as (N, L, E)."""
    if not seen.values["batched"]:
        return output[None]
    return output if seen.values["batch_first"] else output.transpose(0, 1)


def hidden(seen: Seen, amount: float = float("-inf")) -> dict[str, Any]:
    """Return the masks of the call, with every key hidden from query 0 of batch element 0.

    A call without an attn_mask hides the keys from every query of that element.
    """
    name = "attn_mask" if seen.inputs.get("attn_mask") is not None else "key_padding_mask"
    mask = seen.inputs[name].clone()
    row = mask if mask.dim() == 1 else mask[0]
    if name == "attn_mask" and mask.dim() == 3:
        row = mask[: seen.values["num_heads"], 0]
    row[...] = amount if mask.is_floating_point() else True
    return {name: mask}


def _first(seen: Seen, **inputs: Any) -> Any:
    """Return the output of query 0 of batch element 0, (E,), with every key hidden from it."""
    again = seen.again(**hidden(seen), **inputs)
    return _batch_first(seen, again.outputs["attn_output"])[0, 0]


def _is_nan(seen: Seen, nan: bool = True) -> Mismatch | None:
    return same((nan, nan), (bool(_first(seen).isnan().all()), bool(_first(seen).isnan().any())))


def _weights_nan(seen: Seen, nan: bool = True) -> Mismatch | None:
    row = weights(seen, **hidden(seen))[0, :, 0]
    return same(nan, bool(row.isnan().all()))


def _is_bias(seen: Seen, of: str = "out_proj") -> Mismatch | None:
    """Compare the output of the blinded query with out_proj's bias, or with v's as well."""
    module, output = seen.module, _first(seen)
    expected = output.new_zeros(output.shape)
    if module.out_proj.bias is not None:
        expected = expected + module.out_proj.bias
    if of == "v" and module.in_proj_bias is not None:
        expected = expected + module.out_proj.weight @ module.in_proj_bias.chunk(3)[2]
    return close(expected, output)


def _others_fine(seen: Seen, spreads: bool = False) -> Mismatch | None:
    """Tell whether NaN stays in the rows of the queries from which every key is hidden."""
    again = seen.again(**hidden(seen))
    if failed := failure(again):
        return failed
    rows = _batch_first(seen, again.outputs["attn_output"]).isnan().any(-1)
    mask = again.inputs.get("attn_mask")
    named = "attn_mask" if mask is not None else "key_padding_mask"
    blind = over_weights(again, named)
    blind = blind == float("-inf") if blind.is_floating_point() else blind
    expected = blind.all(-1).any(1).expand_as(rows)
    return same(spreads, bool((rows != expected).any()))


def _finite(seen: Seen, nan: bool = False) -> Mismatch | None:
    again = seen.again(**hidden(seen, _NEVER))
    return same(nan, bool(again.outputs["attn_output"].isnan().any()))


def _minima(seen: Seen, nan: bool = True) -> Mismatch | None:
    names, lowest = ("attn_mask", "key_padding_mask"), -1.7e308
    low = {name: seen.inputs[name].new_full(seen.inputs[name].shape, lowest) for name in names}
    return same(nan, bool(seen.again(**low).outputs["attn_output"].isnan().all()))


def _poisoned(seen: Seen, nan: bool = True) -> Mismatch | None:
    """Leave the blinded rows out of the loss and look for NaN in in-projection's gradient."""
    module = seen.built()
    output = _batch_first(seen, seen.again(module, **hidden(seen)).outputs["attn_output"])
    output[:, 1:].sum().backward()
    weight = module.v_proj_weight if module.in_proj_weight is None else module.in_proj_weight
    return same(nan, bool(weight.grad.isnan().any()))


_SETUP = """
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> mask = torch.zeros(4, 7, dtype=torch.bool)
        >>> mask[2] = True  # every key is hidden from query 2"""
_FAST_SETUP = """
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x, padding = torch.randn(3, 7, 10), torch.zeros(3, 7, dtype=torch.bool)
        >>> padding[1] = True  # batch element 1 is nothing but padding"""

CLAIMS = (
    Claim(
        id="mha.nan.with_weights",
        sentence="With `need_weights=True`, a query from which every key is hidden comes out as "
        "NaN.",
        doctest=f"""{_SETUP}
        >>> output, weights = mha(query, key, key, attn_mask=mask)
        >>> output.isnan().all(-1), weights.isnan().all(-1)
        (tensor([False, False,  True, False]), tensor([False, False,  True, False]))
        """,
        check=_is_nan,
        when=And(_REAL_ONLY, need_weights),
        axes=("rank", "attn_mask", "key_padding_mask"),
        twins={"it comes out as numbers": partial(_is_nan, nan=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.weights",
        sentence="The weights of a query from which every key is hidden are NaN as well, in every "
        "head.",
        doctest=f"""{_SETUP}
        >>> _, weights = mha(query, key, key, attn_mask=mask, average_attn_weights=False)
        >>> weights[:, 2].isnan().all(-1)  # a row for each of two heads
        tensor([True, True])
        """,
        check=_weights_nan,
        when=_REAL_ONLY,
        axes=("rank", "attn_mask", "key_padding_mask"),
        twins={"they are zero": partial(_weights_nan, nan=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.without_weights",
        since="2.5",
        sentence="With `need_weights=False`, outside the fast path, a query from which every key "
        "is hidden comes out as `out_proj.bias`, without NaN.",
        doctest=f"""{_SETUP}
        >>> _ = nn.init.normal_(mha.out_proj.bias)
        >>> output, _ = mha(query, key, key, attn_mask=mask, need_weights=False)
        >>> torch.equal(output[2], mha.out_proj.bias)
        True
        """,
        check=_is_bias,
        when=And(_REAL_ONLY, Not(need_weights), Not(fast)),
        axes=("rank", "attn_mask", "key_padding_mask", "bias"),
        twins={
            "it comes out as NaN": _is_nan,
            "it comes out as the projected bias of v": partial(_is_bias, of="v"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.fast_path",
        since="2.5",
        sentence="On the fast path it is NaN also with `need_weights=False`: `eval()` and "
        "`no_grad()` bring NaN back.",
        doctest=f"""{_FAST_SETUP}
        >>> slow, _ = mha(x, x, x, key_padding_mask=padding, need_weights=False)
        >>> with torch.no_grad():
        ...     fast, _ = mha(x, x, x, key_padding_mask=padding, need_weights=False)
        >>> bool(slow[1].isnan().any()), bool(fast[1].isnan().all())
        (False, True)
        """,
        check=_is_nan,
        when=And(_REAL_ONLY, fast),
        axes=("attn_mask", "key_padding_mask", "need_weights"),
        twins={
            "it is `out_proj.bias`": _is_bias,
            "it is a number": partial(_is_nan, nan=False),
        },
        source="torch: _native_multi_head_attention",
    ),
    Claim(
        id="mha.nan.everywhere",
        until="2.5",
        sentence="A bug that torch 2.5 mended: with `need_weights=False` such a query came out as "
        "NaN as well, on either path.",
        doctest=f"""{_SETUP}
        >>> output, _ = mha(query, key, key, attn_mask=mask, need_weights=False)
        >>> output.isnan().all(-1)
        tensor([False, False,  True, False])
        """,
        check=_is_nan,
        when=And(_REAL_ONLY, Or(Not(need_weights), fast)),
        axes=("rank", "attn_mask", "key_padding_mask"),
        twins={"it came out as `out_proj.bias`": _is_bias},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.stays",
        sentence="NaN stays in the rows of these queries: all others come out as numbers.",
        doctest=f"""{_FAST_SETUP}
        >>> output, _ = mha(x, x, x, key_padding_mask=padding)
        >>> output.isnan().any(-1).any(-1)  # by batch element
        tensor([False,  True, False])
        """,
        check=_others_fine,
        when=And(_REAL_ONLY, Or(need_weights, fast), Not(And(GIVEN, padding_mask))),
        axes=("rank", "batch_first", "attn_mask", "key_padding_mask", "identity"),
        twins={"it spreads to other rows": partial(_others_fine, spreads=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.extra_keys",
        sentence="With an extra key there is no NaN: it gets all the weight.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, add_zero_attn=True)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> everything = torch.ones(4, 7, dtype=torch.bool)
        >>> output, weights = mha(query, key, key, attn_mask=everything)
        >>> bool(output.isnan().any())
        False
        >>> weights[0]
        tensor([0., 0., 0., 0., 0., 0., 0., 1.], grad_fn=<SelectBackward0>)
        """,
        check=partial(_is_nan, nan=False),
        when=And(_HIDING, _EXTRA),
        axes=("add_bias_kv", "add_zero_attn", "attn_mask", "need_weights"),
        twins={"NaN comes nevertheless": _is_nan},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.finite_floats",
        sentence="Finite floats in one mask bring no NaN in float32 and float64, however low; in "
        "float16 `-1e9` is `-inf`, and sums can become it.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> low = torch.full((4, 7), torch.finfo(torch.float32).min)
        >>> output, weights = mha(query, key, key, attn_mask=low)
        >>> torch.allclose(weights, torch.full((4, 7), 1 / 7))  # they cancel out
        True
        >>> torch.tensor(-1e9, dtype=torch.float16)
        tensor(-inf, dtype=torch.float16)
        """,
        check=_finite,
        when=And(_HIDING, Or(FLOAT, And(Not(GIVEN), PADDING_FLOAT))),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={"they bring NaN as well": partial(_finite, nan=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.two_minima",
        sentence="Silent: the lowest float in both masks adds up to `-inf`, which is NaN again.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, low = torch.randn(7, 10), torch.finfo(torch.float32).min
        >>> mask, padding = torch.full((7, 7), low), torch.full((7,), low)
        >>> output, _ = mha(x, x, x, attn_mask=mask, key_padding_mask=padding)
        >>> bool(output.isnan().all())
        True
        """,
        check=_minima,
        when=And(_REAL_ONLY, need_weights, FLOAT, PADDING_FLOAT),
        axes=("rank", "attn_mask", "batch_first"),
        twins={"it is the lowest float still": partial(_minima, nan=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.gradients",
        sentence="With `need_weights=True`, a query from which every key is hidden makes the "
        "gradients of the in-projection NaN, even where the loss leaves its row out.",
        doctest=f"""{_SETUP}
        >>> output, _ = mha(query, key, key, attn_mask=mask)
        >>> output[:2].sum().backward()  # queries 0 and 1 only
        >>> bool(mha.in_proj_weight.grad.isnan().any())
        True
        """,
        check=_poisoned,
        when=And(_REAL_ONLY, need_weights, grad),
        axes=("rank", "attn_mask", "batch_first"),
        twins={"they are numbers": partial(_poisoned, nan=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.nan.gradients_without_weights",
        since="2.5",
        sentence="With `need_weights=False` the gradients are numbers, also where every key is "
        "hidden from a query.",
        doctest=f"""{_SETUP}
        >>> output, _ = mha(query, key, key, attn_mask=mask, need_weights=False)
        >>> output.sum().backward()
        >>> bool(mha.in_proj_weight.grad.isnan().any())
        False
        """,
        check=partial(_poisoned, nan=False),
        when=And(_REAL_ONLY, Not(need_weights), grad),
        axes=("rank", "attn_mask", "batch_first"),
        twins={"they are NaN": _poisoned},
        source=ATTEND,
    ),
)
