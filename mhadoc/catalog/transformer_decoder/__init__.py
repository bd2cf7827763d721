"""All that is stated of torch.nn.TransformerDecoder."""

from dataclasses import replace

from mhadoc.catalog.transformer_decoder.claims import CLAIMS
from mhadoc.catalog.transformer_decoder.mistakes import MISTAKES
from mhadoc.catalog.transformer_decoder.rules import SPEC as _RULES

__all__ = ["SPEC"]

SPEC = replace(
    _RULES,
    claims=CLAIMS,
    call_requirements=(*MISTAKES, *_RULES.call_requirements),
)
