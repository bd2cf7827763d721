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
    *sequences.QUERY,
    *masks.BESIDE_FLOATS,
    *masks.KINDS,
    *sequences.TENSORS,
    *fast_masks.MERGED,
    *flags.FAST,
    *sequences.FAST,
    *fast_masks.KERNEL,
    *sequences.NESTED,
    *sequences.RANKS,
    *masks.RANKS,
    *CALL_REQUIREMENTS,
    *projections.AGREEMENT,
    *projections.QUERY_DTYPE,
    *projections.KEY_DTYPE,
    *projections.FEATURES,
    *projections.VALUE_DTYPE,
    *projections.DEVICE,
    *masks.SHAPES,
    *projections.BATCHES,
    *projections.EXTRA_DEVICE,
    *masks.PADDING,
    *masks.FLOATS,
    *flags.DROPOUT,
    *flags.DROPOUT_TYPE,
    *flags.HINT,
    *masks.FLOATS_WITHOUT_WEIGHTS,
    *flags.DROPOUT_WITHOUT_WEIGHTS,
)
