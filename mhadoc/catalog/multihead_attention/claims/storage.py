"""What is stored: defaults, registered names, the state_dict, and how many numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import sympy
from sympy import Not

from mhadoc.catalog.multihead_attention.claims.compare import shapes
from mhadoc.catalog.multihead_attention.parameters import PARAMETERS
from mhadoc.catalog.multihead_attention.symbols import INIT, E, H, add_bias_kv, kdim, vdim
from mhadoc.language import Claim, Mismatch, Seen, expression_text, same
from mhadoc.language.compiled import number


def _features_default(seen: Seen, becomes: str = "embed_dim") -> Mismatch | None:
    module = seen.built(kdim=None, vdim=None)
    expected = getattr(module, becomes)
    return same((expected, expected), (module.kdim, module.vdim))


_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


def _unused(seen: Seen, swapped: bool = False) -> Mismatch | None:
    is_packed = seen.values["kdim"] == seen.values["vdim"] == seen.values["embed_dim"]
    expected = _PROJECTIONS[1:] if is_packed != swapped else _PROJECTIONS[:1]
    return same(expected, _are_none(seen.module, _PROJECTIONS))


def _are_none(module: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if getattr(module, name, Mismatch) is None)


def _registered(seen: Seen, others: tuple[str, ...] = ()) -> Mismatch | None:
    own = seen.module._parameters
    expected = {*_PROJECTIONS, "in_proj_bias", *others}
    if seen.values["add_bias_kv"]:
        expected |= {"bias_k", "bias_v"}
    return same(sorted(expected), sorted(own)) or same(
        _are_none(seen.module, tuple(own)),
        tuple(name for name in own if name not in seen.module.state_dict()),
    )


def _plain_none(seen: Seen, expected: tuple[bool, bool] = (False, False)) -> Mismatch | None:
    module, names = seen.module, ("bias_k", "bias_v")
    return same(names, _are_none(module, names)) or same(
        expected, tuple(name in module._parameters for name in names)
    )


def _own_first(seen: Seen, own_first: bool = True) -> Mismatch | None:
    names = list(seen.module.state_dict())
    expected = sorted(names, key=lambda name: ("." in name) == own_first)
    return same(expected, names)


def _no_trace(seen: Seen, *others: str) -> Mismatch | None:
    flags = ("batch_first", "add_zero_attn", *others)
    other = seen.built(dropout=0.5, **{name: not seen.values[name] for name in flags})
    return same(shapes(seen.module), shapes(other))


def total(width: sympy.Expr) -> sympy.Expr:
    """Add up the rules' sizes for keys and values of some width; a flag counts as 0 or 1."""
    features, total = {kdim: width, vdim: width}, sympy.S.Zero
    for parameter in PARAMETERS:
        exists = parameter.when.subs(features)
        times = exists if exists.is_Symbol else int(bool(exists))
        total += times * (parameter.shape.numel if parameter.shape else 1)
    return total


#: The sum of the separate layout; with equal widths it is the sum of the packed layout as well.
COUNT = sympy.factor(total(E + 1))


def _count(seen: Seen, count: sympy.Expr = COUNT) -> Mismatch | None:
    found = sum(parameter.numel() for parameter in seen.module.parameters())
    return same(number(count, seen.values), found)


CLAIMS = (
    Claim(
        id="mha.kdim.default",
        sentence="`kdim` and `vdim` are set to `embed_dim` when they are None.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> mha.kdim, mha.vdim
        (512, 512)
        """,
        check=_features_default,
        axes=("kdim", "vdim"),
        twins={
            "they are set to head_dim": partial(_features_default, becomes="head_dim"),
        },
        source=INIT,
    ),
    Claim(
        id="mha.projections.unused",
        sentence="The projections of the other layout are None: `in_proj_weight` where the weights "
        "are separate, the three separate ones where it is packed.",
        doctest="""
        >>> from torch import nn
        >>> print(nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=300).in_proj_weight)
        None
        >>> print(nn.MultiheadAttention(embed_dim=512, num_heads=8).q_proj_weight)
        None
        """,
        check=_unused,
        axes=("kdim", "vdim"),
        twins={"it is the other way round": partial(_unused, swapped=True)},
        source=INIT,
    ),
    Claim(
        id="mha.projections.registered",
        sentence="A projection that is None, and an `in_proj_bias` that is None, is still a "
        "registered name; the state_dict leaves it out.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, bias=False)
        >>> [name for name, parameter in mha._parameters.items() if parameter is None]
        ['q_proj_weight', 'k_proj_weight', 'v_proj_weight', 'in_proj_bias']
        >>> list(mha.state_dict())
        ['in_proj_weight', 'out_proj.weight']
        """,
        check=_registered,
        axes=("bias", "kdim", "add_bias_kv"),
        twins={
            "so are bias_k and bias_v": partial(_registered, others=("bias_k", "bias_v")),
        },
        source=INIT,
    ),
    Claim(
        id="mha.bias_kv.absent",
        sentence="Without `add_bias_kv`, `bias_k` and `bias_v` are plain attributes that are None, "
        "not registered names.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> print(mha.bias_k, "bias_k" in mha._parameters)
        None False
        """,
        check=_plain_none,
        when=Not(add_bias_kv),
        axes=("bias", "kdim"),
        twins={
            "they are registered": partial(_plain_none, expected=(True, True)),
        },
        source=INIT,
    ),
    Claim(
        id="mha.state_dict.own_first",
        sentence="The state_dict lists the module's own parameters first and those of `out_proj` "
        "last, though `bias_k` and `bias_v` are created after `out_proj`.",
        doctest="""
        >>> from torch import nn
        >>> list(nn.MultiheadAttention(embed_dim=512, num_heads=8, add_bias_kv=True).state_dict())
        ['in_proj_weight', 'in_proj_bias', 'bias_k', 'bias_v', 'out_proj.weight', 'out_proj.bias']
        """,
        check=_own_first,
        axes=("bias", "kdim", "add_bias_kv"),
        twins={"it lists out_proj first": partial(_own_first, own_first=False)},
        source=INIT,
    ),
    Claim(
        id="mha.state_dict.no_trace",
        sentence="`dropout`, `batch_first` and `add_zero_attn` leave no trace in the state_dict, "
        "neither a key nor a shape.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> other = nn.MultiheadAttention(512, 8, 0.1, batch_first=True, add_zero_attn=True)
        >>> list(mha.state_dict()) == list(other.state_dict())
        True
        """,
        check=_no_trace,
        axes=("bias", "kdim", "add_zero_attn"),
        twins={
            "nor does add_bias_kv": lambda seen: _no_trace(seen, "add_bias_kv"),
            "nor does bias": lambda seen: _no_trace(seen, "bias"),
        },
        source=INIT,
    ),
    Claim(
        id="mha.parameters.count",
        sentence=f"In both layouts the module has `{expression_text(COUNT)}` learned numbers, "
        "where a flag counts as 0 or 1.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=300, add_bias_kv=True)
        >>> sum(parameter.numel() for parameter in mha.parameters())
        943104
        >>> 512 * (2 * 1 + 2 * 512 + 4 * 1 + 300 + 512)
        943104
        """,
        check=_count,
        axes=("bias", "add_bias_kv", "kdim", "vdim"),
        twins={
            "with kdim in the place of vdim": partial(_count, count=COUNT.subs(vdim, kdim)),
            "without add_bias_kv": partial(_count, count=COUNT.subs(add_bias_kv, 0)),
            "with head_dim in the place of embed_dim": partial(_count, count=COUNT.subs(E, E / H)),
        },
        source=INIT,
    ),
)
