"""The claims about nn.TransformerDecoder."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import raised, told
from mhadoc.catalog.transformer_by_hand import as_by_hand, decoder
from mhadoc.catalog.transformer_decoder.rules import FORWARD
from mhadoc.catalog.transformer_decoder_layer.claims import RUNS, UNMASKED
from mhadoc.catalog.transformer_terms import SOURCE, batched, dropout, norm, training
from mhadoc.language import Claim, Mismatch, Seen, close, same

_EXACT = Or(Not(training), Not(dropout))


def _stacked(seen: Seen, *, chained: bool = False) -> Mismatch | None:
    """Pass the target through the layers one by one, each with the same memory."""
    x, memory = seen.inputs["tgt"], seen.inputs["memory"]
    for layer in seen.module.layers:
        x = layer(x, memory)
        memory = x if chained else memory
    return close(seen.module.norm(x), seen.outputs["output"])


def _hints(seen: Seen, memory: bool = False) -> Mismatch | None:
    """Pass both masks causal without hints, and compare what the first layer is told."""
    heard: list[tuple[bool, bool]] = []
    new = seen.inputs["tgt"].new_ones
    target = new(seen.values["T"], seen.values["T"]).triu(1) > 0
    source = new(seen.values["T"], seen.values["S"]).triu(1) > 0

    def hear(_: object, __: object, given: dict[str, Any]) -> None:
        heard.append((given["tgt_is_causal"], given["memory_is_causal"]))

    with seen.module.layers[0].register_forward_pre_hook(hear, with_kwargs=True):
        seen.again(tgt_mask=target, memory_mask=source, tgt_is_causal=None)
    return same([(True, memory)], heard)


def _mixed(seen: Seen, names: str = "key_padding_mask and attn_mask") -> Mismatch | None:
    """Pass a mask of floats with one of bools, and compare what torch warns of."""
    floats = seen.inputs["tgt"].new_zeros(seen.values["T"], seen.values["T"])
    bools = seen.inputs["tgt"].new_zeros(seen.values["N"], seen.values["T"]) > 0
    again = seen.again(tgt_mask=floats, tgt_key_padding_mask=bools)
    text = f"Support for mismatched {names} is deprecated. Use same type for both instead."
    return same((text, "no error"), (*again.warnings[:1], told(again)))


def _clones(seen: Seen, *, alike: bool = True, shared: bool = False) -> Mismatch | None:
    """Stack copies of a layer, and compare the first two with each other."""
    stack = type(seen.module)(seen.module.layers[0], num_layers=2)
    first, second = (dict(layer.named_parameters()) for layer in stack.layers)
    equal = all(tensor.equal(second[name]) for name, tensor in first.items())
    same_objects = any(tensor is second[name] for name, tensor in first.items())
    return same((alike, shared), (equal, same_objects))


_by_hand = partial(as_by_hand, function=decoder)


def _meta(seen: Seen, needs: str = "tgt_is_causal") -> Mismatch | None:
    """Call on the meta device with the causal mask, with and without the hint."""
    module = seen.built().to("meta")
    tgt, memory = (seen.inputs[name].to("meta") for name in ("tgt", "memory"))
    mask = tgt.new_ones(seen.values["T"], seen.values["T"]).triu(1) > 0
    hints = {"tgt_is_causal": False} if needs == "tgt_is_causal" else {}
    unread = raised(module, tgt, memory, tgt_mask=mask)
    return same("RuntimeError: Tensor.item() cannot be called on meta tensors", unread) or same(
        "no error", raised(module, tgt, memory, tgt_mask=mask, **hints)
    )


CLAIMS = (
    Claim(
        id="tr.decoder.meta",
        since="2.4",
        sentence="On the meta device a decoder fails with a 2-D `tgt_mask`, because it looks at "
        "its numbers; with `tgt_is_causal` given it does not look.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(10, 2, batch_first=True, device="meta")
        >>> decoder = nn.TransformerDecoder(layer, 2)
        >>> tgt, memory = (torch.empty(3, n, 10, device="meta") for n in (6, 7))
        >>> mask = nn.Transformer.generate_square_subsequent_mask(6, device="meta")
        >>> decoder(tgt, memory, mask, tgt_is_causal=False).shape
        torch.Size([3, 6, 10])
        >>> decoder(tgt, memory, mask)
        Traceback (most recent call last):
            ...
        RuntimeError: Tensor.item() cannot be called on meta tensors
        """,
        check=_meta,
        axes=("batch_first", "rank"),
        twins={"it fails with the hint as well": partial(_meta, needs="more")},
        source=f"{SOURCE}: _detect_is_causal_mask",
    ),
    Claim(
        id="tr.decoder.passes_on",
        sentence="Every layer gets the same masks and hints.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(10, 2, dropout=0.0, batch_first=True)
        >>> decoder = nn.TransformerDecoder(layer, num_layers=2)
        >>> tgt, memory = torch.randn(3, 6, 10), torch.randn(3, 7, 10)
        >>> padding = torch.zeros(3, 7).bool()
        >>> padding[:, -2:] = True
        >>> hidden = decoder(tgt, memory, memory_key_padding_mask=padding)
        >>> torch.allclose(hidden, decoder(tgt, memory[:, :-2]), atol=1e-5)
        True
        """,
        check=_by_hand,
        when=RUNS,
        axes=("tgt_key_padding_mask", "memory_key_padding_mask", "norm_first"),
        twins={
            f"{name} goes no further": partial(_by_hand, left_out=(name,))
            for name in (
                *("tgt_mask", "memory_mask"),
                *("tgt_key_padding_mask", "memory_key_padding_mask"),
            )
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.decoder.in_turn",
        sentence="Each layer gets what the one before it returned, and all get the same memory.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=10, nhead=2, dropout=0.0)
        >>> decoder = nn.TransformerDecoder(layer, num_layers=2)
        >>> tgt, memory = torch.randn(6, 3, 10), torch.randn(7, 3, 10)
        >>> first, second = decoder.layers
        >>> torch.allclose(decoder(tgt, memory), second(first(tgt, memory), memory), atol=1e-6)
        True
        """,
        check=_stacked,
        when=And(RUNS, _EXACT, UNMASKED, norm),
        axes=("norm_first", "batch_first"),
        twins={"it gets what the layer before returned": partial(_stacked, chained=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.decoder.detects",
        since="2.1",
        sentence="With `tgt_is_causal=None`, the default, a decoder looks whether `tgt_mask` is "
        "the causal one; of `memory_mask` it never does.",
        doctest="""
        >>> import inspect
        >>> from torch import nn
        >>> found = inspect.signature(nn.TransformerDecoder.forward).parameters
        >>> found["tgt_is_causal"].default, found["memory_is_causal"].default
        (None, False)
        """,
        check=_hints,
        when=And(RUNS, _EXACT, UNMASKED),
        axes=("batch_first", "rank"),
        twins={"of memory_mask as well": partial(_hints, memory=True)},
        source=f"{SOURCE}: _detect_is_causal_mask",
    ),
    Claim(
        id="tr.decoder_bool_float",
        since="2.0",
        sentence="Masks of two kinds bring a warning that names them as the attention does, "
        "`key_padding_mask` and `attn_mask`.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(10, 2), num_layers=1)
        >>> tgt, memory = torch.randn(6, 3, 10), torch.randn(7, 3, 10)
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     _ = decoder(tgt, memory, tgt_mask=torch.zeros(6, 6),
        ...                 tgt_key_padding_mask=torch.zeros(3, 6).bool())
        >>> str(heard[0].message)
        'Support for mismatched key_padding_mask and attn_mask is deprecated...'
        """,
        check=_mixed,
        when=And(RUNS, UNMASKED, batched),
        axes=("batch_first",),
        twins={
            "it names them as forward does": partial(
                _mixed, names="tgt_key_padding_mask and tgt_mask"
            )
        },
        source=FORWARD,
    ),
    Claim(
        id="doc.decoder.clones",
        sentence="The layers of a decoder are copies of the one given: they start with the same "
        "numbers and share none of them.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=10, nhead=2)
        >>> first, second = nn.TransformerDecoder(layer, num_layers=2).layers
        >>> torch.equal(first.linear1.weight, second.linear1.weight)
        True
        >>> first.linear1.weight is second.linear1.weight
        False
        """,
        check=_clones,
        axes=("norm_first",),
        twins={
            "they start with numbers of their own": partial(_clones, alike=False),
            "they share their parameters": partial(_clones, shared=True),
        },
        source=f"{SOURCE}: _get_clones",
    ),
)
