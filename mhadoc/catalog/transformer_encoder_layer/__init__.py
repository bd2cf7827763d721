"""All that is stated of torch.nn.TransformerEncoderLayer."""

from dataclasses import replace

from mhadoc.catalog.transformer_encoder_layer import fast_path, numbers, surroundings
from mhadoc.catalog.transformer_encoder_layer.mistakes import MISTAKES
from mhadoc.catalog.transformer_encoder_layer.rules import SPEC as _RULES

__all__ = ["SPEC"]

SPEC = replace(
    _RULES,
    claims=(*numbers.CLAIMS, *fast_path.CLAIMS, *surroundings.CLAIMS),
    call_requirements=(*MISTAKES, *_RULES.call_requirements),
)
