"""All that is stated of torch.nn.TransformerEncoder."""

from dataclasses import replace

from mhadoc.catalog.transformer_encoder import claims, layers, masks, nested
from mhadoc.catalog.transformer_encoder.mistakes import MISTAKES
from mhadoc.catalog.transformer_encoder.paths import FAST_PATH
from mhadoc.catalog.transformer_encoder.rules import SPEC as _RULES

__all__ = ["SPEC"]

SPEC = replace(
    _RULES,
    claims=(
        *claims.CLAIMS,
        *layers.CLAIMS,
        *masks.CLAIMS,
        *nested.CLAIMS,
    ),
    call_requirements=(*MISTAKES, *_RULES.call_requirements),
    fast_path=FAST_PATH,
)
