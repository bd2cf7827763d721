"""The module taken apart: three linear maps, shared heads, parametrised weights."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import alike, failure
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    add_bias_kv,
    add_zero_attn,
    packed,
)
from mhadoc.language import Claim, Mismatch, Seen, close

_PLAIN = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}


def _three(seen: Seen, order: str = "qkv") -> Mismatch | None:
    """Make three Linear of the packed weight, and attend with torch's function."""
    module, width = seen.module, seen.values["embed_dim"]
    weights = dict(zip(order, module.in_proj_weight.split(width), strict=True))
    bias = module.in_proj_bias
    biases = [None] * 3 if bias is None else bias.split(width)
    maps = {role: _linear(weights[role], b) for role, b in zip("qkv", biases, strict=True)}
    return _attended(seen, seen.module, maps, seen.values["num_heads"])


def _linear(weight: Any, bias: Any) -> Any:
    from torch import nn

    rows, columns = weight.shape
    linear = nn.Linear(columns, rows, bias is not None, weight.device, weight.dtype)
    linear.weight.detach().copy_(weight)
    if bias is not None:
        linear.bias.detach().copy_(bias)
    return linear


def _attended(seen: Seen, module: Any, maps: dict[str, Any], groups: int) -> Mismatch | None:
    """Compare a module with linear maps around scaled_dot_product_attention."""
    from torch.nn.functional import scaled_dot_product_attention

    again = seen.again(module, **_PLAIN)
    if failed := failure(again):
        return failed
    heads = {"q": module.num_heads, "k": groups, "v": groups}
    named = zip("qkv", ("query", "key", "value"), strict=True)
    q, k, v = (_split(seen, maps[role](seen.inputs[name]), heads[role]) for role, name in named)
    shared: Any = {"enable_gqa": True} if groups != module.num_heads else {}  # torch 2.5 brought it
    joined = scaled_dot_product_attention(q, k, v, **shared).transpose(-3, -2).flatten(-2)
    output = module.out_proj(joined)
    swap = seen.values["batched"] and not seen.values["batch_first"]
    return close(output.transpose(0, 1) if swap else output, again.outputs["attn_output"])


def _split(seen: Seen, projected: Any, heads: int) -> Any:
    """Return what a map gave with an axis for the heads before the positions."""
    swap = seen.values["batched"] and not seen.values["batch_first"]
    rows = projected.transpose(0, 1) if swap else projected
    return rows.unflatten(-1, (heads, -1)).transpose(-3, -2)


def _shared(seen: Seen, tiled: bool = False) -> Mismatch | None:
    """Let several heads share two heads of keys and values, and repeat these in a module."""
    width = seen.values["embed_dim"]
    heads, groups = width, 2
    module = seen.built(num_heads=heads)
    weight = module.in_proj_weight.detach()
    few = {"q": _linear(weight[:width], None)}
    for name, start in (("k", width), ("v", 2 * width)):
        few[name] = _linear(weight[start : start + groups], None)
        rows, times = few[name].weight, heads // groups
        copies = rows.repeat(times, 1) if tiled else rows.repeat_interleave(times, 0)
        weight[start : start + width] = copies
    if module.in_proj_bias is not None:
        module.in_proj_bias.detach().zero_()
    return _attended(seen, module, few, groups)


def _parametrised(seen: Seen, used: bool = True) -> Mismatch | None:
    """Double the projections by a parametrization, and compare with doubled weights."""
    from torch import nn
    from torch.nn.utils.parametrize import register_parametrization

    class Doubled(nn.Module):
        def forward(self, weight: Any) -> Any:
            return 2 * weight

    module, other = seen.built(), seen.built()
    own = "in_proj_weight" if module.in_proj_weight is not None else "k_proj_weight"
    for parent, name in ((module, own), (module.out_proj, "weight")):
        register_parametrization(parent, name, Doubled())
    for weight in (getattr(other, own), other.out_proj.weight):
        weight.detach().mul_(2 if used else 1)
    return alike(seen.again(other), seen.again(module))


