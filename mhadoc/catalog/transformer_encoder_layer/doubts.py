"""The calls of an encoder layer that torch accepts and that are probably not meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import And, Eq

from mhadoc.catalog.multihead_attention.doubts.order import ORDER
from mhadoc.catalog.multihead_attention.findings import ends
from mhadoc.catalog.multihead_attention.looks import Look, numbers_in
from mhadoc.catalog.transformer_calls import mask_symbols
from mhadoc.catalog.transformer_encoder_layer.paths import taken
from mhadoc.catalog.transformer_terms import N, S, batched
from mhadoc.language import Doubt
from mhadoc.language.compiled import truth

__all__ = ["DOUBTS"]

Found = Mapping[str, Any] | None


def _tanh(look: Look) -> Found:
    """Find the approximate GELU in a layer on its fast path."""
    if getattr(look.module.activation, "approximate", "none") != "tanh":
        return None
    return {} if truth(taken, look.values) else None


def _padding_rows(look: Look) -> Found:
    """Find a square mask of rows that end in True, by lengths of which some are too short."""
    mask = numbers_in(look.call.inputs["src_mask"])
    if mask is None or str(mask.dtype) != "torch.bool" or not ends(mask):
        return None
    lengths = (~mask).sum(1)
    falls = bool((lengths[1:] < lengths[:-1]).any())
    return {} if falls and bool(mask.diagonal().any()) else None


DOUBTS = (
    Doubt(
        id="activation.gelu_tanh",
        argument="activation",
        claim="tr.fast.gelu_tanh",
        finds=_tanh,
        expected="should give the same on the fast path as elsewhere",
        observed='is nn.GELU(approximate="tanh"), in whose place the fast path works out the '
        "exact GELU",
        hint="use nn.GELU(), or call torch.backends.mha.set_fastpath_enabled(False); to check: "
        "compare with the output under torch.enable_grad()",
        title="The approximate GELU works in training, and not in eval mode",
        example="""
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> tanh = nn.GELU(approximate="tanh")
        >>> layer = nn.TransformerEncoderLayer(10, 2, activation=tanh, batch_first=True).eval()
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(layer, torch.randn(3, 7, 10)))
        """,
    ),
    Doubt(
        id="src_mask.padding",
        argument="src_mask",
        claim="tr.mask_as_kpm_positional",
        when=And(batched, Eq(N, S), Eq(mask_symbols("src_mask")[0].expr, 2), S > 2),
        finds=_padding_rows,
        expected="should tell which keys each query sees",
        observed="hides the end of each row, of lengths that go up and down, as padding does",
        hint="pass it by its name, src_key_padding_mask=...: the second argument is src_mask",
        title="Padding hides other keys than it should",
        example="""
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> padding = torch.arange(3) >= torch.tensor([3, 1, 2])[:, None]
        >>> print(*mhadoc.diagnose(layer, torch.randn(3, 3, 10), padding))
        """,
    ),
    ORDER,
)
