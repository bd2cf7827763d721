"""The calls of a whole Transformer that torch accepts and that are probably not meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.doubts.order import ORDER
from mhadoc.catalog.multihead_attention.looks import Look, numbers_in
from mhadoc.language import Doubt, Measured

__all__ = ["DOUBTS"]

Found = Mapping[str, Any] | None
_PADDING = "src_key_padding_mask"
_hidden, _also = Measured(_PADDING), Measured("memory_key_padding_mask")


def _left_out(look: Look) -> Found:
    """Find padding of the source that hides something."""
    padding = numbers_in(look.call.inputs[_PADDING])
    return {} if padding is not None and bool((padding != 0).any()) else None


def _mixed(look: Look) -> Found:
    """Find an encoder or decoder with another batch_first than the whole one."""
    for name in ("encoder", "decoder"):
        layers = getattr(getattr(look.module, name), "layers", ())
        for layer in layers[:1]:
            own = getattr(getattr(layer, "self_attn", None), "batch_first", None)
            if own is not None and own is not look.module.batch_first:
                return {"place": f"{name}.layers[0]", "own": own}
    return None


_WHOLE = """
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> src, tgt = torch.randn(3, 7, 10), torch.randn(3, 6, 10)"""

DOUBTS = (
    Doubt(
        id="memory_key_padding_mask.left_out",
        argument="memory_key_padding_mask",
        claim="tr.no_mem_mask_default",
        when=And(_hidden.given, Not(_also.given)),
        finds=_left_out,
        expected="should hide what src_key_padding_mask hides",
        observed="is left out: the decoder sees the padding of the source",
        hint="pass memory_key_padding_mask=src_key_padding_mask as well; to check: compare the two "
        "outputs",
        title="The decoder sees the padding of the source",
        example=f"""{_WHOLE}
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, batch_first=True)
        >>> padding = torch.arange(7) >= torch.tensor([7, 5, 2])[:, None]
        >>> print(*mhadoc.diagnose(transformer, src, tgt, src_key_padding_mask=padding))
        """,
    ),
    Doubt(
        id="batch_first.mixed",
        argument="batch_first",
        claim="mha.silent.batch_first",
        when=Eq(Measured("src").rank, 3),
        finds=_mixed,
        expected="should be the same everywhere inside",
        observed="is {batch_first} here and {own} in {place}, whose attention then runs across the "
        "batch",
        hint="build both with the same batch_first; to check: change one batch element, and "
        "compare the outputs of the others",
        title="One batch element changes the outputs of the others",
        example=f"""{_WHOLE}
        >>> layer = nn.TransformerEncoderLayer(10, 2)  # batch_first=False
        >>> encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        >>> whole = nn.Transformer(10, 2, 1, 1, 11, custom_encoder=encoder, batch_first=True)
        >>> print(*mhadoc.diagnose(whole, src, tgt))
        """,
    ),
    ORDER,
)
