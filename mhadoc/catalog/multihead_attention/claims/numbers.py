"""The numbers' dtype and device: what each parameter gets, and what cannot be used."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import Not

from mhadoc.catalog.multihead_attention.claims.compare import RUNS, plainly, raised, told
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import ATTEND, INIT
from mhadoc.language import Claim, Mismatch, Seen, same

_SIZES: dict[str, Any] = {"embed_dim": 10, "num_heads": 2}


def _dtype(name: str) -> Any:
    import torch

    return getattr(torch, name)


def _given(seen: Seen, dtype: str = "bfloat16") -> Mismatch | None:
    module = seen.built(dtype=_dtype("bfloat16"))
    return same({_dtype(dtype)}, {parameter.dtype for parameter in module.parameters()})


def _default_dtype(seen: Any, dtype: str = "float16") -> Mismatch | None:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        module = seen.bench.cls(**_SIZES)
    finally:
        torch.set_default_dtype(before)
    return same({_dtype(dtype)}, {parameter.dtype for parameter in module.parameters()})


def _default_device(seen: Any, device: str = "meta") -> Mismatch | None:
    import torch

    with torch.device("meta"):
        module = seen.bench.cls(**_SIZES)
    return same({device}, {parameter.device.type for parameter in module.parameters()})


def _built(seen: Any, expected: str, **arguments: Any) -> Mismatch | None:
    """Build with a dtype or device, and compare how what is raised begins."""
    told = raised(seen.bench.cls, **_SIZES, **arguments)
    return None if told.startswith(expected) else Mismatch(expected, told)


def _narrow(
    seen: Seen, dtype: str = "float8_e4m3fn", error: str = "NotImplementedError"
) -> Mismatch | None:
    return _built(seen, error, dtype=_dtype(dtype))


def _complex(seen: Seen, expected: str = "NotImplementedError") -> Mismatch | None:
    numbers = _dtype("complex128")
    inputs = {name: seen.inputs[name].to(numbers) for name in ("query", "key", "value")}
    tried = plainly(seen, module=seen.built(dtype=numbers), **inputs)
    return same(expected, told(tried).partition(":")[0])


def _returned(seen: Seen, dtype: str = "") -> Mismatch | None:
    """Compare the dtype and device of what is returned with the query's."""
    query = seen.inputs["query"]
    expected = (_dtype(dtype) if dtype else query.dtype, query.device)
    found = {(t.dtype, t.device) for t in seen.outputs.values() if t is not None}
    return same({expected}, found)


_FLOAT8 = """
        >>> import torch
        >>> from torch import nn
        >>> nn.MultiheadAttention(10, 2, dtype=torch.float8_e4m3fn)
        Traceback (most recent call last):
            ...
        {error}: "check_uniform_bounds" not implemented for 'Float8_e4m3fn'
        """
_COMPLEX = """
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dtype=torch.complex64)
        >>> x = torch.randn(4, 10, dtype=torch.complex64)
        >>> mha(x, x, x)
        Traceback (most recent call last):
            ...
        {error}: "softmax_lastdim_kernel_impl" not implemented for 'ComplexFloat'
        """

CLAIMS = (
    Claim(
        id="mha.dtype.given",
        sentence="Every parameter has the `dtype` given.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, add_bias_kv=True, dtype=torch.bfloat16)
        >>> {parameter.dtype for parameter in mha.parameters()}
        {torch.bfloat16}
        """,
        check=_given,
        axes=("bias", "kdim", "add_bias_kv"),
        twins={"every parameter stays float32": partial(_given, dtype="float32")},
        source=INIT,
    ),
    Claim(
        id="mha.dtype.default",
        sentence="Without `dtype` the parameters have `torch.get_default_dtype()`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> torch.set_default_dtype(torch.float64)
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> torch.set_default_dtype(torch.float32)
        >>> mha.in_proj_weight.dtype
        torch.float64
        """,
        check=_default_dtype,
        axes=(),
        twins={"they are float32": partial(_default_dtype, dtype="float32")},
        source=INIT,
    ),
    Claim(
        id="mha.dtype.returned",
        sentence="Outside autocast, output and weights have the dtype and device of the query.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dtype=torch.bfloat16)
        >>> x = torch.randn(4, 3, 10, dtype=torch.bfloat16)
        >>> output, weights = mha(x, x, x)
        >>> output.dtype, weights.dtype
        (torch.bfloat16, torch.bfloat16)
        """,
        check=_returned,
        when=RUNS,
        axes=None,
        twins={"they are float32": partial(_returned, dtype="float32")},
        source=ATTEND,
    ),
    Claim(
        id="mha.dtype.float8",
        sentence="A float8 dtype cannot be initialised.",
        doctest=_FLOAT8.format(error="NotImplementedError"),
        check=_narrow,
        since="2.1",
        before={
            "2.8": {
                "doctest": _FLOAT8.format(error="RuntimeError"),
                "check": partial(_narrow, error="RuntimeError"),
            }
        },
        axes=(),
        twins={"float16 cannot either": partial(_narrow, dtype="float16")},
        source=INIT,
    ),
    Claim(
        id="mha.dtype.complex",
        sentence="A module of complex numbers can be built, but not called: softmax does not take "
        "them.",
        doctest=_COMPLEX.format(error="NotImplementedError"),
        check=_complex,
        before={
            "2.8": {
                "doctest": _COMPLEX.format(error="RuntimeError"),
                "check": partial(_complex, expected="RuntimeError"),
            }
        },
        when=Not(fast),
        axes=(),
        twins={"it can be called": partial(_complex, expected="no error")},
        source=ATTEND,
    ),
    Claim(
        id="mha.device.default",
        since="2.0",
        sentence="Without `device` the parameters are made on torch's default device of the "
        "moment.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> with torch.device("meta"):  # shapes without memory
        ...     mha = nn.MultiheadAttention(embed_dim=12288, num_heads=96)
        >>> mha.in_proj_weight.device
        device(type='meta')
        >>> f"{sum(parameter.numel() for parameter in mha.parameters()):,}"
        '604,028,928'
        """,
        check=_default_device,
        axes=(),
        twins={"they are made on the CPU": partial(_default_device, device="cpu")},
        source=INIT,
    ),
    Claim(
        id="mha.device.unknown",
        sentence="A device that torch does not know is refused, with a list of those it knows.",
        doctest="""
        >>> from torch import nn
        >>> nn.MultiheadAttention(10, 2, device="abacus")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        RuntimeError: Expected one of cpu, cuda, ... at start of device string: abacus
        """,
        check=partial(_built, expected="RuntimeError: Expected one of cpu, ", device="abacus"),
        axes=(),
        twins={"so is the CPU": partial(_built, expected="RuntimeError", device="cpu")},
        source=INIT,
    ),
)
