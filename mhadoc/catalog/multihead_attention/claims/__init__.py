"""The claims about nn.MultiheadAttention, theme by theme."""

from mhadoc.catalog.multihead_attention.claims import (
    formula,
    layout,
    storage,
    walk,
)

CLAIMS = (
    *walk.CLAIMS,
    *storage.CLAIMS,
    *layout.CLAIMS,
    *formula.CLAIMS,
)
