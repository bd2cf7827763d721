"""Wrong masks that torch accepts: the shapes are right, the numbers are not."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    describe,
    failure,
    told,
)
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.claims.hiding import (
    BOOL,
    PADDING_BOOL,
    batch,
    elsewhere,
    over_weights,
    weights,
)
from mhadoc.catalog.multihead_attention.paths import discards_mask
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    N,
    S,
    attn_mask_rank,
    batched,
    padding_mask,
    tensors,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_NAMES = ("query", "key", "value")
_CALM = And(RUNS, EXACT)
_SELF = And(_CALM, Eq(tensors, 1))
_UNMASKED = And(Eq(attn_mask_rank, 0), Not(padding_mask))


def _differs(right: Seen, wrong: Seen, accepted: bool = True) -> Mismatch | None:
    """Tell whether a wrong call was accepted, with output of the same shape and other numbers."""
    if not accepted:
        return same(False, wrong.error is None)
    if failed := failure(wrong):
        return failed
    output = wrong.outputs["attn_output"]
    if tuple(output.shape) != tuple(right.outputs["attn_output"].shape):
        return Mismatch("an output of the same shape", describe(output))
    return None if alike(right, wrong) else Mismatch("other numbers", "the same numbers")


def _inverted(seen: Seen, name: str, hides: bool = True) -> Mismatch | None:
    """Pass a mask in which True means keep, and compare where weight is left."""
    alone = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}
    left = weights(seen, **{**alone, name: ~seen.inputs[name]})[..., : seen.values["S"]] > 0
    hidden = over_weights(seen, name)
    return elsewhere(hidden if hides else ~hidden, left, "weight on what the mask should hide")


def _ones(seen: Seen, name: str, hides: bool = False) -> Mismatch | None:
    """Pass a mask of ones and zeros as floats, and tell whether anything is hidden."""
    alone = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}
    floats = seen.inputs[name].to(seen.inputs["query"].dtype)
    return same(hides, bool((weights(seen, **{**alone, name: floats}) == 0).any()))


def _transposed(seen: Seen, accepted: bool = True) -> Mismatch | None:
    return _differs(seen, seen.again(attn_mask=seen.inputs["attn_mask"].mT), accepted)


def _square_padding(seen: Seen, accepted: bool = True) -> Mismatch | None:
    """Cut batch and sequence to one size, and pass the key_padding_mask transposed."""
    size = min(seen.values["N"], seen.values["S"])
    x = seen.inputs["query"][:size, :size]
    padding = x.new_ones((size, size)).triu(1) > 0
    square = {"query": x, "key": x, "value": x, "attn_mask": None, "is_causal": False}
    right = seen.again(**square, key_padding_mask=padding)
    wrong = seen.again(**square, key_padding_mask=padding.t().contiguous())
    return _differs(right, wrong, accepted)


def _last(seen: Seen, tensor: Any) -> Any:
    """Return the last element of a batch as a batch of one."""
    return tensor[-1:] if seen.values["batch_first"] else tensor[:, -1:]


def _per_batch(seen: Seen, interleaved: bool = True) -> Mismatch | None:
    """Give each batch element a mask of its own, and compare with the last element alone."""
    heads = seen.values["num_heads"]
    masks = seen.inputs["attn_mask"][: seen.values["N"]]
    mask = masks.repeat_interleave(heads, 0) if interleaved else masks.repeat(heads, 1, 1)
    again = seen.again(attn_mask=mask, key_padding_mask=None, is_causal=False)
    parts = {name: _last(seen, seen.inputs[name]) for name in _NAMES}
    alone = seen.again(**parts, attn_mask=masks[-1], key_padding_mask=None, is_causal=False)
    return close(alone.outputs["attn_output"], _last(seen, again.outputs["attn_output"]))


def _of_one(seen: Seen, error: str = "no error") -> Mismatch | None:
    """Pass a mask for each head with a batch of one, and one for each element with one head."""
    mask, heads = seen.inputs["attn_mask"], seen.values["num_heads"]
    parts = {name: _last(seen, seen.inputs[name]) for name in _NAMES}
    no_padding = {"key_padding_mask": None, "is_causal": False}
    one_element = seen.again(**parts, attn_mask=mask[-heads:], **no_padding)
    one_head = seen.again(seen.built(num_heads=1), attn_mask=mask[: batch(seen)], **no_padding)
    found = (told(one_element).partition(":")[0], told(one_head).partition(":")[0])
    return same((error, error), found)


CLAIMS = (
    Claim(
        id="mha.silent.sdpa_mask",
        sentence="Silent: a boolean mask made for `scaled_dot_product_attention`, where True "
        "keeps, hides here what it should keep.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, keep = torch.randn(7, 10), torch.ones(7, 7, dtype=torch.bool).tril()
        >>> _, weights = mha(x, x, x, attn_mask=keep)
        >>> bool(weights[keep].nan_to_num().any())  # nothing is left of what should be seen
        False
        """,
        check=partial(_inverted, name="attn_mask"),
        when=And(_CALM, BOOL),
        axes=("rank", "attn_mask", "need_weights"),
        twins={"it keeps what it should keep": partial(_inverted, name="attn_mask", hides=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.tokenizer_mask",
        sentence="Silent: a tokenizer's mask, 1 for tokens and 0 for padding, made boolean, hides "
        "the tokens: pass its contrary as `key_padding_mask`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, tokens = torch.randn(7, 10), torch.tensor([1, 1, 1, 1, 1, 0, 0])
        >>> _, wrong = mha(x, x, x, key_padding_mask=tokens.bool())
        >>> _, right = mha(x, x, x, key_padding_mask=tokens == 0)
        >>> (wrong[0] > 0).int(), (right[0] > 0).int()
        (tensor([0, 0, 0, 0, 0, 1, 1], ...), tensor([1, 1, 1, 1, 1, 0, 0], ...))
        """,
        check=partial(_inverted, name="key_padding_mask"),
        when=And(_CALM, PADDING_BOOL),
        axes=("rank", "batch_first", "need_weights"),
        twins={"it hides the padding": partial(_inverted, name="key_padding_mask", hides=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.ones",
        since="2.1",
        sentence="Silent: ones in a mask of floats hide nothing: 1 is added to these scores.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, mask = torch.randn(7, 10), torch.ones(7, 7).triu(1)  # of floats
        >>> _, weights = mha(x, x, x, attn_mask=mask)
        >>> bool((weights > 0).all())
        True
        """,
        check=partial(_ones, name="attn_mask"),
        when=And(_CALM, BOOL),
        axes=("rank", "attn_mask", "need_weights"),
        twins={"ones hide": partial(_ones, name="attn_mask", hides=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.padding_ones",
        sentence="Silent: ones in a `key_padding_mask` of floats hide nothing: 1 is added to the "
        "scores of these keys.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, padding = torch.randn(7, 10), torch.tensor([0.0, 0, 0, 0, 0, 1, 1])
        >>> _, weights = mha(x, x, x, key_padding_mask=padding)
        >>> bool((weights > 0).all())
        True
        """,
        check=partial(_ones, name="key_padding_mask"),
        when=And(_CALM, PADDING_BOOL),
        axes=("rank", "batch_first", "need_weights"),
        twins={"ones hide": partial(_ones, name="key_padding_mask", hides=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.transposed",
        sentence="Silent: where L equals S, a transposed `attn_mask` is accepted.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, past = torch.randn(7, 10), torch.ones(7, 7, dtype=torch.bool).tril(-1)
        >>> _, weights = mha(x, x, x, attn_mask=past)  # meant was past.T
        >>> weights[6].count_nonzero(), weights[0].count_nonzero()
        (tensor(1), tensor(7))
        """,
        check=_transposed,
        when=And(_SELF, attn_mask_rank > 0, Not(discards_mask), S > 1),
        axes=("rank", "attn_mask", "need_weights"),
        twins={"it is refused": partial(_transposed, accepted=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.transposed_padding",
        sentence="Silent: where N equals S, a transposed `key_padding_mask` is accepted.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True)
        >>> x = torch.randn(3, 3, 10)  # N = S = 3
        >>> padding = torch.arange(3) >= torch.tensor([1, 3, 2])[:, None]
        >>> _, weights = mha(x, x, x, key_padding_mask=padding.T)
        >>> weights[0, 0].count_nonzero()  # one token, but three are seen
        tensor(3)
        """,
        check=_square_padding,
        when=And(_SELF, batched, PADDING_BOOL, N > 1, S > 1),
        axes=("batch_first", "bias", "need_weights"),
        twins={"it is refused": partial(_square_padding, accepted=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.repeat",
        sentence="Silent: one mask for each batch element becomes 3-D by "
        "`repeat_interleave(num_heads, 0)`; `repeat(num_heads, 1, 1)` has the same shape and gives "
        "the masks to other elements.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True)
        >>> x, masks = torch.randn(3, 7, 10), torch.zeros(3, 7, 7, dtype=torch.bool)
        >>> masks[1, :, 5:] = True  # batch element 1 is to see 5 keys
        >>> _, right = mha(x, x, x, attn_mask=masks.repeat_interleave(2, 0))
        >>> _, wrong = mha(x, x, x, attn_mask=masks.repeat(2, 1, 1))
        >>> (right > 0).sum(-1)[:, 0], (wrong > 0).sum(-1)[:, 0]
        (tensor([7, 5, 7]), tensor([7, 7, 7]))
        """,
        check=_per_batch,
        when=And(_CALM, batched, Eq(attn_mask_rank, 3)),
        axes=("batch_first", "attn_mask", "need_weights"),
        twins={"`repeat` is right": partial(_per_batch, interleaved=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.of_one",
        sentence="Silent: a mask of one matrix a head passes while N is 1, and one matrix a batch "
        "element while `num_heads` is 1; both fail with other sizes.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True)
        >>> masks = torch.zeros(2, 7, 7, dtype=torch.bool)  # one a head
        >>> one, three = torch.randn(1, 7, 10), torch.randn(3, 7, 10)
        >>> _ = mha(one, one, one, attn_mask=masks)
        >>> mha(three, three, three, attn_mask=masks)
        Traceback (most recent call last):
        RuntimeError: The shape of the 3D attn_mask is torch.Size([2, 7, 7]), but should be ...
        """,
        check=_of_one,
        when=And(_CALM, batched, Eq(attn_mask_rank, 3)),
        axes=("batch_first", "attn_mask", "need_weights"),
        twins={"they are refused": partial(_of_one, error="RuntimeError")},
        source=ATTEND,
    ),
)
