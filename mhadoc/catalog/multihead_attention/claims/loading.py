"""Loading: what fits into what, what torch says otherwise, and what goes wrong in silence."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    plainly,
    raised,
    shapes,
)
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.symbols import INIT
from mhadoc.language import Claim, Mismatch, Seen, same


def _emptied(module: Any) -> Any:
    for parameter in module.parameters():
        parameter.detach().zero_()
    return module


def _round_trip(seen: Seen, loaded: bool = True) -> Mismatch | None:
    """Load into a module of zeros, and compare the results to the last digit."""
    other = _emptied(seen.built())
    if loaded:
        other.load_state_dict(seen.module.state_dict())
    return alike(seen, seen.again(module=other), 0.0)


def _fits(seen: Seen, *others: str) -> Mismatch | None:
    """Load into a module that differs in what leaves no trace, and in some flags more."""
    flags = ("batch_first", "add_zero_attn", *others)
    changed: dict[str, Any] = {name: not seen.values[name] for name in flags}
    other = seen.built(num_heads=seen.values["embed_dim"], dropout=0.5, **changed)
    return same("no error", raised(other.load_state_dict, seen.module.state_dict()))


def _other_heads(seen: Seen, differs: bool = True) -> Mismatch | None:
    """Load into a module with one head, and look whether the numbers differ."""
    other = _emptied(seen.built(num_heads=1))
    other.load_state_dict(seen.module.state_dict())
    plain = {"average_attn_weights": True}
    found = alike(plainly(seen, **plain), plainly(seen, module=other, **plain))
    return same(differs, found is not None)


def _misfits(
    seen: Seen, one: dict[str, Any], other: dict[str, Any], swapped: bool = False
) -> Mismatch | None:
    """Load each of two modules' state_dicts into the other, and compare what torch says."""
    first, second = seen.built(**one), seen.built(**other)
    for source, target in ((first, second), (second, first)):
        missing = [name for name in shapes(target) if name not in shapes(source)]
        unexpected = [name for name in shapes(source) if name not in shapes(target)]
        names = (unexpected, missing) if swapped else (missing, unexpected)
        expected = [*_said("Missing", names[0]), *_said("Unexpected", names[1])]
        if wrong := same(expected, _problems(target, source)):
            return wrong
    return None


def _said(kind: str, names: Iterable[str]) -> list[str]:
    quoted = ", ".join(f'"{name}"' for name in names)
    return [f"{kind} key(s) in state_dict: {quoted}."] if quoted else []


def _problems(target: Any, source: Any) -> list[str]:
    """Return the problems that torch lists when a state_dict does not load, one a line."""
    told = raised(target.load_state_dict, source.state_dict())
    return [line.strip() for line in told.split("\n\t")[1:]]


def _sizes(
    seen: Seen, one: dict[str, Any], other: dict[str, Any], swapped: bool = False
) -> Mismatch | None:
    """Load between modules of different sizes, and compare what torch says of each parameter."""
    source, target = seen.built(**one), seen.built(**other)
    saved, current = (target, source) if swapped else (source, target)
    expected = [
        f"size mismatch for {name}: copying a param with shape torch.Size({list(shape)}) "
        f"from checkpoint, the shape in current model is torch.Size({list(shapes(current)[name])})."
        for name, shape in shapes(saved).items()
        if shape != shapes(current)[name]
    ]
    return same(expected, _problems(target, source))


def _not_strict(seen: Seen, *loaded: str) -> Mismatch | None:
    """Load a packed state_dict into a separate module of sevens, and name what stays."""
    packed = seen.built(kdim=None, vdim=None)
    separate = seen.built(kdim=seen.values["embed_dim"] + 1, vdim=None)
    for parameter in separate.parameters():
        parameter.detach().fill_(7.0)
    separate.load_state_dict(packed.state_dict(), strict=False)
    left = [name for name, numbers in separate.named_parameters() if (numbers == 7).all()]
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    return same([name for name in names if name not in loaded], left)


_PACKED = {"kdim": None, "vdim": None}
_LAYOUTS = partial(_misfits, one=_PACKED, other={"kdim": 11, "vdim": None})
_BIAS = partial(_misfits, one={"bias": True}, other={"bias": False})
_BIAS_KV = partial(_misfits, one={"add_bias_kv": True}, other={"add_bias_kv": False})
_EMBED_DIM = partial(_sizes, one=_PACKED, other={**_PACKED, "embed_dim": 20})
_KDIM = partial(_sizes, one={"kdim": 11}, other={"kdim": 17})

