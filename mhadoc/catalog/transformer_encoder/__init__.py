"""All that is stated of torch.nn.TransformerEncoder."""

from dataclasses import replace

from mhadoc.catalog.transformer_encoder.claims import CLAIMS
from mhadoc.catalog.transformer_encoder.rules import SPEC as _RULES

__all__ = ["SPEC"]

SPEC = replace(_RULES, claims=CLAIMS)
