"""The call: what it returns, axes in front, axes in the wrong order, nothing to attend to."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Ne, Not

from mhadoc.catalog.multihead_attention.claims.compare import failure
from mhadoc.catalog.scaled_dot_product_attention.by_hand import by_hand, recomputed
from mhadoc.catalog.scaled_dot_product_attention.claims.numbers import EXACT
from mhadoc.catalog.scaled_dot_product_attention.kernel import EVEN, LEGAL, fused
from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    SOURCE,
    H,
    Hv,
    aligned,
    enable_gqa,
    leading,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_PLAIN: dict[str, Any] = {"attn_mask": None, "is_causal": False, "dropout_p": 0.0}


def _one(seen: Seen, elements: int = 1) -> Mismatch | None:
    return failure(seen) or same(elements, len(seen.outputs))


def _front(seen: Seen, missing: bool = True) -> Mismatch | None:
    """Leave axes in front to broadcasting, in key and value or in the query."""
    key, value, query = (seen.inputs[name] for name in ("key", "value", "query"))
    axes = query.dim() - 2
    for changes in (
        {"key": key[(0,) * axes], "value": value[(0,) * axes]},
        {"key": key[:1], "value": value[:1]},
        {"query": query[(0,) * axes if missing else 0]},
    ):
        other = seen.again(**_PLAIN, **changes)
        given = {**seen.inputs, **changes}
        fronts = [given[name].shape[:-2] for name in ("query", "key", "value")]
        wide = max(fronts, key=lambda sizes: (len(sizes), sum(sizes)))
        if not missing:
            wide = fronts[0]
        expected = (*wide, seen.values["L"], seen.values["Ev"])
        if wrong := failure(other) or same(expected, tuple(other.outputs["output"].shape)):
            return wrong
        if wrong := close(by_hand(other).expand(expected), other.outputs["output"]):
            return wrong
    return None


def _heads_apart(seen: Seen, refused: bool = False) -> Mismatch | None:
    """Pass (N, L, H, E), as some libraries lay it out: positions take the place of heads."""
    query = seen.inputs["query"].transpose(-3, -2)
    other = seen.again(query=query, key=query, value=query, **_PLAIN)
    if refused or other.error is not None:
        return same(refused, other.error is not None)
    return close(by_hand(other), other.outputs["output"])


def _no_keys(seen: Seen, rows: int = 0) -> Mismatch | None:
    """Call without a single key, and without a single query."""
    nothing = {n: seen.inputs[n].narrow(-2, 0, 0) for n in ("key", "value", "query")}
    without = seen.again(**_PLAIN, key=nothing["key"], value=nothing["value"])
    if failed := failure(without):
        return failed
    output = without.outputs["output"]
    if wrong := close(output.new_zeros(output.shape), output):
        return wrong
    none = seen.again(**_PLAIN, query=nothing["query"])
    return failure(none) or same(rows, int(none.outputs["output"].shape[-2]))


def _short_value(seen: Seen, refused: bool = False) -> Mismatch | None:
    """Give one value less than keys: the last key is then not looked at."""
    value = seen.inputs["value"].narrow(-2, 0, seen.values["S"] - 1).contiguous()
    other = seen.again(value=value, **_PLAIN)
    if refused or other.error is not None:
        return same(refused, other.error is not None)
    fewer = seen.again(key=seen.inputs["key"].narrow(-2, 0, value.shape[-2]), value=value, **_PLAIN)
    return failure(fewer) or close(fewer.outputs["output"], other.outputs["output"])


def _value_heads(seen: Seen, refused: bool = False) -> Mismatch | None:
    return same(refused, seen.error is not None) or recomputed(seen)


CLAIMS = (
    Claim(
        id="sdpa.returns",
        sentence="It returns one tensor, no pair: the weights are never returned.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> x = torch.randn(3, 2, 4, 10)
        >>> F.scaled_dot_product_attention(x, x, x).shape
        torch.Size([3, 2, 4, 10])
        """,
        check=_one,
        when=LEGAL,
        axes=("front", "width", "enable_gqa"),
        twins={"it returns a pair": partial(_one, elements=2)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.front.broadcasts",
        sentence="Axes in front broadcast among query, key and value: they may be one, or missing.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key = torch.randn(3, 2, 4, 10), torch.randn(7, 10)
        >>> F.scaled_dot_product_attention(query, key, key).shape  # one key for all
        torch.Size([3, 2, 4, 10])
        """,
        check=_front,
        when=And(leading > 0, aligned, Not(enable_gqa)),
        axes=("front", "width"),
        twins={"the query's axes are the output's": partial(_front, missing=False)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.front.order",
        sentence="Silent: the last two axes are always length and features, so that a tensor "
        "(N, L, heads, E) attends over heads at each position.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> x = torch.randn(3, 4, 2, 10)  # (N, L, heads, E)
        >>> right = F.scaled_dot_product_attention(*(x.transpose(1, 2),) * 3).transpose(1, 2)
        >>> wrong = F.scaled_dot_product_attention(x, x, x)
        >>> wrong.shape == right.shape, torch.allclose(wrong, right)
        (True, False)
        """,
        check=_heads_apart,
        when=And(leading > 1, Not(enable_gqa)),
        axes=("front",),
        twins={"it is refused": partial(_heads_apart, refused=True)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.empty",
        sentence="Without a single key every output is zero; without a query there is no row.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, nothing = torch.randn(1, 3), torch.randn(0, 3)
        >>> F.scaled_dot_product_attention(query, nothing, nothing)
        tensor([[0., 0., 0.]])
        >>> F.scaled_dot_product_attention(nothing, query, query).shape
        torch.Size([0, 3])
        """,
        check=_no_keys,
        when=EVEN,
        axes=("front", "width", "enable_gqa"),
        twins={"there is one row": partial(_no_keys, rows=1)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.silent.value_length",
        since="2.1",
        sentence="Silent: the fused kernel takes a value that is shorter than the key, and looks "
        "at no more keys than there are values.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key, value = (torch.randn(1, 1, length, 10) for length in (4, 7, 5))
        >>> output = F.scaled_dot_product_attention(query, key, value)
        >>> torch.allclose(output, F.scaled_dot_product_attention(query, key[:, :, :5], value))
        True
        """,
        check=_short_value,
        when=And(fused, Not(enable_gqa)),
        axes=("grad", "scale"),
        twins={"it is refused": partial(_short_value, refused=True)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.gqa.value_heads",
        sentence="With `enable_gqa=True` key and value may have different numbers of heads, if "
        "each divides the query's; torch's page says that they must be equal.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key, value = (torch.randn(3, heads, 4, 10) for heads in (6, 2, 3))
        >>> F.scaled_dot_product_attention(query, key, value, enable_gqa=True).shape
        torch.Size([3, 6, 4, 10])
        """,
        check=_value_heads,
        when=And(enable_gqa, Ne(H, Hv), EXACT),
        axes=("front", "width"),
        twins={"it is refused": partial(_value_heads, refused=True)},
        source=SOURCE,
    ),
)
