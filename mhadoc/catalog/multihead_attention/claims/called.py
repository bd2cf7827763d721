"""torch.nn.functional.multi_head_attention_forward, called as the module calls it."""

from __future__ import annotations

import warnings
from typing import Any

from mhadoc.language import Seen
from mhadoc.language.releases import without_later

__all__ = ["called"]


def called(seen: Seen, **changes: Any) -> tuple[Any, Any]:
    """Call the function with the module's own tensors, as forward does, some arguments changed.

    An argument that is given as ``...`` is left out of the call. Returns output and weights laid
    out as the module returns them.
    """
    from torch.nn.functional import multi_head_attention_forward

    flips = seen.values["batched"] and seen.values["batch_first"]
    given = (seen.inputs["query"], seen.inputs["key"], seen.inputs["value"])
    turned = {id(tensor): tensor.transpose(0, 1) if flips else tensor for tensor in given}
    arguments = {**_of_module(seen.module), **_of_call(seen), **changes}
    arguments = {name: given for name, given in arguments.items() if given is not ...}
    arguments = without_later(seen.spec, arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output, weights = multi_head_attention_forward(
            *(turned[id(tensor)] for tensor in given), **arguments
        )
    return output.transpose(0, 1) if flips else output, weights


def _of_module(module: Any) -> dict[str, Any]:
    tensors = ("in_proj_weight", "in_proj_bias", "bias_k", "bias_v")
    separate = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    return {
        **{name: getattr(module, name) for name in (*tensors, *separate)},
        "embed_dim_to_check": module.embed_dim,
        "num_heads": module.num_heads,
        "add_zero_attn": module.add_zero_attn,
        "dropout_p": module.dropout,
        "out_proj_weight": module.out_proj.weight,
        "out_proj_bias": module.out_proj.bias,
        "training": module.training,
        "use_separate_proj_weight": module.in_proj_weight is None,
    }


def _of_call(seen: Seen) -> dict[str, Any]:
    sequences = ("query", "key", "value")
    return {name: given for name, given in seen.inputs.items() if name not in sequences}
