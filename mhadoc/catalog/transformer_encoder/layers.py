"""The claims on what nn.TransformerEncoder asks of its layers, and on what comes out of it."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import raised
from mhadoc.catalog.transformer_encoder.symbols import FORWARD, is_causal, mask_rank, nests, padded
from mhadoc.catalog.transformer_terms import batched, grad, training
from mhadoc.language import Claim, Mismatch, Seen, same

_UNMASKED = And(Eq(mask_rank, 0), Not(padded), Not(is_causal))
_NAMES = ("is_causal", "src_key_padding_mask", "src_mask")
_LACKS = "'Layer' object has no attribute '{}'"


def _stack(seen: Seen, attention: bool = True) -> tuple[Any, list[tuple[str, ...]]]:
    """Build a stack over a layer of one's own; return it, and the names that its layers hear."""
    from torch import nn

    heard: list[tuple[str, ...]] = []

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            if attention:
                self.self_attn = nn.MultiheadAttention(4, 2)

        def forward(self, src: Any, **given: Any) -> Any:
            heard.append(tuple(sorted(given)))
            return src

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return type(seen.module)(Layer(), 2), heard


def _keywords(seen: Seen, names: tuple[str, ...] = _NAMES) -> Mismatch | None:
    stack, heard = _stack(seen)
    told = raised(stack, seen.inputs["src"])
    return same("no error", told) or same([names] * 2, heard)


def _attribute(seen: Seen, name: str = "self_attn") -> Mismatch | None:
    stack, _ = _stack(seen, attention=False)
    return same(f"AttributeError: {_LACKS.format(name)}", raised(stack, seen.inputs["src"]))


def _length(seen: Seen, shorter: int = 0) -> Mismatch | None:
    """Hide the last two positions in every element, and compare the lengths of input and output."""
    src = seen.inputs["src"]
    padding = src.new_zeros((seen.values["N"], seen.values["S"])) > 0
    padding[:, -2:] = True
    output = seen.again(src_key_padding_mask=padding, mask=None).outputs["output"]
    expected = (src.shape[0], src.shape[1] - shorter, src.shape[2])
    return same(expected, tuple(output.shape))


def _warned(seen: Seen, dtype: str = "bool") -> Mismatch | None:
    """Pass a mask of one dtype with a padding mask of bools, and listen."""
    import torch

    size, count = seen.values["S"], seen.values["N"]
    bools = seen.inputs["src"].new_zeros(count, size) > 0
    mask = seen.inputs["src"].new_zeros(size, size).to(getattr(torch, dtype))
    return same((), seen.again(mask=mask, src_key_padding_mask=bools).warnings)


_OLD_KEYWORDS = """
        >>> import torch
        >>> from torch import nn
        >>> class Layer(nn.Module):
        ...     def forward(self, src):
        ...         return src
        >>> encoder = nn.TransformerEncoder(Layer(), num_layers=2)
        >>> encoder(torch.randn(7, 3, 10))
        Traceback (most recent call last):
            ...
        TypeError: ...forward() got an unexpected keyword argument 'src_mask'
        """

CLAIMS = (
    Claim(
        id="tr.encoder.keywords",
        sentence="A stack calls each layer with `src_mask`, `is_causal` and "
        "`src_key_padding_mask`, by name and in every call: a layer of your own must take them.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about nested tensors
        >>> class OldLayer(nn.TransformerEncoderLayer):
        ...     def forward(self, src, src_mask=None, src_key_padding_mask=None):
        ...         return src
        >>> encoder = nn.TransformerEncoder(OldLayer(d_model=10, nhead=2), num_layers=2)
        >>> encoder(torch.randn(7, 3, 10))
        Traceback (most recent call last):
            ...
        TypeError: OldLayer.forward() got an unexpected keyword argument 'is_causal'
        """,
        check=_keywords,
        before={
            "2.0": {
                "sentence": "A stack calls each layer with `src_mask` and `src_key_padding_mask`, "
                "by name and in every call: a layer of your own must take them.",
                "doctest": _OLD_KEYWORDS,
                "check": partial(_keywords, names=_NAMES[1:]),
            }
        },
        when=_UNMASKED,
        axes=("batch_first", "rank"),
        twins={"only with the masks that are given": partial(_keywords, names=("is_causal",))},
        source=FORWARD,
    ),
    Claim(
        id="tr.encoder.self_attn",
        since="2.1",
        sentence="A stack looks up `self_attn.batch_first` of its first layer in every call: a "
        "layer of your own needs that attribute.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about nested tensors
        >>> class MyLayer(nn.Module):
        ...     def forward(self, src, **masks):
        ...         return src
        >>> encoder = nn.TransformerEncoder(MyLayer(), num_layers=2)
        >>> encoder(torch.randn(7, 3, 10))
        Traceback (most recent call last):
            ...
        AttributeError: 'MyLayer' object has no attribute 'self_attn'
        """,
        check=_attribute,
        when=_UNMASKED,
        axes=("batch_first", "rank"),
        twins={"it looks for batch_first itself": partial(_attribute, name="batch_first")},
        source=FORWARD,
    ),
    Claim(
        id="tr.encoder.full_length",
        since="2.1",
        sentence="The output is as long as the input, also where nested tensors are used and the "
        "last positions are padding in every batch element.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # nested tensors are a prototype
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, num_layers=2).eval()
        >>> padding = torch.arange(7) >= torch.tensor([5, 4, 2])[:, None]  # none is longer than 5
        >>> with torch.no_grad():
        ...     encoder(torch.randn(3, 7, 10), src_key_padding_mask=padding).shape
        torch.Size([3, 7, 10])
        """,
        check=_length,
        when=And(nests, batched, Not(training), Not(grad)),
        axes=("norm", "mask_check"),
        twins={"it is as long as the longest sequence": partial(_length, shorter=2)},
        source=FORWARD,
    ),
    Claim(
        id="tr.encoder.same_kind",
        since="2.1",
        sentence="A boolean mask with a boolean padding mask brings no warning.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, num_layers=2)
        >>> mask = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.bool)
        >>> padding = torch.zeros(3, 7, dtype=torch.bool)
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error")
        ...     output = encoder(torch.randn(3, 7, 10), mask, padding)
        >>> output.shape
        torch.Size([3, 7, 10])
        """,
        check=_warned,
        when=batched,
        axes=("batch_first", "training"),
        twins={"nor does one of floats": partial(_warned, dtype="float64")},
        source=FORWARD,
    ),
)
