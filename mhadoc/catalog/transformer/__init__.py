"""All that is stated of torch.nn.Transformer."""

from dataclasses import replace

from mhadoc.catalog.transformer import claims, documented, inside, refusals
from mhadoc.catalog.transformer.mistakes import MISTAKES
from mhadoc.catalog.transformer.rules import SPEC as _RULES

__all__ = ["SPEC"]

SPEC = replace(
    _RULES,
    claims=(
        *claims.CLAIMS,
        *inside.CLAIMS,
        *refusals.CLAIMS,
        *documented.CLAIMS,
    ),
    call_requirements=(*MISTAKES, *_RULES.call_requirements),
)
