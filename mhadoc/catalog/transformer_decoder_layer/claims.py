"""The claims about nn.TransformerDecoderLayer."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import told
from mhadoc.catalog.transformer_decoder_layer.rules import (
    CALL_REQUIREMENTS,
    CROSS,
    FORWARD,
    memory_is_causal,
    memory_mask_rank,
    memory_padded,
    tgt_is_causal,
    tgt_mask_rank,
    tgt_padded,
)
from mhadoc.catalog.transformer_terms import batched, dropout, training
from mhadoc.language import Claim, Mismatch, Seen, close, same

RUNS = And(*(demand.holds for demand in CALL_REQUIREMENTS))
_EXACT = Or(Not(training), Not(dropout))
UNMASKED = And(
    *(Eq(tgt_mask_rank, 0), Eq(memory_mask_rank, 0), Not(tgt_padded), Not(memory_padded)),
    *(Not(tgt_is_causal), Not(memory_is_causal)),
)


def by_parts(seen: Seen, *, swapped: bool = False, itself: bool = False, over: str = "") -> Any:
    """Return what a layer makes of its inputs, from the modules inside; masks are left out."""
    module, memory = seen.module, seen.inputs["memory"]
    attentions = (module.self_attn, module.multihead_attn)
    own, cross = reversed(attentions) if swapped else attentions

    def attend(attention: Any, query: Any, key: Any) -> Any:
        return attention(query, key, key, need_weights=False)[0]

    def feed(x: Any) -> Any:
        return module.linear2(module.activation(module.linear1(x)))

    def look(x: Any) -> Any:
        return attend(cross, x, x if itself else memory)

    x = seen.inputs["tgt"]
    if module.norm_first:
        normed = module.norm1(x)
        x = x + attend(own, normed, normed)
        x = x + look(module.norm2(x))
        return x + feed(module.norm3(x))
    x = module.norm1(x + attend(own, x, x))
    x = module.norm2(x + look(x))
    return module.norm3(x + feed(x))


def _parts(seen: Seen, **changes: Any) -> Mismatch | None:
    return close(by_parts(seen, **changes), seen.outputs["output"])


def _memory_norm(seen: Seen, normed: bool = False) -> Mismatch | None:
    """Scale the memory: a norm in front of it would take that out."""
    memory = seen.inputs["memory"]
    again = seen.again(memory=memory * 3)
    kept = again.outputs["output"].allclose(seen.outputs["output"], atol=1e-6)
    return same(normed, kept)


def _other_width(seen: Seen, named: bool = False) -> Mismatch | None:
    """Pass a memory of another width, and compare what torch says."""
    memory, width = seen.inputs["memory"], seen.values["d_model"]
    wide = memory.new_ones((*memory.shape[:-1], width + 1))
    rows = memory.numel() // width
    shapes = f"({rows}x{width + 1} and {width}x{2 * width})"
    expected = f"mat1 and mat2 shapes cannot be multiplied {shapes}"
    if named:
        expected = f"was expecting embedding dimension of {width}"
    words = told(seen.again(memory=wide))
    return None if words.endswith(expected) else Mismatch(expected, words)


def _transposed(seen: Seen, swapped: bool = False) -> Mismatch | None:
    sizes = seen.values["T"], seen.values["S"]
    mask = seen.inputs["tgt"].new_zeros(sizes[::-1])
    expected = f"torch.Size([{sizes[1]}, {sizes[0]}]), but should be {sizes}."
    if swapped:
        expected = f"torch.Size([{sizes[0]}, {sizes[1]}]), but should be {sizes[::-1]}."
    text = f"RuntimeError: The shape of the 2D attn_mask is {expected}"
    return same(text, told(seen.again(memory_mask=mask)))


def _padding_name(seen: Seen, name: str = "key_padding_mask") -> Mismatch | None:
    padding = seen.inputs["memory"].new_ones((seen.values["N"], seen.values["S"])).long()
    text = f"AssertionError: only bool and floating types of {name} are supported"
    return same(text, told(seen.again(memory_key_padding_mask=padding)))


CLAIMS = (
    Claim(
        id="tr.which_mha",
        sentence="`self_attn` sees the target alone. `multihead_attn` is the attention over the "
        "memory: its query is the target, its key and value are what the encoder returned.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=10, nhead=2, dropout=0.0)
        >>> tgt, memory = torch.randn(6, 3, 10), torch.randn(7, 3, 10)
        >>> x = layer.norm1(tgt + layer.self_attn(tgt, tgt, tgt)[0])
        >>> x = layer.norm2(x + layer.multihead_attn(query=x, key=memory, value=memory)[0])
        >>> x = layer.norm3(x + layer.linear2(layer.linear1(x).relu()))
        >>> torch.allclose(layer(tgt, memory), x, atol=1e-5)
        True
        """,
        check=_parts,
        when=And(RUNS, _EXACT, UNMASKED),
        axes=("norm_first", "batch_first", "activation", "rank"),
        twins={
            "the two are the other way round": partial(_parts, swapped=True),
            "multihead_attn sees the target": partial(_parts, itself=True),
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.decoder.memory_as_it_is",
        sentence="The memory is used as it comes: no norm of the layer is applied to it, also with "
        "`norm_first=True`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(10, 2, dropout=0.0, norm_first=True)
        >>> tgt, memory = torch.randn(6, 3, 10), torch.randn(7, 3, 10)
        >>> torch.allclose(layer(tgt, memory), layer(tgt, 3 * memory), atol=1e-3)
        False
        """,
        check=_memory_norm,
        when=And(RUNS, _EXACT, UNMASKED),
        axes=("norm_first",),
        twins={"it is normed": partial(_memory_norm, normed=True)},
        source=CROSS,
    ),
    Claim(
        id="tr.err.mem_feature",
        sentence="The memory must have `d_model` features, as there is no `kdim`; otherwise torch "
        "speaks of two matrices.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2)
        >>> layer(torch.randn(6, 3, 8), torch.randn(5, 3, 7))
        Traceback (most recent call last):
            ...
        RuntimeError: ...mat1 and mat2 shapes cannot be multiplied (15x7 and 8x16)
        """,
        check=_other_width,
        when=And(RUNS, UNMASKED, batched),
        axes=("norm_first", "batch_first"),
        twins={"it names the width": partial(_other_width, named=True)},
        source=CROSS,
    ),
    Claim(
        id="tr.err.memory_mask",
        sentence="`memory_mask` has a row for each target position and a column for each source "
        "position; torch refuses it the other way round where the two lengths differ.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2)
        >>> tgt, memory = torch.randn(6, 3, 8), torch.randn(5, 3, 8)
        >>> layer(tgt, memory, memory_mask=torch.zeros(5, 6))
        Traceback (most recent call last):
            ...
        RuntimeError: The shape of the 2D attn_mask is torch.Size([5, 6]), but should be (6, 5).
        """,
        check=_transposed,
        when=And(RUNS, UNMASKED),
        axes=("batch_first", "rank"),
        twins={"it is columns by rows": partial(_transposed, swapped=True)},
        source=CROSS,
    ),
    Claim(
        id="tr.err.memkpm_dtype",
        sentence="A `memory_key_padding_mask` of ints is refused under the name that it has inside "
        "the attention, `key_padding_mask`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2)
        >>> tgt, memory = torch.randn(6, 3, 8), torch.randn(5, 3, 8)
        >>> layer(tgt, memory, memory_key_padding_mask=torch.ones(3, 5).long())
        Traceback (most recent call last):
            ...
        AssertionError: only bool and floating types of key_padding_mask are supported
        """,
        check=_padding_name,
        when=And(RUNS, UNMASKED, batched),
        axes=("batch_first",),
        twins={
            "under its own name": partial(_padding_name, name="memory_key_padding_mask"),
        },
        source=CROSS,
    ),
)
