"""The claims about nn.MultiheadAttention, theme by theme."""

from mhadoc.catalog.multihead_attention.claims import formula, storage

CLAIMS = (*storage.CLAIMS, *formula.CLAIMS)
