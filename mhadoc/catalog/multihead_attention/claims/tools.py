"""The module in the hands of torch's tools: vmap, scripting, tracing, quantisation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    failure,
    plainly,
    raised,
    sequence_axis,
    shapes,
    told,
)
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    add_bias_kv,
    add_zero_attn,
    batched,
    bias,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_NOT_DYNAMIC = "torch/nn/modules/linear.py: NonDynamicallyQuantizableLinear.__init__"


def _mapped(seen: Seen, sign: float = -1.0) -> Mismatch | None:
    """Map over two calls, and compare the second result with one call on its inputs."""
    import torch

    given = {name: seen.inputs[name] for name in _SEQUENCES}
    pairs = [torch.stack([tensor, -tensor]) for tensor in given.values()]
    signed = {name: sign * tensor for name, tensor in given.items()}
    single = plainly(seen, average_attn_weights=True, **signed)
    with torch.set_grad_enabled(bool(seen.values["grad"])):
        output, weights = torch.vmap(seen.module)(*pairs)
    return failure(single) or (
        close(single.outputs["attn_output"], output[1])
        or close(single.outputs["attn_output_weights"], weights[1])
    )


def _scripted(seen: Seen, **arguments: Any) -> Mismatch | None:
    """Compile to TorchScript and compare with the module itself."""
    try:
        scripted = _script(seen.built(**arguments))
    except RuntimeError as refused:
        return Mismatch("a scripted module", str(refused))
    return alike(seen, seen.again(module=scripted))


def _script(module: Any) -> Callable[..., Any]:
    """Compile a module, and let it raise what is expected of a module."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(module)

    def call(**inputs: Any) -> Any:
        try:
            return scripted(**inputs)
        except torch.jit.Error as failed:
            raise RuntimeError(str(failed)) from failed

    return call


def _script_padding(seen: Seen, eager: bool = False) -> Mismatch | None:
    """Hand over a padding mask whose axes are swapped."""
    values = seen.values
    mask = seen.inputs["query"].new_zeros((values["S"], values["N"])) > 0
    module = seen.module if eager else _script(seen.module)
    arguments = {name: seen.inputs[name] for name in _SEQUENCES}
    return same("no error", raised(module, **arguments, key_padding_mask=mask))


def _traced(seen: Seen, text: str = "symbolically traced variables") -> Mismatch | None:
    from torch import fx

    found = raised(fx.symbolic_trace, seen.module)
    return None if text in found else Mismatch(text, found)


def _quantised(seen: Seen, becomes: str = "NonDynamicallyQuantizableLinear") -> Mismatch | None:
    import warnings

    import torch

    mha = seen.built(device="cpu", dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(mha), {torch.nn.Linear})
    return same(becomes, type(whole[0].out_proj).__name__) or same(shapes(mha), shapes(whole[0]))


def _autocast(seen: Seen, dtype: str = "bfloat16") -> Mismatch | None:
    import torch

    mha = seen.built(device="cpu", dtype=torch.float32)
    query, key, value = (seen.inputs[name].cpu().float() for name in _SEQUENCES)
    with torch.autocast("cpu", torch.bfloat16):
        output, weights = mha(query, key, value)
    return same({getattr(torch, dtype)}, {output.dtype, weights.dtype})


def _meta(seen: Any, expected: str = "") -> Mismatch | None:
    """Make mistakes on the case's own device and on meta, and compare what is raised."""
    module = seen.bench.cls(**{**seen.bench.arguments(seen.case), "device": "meta"})
    given = {name: seen.inputs[name] for name in _SEQUENCES}
    for mistake in _mistakes(seen):
        inputs = {**given, **mistake}
        on_meta = {name: tensor.to("meta") for name, tensor in inputs.items()}
        here = told(plainly(seen, **inputs))
        if wrong := same(expected or here, told(plainly(seen, module=module, **on_meta))):
            return wrong
    return None


def _mistakes(seen: Seen) -> list[dict[str, Any]]:
    """Return inputs of wrong shapes: too wide, too short, and masks that do not fit."""
    query, value, values = seen.inputs["query"], seen.inputs["value"], seen.values
    padding = (values["N"], values["S"] + 1) if values["batched"] else (values["S"] + 1,)
    return [
        {"query": query.new_zeros((*query.shape[:-1], query.shape[-1] + 1))},
        {"query": query.flatten()},
        {"value": value.narrow(sequence_axis(seen), 0, 1)},
        {"attn_mask": query.new_zeros((values["L"] + 1, values["S"]))},
        {"key_padding_mask": query.new_zeros(padding)},
    ]


def _meta_mask(seen: Any, *others: str) -> Mismatch | None:
    """Call on meta with the mask, and what else is named, left on the case's own device."""
    inputs = {name: seen.inputs[name] for name in _SEQUENCES}
    tensors = {name: t if name in others else t.to("meta") for name, t in inputs.items()}
    mask = inputs["query"].new_zeros((seen.values["L"], seen.values["S"]))
    module = seen.bench.cls(**{**seen.bench.arguments(seen.case), "device": "meta"})
    return failure(plainly(seen, module=module, attn_mask=mask, **tensors))