CLAIMS = (
    Claim(
        id="mha.layout.three_linears",
        since="2.0",
        sentence="Three `nn.Linear` that hold the parts of the packed weight and bias, "
        "`scaled_dot_product_attention` on the heads, and `out_proj` give the same output.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.functional import scaled_dot_product_attention
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, batch_first=True)
        >>> _ = nn.init.normal_(mha.in_proj_bias)  # it starts at zero
        >>> q_proj, k_proj, v_proj = (nn.Linear(10, 10) for _ in range(3))
        >>> weights, biases = mha.in_proj_weight.split(10), mha.in_proj_bias.split(10)
        >>> for linear, weight, bias in zip((q_proj, k_proj, v_proj), weights, biases):
        ...     linear.weight, linear.bias = nn.Parameter(weight), nn.Parameter(bias)
        >>> x = torch.randn(3, 4, 10)
        >>> q, k, v = (linear(x).view(3, 4, 2, 5).transpose(1, 2)
        ...            for linear in (q_proj, k_proj, v_proj))
        >>> heads = scaled_dot_product_attention(q, k, v)
        >>> output = mha.out_proj(heads.transpose(1, 2).flatten(2))
        >>> torch.allclose(output, mha(x, x, x)[0], atol=1e-6)
        True
        """,
        check=_three,
        when=And(packed, EXACT, Not(add_bias_kv), Not(add_zero_attn)),
        axes=("bias", "batch_first", "rank", "identity"),
        twins={
            "the parts are k, q, v": partial(_three, order="kqv"),
            "the parts are q, v, k": partial(_three, order="qvk"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.layout.shared_heads",
        since="2.5",
        sentence="Grouped-query attention becomes a module when the rows of each key head and "
        "value head are repeated, once for each query head that shares them.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.functional import scaled_dot_product_attention
        >>> q_proj, k_proj, v_proj = nn.Linear(24, 24), nn.Linear(24, 8), nn.Linear(24, 8)
        >>> mha = nn.MultiheadAttention(embed_dim=24, num_heads=6, batch_first=True)
        >>> def repeated(rows):  # 2 heads of keys of 4 rows each, 3 query heads for each of them
        ...     return rows.unflatten(0, (2, 4)).repeat_interleave(3, 0).flatten(0, 1)
        >>> parts = q_proj.weight, repeated(k_proj.weight), repeated(v_proj.weight)
        >>> mha.in_proj_weight = nn.Parameter(torch.cat(parts))
        >>> parts = q_proj.bias, repeated(k_proj.bias), repeated(v_proj.bias)
        >>> mha.in_proj_bias = nn.Parameter(torch.cat(parts))
        >>> x = torch.randn(3, 5, 24)
        >>> q, k, v = (linear(x).unflatten(-1, (-1, 4)).transpose(1, 2)
        ...            for linear in (q_proj, k_proj, v_proj))
        >>> heads = scaled_dot_product_attention(q, k, v, enable_gqa=True)
        >>> output = mha.out_proj(heads.transpose(1, 2).flatten(2))
        >>> torch.allclose(output, mha(x, x, x)[0], atol=1e-6)
        True
        """,
        check=_shared,
        when=And(packed, EXACT, Not(add_bias_kv), Not(add_zero_attn)),
        axes=("bias", "batch_first", "rank"),
        twins={"all of them in turn, again and again": partial(_shared, tiled=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.parametrize",
        since="2.1",
        sentence="A parametrization of a projection is used, that of `out_proj.weight` too: "
        "forward reads the weight that it makes.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.utils import parametrize
        >>> class LowRank(nn.Module):
        ...     def __init__(self, rows, columns, rank=2):
        ...         super().__init__()
        ...         self.down = nn.Parameter(torch.randn(rank, columns))
        ...         self.up = nn.Parameter(torch.zeros(rows, rank))
        ...     def forward(self, weight):
        ...         return weight + self.up @ self.down
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2).requires_grad_(False)
        >>> _ = parametrize.register_parametrization(mha, "in_proj_weight", LowRank(30, 10))
        >>> _ = parametrize.register_parametrization(mha.out_proj, "weight", LowRank(10, 10))
        >>> x = torch.randn(4, 10)
        >>> mha(x, x, x)[0].sum().backward()
        >>> [name for name, p in mha.named_parameters() if p.grad is not None and p.grad.any()]
        ['out_proj.parametrizations.weight.0.up', 'parametrizations.in_proj_weight.0.up']
        """,
        check=_parametrised,
        when=EXACT,
        axes=("kdim", "need_weights", "grad", "batch_first"),
        twins={"the weight underneath is used": partial(_parametrised, used=False)},
        source=FORWARD,
    ),
)
