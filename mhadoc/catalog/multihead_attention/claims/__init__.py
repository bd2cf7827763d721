"""The claims about nn.MultiheadAttention, theme by theme."""

from mhadoc.catalog.multihead_attention.claims import formula, storage, walk

CLAIMS = (*walk.CLAIMS, *storage.CLAIMS, *formula.CLAIMS)
