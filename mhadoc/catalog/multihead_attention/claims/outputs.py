"""What forward returns: the pair, the average over the heads, the axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    batch_axis,
    failure,
)
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    batched,
    is_causal,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same
from mhadoc.language.compiled import truth


def _without_weights(seen: Seen, hint: bool = False, elements: int = 2) -> Mismatch | None:
    changes: dict[str, Any] = {}
    if hint:
        nothing_hidden = seen.inputs["query"].new_zeros((seen.values["L"], seen.values["S"]))
        changes = {"is_causal": True, "attn_mask": nothing_hidden, "key_padding_mask": None}
    whole = seen.again(need_weights=True, **changes)
    short = seen.again(need_weights=False, **changes)
    if failed := failure(whole) or failure(short):
        return failed
    return same(elements, len(short.outputs)) or close(
        whole.outputs["attn_output"], short.outputs["attn_output"]
    )


def _average(heads: Any, axis: int) -> Any:
    return heads.mean(axis)


def _averaged(seen: Seen, how: Callable[[Any, int], Any] = _average) -> Mismatch | None:
    heads = seen.again(need_weights=True, average_attn_weights=False)
    average = seen.again(need_weights=True, average_attn_weights=True)
    if failed := failure(heads) or failure(average):
        return failed
    axis = 1 if seen.values["batched"] else 0
    expected = how(heads.outputs["attn_output_weights"], axis)
    return close(expected, average.outputs["attn_output_weights"])


def _average_ignored(seen: Seen, weights_too: bool = False) -> Mismatch | None:
    other = seen.again(average_attn_weights=not seen.values["average_attn_weights"])
    if weights_too or not seen.values["need_weights"]:
        return alike(seen, other)
    if failed := failure(seen) or failure(other):
        return failed
    return close(seen.outputs["attn_output"], other.outputs["attn_output"])


def _swapped(seen: Seen, *left: str) -> Mismatch | None:
    """Swap the first two axes of what comes in and of what goes out, but for what is left."""
    module = seen.built(batch_first=not seen.values["batch_first"])
    turned = {id(seen.inputs[name]): seen.inputs[name].transpose(0, 1) for name in _SEQUENCES}
    other = seen.again(
        module=module, **{name: turned[id(seen.inputs[name])] for name in _SEQUENCES}
    )
    if failed := failure(seen) or failure(other):
        return failed
    for name, tensor in seen.outputs.items():
        if tensor is not None:
            expected = tensor.transpose(0, 1) if name == "attn_output" or name in left else tensor
            if wrong := close(expected, other.outputs[name]):
                return wrong
    return None


_SEQUENCES = ("query", "key", "value")


def _batch_of_one(seen: Seen, *kept: str) -> Mismatch | None:
    """Add an axis for the batch to what comes in, and take it off what comes out, or keep it."""
    axis, padding = batch_axis(seen), seen.inputs.get("key_padding_mask")
    turned = {id(seen.inputs[name]): seen.inputs[name].unsqueeze(axis) for name in _SEQUENCES}
    other = seen.again(
        key_padding_mask=None if padding is None else padding[None],
        **{name: turned[id(seen.inputs[name])] for name in _SEQUENCES},
    )
    if failed := failure(seen) or failure(other):
        return failed
    for name, place in (("attn_output", axis), ("attn_output_weights", 0)):
        tensor = other.outputs[name]
        if tensor is not None:
            tensor = tensor if name in kept else tensor.squeeze(place)
            if wrong := close(tensor, seen.outputs[name]):
                return wrong
    return None


def _ignores_batch_first(seen: Seen, batched: bool = False) -> Mismatch | None:
    module = seen.built(batch_first=not seen.values["batch_first"])
    changes: dict[str, Any] = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}
    if batched:
        changes |= {name: seen.inputs[name].unsqueeze(0) for name in _SEQUENCES}
    return alike(seen.again(**changes), seen.again(module=module, **changes))


def _contiguous(seen: Seen, *, always: bool = False) -> Mismatch | None:
    if failed := failure(seen):
        return failed
    turned = seen.values["batched"] and seen.values["batch_first"]
    expected = always or not turned or truth(fast, seen.values)
    return same(expected, seen.outputs["attn_output"].is_contiguous())


CLAIMS = (
    Claim(
        id="mha.need_weights.output",
        sentence="`need_weights` does not change `attn_output`, where each query sees a key, no "
        "dropout is active and `is_causal` is off; forward returns a pair either way.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> output, weights = mha(x, x, x)
        >>> alone, nothing = mha(x, x, x, need_weights=False)
        >>> torch.allclose(output, alone, atol=1e-6), nothing
        (True, None)
        """,
        check=_without_weights,
        when=And(EXACT, Not(is_causal)),
        axes=("rank", "attn_mask", "key_padding_mask"),
        twins={
            "nor with is_causal": partial(_without_weights, hint=True),
            "without weights the output comes alone": partial(_without_weights, elements=1),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.average.mean",
        sentence="`average_attn_weights=True` returns the arithmetic mean of the heads' weights.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> _, mean = mha(x, x, x)
        >>> _, heads = mha(x, x, x, average_attn_weights=False)  # (N, H, L, S)
        >>> torch.allclose(mean, heads.mean(dim=1))
        True
        """,
        check=_averaged,
        when=And(RUNS, Not(is_causal)),
        axes=("rank", "training", "batch_first", "grad", "add_zero_attn"),
        twins={
            "it returns their sum": partial(_averaged, how=lambda heads, axis: heads.sum(axis)),
            "it returns the first head": partial(
                _averaged, how=lambda heads, axis: heads.select(axis, 0)
            ),
            "it returns the largest": partial(_averaged, how=lambda heads, axis: heads.amax(axis)),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.average.no_effect",
        sentence="`average_attn_weights` never changes `attn_output`, and changes nothing at all "
        "with `need_weights=False`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> torch.equal(mha(x, x, x)[0], mha(x, x, x, average_attn_weights=False)[0])
        True
        >>> print(mha(x, x, x, need_weights=False, average_attn_weights=False)[1])
        None
        """,
        check=_average_ignored,
        when=RUNS,
        axes=("rank", "need_weights", "average_attn_weights", "training"),
        twins={"nor does it change the weights": partial(_average_ignored, weights_too=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.batch_first.swaps",
        sentence="`batch_first` swaps the first two axes of batched query, key, value and output; "
        "numbers, masks and weights stay as they are.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> other = nn.MultiheadAttention(embed_dim=10, num_heads=2, batch_first=True)
        >>> _ = other.load_state_dict(mha.state_dict())
        >>> x = torch.randn(4, 3, 10)
        >>> output, weights = mha(x, x, x)
        >>> turned, same = other(*[x.transpose(0, 1)] * 3)
        >>> torch.allclose(turned.transpose(0, 1), output), torch.allclose(same, weights)
        (True, True)
        """,
        check=_swapped,
        when=And(batched, RUNS, Not(is_causal)),
        axes=("batch_first", "need_weights", "key_padding_mask"),
        twins={
            "it swaps the axes of the weights as well": lambda seen: _swapped(
                seen, "attn_output_weights"
            ),
        },
        source=FORWARD,
    ),
    Claim(
        id="mha.unbatched.batch_of_one",
        sentence="Unbatched input gives what a batch of one gives, without the batch's axis.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 10)
        >>> output, weights = mha(x, x, x)
        >>> batch = x[:, None]  # (L, 1, E)
        >>> one_output, one_weights = mha(batch, batch, batch)
        >>> torch.allclose(one_output[:, 0], output, atol=1e-6)
        True
        >>> torch.allclose(one_weights[0], weights, atol=1e-6)
        True
        """,
        check=_batch_of_one,
        when=And(Not(batched), RUNS, Not(is_causal)),
        axes=("batch_first", "need_weights", "average_attn_weights", "key_padding_mask"),
        twins={
            "the weights keep the batch's axis": lambda seen: _batch_of_one(
                seen, "attn_output_weights"
            ),
            "the output keeps the batch's axis": lambda seen: _batch_of_one(seen, "attn_output"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.unbatched.batch_first",
        sentence="For unbatched input `batch_first` makes no difference.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 10)
        >>> before, _ = mha(x, x, x)
        >>> mha.batch_first = True
        >>> torch.equal(mha(x, x, x)[0], before)
        True
        """,
        check=_ignores_batch_first,
        when=Not(batched),
        axes=("batch_first", "need_weights", "kdim"),
        twins={"for a batch of one neither": partial(_ignores_batch_first, batched=True)},
        source=FORWARD,
    ),
    Claim(
        id="mha.output.contiguous",
        sentence="The output is contiguous, except for batched input with `batch_first=True` "
        "outside the fast path: there it is a transposed view.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> x = torch.randn(3, 4, 10)
        >>> for batch_first in (False, True):
        ...     mha = nn.MultiheadAttention(10, 2, batch_first=batch_first)
        ...     print(mha(x, x, x)[0].is_contiguous())
        True
        False
        """,
        check=_contiguous,
        when=RUNS,
        axes=None,
        twins={"it is always contiguous": partial(_contiguous, always=True)},
        source=FORWARD,
    ),
)
