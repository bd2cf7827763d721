"""The symbols of nn.TransformerEncoder, and when its layers let padded positions be left out."""

from sympy import And, Eq, Mod, Not, Or

from mhadoc.catalog.transformer_calls import mask_symbols
from mhadoc.catalog.transformer_terms import (
    SOURCE,
    activation_relu_or_gelu,
    batch_first,
    bias,
    nhead,
    norm_first,
)
from mhadoc.language import Symbol
from mhadoc.language.releases import newer

INIT = f"{SOURCE}: TransformerEncoder.__init__"
FORWARD = f"{SOURCE}: TransformerEncoder.forward"

MASKS = (*mask_symbols("mask"), *mask_symbols("src_key_padding_mask", padding=True))
FLAGS = (
    Symbol("enable_nested_tensor", "the constructor's `enable_nested_tensor`", "flag"),
    Symbol("mask_check", "the constructor's `mask_check`", "flag"),
    Symbol("is_causal", "forward's `is_causal`; None is neither", "flag"),
)
mask_rank, mask_float, padded, padded_float = (symbol.expr for symbol in MASKS)
enable_nested_tensor, mask_check, is_causal = (symbol.expr for symbol in FLAGS)

#: What has to hold of the layer for padded positions to be left out of the work.
nests = And(
    enable_nested_tensor,
    Not(norm_first),
    batch_first,
    Or(bias, Not(newer("2.3"))),
    activation_relu_or_gelu > 0,
    Eq(Mod(nhead, 2), 0),
)
