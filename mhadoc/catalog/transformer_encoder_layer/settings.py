"""The claims on what an encoder layer is set to when it takes its fast path."""

from __future__ import annotations

from functools import partial

from sympy import And

from mhadoc.catalog.transformer_encoder_layer.paths import FAST_ARGUMENTS, FORWARD, fast
from mhadoc.catalog.transformer_terms import dropout, grad
from mhadoc.language import Claim, Mismatch, Seen, same

_LAYER = "_transformer_encoder_layer_fwd"
_BUT_GRAD = And(*(demand.holds for demand in FAST_ARGUMENTS if demand.id != "fast_path.no_grad"))
_SETUP = """
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> def is_fast(layer, x):
        ...     kernel = torch._transformer_encoder_layer_fwd
        ...     with patch.object(torch, kernel.__name__, wraps=kernel) as watched:
        ...         layer(x)
        ...     return watched.called
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)"""


def _fused(seen: Seen, expected: bool = True) -> Mismatch | None:
    return same(expected, _LAYER in seen.operators())


def _frozen(seen: Seen, expected: bool = True) -> Mismatch | None:
    """Freeze all parameters, and then let one of them require a gradient."""
    module = seen.built().requires_grad_(False)
    found = _LAYER in seen.operators(module)
    module.norm2.bias.requires_grad_()
    return same((expected, False), (found, _LAYER in seen.operators(module)))


CLAIMS = (
    Claim(
        id="tr.fast.frozen",
        sentence="With autograd enabled, a layer in eval mode takes the fast path as soon as no "
        "parameter of it and no input requires a gradient.",
        doctest=f"""{_SETUP}
        >>> is_fast(layer, x), is_fast(layer.requires_grad_(False), x)
        (False, True)
        """,
        check=_frozen,
        when=And(_BUT_GRAD, grad),
        axes=("norm_first", "src_mask"),
        twins={"autograd must be disabled": partial(_frozen, expected=False)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.dropout",
        sentence="The layer's `dropout` is no condition: with any number the fast path is taken.",
        doctest=f"""{_SETUP}
        >>> layer = nn.TransformerEncoderLayer(10, 2, dropout=0.5, batch_first=True).eval()
        >>> with torch.no_grad():
        ...     is_fast(layer, x)
        True
        """,
        check=_fused,
        when=And(fast, dropout),
        axes=("norm_first", "src_mask"),
        twins={"it is not taken": partial(_fused, expected=False)},
        source=FORWARD,
    ),
)
