"""All that is stated of torch.nn.TransformerEncoderLayer."""

from dataclasses import replace

from mhadoc.catalog.transformer_encoder_layer import (
    conditions,
    fast_path,
    inside,
    numbers,
    settings,
    surroundings,
)
from mhadoc.catalog.transformer_encoder_layer.mistakes import MISTAKES
from mhadoc.catalog.transformer_encoder_layer.rules import SPEC as _RULES

__all__ = ["SPEC"]

SPEC = replace(
    _RULES,
    claims=(
        *numbers.CLAIMS,
        *inside.CLAIMS,
        *fast_path.CLAIMS,
        *conditions.CLAIMS,
        *settings.CLAIMS,
        *surroundings.CLAIMS,
    ),
    call_requirements=(*MISTAKES, *_RULES.call_requirements),
)
