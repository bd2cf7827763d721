"""What changes on the fast path: which masks pass, what empty input returns, nested tensors."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import alike, failure
from mhadoc.catalog.multihead_attention.claims.fast_path import runs_kernel
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    FORWARD,
    MERGE,
    attn_mask_rank,
    is_causal,
    need_weights,
    padding_mask,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_KERNEL = "torch: _native_multi_head_attention"
_SETUP = """
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # nested tensors are a prototype
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.nested.nested_tensor([torch.randn(n, 10) for n in (4, 7, 2)])"""
_UNMASKED = And(Eq(attn_mask_rank, 0), Not(padding_mask))


def _without(seen: Seen, bitwise: bool = False) -> Mismatch | None:
    """Compare with the same call while the fast path is switched off."""
    from torch.backends import mha

    enabled = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        slow = seen.again()
    finally:
        mha.set_fastpath_enabled(enabled)
    return alike(slow, seen, 0.0 if bitwise else 1e-9)


def _accepted(
    seen: Seen, name: str, shapes: Iterable[tuple[int, ...]], error: str = ""
) -> Mismatch | None:
    """Pass a mask in other shapes with as many elements, and compare with the shape documented."""
    for shape in shapes:
        again = seen.again(**{name: seen.inputs[name].reshape(shape)})
        raised = type(again.error).__name__ if again.error else ""
        if wrong := same(error, raised) or alike(seen, again):
            return wrong
    return None


def _matrix(seen: Seen, error: str = "") -> Mismatch | None:
    size = seen.values["L"]
    shapes = [(1, size * size), (size * size,), (1, 1, size, size)]
    return _accepted(seen, "attn_mask", shapes, error)


def _per_head(seen: Seen, error: str = "") -> Mismatch | None:
    size, rows = seen.values["L"], len(seen.inputs["attn_mask"])
    shapes = [(size, rows, size), (1, rows, size * size)]
    return _accepted(seen, "attn_mask", shapes, error)


def _padding(seen: Seen, error: str = "") -> Mismatch | None:
    count, size = seen.inputs["key_padding_mask"].shape
    shapes = [(size, count), (count * size,), (1, count, size)]
    return _accepted(seen, "key_padding_mask", shapes, error)


def _per_batch(seen: Seen, error: str = "", heads: bool = True) -> Mismatch | None:
    """Pass one mask for each batch element, and compare with the same mask for each head."""
    mask = seen.inputs["attn_mask"][: seen.values["N"]]
    again = seen.again(attn_mask=mask)
    raised = type(again.error).__name__ if again.error else ""
    times = seen.values["num_heads"]
    repeated = mask.repeat_interleave(times, 0) if heads else mask.repeat(times, 1, 1)
    return same(error, raised) or alike(seen.again(attn_mask=repeated), again)


def _empty(seen: Seen, shape: bool = False) -> Mismatch | None:
    """Call with no position and with no batch element: the weights are None, or have a shape."""
    query = seen.inputs["query"]
    for empty in (query[:, :0], query[:0]):
        again = seen.again(query=empty, key=empty, value=empty)
        if failed := failure(again):
            return failed
        output, found = again.outputs["attn_output"], again.outputs["attn_output_weights"]
        size = (empty.shape[0], empty.shape[1], empty.shape[1]) if shape else None
        given = None if found is None else tuple(found.shape)
        if wrong := same(tuple(empty.shape), tuple(output.shape)) or same(size, given):
            return wrong
    return None


def _ragged(seen: Seen) -> tuple[list[Any], Seen]:
    """Call with a nested tensor of sequences of different lengths; return these too."""
    from torch.nested import nested_tensor

    whole = seen.inputs["query"]
    sequences = [row[: max(1, len(row) - n)] for n, row in enumerate(whole)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nested tensors are a prototype
        x = nested_tensor(sequences)
    return sequences, seen.again(query=x, key=x, value=x)


def _nested(seen: Seen, masked: bool = False) -> Mismatch | None:
    """Compare each sequence of a nested tensor with a call of its own, or in the padded batch."""
    sequences, again = _ragged(seen)
    if failed := failure(again):
        return failed
    for n, (sequence, output) in enumerate(
        zip(sequences, again.outputs["attn_output"].unbind(), strict=True)
    ):
        batch = sequence[None]
        alone = seen.again(query=batch, key=batch, value=batch).outputs["attn_output"][0]
        padded = seen.outputs["attn_output"][n, : len(sequence)]
        if wrong := close(padded if masked else alone, output):
            return wrong
    return None


def _nested_masked(seen: Seen, fast_too: bool = False) -> Mismatch | None:
    """Tell whether the kernel runs for a nested query without masks, and with the case's masks."""
    _, nested = _ragged(seen)
    x, none = nested.inputs["query"], {"attn_mask": None, "key_padding_mask": None}
    sequences = {"query": x, "key": x, "value": x}
    found = (runs_kernel(seen, **sequences, **none), runs_kernel(seen, **sequences))
    return same((True, fast_too), found)


