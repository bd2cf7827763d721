"""What torch's own docstrings state, and whether it is so: one place a class or a function."""

from __future__ import annotations

from mhadoc.catalog.audits import (
    functions,
    merge_masks,
    multihead_attention,
    scaled_dot_product_attention,
    transformer,
    transformer_decoder,
    transformer_encoder,
)
from mhadoc.errors import UnknownNameError
from mhadoc.language import Audit

__all__ = ["AUDITS", "audit"]

AUDITS: tuple[Audit, ...] = (
    *multihead_attention.AUDITS,
    *merge_masks.AUDITS,
    *transformer.AUDITS,
    *transformer_encoder.AUDITS,
    *transformer_decoder.AUDITS,
    *functions.AUDITS,
    *scaled_dot_product_attention.AUDITS,
)


def audit(path: str) -> Audit:
    """Return the audit of a docstring: ``torch.nn.MultiheadAttention.forward``.

    Raises UnknownNameError, with the closest paths, where there is none.
    """
    known = {each.path: each for each in AUDITS}
    if path not in known:
        raise UnknownNameError("audited docstring", path, known)
    return known[path]
