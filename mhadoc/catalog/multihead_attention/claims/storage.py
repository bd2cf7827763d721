"""What is stored: defaults, layouts, and what the state_dict does not hold."""

from __future__ import annotations

from mhadoc.catalog.multihead_attention.symbols import INIT
from mhadoc.language import Claim, Mismatch, Seen, same


def _features_default(seen: Seen, becomes: str = "embed_dim") -> Mismatch | None:
    module = seen.built(kdim=None, vdim=None)
    expected = getattr(module, becomes)
    return same((expected, expected), (module.kdim, module.vdim))


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
        axes=("kdim", "vdim", "bias", "add_bias_kv"),
        twins={
            "they are set to head_dim": lambda seen: _features_default(seen, "head_dim"),
        },
        source=INIT,
    ),
)
