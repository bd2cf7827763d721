"""The claims on what keeps an encoder layer off its fast path beside arguments and mode."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import told
from mhadoc.catalog.multihead_attention.claims.surroundings import (
    autocast_for_cuda,
    switched_off,
)
from mhadoc.catalog.transformer_encoder_layer.paths import FORWARD, fast
from mhadoc.catalog.transformer_encoder_layer.rules import (
    padded,
    src_mask_rank,
)
from mhadoc.catalog.transformer_terms import norm_first
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.language.releases import newer

_KERNEL = "_transformer_encoder_layer_fwd"
_SETUP = """
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> def is_fast(layer, *inputs):
        ...     kernel = torch._transformer_encoder_layer_fwd
        ...     with torch.no_grad(), patch.object(torch, kernel.__name__, wraps=kernel) as called:
        ...         layer(*inputs)
        ...     return called.called
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> is_fast(layer, x)
        True"""


def _runs_kernel(seen: Seen, module: Any = None, **inputs: Any) -> bool:
    return _KERNEL in seen.operators(module, **inputs)


def _decides(seen: Seen, used: Callable[[Seen], bool], expected: bool = False) -> Mismatch | None:
    return same((True, expected), (_runs_kernel(seen), used(seen)))


def _surrounding(
    id: str,
    sentence: str,
    lines: str,
    used: Callable[[Seen], bool],
    since: str | None = None,
) -> Claim:
    """Return the claim that one change of a call on the fast path leads elsewhere."""
    return Claim(
        id=f"tr.fast.{id}",
        sentence=sentence,
        doctest=f"{_SETUP}{lines}",
        check=partial(_decides, used=used),
        when=fast,
        axes=("norm_first",),
        twins={"it does not": partial(_decides, used=used, expected=True)},
        source=FORWARD,
        since=since,
    )


def _disabled(seen: Seen) -> bool:
    with switched_off():
        return _runs_kernel(seen)


def _under_cuda_autocast(seen: Seen) -> bool:
    with autocast_for_cuda():
        return _runs_kernel(seen)


def _hooked(seen: Seen) -> bool:
    """Tell whether the kernel runs with a hook on some module inside."""
    found = []
    for place in ("", "self_attn", "norm2"):
        module = seen.built()
        module.get_submodule(place).register_forward_hook(lambda *_: None)
        found.append(_runs_kernel(seen, module))
        module = seen.built()
        module.get_submodule(place).register_forward_pre_hook(lambda *_: None)
        found.append(_runs_kernel(seen, module))
    return any(found)


def _of_subclass(seen: Seen) -> bool:
    import torch

    src = seen.inputs["src"]
    named, learned = src.as_subclass(type("Named", (torch.Tensor,), {})), torch.nn.Parameter(src)
    return [_runs_kernel(seen, src=each) for each in (named, learned)] != [False, True]


def _on_meta(seen: Seen) -> bool:
    given = {n: i.to("meta") for n, i in seen.inputs.items() if hasattr(i, "to")}
    return _runs_kernel(seen, seen.built(device="meta"), **given)


def _nested(seen: Seen, text: str = "MultiheadAttention does not support NestedTensor") -> Any:
    """Pass a nested tensor alone, and with each mask."""
    import torch

    src, length = seen.inputs["src"], seen.values["S"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nested = torch.nested.nested_tensor([row[: length - i] for i, row in enumerate(src)])
    alone = seen.again(src=nested)
    if alone.error or not alone.outputs["output"].is_nested:
        return Mismatch("a nested tensor", told(alone))
    masks = {
        "src_mask": src.new_zeros(length, length),
        "src_key_padding_mask": src.new_zeros(src.shape[:2]),
    }
    for name, mask in masks.items():
        found = told(seen.again(src=nested, **{name: mask})).partition(": ")[2]
        if not found.startswith(text):
            return Mismatch(text, found)
    return None


CLAIMS = (
    _surrounding(
        "enabled",
        "`torch.backends.mha.set_fastpath_enabled(False)` keeps every layer off its fast path.",
        """
        >>> torch.backends.mha.set_fastpath_enabled(False)
        >>> is_fast(layer, x)
        False
        >>> torch.backends.mha.set_fastpath_enabled(True)
        """,
        _disabled,
        since="2.3",
    ),
    _surrounding(
        "autocast",
        "Autocast for CUDA keeps a layer off its fast path, on the CPU as well.",
        """
        >>> torch.set_autocast_enabled(True)
        >>> is_fast(layer, x)
        False
        >>> torch.set_autocast_enabled(False)
        """,
        _under_cuda_autocast,
    ),
    _surrounding(
        "hooks",
        "A forward hook or forward pre-hook keeps a layer off its fast path, on the layer itself "
        "or on any module inside.",
        """
        >>> hook = layer.norm2.register_forward_hook(lambda module, inputs, output: None)
        >>> is_fast(layer, x)
        False
        >>> hook.remove()
        >>> is_fast(layer, x)
        True
        """,
        _hooked,
        since="2.5",
    ),
    _surrounding(
        "subclass",
        "A `src` of a subclass with `__torch_function__` keeps a layer off its fast path; an "
        "`nn.Parameter` does not.",
        """
        >>> class Named(torch.Tensor): ...
        >>> is_fast(layer, x.as_subclass(Named))
        False
        >>> is_fast(layer, nn.Parameter(x))
        True
        """,
        _of_subclass,
    ),
    _surrounding(
        "meta",
        "On the meta device a layer is never on its fast path.",
        """
        >>> is_fast(layer.to("meta"), x.to("meta"))
        False
        """,
        _on_meta,
    ),
    Claim(
        id="tr.fast.nested_alone",
        sentence="A nested tensor is taken on the fast path alone and without masks: with one, or "
        "elsewhere, the attention inside refuses it.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # nested tensors are a prototype
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x = torch.nested.nested_tensor([torch.randn(n, 10) for n in (4, 7, 2)])
        >>> with torch.no_grad():
        ...     layer(x).is_nested
        True
        >>> layer.train()(x)
        Traceback (most recent call last):
            ...
        AssertionError: MultiheadAttention does not support NestedTensor outside of its fast path...
        """,
        check=_nested,
        when=And(
            *(fast, Eq(src_mask_rank, 0), Not(padded)),
            Or(newer("2.0"), Not(norm_first)),  # LayerNorm did not take a nested tensor then
        ),
        axes=("norm_first", "activation"),
        twins={"the layer's kernel refuses it": partial(_nested, text="Mask")},
        source=FORWARD,
    ),
)