def _fake(seen: Any, output: str = "attn_output") -> Mismatch | None:
    """Build and call under FakeTensorMode, and compare the shapes with those of real tensors."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    real = plainly(seen, average_attn_weights=True)
    with FakeTensorMode():
        module = seen.bench.cls(**seen.bench.arguments(seen.case))
        given = (seen.inputs[name] for name in _SEQUENCES)
        found = module(*(torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in given))
    if failed := failure(real):
        return failed
    expected = (real.outputs[name].shape for name in (output, "attn_output_weights"))
    return same([tuple(shape) for shape in expected], [tuple(tensor.shape) for tensor in found])


_SEQUENCES = ("query", "key", "value")

CLAIMS = (
    Claim(
        id="mha.tools.vmap",
        since="2.0",
        sentence="`torch.vmap` maps over calls, batched or not.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> queries, keys = torch.randn(6, 4, 10), torch.randn(6, 7, 10)
        >>> output, weights = torch.vmap(mha)(queries, keys, keys)
        >>> torch.allclose(output[5], mha(queries[5], keys[5], keys[5])[0], atol=1e-6)
        True
        """,
        check=_mapped,
        when=EXACT,
        axes=("rank", "grad"),
        twins={"every call gets the first one's result": partial(_mapped, sign=1.0)},
        source=FORWARD,
    ),
    Claim(
        id="mha.tools.script",
        since="2.1",
        sentence="`torch.jit.script` compiles a module that has biases, in both layouts, and the "
        "result gives the same output.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # TorchScript is deprecated
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, kdim=11)
        >>> query, key, value = torch.randn(4, 10), torch.randn(7, 11), torch.randn(7, 10)
        >>> output, _ = torch.jit.script(mha)(query, key, value)
        >>> torch.allclose(output, mha(query, key, value)[0], atol=1e-6)
        True
        """,
        check=_scripted,
        when=And(bias, RUNS, EXACT, Not(fast)),
        axes=(),
        twins={"it compiles one without biases as well": partial(_scripted, bias=False)},
        source=FORWARD,
    ),
    Claim(
        id="mha.tools.script_padding",
        since="2.6",
        sentence="Silent: a scripted module does not check the shape of `key_padding_mask`; one "
        "with its axes swapped is taken.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # TorchScript is deprecated
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, swapped = torch.randn(4, 3, 10), torch.zeros(4, 3, dtype=torch.bool)
        >>> output, _ = torch.jit.script(mha)(x, x, x, key_padding_mask=swapped)
        >>> mha(x, x, x, key_padding_mask=swapped)
        Traceback (most recent call last):
            ...
        AssertionError: Expected key_padded_mask.shape[0] to be 3, but got 4
        """,
        check=_script_padding,
        when=And(batched, bias, Not(add_bias_kv), Not(add_zero_attn)),
        axes=(),
        twins={"the module itself does not either": partial(_script_padding, eager=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.fx",
        since="2.1",
        sentence="`torch.fx.symbolic_trace` cannot trace the module: forward branches on its "
        "inputs.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> torch.fx.symbolic_trace(nn.MultiheadAttention(10, 2))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        torch.fx.proxy.TraceError: symbolically traced variables cannot be used as inputs to ...
        """,
        check=_traced,
        axes=(),
        twins={"it can": partial(_traced, text="no error")},
        source=FORWARD,
    ),
    Claim(
        id="mha.tools.quantize",
        sentence="`quantize_dynamic` leaves the module as it is: the projections are plain "
        "parameters, and `out_proj` is a `NonDynamicallyQuantizableLinear`.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # torch.ao.quantization is deprecated
        >>> model = nn.Sequential(nn.MultiheadAttention(10, 2), nn.Linear(10, 4))
        >>> mha, linear = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
        >>> type(linear).__module__
        'torch.ao.nn.quantized.dynamic.modules.linear'
        >>> mha.out_proj
        NonDynamicallyQuantizableLinear(in_features=10, out_features=10, bias=True)
        """,
        check=_quantised,
        axes=(),
        twins={"out_proj becomes another Linear": partial(_quantised, becomes="Linear")},
        source=_NOT_DYNAMIC,
    ),
    Claim(
        id="mha.tools.autocast",
        sentence="Under autocast on the CPU a float32 module returns output and weights in the "
        "lower precision.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 10)
        >>> with torch.autocast("cpu", torch.bfloat16):
        ...     output, weights = mha(x, x, x)
        >>> output.dtype, weights.dtype
        (torch.bfloat16, torch.bfloat16)
        """,
        check=_autocast,
        axes=("rank", "kdim"),
        twins={"the softmax stays float32": partial(_autocast, dtype="float32")},
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.meta",
        sentence="On the meta device what the module itself checks is refused in the same words "
        "as elsewhere; what an operator refuses may read otherwise.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, device="meta")
        >>> x = torch.randn(4, 11, device="meta")
        >>> mha(x, x, x)
        Traceback (most recent call last):
            ...
        AssertionError: was expecting embedding dimension of 10, but got 11
        """,
        check=_meta,
        axes=("rank", "batch_first", "kdim"),
        twins={"nothing is checked": partial(_meta, expected="no error")},
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.meta_mask",
        sentence="Silent: on the meta device an `attn_mask` on another device is taken.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, device="meta")
        >>> x = torch.randn(4, 10, device="meta")
        >>> output, weights = mha(x, x, x, attn_mask=torch.zeros(4, 4))  # on the CPU
        >>> output.device
        device(type='meta')
        """,
        check=_meta_mask,
        axes=("bias", "kdim"),
        twins={"so is a query": lambda seen: _meta_mask(seen, "query")},
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.fake",
        sentence="Under `FakeTensorMode` the module is built and called without memory, and the "
        "shapes are right.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch._subclasses.fake_tensor import FakeTensorMode
        >>> with FakeTensorMode():
        ...     mha = nn.MultiheadAttention(embed_dim=12288, num_heads=96)
        ...     x = torch.empty(2048, 16, 12288)
        ...     output, weights = mha(x, x, x)
        >>> output.shape, weights.shape
        (torch.Size([2048, 16, 12288]), torch.Size([16, 2048, 2048]))
        """,
        check=_fake,
        axes=("rank", "kdim"),
        twins={"output and weights have one shape": partial(_fake, output="attn_output_weights")},
        source=FORWARD,
    ),
)
