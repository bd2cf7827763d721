"""The fast path: what surrounds a call, and decides about the fused kernel beside its arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import failure
from mhadoc.catalog.multihead_attention.claims.fast_path import KERNEL, SETUP, runs_kernel
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    FORWARD,
    attn_mask_rank,
    is_causal,
    need_weights,
    padding_mask,
)
from mhadoc.language import Claim, Mismatch, Seen, same

Change = Callable[[Seen], bool]


def _decides(seen: Seen, used: Change, expected: bool = False) -> Mismatch | None:
    return same((True, expected), (runs_kernel(seen), used(seen)))


def _surrounding(
    id: str,
    sentence: str,
    lines: str,
    used: Change,
    *,
    expected: bool = False,
    since: str | None = None,
) -> Claim:
    """Return the claim that one change of a call on the fast path leads elsewhere, or does not."""
    return Claim(
        id=f"mha.fast_path.{id}",
        sentence=sentence,
        doctest=f"{SETUP}{lines}",
        check=partial(_decides, used=used, expected=expected),
        when=fast,
        axes=("need_weights",),
        twins={"the contrary": partial(_decides, used=used, expected=not expected)},
        source=FORWARD,
        since=since,
    )


@contextmanager
def switched_off() -> Iterator[None]:
    """Switch every fast path off meanwhile."""
    from torch.backends import mha

    enabled = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        mha.set_fastpath_enabled(enabled)


def _switched_off(seen: Seen) -> bool:
    with switched_off():
        return runs_kernel(seen)


def _odd_heads(seen: Seen) -> bool:
    return runs_kernel(seen, seen.built(num_heads=1))


def _separate(seen: Seen) -> bool:
    return runs_kernel(seen, seen.built(kdim=seen.values["embed_dim"] + 1))


def _other_dtype(seen: Seen, name: str) -> bool:
    from torch.nn import Parameter

    module = seen.built()
    setattr(module, name, Parameter(getattr(module, name).detach().float()))
    return runs_kernel(seen, module)


def _same_dtype(seen: Seen) -> bool:
    import torch

    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        x = seen.inputs["query"].to(dtype)
        if not runs_kernel(seen, seen.built(dtype=dtype), query=x, key=x, value=x):
            return False
    return True


@contextmanager
def autocast_for_cuda() -> Iterator[None]:
    """Switch autocast for CUDA on meanwhile, whatever the device."""
    import torch

    enabled = torch.is_autocast_enabled()
    torch.set_autocast_enabled(True)
    try:
        yield
    finally:
        torch.set_autocast_enabled(enabled)


def _under_cuda_autocast(seen: Seen) -> bool:
    with autocast_for_cuda():
        return runs_kernel(seen)


def _under_cpu_autocast(seen: Seen) -> bool:
    import torch

    with torch.autocast("cpu"):
        return runs_kernel(seen)


def _in_inference_mode(seen: Seen) -> bool:
    import torch

    with torch.inference_mode():
        return runs_kernel(seen)


def _of_subclass(seen: Seen) -> bool:
    import torch

    x = seen.inputs["query"]
    named, learned = x.as_subclass(type("Named", (torch.Tensor,), {})), torch.nn.Parameter(x)
    on = [runs_kernel(seen, query=each, key=each, value=each) for each in (named, learned)]
    return on != [False, True]


def _on_meta(seen: Seen) -> bool:
    x = seen.inputs["query"].to("meta")
    return runs_kernel(seen, seen.built(device="meta"), query=x, key=x, value=x)


def _traced(seen: Seen) -> bool:
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    with torch.no_grad():
        graph = make_fx(lambda x: seen.module(x, x, x)[0])(seen.inputs["query"])
    return KERNEL in graph.code


def _view(seen: Seen) -> bool:
    x = seen.inputs["query"]
    return runs_kernel(seen, value=x.view(x.shape))


def _compiled(seen: Seen, weights: bool = True) -> Mismatch | None:
    """Compile the module, and tell whether it gives weights for empty input, as it would slowly."""
    import torch
    from torch import _dynamo

    _dynamo.reset()  # it counts what it compiled before, and gives up at some point
    x = seen.inputs["query"][:0]
    empty = {"query": x, "key": x, "value": x}
    again = seen.again(torch.compile(seen.module, backend="eager"), **empty)
    if failed := failure(again):
        return failed
    found = again.outputs["attn_output_weights"], seen.again(**empty).outputs["attn_output_weights"]
    return same((weights, False), (found[0] is not None, found[1] is not None))


CLAIMS = (
    _surrounding(
        "enabled",
        "`torch.backends.mha.set_fastpath_enabled(False)` switches the fast path off.",
        """
        >>> torch.backends.mha.set_fastpath_enabled(False)
        >>> is_fast(mha, x, x, x)
        False
        >>> torch.backends.mha.set_fastpath_enabled(True)
        """,
        _switched_off,
        since="2.3",
    ),
    _surrounding(
        "same_object",
        "Equal copies and views of the query do not count as the same object.",
        """
        >>> is_fast(mha, x, x, x.view(3, 7, 10))
        False
        """,
        _view,
    ),
    _surrounding(
        "packed",
        "With another `kdim` or `vdim` the fast path is not taken; the same tensor would not fit "
        "as the key anyway.",
        """
        >>> is_fast(nn.MultiheadAttention(10, 2, kdim=11, batch_first=True).eval(), x, x, x)
        Traceback (most recent call last):
        AssertionError: expecting key weights shape of (10, 10), but got torch.Size([10, 11])
        """,
        _separate,
    ),
    _surrounding(
        "even_heads",
        "The fast path needs an even `num_heads`.",
        """
        >>> is_fast(nn.MultiheadAttention(10, 5, batch_first=True).eval(), x, x, x)
        False
        """,
        _odd_heads,
        since="2.1",
    ),
    _surrounding(
        "bias_dtype",
        "The fast path needs an `in_proj_bias` of the query's dtype.",
        """
        >>> mha.in_proj_bias = nn.Parameter(mha.in_proj_bias.double())
        >>> is_fast(mha, x, x, x)
        False
        """,
        partial(_other_dtype, name="in_proj_bias"),
    ),
    _surrounding(
        "weight_dtype",
        "The fast path needs an `in_proj_weight` of the query's dtype.",
        """
        >>> mha.in_proj_weight = nn.Parameter(mha.in_proj_weight.double())
        >>> is_fast(mha, x, x, x)
        Traceback (most recent call last):
        RuntimeError: expected m1 and m2 to have the same dtype, but got: float != double
        """,
        partial(_other_dtype, name="in_proj_weight"),
        since="2.1",
    ),
    _surrounding(
        "dtypes",
        "The fast path takes float64, float32, bfloat16 and float16 alike.",
        """
        >>> is_fast(mha.bfloat16(), *[x.bfloat16()] * 3)
        True
        """,
        _same_dtype,
        expected=True,
    ),
    _surrounding(
        "inference_mode",
        "`torch.inference_mode()` serves the fast path as well as `torch.no_grad()`.",
        """
        >>> with torch.inference_mode():
        ...     is_fast(mha, x, x, x)
        True
        """,
        _in_inference_mode,
        expected=True,
    ),
    _surrounding(
        "autocast",
        "Autocast for CUDA keeps a call from the fast path, on any device.",
        """
        >>> torch.set_autocast_enabled(True)
        >>> is_fast(mha, x, x, x)
        False
        >>> torch.set_autocast_enabled(False)
        """,
        _under_cuda_autocast,
    ),
    _surrounding(
        "autocast_cpu",
        "Autocast for the CPU does not: forward asks for CUDA's autocast only.",
        """
        >>> with torch.autocast("cpu"):
        ...     is_fast(mha, x, x, x)
        True
        """,
        _under_cpu_autocast,
        expected=True,
        since="2.2",
    ),
    _surrounding(
        "plain_tensors",
        "A query of a subclass with `__torch_function__` keeps a call from the fast path; an "
        "`nn.Parameter` does not.",
        """
        >>> class Named(torch.Tensor): ...
        >>> named = x.as_subclass(Named)
        >>> is_fast(mha, named, named, named)
        False
        >>> is_fast(mha, *[nn.Parameter(x)] * 3)
        True
        """,
        _of_subclass,
    ),
    _surrounding(
        "device",
        "Tensors on the meta device never take the fast path.",
        """
        >>> x = x.to("meta")
        >>> is_fast(mha.to("meta"), x, x, x)
        False
        """,
        _on_meta,
    ),
    _surrounding(
        "not_traced",
        "Tracing by `make_fx` or `torch.export` sees the other path.",
        """
        >>> from torch.fx.experimental.proxy_tensor import make_fx
        >>> with torch.no_grad():
        ...     graph = make_fx(lambda x: mha(x, x, x)[0])(x)
        >>> "_native_multi_head_attention" in graph.code
        False
        """,
        _traced,
        since="2.1",
    ),
    Claim(
        id="mha.fast_path.compiled",
        since="2.10",
        sentence="`torch.compile` compiles the other path, also where the module itself would take "
        "the fast one: empty input then has weights.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> compiled, empty = torch.compile(mha, backend="eager"), torch.randn(3, 0, 10)
        >>> with torch.no_grad():
        ...     mha(empty, empty, empty)[1], compiled(empty, empty, empty)[1].shape
        (None, torch.Size([3, 0, 0]))
        """,
        check=_compiled,
        when=And(fast, Eq(attn_mask_rank, 0), Not(padding_mask), Not(is_causal), need_weights),
        axes=(),
        twins={"it takes the fast path": partial(_compiled, weights=False)},
        source=FORWARD,
    ),
)