CLAIMS = (
    Claim(
        id="mha.load.round_trip",
        sentence="A state_dict loaded into a module built alike gives the same results, to the "
        "last digit.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, kdim=11)
        >>> other = nn.MultiheadAttention(embed_dim=10, num_heads=2, kdim=11)
        >>> other.load_state_dict(mha.state_dict())
        <All keys matched successfully>
        >>> query, key, value = torch.randn(4, 10), torch.randn(7, 11), torch.randn(7, 10)
        >>> torch.equal(mha(query, key, value)[0], other(query, key, value)[0])
        True
        """,
        check=_round_trip,
        when=RUNS,
        axes=("bias", "add_bias_kv", "kdim"),
        twins={"it need not be loaded": partial(_round_trip, loaded=False)},
        source=INIT,
    ),
    Claim(
        id="mha.load.may_differ",
        sentence="`num_heads`, `dropout`, `batch_first` and `add_zero_attn` may differ between "
        "checkpoint and module: strict loading succeeds.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> other = nn.MultiheadAttention(512, 16, 0.1, batch_first=True, add_zero_attn=True)
        >>> other.load_state_dict(mha.state_dict())
        <All keys matched successfully>
        """,
        check=_fits,
        axes=("bias", "kdim", "add_bias_kv"),
        twins={
            "so may add_bias_kv": lambda seen: _fits(seen, "add_bias_kv"),
            "so may bias": lambda seen: _fits(seen, "bias"),
        },
        source=INIT,
    ),
    Claim(
        id="mha.load.num_heads",
        sentence="Silent: a checkpoint loads into a module with another `num_heads`, and gives "
        "other numbers.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> other = nn.MultiheadAttention(embed_dim=10, num_heads=5)
        >>> other.load_state_dict(mha.state_dict())
        <All keys matched successfully>
        >>> x = torch.randn(4, 10)
        >>> torch.allclose(mha(x, x, x)[0], other(x, x, x)[0], atol=1e-3)
        False
        """,
        check=_other_heads,
        when=EXACT,
        axes=("kdim", "rank"),
        twins={"and gives the same numbers": partial(_other_heads, differs=False)},
        source=INIT,
    ),
    Claim(
        id="mha.load.layouts",
        sentence="Neither layout loads into the other: torch lists the keys that are missing and "
        "those that are unexpected.",
        doctest="""
        >>> from torch import nn
        >>> packed = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> separate = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=300)
        >>> packed.load_state_dict(separate.state_dict())  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        RuntimeError: Error(s) in loading state_dict for MultiheadAttention:
            Missing key(s) in state_dict: "in_proj_weight".
            Unexpected key(s) in state_dict: "q_proj_weight", "k_proj_weight", "v_proj_weight".
        """,
        check=_LAYOUTS,
        axes=("bias", "add_bias_kv"),
        twins={"missing and unexpected change places": partial(_LAYOUTS, swapped=True)},
        source=INIT,
    ),
    Claim(
        id="mha.load.bias",
        sentence="A checkpoint with biases does not load into a module without, nor the other way "
        "round.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> without = nn.MultiheadAttention(embed_dim=512, num_heads=8, bias=False)
        >>> without.load_state_dict(mha.state_dict())  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        RuntimeError: Error(s) in loading state_dict for MultiheadAttention:
            Unexpected key(s) in state_dict: "in_proj_bias", "out_proj.bias".
        """,
        check=_BIAS,
        axes=("kdim", "add_bias_kv"),
        twins={"missing and unexpected change places": partial(_BIAS, swapped=True)},
        source=INIT,
    ),
    Claim(
        id="mha.load.bias_kv",
        sentence="A checkpoint with `bias_k` and `bias_v` does not load into a module without, nor "
        "the other way round.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> extra = nn.MultiheadAttention(embed_dim=512, num_heads=8, add_bias_kv=True)
        >>> extra.load_state_dict(mha.state_dict())  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        RuntimeError: Error(s) in loading state_dict for MultiheadAttention:
            Missing key(s) in state_dict: "bias_k", "bias_v".
        """,
        check=_BIAS_KV,
        axes=("kdim", "bias"),
        twins={"missing and unexpected change places": partial(_BIAS_KV, swapped=True)},
        source=INIT,
    ),
    Claim(
        id="mha.load.embed_dim",
        sentence="With another `embed_dim`, in the same layout, torch names every parameter, with "
        "its shape in the checkpoint and in the module.",
        doctest="""
        >>> from torch import nn
        >>> small = nn.MultiheadAttention(embed_dim=256, num_heads=8, bias=False)
        >>> large = nn.MultiheadAttention(embed_dim=512, num_heads=8, bias=False)
        >>> large.load_state_dict(small.state_dict())  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        RuntimeError: Error(s) in loading state_dict for MultiheadAttention:
            size mismatch for in_proj_weight: copying a param with shape
            torch.Size([768, 256]) from checkpoint, the shape in current model is
            torch.Size([1536, 512]).
            size mismatch for out_proj.weight: copying a param with shape
            torch.Size([256, 256]) from checkpoint, the shape in current model is
            torch.Size([512, 512]).
        """,
        check=_EMBED_DIM,
        axes=("bias", "add_bias_kv"),
        twins={"the two shapes change places": partial(_EMBED_DIM, swapped=True)},
        source=INIT,
    ),
    Claim(
        id="mha.load.kdim",
        sentence="With another `kdim`, both being separate, torch names `k_proj_weight` alone.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=300)
        >>> other = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=700)
        >>> other.load_state_dict(mha.state_dict())  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        RuntimeError: Error(s) in loading state_dict for MultiheadAttention:
            size mismatch for k_proj_weight: copying a param with shape
            torch.Size([512, 300]) from checkpoint, the shape in current model is
            torch.Size([512, 700]).
        """,
        check=_KDIM,
        axes=("vdim", "bias"),
        twins={"the two shapes change places": partial(_KDIM, swapped=True)},
        source=INIT,
    ),
    Claim(
        id="mha.load.not_strict",
        sentence="Silent: with `strict=False` a checkpoint of the other layout leaves the "
        "projections as they were, and loads the rest.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> packed = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> separate = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=300)
        >>> before = separate.q_proj_weight.clone()
        >>> result = separate.load_state_dict(packed.state_dict(), strict=False)
        >>> torch.equal(separate.q_proj_weight, before)
        True
        >>> torch.equal(separate.out_proj.weight, packed.out_proj.weight)
        True
        """,
        check=_not_strict,
        axes=("bias", "add_bias_kv"),
        twins={
            "q is loaded": lambda seen: _not_strict(seen, "q_proj_weight"),
            "all is loaded": lambda seen: _not_strict(
                seen, "q_proj_weight", "k_proj_weight", "v_proj_weight"
            ),
        },
        source=INIT,
    ),
)