def _nested_weights(seen: Seen, nested: bool = False) -> Mismatch | None:
    """Tell whether the weights of nested input are one padded tensor, zero in the padding."""
    sequences, again = _ragged(seen)
    if failed := failure(again):
        return failed
    found = again.outputs["attn_output_weights"]
    for sequence, rows in zip(sequences, found, strict=True):
        length = len(sequence)
        if bool((rows[..., length:, :] != 0).any() or (rows[..., length:] != 0).any()):
            return Mismatch("zeros in the padding", "other numbers")
    return same(nested, found.is_nested) or same(seen.inputs["query"].shape[1], found.shape[-1])


CLAIMS = (
    Claim(
        id="mha.fast_path.same_numbers",
        since="2.3",
        sentence="Where each query sees a key, the fast path gives the numbers of the other path, "
        "up to rounding.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> slow, _ = mha(x, x, x)  # autograd is enabled
        >>> with torch.no_grad():
        ...     fast, _ = mha(x, x, x)
        >>> torch.allclose(fast, slow, atol=1e-6)
        True
        """,
        check=_without,
        when=And(fast, Not(is_causal)),
        axes=("attn_mask", "key_padding_mask", "need_weights", "average_attn_weights"),
        twins={"they agree to the last bit": partial(_without, bitwise=True)},
        source=FORWARD,
    ),
    Claim(
        id="mha.fast_path.matrix_elements",
        sentence="Silent: on the fast path a mask that is not 3-D only needs `L * L` elements; "
        "they are read row by row, whatever its shape.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> mask = torch.ones(7, 7, dtype=torch.bool).triu(1)
        >>> with torch.no_grad():
        ...     one, _ = mha(x, x, x, attn_mask=mask)
        ...     other, _ = mha(x, x, x, attn_mask=mask.flatten())  # (49,)
        >>> torch.equal(one, other)
        True
        """,
        check=_matrix,
        when=And(fast, Eq(attn_mask_rank, 2)),
        axes=("key_padding_mask", "need_weights"),
        twins={"it must be (L, L)": partial(_matrix, error="RuntimeError")},
        source=MERGE,
    ),
    Claim(
        id="mha.fast_path.per_head_elements",
        sentence="Silent: on the fast path a 3-D mask may have any shape of "
        "`N * num_heads * L * L` elements.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x, mask = torch.randn(3, 7, 10), torch.rand(6, 7, 7) > 0.9
        >>> with torch.no_grad():
        ...     one, _ = mha(x, x, x, attn_mask=mask)
        ...     other, _ = mha(x, x, x, attn_mask=mask.view(7, 6, 7))
        >>> torch.equal(one, other)
        True
        """,
        check=_per_head,
        when=And(fast, Eq(attn_mask_rank, 3)),
        axes=("key_padding_mask", "need_weights"),
        twins={"it must be (N * num_heads, L, L)": partial(_per_head, error="RuntimeError")},
        source=MERGE,
    ),
    Claim(
        id="mha.fast_path.padding_elements",
        sentence="Silent: on the fast path, with an `attn_mask`, the `key_padding_mask` only needs "
        "`N * S` elements: a transposed one is read as if it were (N, S).",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x, mask = torch.randn(3, 7, 10), torch.zeros(7, 7, dtype=torch.bool)
        >>> padding = torch.arange(7) >= torch.tensor([7, 5, 2])[:, None]  # (N, S)
        >>> with torch.no_grad():
        ...     right, _ = mha(x, x, x, padding, attn_mask=mask)
        ...     wrong, _ = mha(x, x, x, padding.T.contiguous(), attn_mask=mask)
        >>> torch.allclose(right, wrong, atol=1e-3)
        False
        """,
        check=_padding,
        when=And(fast, attn_mask_rank > 0, padding_mask),
        axes=("attn_mask", "need_weights"),
        twins={"it must be (N, S)": partial(_padding, error="AssertionError")},
        source=MERGE,
    ),
    Claim(
        id="mha.fast_path.mask_per_batch",
        sentence="Silent: on the fast path, with a `key_padding_mask`, a 3-D `attn_mask` may be "
        "(N, L, L): each matrix then serves every head.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x, padding = torch.randn(3, 7, 10), torch.zeros(3, 7, dtype=torch.bool)
        >>> mask = torch.ones(3, 7, 7, dtype=torch.bool).triu(1)
        >>> with torch.no_grad():
        ...     one, _ = mha(x, x, x, padding, attn_mask=mask)
        ...     other, _ = mha(x, x, x, padding, attn_mask=mask.repeat_interleave(2, 0))
        >>> torch.equal(one, other)
        True
        """,
        check=_per_batch,
        when=And(fast, Eq(attn_mask_rank, 3), padding_mask),
        axes=("need_weights", "average_attn_weights"),
        twins={
            "it is refused": partial(_per_batch, error="RuntimeError"),
            "the matrices follow each other head by head": partial(_per_batch, heads=False),
        },
        source=MERGE,
    ),
    Claim(
        id="mha.fast_path.empty",
        sentence="On the fast path the weights of empty input, `N = 0` or `L = 0`, are None, also "
        "with `need_weights=True`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 0, 10)
        >>> with torch.no_grad():
        ...     output, weights = mha(x, x, x)
        >>> output.shape, weights
        (torch.Size([3, 0, 10]), None)
        """,
        check=_empty,
        when=And(fast, _UNMASKED),
        axes=("need_weights", "average_attn_weights"),
        twins={"they are an empty tensor": partial(_empty, shape=True)},
        source=_KERNEL,
    ),
    Claim(
        id="mha.nested.output",
        sentence="A nested tensor as query, key and value comes out nested, each sequence as if "
        "it were alone.",
        doctest=f"""{_SETUP}
        >>> with torch.no_grad():
        ...     output, _ = mha(x, x, x)
        >>> [tuple(sequence.shape) for sequence in output.unbind()]
        [(4, 10), (7, 10), (2, 10)]
        """,
        check=_nested,
        when=And(fast, _UNMASKED),
        axes=("need_weights", "average_attn_weights"),
        twins={"as if the sequences were one padded batch": partial(_nested, masked=True)},
        source=_KERNEL,
    ),
    Claim(
        id="mha.nested.weights",
        sentence="The weights of nested input are not nested: one tensor, padded to the longest "
        "sequence, zero in the padding.",
        doctest=f"""{_SETUP}
        >>> with torch.no_grad():
        ...     _, weights = mha(x, x, x)
        >>> weights.is_nested, weights.shape
        (False, torch.Size([3, 7, 7]))
        >>> weights[0].count_nonzero()  # 4 queries, 4 keys
        tensor(16)
        """,
        check=_nested_weights,
        when=And(fast, _UNMASKED, need_weights),
        axes=("average_attn_weights",),
        twins={"they are nested": partial(_nested_weights, nested=True)},
        source=_KERNEL,
    ),
    Claim(
        id="mha.fast_path.nested_alone",
        sentence="A nested query takes the fast path without any mask only; torch's reason speaks "
        "of both masks also where one was given.",
        doctest=f"""{_SETUP}
        >>> with torch.no_grad():
        ...     mha(x, x, x, key_padding_mask=torch.zeros(3, 7, dtype=torch.bool))
        Traceback (most recent call last):
        AssertionError: ... because supplying both src_key_padding_mask and src_mask at the same ...
        """,
        check=_nested_masked,
        before={
            "2.0": {
                "sentence": "A nested query takes the fast path without any mask only.",
                "doctest": f"""{_SETUP}
        >>> with torch.no_grad():
        ...     mha(x, x, x, key_padding_mask=torch.zeros(3, 7, dtype=torch.bool))
        Traceback (most recent call last):
        AssertionError: ... because key_padding_mask is not supported with NestedTensor input
        """,
            }
        },
        when=And(fast, Not(_UNMASKED)),
        axes=("attn_mask", "key_padding_mask"),
        twins={"masks go with a nested query": partial(_nested_masked, fast_too=True)},
        source=FORWARD,
    ),
)
