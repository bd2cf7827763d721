"""The calls of a stack of encoder layers that torch accepts and that are probably not meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import And

from mhadoc.catalog.multihead_attention.doubts.order import ORDER
from mhadoc.catalog.multihead_attention.findings import ends
from mhadoc.catalog.multihead_attention.looks import HIDES, Look, numbers_in
from mhadoc.catalog.transformer_encoder.paths import converts
from mhadoc.language import Doubt, Measured

__all__ = ["DOUBTS"]

Found = Mapping[str, Any] | None
_PADDING = "src_key_padding_mask"


def _finite(look: Look) -> Found:
    """Find a float that is taken for hidden, though it is neither 0 nor low."""
    padding = numbers_in(look.call.inputs[_PADDING])
    if padding is None:
        return None
    found = padding[(padding != 0) & (padding > HIDES)]
    return {"number": f"{float(found[0]):g}"} if len(found) else None


def _not_at_end(look: Look) -> Found:
    """Find padding that is not at the end of its row."""
    padding = numbers_in(look.call.inputs[_PADDING])
    return None if padding is None or ends(padding != 0) else {}


_SETUP = """
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)"""

DOUBTS = (
    Doubt(
        id="src_key_padding_mask.nested_floats",
        argument=_PADDING,
        claim="tr.fast.float_kpm_nested",
        when=And(converts, Measured(_PADDING).floating),
        finds=_finite,
        expected="should be one of bools, or hold 0 and -inf, where nested tensors are used",
        observed="holds {number}, which hides its position for good here, and leaves zeros there; "
        "in training the number is added",
        hint="build with enable_nested_tensor=False, or pass a boolean mask; to check: compare "
        "with the output under torch.enable_grad()",
        title="A soft padding mask leaves zeros",
        example=f"""{_SETUP}
        >>> doubtful = torch.zeros(3, 7)
        >>> doubtful[1:, -1] = -0.5  # the last one counts less
        >>> encoder = nn.TransformerEncoder(layer, 2).eval()
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(encoder, x, src_key_padding_mask=doubtful))
        """,
    ),
    Doubt(
        id="src_key_padding_mask.not_at_end",
        argument=_PADDING,
        claim="tr.fast.mask_check",
        when=converts,
        finds=_not_at_end,
        expected="should be True at the end of each row alone, with mask_check=False",
        observed="is True elsewhere as well: as many positions are dropped at the end in their "
        "place",
        hint="build with mask_check=True, or move the padding to the end; to check: compare with "
        "the output under torch.enable_grad()",
        title="Padding on the left drops the tokens on the right",
        example=f"""{_SETUP}
        >>> encoder = nn.TransformerEncoder(layer, 2, mask_check=False).eval()
        >>> padding = torch.arange(7) < torch.tensor([0, 2, 5])[:, None]  # on the left
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(encoder, x, src_key_padding_mask=padding))
        """,
    ),
    ORDER,
)
