"""The calls of nn.MultiheadAttention that torch accepts and that are probably not meant."""

from mhadoc.catalog.multihead_attention.doubts.flags import FLAGS
from mhadoc.catalog.multihead_attention.doubts.hints import HINTS
from mhadoc.catalog.multihead_attention.doubts.masks import MASKS
from mhadoc.catalog.multihead_attention.doubts.order import ORDER
from mhadoc.catalog.multihead_attention.doubts.rows import ROWS
from mhadoc.catalog.multihead_attention.doubts.shapes import SHAPES

__all__ = ["DOUBTS"]

DOUBTS = (*MASKS, *SHAPES, *ROWS, *HINTS, *FLAGS, ORDER)
