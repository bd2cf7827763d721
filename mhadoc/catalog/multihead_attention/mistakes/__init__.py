"""Each way to call forward wrongly that torch rejects, in the order in which torch looks."""

from mhadoc.catalog.multihead_attention.mistakes import (
    fast_masks,
    flags,
    masks,
    projections,
    sequences,
)
from mhadoc.catalog.multihead_attention.paths import CALL_REQUIREMENTS

MISTAKES = (
    *sequences.GIVEN,
    *masks.TENSORS,
    *masks.KINDS,
    *sequences.TENSORS,
    *sequences.FAST,
    *fast_masks.FAST,
    *flags.FAST,
    *sequences.RANKS,
    *masks.RANKS,
    *CALL_REQUIREMENTS,
    *projections.FEATURES,
    *projections.DTYPES,
    *masks.SHAPES,
    *projections.BATCHES,
    *masks.PADDING,
    *flags.DROPOUT,
    *masks.FLOATS,
    *flags.HINT,
)
