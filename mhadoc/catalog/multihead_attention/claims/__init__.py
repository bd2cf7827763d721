"""The claims about nn.MultiheadAttention, theme by theme."""

from mhadoc.catalog.multihead_attention.claims import (
    arguments,
    dropout,
    empty,
    extra_keys,
    formula,
    gradients,
    independence,
    init,
    layout,
    loading,
    mask_forms,
    masks,
    numbers,
    outputs,
    storage,
    walk,
)

CLAIMS = (
    *walk.CLAIMS,
    *storage.CLAIMS,
    *layout.CLAIMS,
    *formula.CLAIMS,
    *arguments.CLAIMS,
    *numbers.CLAIMS,
    *init.CLAIMS,
    *outputs.CLAIMS,
    *empty.CLAIMS,
    *independence.CLAIMS,
    *extra_keys.CLAIMS,
    *dropout.CLAIMS,
    *masks.CLAIMS,
    *mask_forms.CLAIMS,
    *gradients.CLAIMS,
    *loading.CLAIMS,
)
