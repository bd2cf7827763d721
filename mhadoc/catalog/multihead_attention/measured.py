"""The symbols of nn.MultiheadAttention, read off a real module, a real call and its surroundings.

torch is reached through ``sys.modules`` alone: where there is a module, it is there as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mhadoc.language import Call, Facts
from mhadoc.language.measures import kind_of

__all__ = ["USUAL", "around", "asked", "measured", "needs_grad", "read", "sizes", "truth_of"]

_SEQUENCES = ("query", "key", "value")
_FLAGS = ("need_weights", "average_attn_weights", "is_causal")
_DEVICES = ("cpu", "cuda", "privateuseone")

#: What surrounds a call of a module that is only described: nothing unusual, in training.
USUAL = {
    "training": 1,
    "grad": 1,
    "fast_path_enabled": 1,
    "bias_dtype": 1,
    "weight_dtype": 1,
    "nested": 0,
    "autocast": 0,
    "overridden": 0,
    "known_device": 1,
    "traced": 0,
}


def read(module: Any) -> dict[str, Any]:
    """Return the symbols that the constructor of an attention decided."""
    return {
        "embed_dim": module.embed_dim,
        "num_heads": module.num_heads,
        "head_dim": module.head_dim,
        "kdim": module.kdim,
        "vdim": module.vdim,
        "bias": int(module.in_proj_bias is not None),
        "add_bias_kv": int(module.bias_k is not None),
        "add_zero_attn": truth_of(module.add_zero_attn),
        "batch_first": truth_of(module.batch_first),
        "dropout": module.dropout,
    }


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that a call decides, and those of what surrounds it."""
    query, key = call.facts["query"], call.facts["key"]
    mask, padding = call.facts["attn_mask"], call.facts["key_padding_mask"]
    batch_first = call.values["batch_first"]
    length, batch = sizes(query, batch_first)
    return {
        "batched": int(query.rank == 3),
        "L": length,
        "S": sizes(key, batch_first)[0],
        "N": batch,
        **_objects(call.inputs),
        **{name: truth_of(call.inputs[name]) for name in _FLAGS},
        **{f"{name}.bool": int(type(call.inputs[name]) is bool) for name in _FLAGS},
        "attn_mask_rank": mask.rank,
        "attn_mask_float": mask.floating,
        "padding_mask": padding.given,
        "padding_mask_float": padding.floating,
        "key_batch": sizes(key, batch_first)[1],
        "masks.dtype": (together := _together(query, mask, padding)),
        "masks.float32": int(together == "float32"),
        **_dropout(call.values["dropout"]),
        **(_usual(query) if call.module is None else _surroundings(call)),
    }


def _objects(inputs: Mapping[str, Any]) -> dict[str, int]:
    """Return how many objects query, key and value are, and which are the same."""
    query, key, value = (inputs[name] for name in _SEQUENCES)
    return {
        "tensors": len({id(query), id(key), id(value)}),
        "key_is_query": int(key is query),
        "value_is_key": int(value is key),
    }


def _together(query: Facts, *masks: Facts) -> str:
    """Return the dtype of masks of floats that are added; bools get that of the query."""
    found = {mask.dtype if mask.floating else query.dtype for mask in masks if mask.given}
    if len(found) < 2:
        return next(iter(found), query.dtype)
    wide = [name for name in ("float64", "float32") if name in found]
    return wide[0] if wide else "float32"


def _dropout(rate: Any) -> dict[str, Any]:
    number = isinstance(rate, (int, float))
    return {"dropout.number": int(number), "dropout.rate": rate if number else 0}


def sizes(facts: Facts, batch_first: object) -> tuple[int, int]:
    """Return the length and the batch size of a sequence; one sequence is a batch of one."""
    if facts.rank < 3:
        return facts.axis_0, 1
    return (facts.axis_1, facts.axis_0) if batch_first else (facts.axis_0, facts.axis_1)


def truth_of(value: Any) -> int:
    """Return 1 for what counts as true, and 0 for what does not or cannot tell."""
    try:
        return int(bool(value))
    except (RuntimeError, TypeError, ValueError):
        return 0


def _usual(query: Facts) -> dict[str, Any]:
    """Return what surrounds the call of a description, whose parameters are as the query is."""
    return {**USUAL, "weights_dtype": query.dtype, "weights_device": query.device}


def _surroundings(call: Call) -> dict[str, Any]:
    """Return what surrounds a call of a real module, as the fast path looks at it."""
    module, query = call.module, call.facts["query"]
    weight, bias, out = module.in_proj_weight, module.in_proj_bias, module.out_proj
    parameters = [weight, bias, out.weight, out.bias]
    tensors = [call.inputs["query"], *parameters]
    dtype = getattr(call.inputs["query"], "dtype", None)
    return {
        "training": int(module.training),
        "weights_dtype": kind_of(out.weight.dtype).name,
        "weights_device": out.weight.device.type,
        "grad": needs_grad(tensors),
        "bias_dtype": int(bias is None or bias.dtype == dtype),
        "weight_dtype": int(weight is None or weight.dtype == dtype),
        "nested": query.nested,
        "known_device": int(all(_device(tensor) in _DEVICES for tensor in tensors)),
        **around(tensors),
    }


def around(tensors: Sequence[Any]) -> dict[str, int]:
    """Return what surrounds any call on these tensors: switches and modes of torch."""
    torch = sys.modules["torch"]
    modes = asked("utils._python_dispatch._get_current_dispatch_mode_stack", ())
    proxies = any(type(mode).__name__ == "ProxyTorchDispatchMode" for mode in modes)
    return {
        "fast_path_enabled": int(asked("backends.mha.get_fastpath_enabled", True)),
        "autocast": int(torch.is_autocast_enabled()),
        "overridden": int(torch.overrides.has_torch_function(tensors)),
        "traced": int(proxies or asked("compiler.is_exporting", False)),
    }


def asked(path: str, otherwise: Any) -> Any:
    """Return what a function of torch says, and something else on a release that lacks it."""
    found: Any = sys.modules["torch"]
    for name in path.split("."):
        found = getattr(found, name, None)
    return otherwise if found is None else found()


def needs_grad(tensors: Iterable[Any]) -> int:
    """Tell whether autograd is enabled, and one of the tensors requires a gradient."""
    enabled = sys.modules["torch"].is_grad_enabled()
    return int(enabled and any(getattr(tensor, "requires_grad", False) for tensor in tensors))


def _device(tensor: Any) -> str:
    """Return the kind of device that a tensor is on; where there is none, the CPU does."""
    device = getattr(tensor, "device", None)
    return "cpu" if device is None else str(device.type)
