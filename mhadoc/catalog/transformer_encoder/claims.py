"""The claims about nn.TransformerEncoder."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import raised, shapes
from mhadoc.catalog.transformer_encoder.demands import CALL_REQUIREMENTS
from mhadoc.catalog.transformer_encoder.symbols import (
    FORWARD,
    INIT,
    is_causal,
    mask_rank,
    padded,
)
from mhadoc.catalog.transformer_terms import SOURCE, dropout, norm, training
from mhadoc.language import Claim, Mismatch, Seen, close, same

RUNS = And(*(demand.holds for demand in CALL_REQUIREMENTS))
_EXACT = Or(Not(training), Not(dropout))
_UNMASKED = And(Eq(mask_rank, 0), Not(padded), Not(is_causal))


def _again(seen: Seen, **arguments: Any) -> Any:
    """Build the stack of a case once more, with the numbers that torch gives it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = {name: getattr(seen.module, name) for name in ("num_layers", "norm")}
        return type(seen.module)(seen.module.layers[0], **{**given, **arguments})


def _clones(seen: Seen, *, alike: bool = True, shared: bool = False) -> Mismatch | None:
    stack = _again(seen)
    first, second = (dict(layer.named_parameters()) for layer in stack.layers[:2])
    equal = all(tensor.equal(second[name]) for name, tensor in first.items())
    same_objects = any(tensor is second[name] for name, tensor in first.items())
    return same((alike, shared), (equal, same_objects))


def _given_layer(seen: Seen, inside: bool = False) -> Mismatch | None:
    given = seen.module.layers[0]
    return same(inside, any(layer is given for layer in _again(seen).layers))


def _norm(seen: Seen, always: bool = False) -> Mismatch | None:
    keys = [key for key in shapes(seen.module) if key.startswith("norm.")]
    return same(always or bool(seen.values["norm"]), bool(keys))


def _stacked(seen: Seen, normed: bool = True) -> Mismatch | None:
    """Pass the input through the layers one by one, and through the norm."""
    x = seen.inputs["src"]
    for layer in seen.module.layers:
        x = layer(x)
    if seen.module.norm is not None and normed:
        x = seen.module.norm(x)
    return close(x, seen.outputs["output"])


def _told(seen: Seen, *, shift: int = 1, stacked: bool = False, hint: bool = True) -> Any:
    """Pass a mask without a hint, and compare what the first layer is told."""
    size, heard = seen.values["S"], []
    mask = seen.inputs["src"].new_ones(size, size).triu(shift) > 0
    if stacked:
        heads = seen.values["nhead"] * (seen.values["N"] if seen.values["batched"] else 1)
        mask = mask.expand(heads, size, size)

    def hear(_: object, __: object, given: dict[str, Any]) -> None:
        heard.append(given["is_causal"])

    with seen.module.layers[0].register_forward_pre_hook(hear, with_kwargs=True):
        seen.again(mask=mask, src_key_padding_mask=None, is_causal=None)
    return same([hint], heard)


def _no_layers(seen: Seen, error: str = "IndexError") -> Mismatch | None:
    empty = _again(seen, num_layers=0)
    return same(error, raised(empty, **seen.inputs).partition(":")[0])


CLAIMS = (
    Claim(
        id="tr.clones",
        sentence="The layers are copies of the one given: they start with the same numbers and "
        "share none of them.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, batch_first=True)
        >>> first, second = nn.TransformerEncoder(layer, num_layers=2).layers
        >>> torch.equal(first.linear1.weight, second.linear1.weight)
        True
        >>> first.linear1.weight is second.linear1.weight
        False
        """,
        check=_clones,
        axes=("bias",),
        twins={
            "they start with numbers of their own": partial(_clones, alike=False),
            "they share their parameters": partial(_clones, shared=True),
        },
        source=f"{SOURCE}: _get_clones",
    ),
    Claim(
        id="tr.clones.given",
        sentence="The layer that is given is not in the stack: what happens to it later changes "
        "nothing.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, batch_first=True)
        >>> any(inside is layer for inside in nn.TransformerEncoder(layer, 2).layers)
        False
        """,
        check=_given_layer,
        axes=("bias",),
        twins={"it is the first layer": partial(_given_layer, inside=True)},
        source=f"{SOURCE}: _get_clones",
    ),
    Claim(
        id="tr.encoder.state_dict",
        sentence="A stack has no norm of its own unless one is given; its keys come after those of "
        "the layers.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, batch_first=True)
        >>> list(nn.TransformerEncoder(layer, 1, norm=nn.LayerNorm(10)).state_dict())[-2:]
        ['norm.weight', 'norm.bias']
        >>> list(nn.TransformerEncoder(layer, 1).state_dict())[-2:]
        ['layers.0.norm2.weight', 'layers.0.norm2.bias']
        """,
        check=_norm,
        axes=("norm", "bias"),
        twins={"it always has one": partial(_norm, always=True)},
        source=INIT,
    ),
    Claim(
        id="tr.encoder.in_turn",
        sentence="Each layer gets what the one before it returned, and the norm what the last one "
        "returned.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, dropout=0.0, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(10))
        >>> x = torch.randn(3, 7, 10)
        >>> first, second = encoder.layers
        >>> torch.allclose(encoder(x), encoder.norm(second(first(x))), atol=1e-6)
        True
        """,
        check=_stacked,
        when=And(RUNS, _EXACT, _UNMASKED, norm),
        axes=("norm_first", "batch_first"),
        twins={"the norm is left out": partial(_stacked, normed=False)},
        source=FORWARD,
    ),
    Claim(
        id="tr.causal_autodetect",
        since="2.1",
        sentence="With `is_causal=None`, the default, a stack looks whether its 2-D mask is "
        "exactly the causal one, and tells the layers so.",
        doctest="""
        >>> from torch import nn
        >>> from torch.nn.modules.transformer import _detect_is_causal_mask
        >>> causal = nn.Transformer.generate_square_subsequent_mask(7)
        >>> _detect_is_causal_mask(causal), _detect_is_causal_mask(causal * 0)
        (True, False)
        """,
        check=_told,
        when=And(RUNS, _EXACT),
        axes=("batch_first", "rank"),
        twins={
            "one that hides the diagonal counts": partial(_told, shift=0),
            "one of three axes counts": partial(_told, stacked=True),
        },
        source=f"{SOURCE}: _detect_is_causal_mask",
    ),
    Claim(
        id="tr.causal_autodetect.square",
        since="2.1",
        sentence="A mask of three axes is never taken for the causal one.",
        doctest="""
        >>> from torch import nn
        >>> from torch.nn.modules.transformer import _detect_is_causal_mask
        >>> causal = nn.Transformer.generate_square_subsequent_mask(7)
        >>> _detect_is_causal_mask(causal.expand(6, 7, 7))
        False
        """,
        check=partial(_told, stacked=True, hint=False),
        when=And(RUNS, _EXACT),
        axes=("batch_first", "rank"),
        twins={"it is": partial(_told, stacked=True, hint=True)},
        source=f"{SOURCE}: _detect_is_causal_mask",
    ),
    Claim(
        id="tr.encoder.no_layers",
        sentence="`num_layers=0` builds a stack whose forward raises an IndexError.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> nn.TransformerEncoder(layer, num_layers=0)(torch.randn(3, 7, 10))
        Traceback (most recent call last):
            ...
        IndexError: index 0 is out of range
        """,
        check=_no_layers,
        when=_UNMASKED,
        axes=("batch_first",),
        twins={"it returns its input": partial(_no_layers, error="no error")},
        source=FORWARD,
    ),
)
