"""All that is stated of torch.nn.TransformerDecoderLayer."""

from dataclasses import replace

from mhadoc.catalog.transformer_decoder_layer import claims, inside
from mhadoc.catalog.transformer_decoder_layer.mistakes import MISTAKES
from mhadoc.catalog.transformer_decoder_layer.rules import SPEC as _RULES

__all__ = ["SPEC"]

SPEC = replace(
    _RULES,
    claims=(
        *claims.CLAIMS,
        *inside.CLAIMS,
    ),
    call_requirements=(*MISTAKES, *_RULES.call_requirements),
)
