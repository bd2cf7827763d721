"""What is raised where query, key or value has another dtype or device than the parameters."""

from __future__ import annotations

import warnings
from typing import Any

from sympy import And, Basic, Eq, Ne, Not, Or, false, true

from mhadoc.catalog.breaking import in_c, scalar
from mhadoc.catalog.multihead_attention.mistakes.broken import (
    UNHINTED,
    Inputs,
    together,
)
from mhadoc.catalog.multihead_attention.mistakes.given import (
    key,
    key_is_query,
    query,
    value,
    value_is_key,
    weight_common,
    weight_device,
)
from mhadoc.catalog.multihead_attention.mistakes.projections import SEPARATE
from mhadoc.catalog.multihead_attention.paths import fast, slow
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    L,
    N,
    S,
    add_bias_kv,
    attn_mask_rank,
    batch_first,
    batched,
    bias,
    need_weights,
    padding_mask,
)
from mhadoc.language import Measured, Requirement, Seen

_TURNED = And(batched, batch_first, N > 1)


#: An input that is another one as well, whose dtype is told already.
_SAME = {"key": key_is_query, "value": value_is_key}


#: What addmm, and a plain product, say of two dtypes; and what they said before torch 2.1.
_FUSED = (
    "mat1 and mat2 must have the same dtype, but got {given} and {own}",
    "mat1 and mat2 must have the same dtype",
)
_PLAIN = (
    "expected m1 and m2 to have the same dtype, but got: {given} != {own}",
    "expected scalar type {given_scalar} but found {own_scalar}",
)
_WHERE = {True: "", False: ", without `bias` or with `batch_first`"}


def _dtype(name: str, fused: bool) -> Requirement:
    """Return what is raised for a tensor of another dtype: by addmm, and by a plain product."""
    length, given = L if name == "query" else S, Measured(name)
    whole = And(bias, Not(And(_TURNED, length > 1)))  # in memory as one block, not transposed
    written, when = (scalar, whole) if fused else (in_c, Not(whole))
    message, was = _FUSED if fused else _PLAIN
    return Requirement(
        f"{name}.dtype" if fused else f"{name}.dtype_in_c",
        f"the {name} has the dtype of the parameters{_WHERE[fused]}",
        "RuntimeError",
        message,
        f"convert one of the two: {name}.to(module.out_proj.weight.dtype), or module.to(...)",
        about=(name,),
        breaks=lambda seen: {name: seen.inputs[name].float()},
        when=And(when, UNHINTED),
        fits=Or(
            Not(And(slow, given.tensor, when)),
            _SAME.get(name, false),
            Eq(given.common, weight_common),
        ),
        expected="must have the dtype of the parameters: {weights_dtype}",
        observed=f"has {{{name}.dtype}}",
        computes={
            "given": lambda shown: written(shown[name]),
            "own": lambda shown: written(shown["module"].out_proj.weight),
            "given_scalar": lambda shown: scalar(shown[name]),
            "own_scalar": lambda shown: scalar(shown["module"].out_proj.weight),
        },
        source=SEPARATE,
        before={"2.1": {"message": was}},
    )


QUERY_DTYPE = (_dtype("query", fused=True), _dtype("query", fused=False))

KEY_DTYPE = (_dtype("key", fused=True), _dtype("key", fused=False))

VALUE_DTYPE = (_dtype("value", fused=True), _dtype("value", fused=False))


def _complex(seen: Seen) -> dict[str, Any]:
    """Return a complex module, and inputs for it."""
    module = seen.built()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that complex modules are new
        module = module.to((module.out_proj.weight * 1j).dtype)
    return {"module": module, **together(seen, _turned)}


def _turned(tensor: Any) -> Any:
    return tensor * 1j


#: What has a dtype of the module can be projected, but has no softmax if it is complex.
FLOATS = (
    Requirement(
        "query.floats",
        "the query is one of floats",
        "NotImplementedError",
        "\"softmax_lastdim_kernel_impl\" not implemented for '{given_scalar}'",
        "work with real and imaginary parts apart; a complex module can be built, but not called",
        about=("query",),
        breaks=_complex,
        when=And(Not(fast), UNHINTED, Eq(attn_mask_rank, 0), Not(padding_mask)),
        fits=Or(
            Not(query.tensor),
            query.floating,
            Ne(query.common, weight_common),
            query.numel * key.numel <= 0,
        ),
        expected="must be one of floats",
        observed="is one of {query.dtype}",
        computes={"given_scalar": lambda shown: scalar(shown["query"])},
        source=ATTEND,
        since="2.8",
    ),
)


_ALL = {"query": query, "key": key, "value": value}


def _device(name: str, id: str, where: str, when: Basic, source: str) -> Requirement:
    """Return what is raised where a tensor is elsewhere than the parameters, the first that is.

    Together with it go those after it. Without weights it may be told in other words.
    """
    moved = tuple(_ALL)[tuple(_ALL).index(name) :]
    before = (Eq(_ALL[other].device, weight_device) for other in _ALL if other not in moved)
    return Requirement(
        f"{name}.{id}",
        f"query, key and value are on the device of the parameters{where}",
        "RuntimeError",
        "Tensor on device {module.out_proj.weight.device} is not on the expected device "
        "{value.device}!",
        f"move one of the two: {name}.to(module.out_proj.weight.device), or module.to(...)",
        about=("query", "key", "value"),
        breaks=lambda seen: _moved(seen, moved),
        when=And(when, UNHINTED, true if name == "query" else need_weights),
        fits=Or(
            Not(And(slow, when, *before)),
            *(Not(tensor.tensor) for tensor in _ALL.values()),
            Eq(_ALL[name].device, weight_device),
        ),
        expected="must be on the device of the parameters: {weights_device}",
        observed=f"is on {{{name}.device}}",
        source=source,
        since="2.0",
    )


def _moved(seen: Seen, names: tuple[str, ...]) -> Inputs:
    """Return some of query, key and value elsewhere; what was one object stays one."""
    return {n: t for n, t in together(seen, lambda tensor: tensor.to("meta")).items() if n in names}


DEVICE = tuple(_device(name, "device", "", bias, SEPARATE) for name in _ALL)

_EXTRA = ", with `add_bias_kv` and without `bias`"
EXTRA_DEVICE = tuple(
    _device(name, "device_of_extra_key", _EXTRA, And(Not(bias), add_bias_kv), ATTEND)
    for name in _ALL
)
