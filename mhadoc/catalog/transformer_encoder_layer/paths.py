"""When an encoder layer runs as one fused kernel: every condition, in the order torch looks."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Mod, Not, Or

from mhadoc.catalog.multihead_attention.paths import (
    autocast,
    fast_path_enabled,
    nested,
    overridden,
    path_condition,
)
from mhadoc.catalog.surroundings import around, devices, held, modules_of, needs_grad, tensors_of
from mhadoc.catalog.transformer_calls import mask_symbols
from mhadoc.catalog.transformer_measured import told
from mhadoc.catalog.transformer_terms import (
    SOURCE,
    activation_relu_or_gelu,
    batch_first,
    batched,
    bias,
    grad,
    nhead,
    training,
)
from mhadoc.language import Call, Symbol
from mhadoc.language.releases import newer

__all__ = [
    "BROKEN",
    "FAST_ARGUMENTS",
    "FAST_PATH",
    "SURROUNDINGS",
    "fast",
    "looked_for",
    "measured",
    "surroundings",
]

FORWARD = f"{SOURCE}: TransformerEncoderLayer.forward"

#: What a layer's choice of path depends on beside its arguments and what surrounds the call.
SURROUNDINGS = (
    Symbol("same_width", "whether the attention keeps q, k and v in one matrix", "flag"),
    Symbol("same_eps", "whether `norm1.eps` and `norm2.eps` are equal", "flag"),
    Symbol("hooked", "whether a forward hook is on the layer or a module inside", "flag"),
    Symbol(
        "supported_device",
        "whether every tensor is on `cpu`, `cuda`, `xpu` or `privateuseone`",
        "flag",
    ),
)
same_width, same_eps, hooked, supported_device = (symbol.expr for symbol in SURROUNDINGS)
_DEVICES = {"cpu", "cuda", "xpu", "privateuseone"}

_MASK, _ = mask_symbols("src_mask")
_PADDING, _ = mask_symbols("src_key_padding_mask", padding=True)


_condition = partial(path_condition, FORWARD)


#: What has to hold for torch._transformer_encoder_layer_fwd to be called.
FAST_PATH = (
    _condition(
        "enabled",
        fast_path_enabled,
        "the fast path is not switched off",
        "torch.backends.mha.get_fastpath_enabled() was not True",
        "call torch.backends.mha.set_fastpath_enabled(True)",
        since="2.3",
    ),
    _condition(
        "batched",
        batched,
        "the input has three axes",
        "input not batched; expected src.dim() of 3 but got {src.ndim}",
        "add a batch axis of one",
    ),
    _condition(
        "eval", Not(training), "the layer is in eval mode", "training is enabled", "call eval()"
    ),
    _condition(
        "batch_first",
        batch_first,
        "the layer was built with batch_first=True",
        "self_attn.batch_first was not True",
        "build with batch_first=True",
    ),
    _condition(
        "bias",
        bias,
        "the layer was built with bias=True",
        "self_attn was passed bias=False",
        "build with bias=True",
        since="2.3",
    ),
    _condition(
        "same_width",
        same_width,
        "the attention inside keeps q, k and v in one matrix",
        "self_attn._qkv_same_embed_dim was not True",
        "leave self_attn as the layer builds it",
    ),
    _condition(
        "activation",
        activation_relu_or_gelu > 0,
        "the activation is F.relu, F.gelu, nn.ReLU or nn.GELU",
        "activation_relu_or_gelu was not True",
        'pass activation="relu" or "gelu"',
    ),
    _condition(
        "same_eps",
        same_eps,
        "norm1 and norm2 have the same eps",
        "norm1.eps is not equal to norm2.eps",
        "give norm1 and norm2 one eps",
    ),
    _condition(
        "no_mask",
        Eq(_MASK.expr, 0),
        "there is no src_mask",
        "src_mask is not supported for fastpath",
        "leave the mask out",
        until="2.0",
    ),
    _condition(
        "nested_unpadded",
        Not(And(nested, _PADDING.expr)),
        "a nested input comes without a src_key_padding_mask",
        "src_key_padding_mask is not supported with NestedTensor input for fastpath",
        "leave out the mask: a nested tensor knows its lengths",
        until="2.0",
    ),
    _condition(
        "nested_alone",
        Not(And(nested, Or(_MASK.expr > 0, _PADDING.expr))),
        "a nested input comes without masks",
        "neither src_key_padding_mask nor src_mask are not supported with NestedTensor input",
        "leave out the masks: a nested tensor knows its lengths",
        since="2.0",
    ),
    _condition(
        "even_heads",
        Eq(Mod(nhead, 2), 0),
        "nhead is even",
        "num_head is odd",
        "choose an even nhead",
    ),
    _condition(
        "autocast",
        Not(autocast),
        "CUDA's autocast is off",
        "autocast is enabled",
        "leave torch.autocast, or convert the module by hand",
    ),
    _condition(
        "no_hooks",
        Not(hooked),
        "no forward hook is on the layer or a module inside it",
        "forward pre-/hooks are attached to the module",
        "remove the hooks: handle.remove()",
        since="2.5",
    ),
    _condition(
        "plain_tensors",
        Not(overridden),
        "no tensor is of a subclass with `__torch_function__`",
        "some Tensor argument has_torch_function",
        "pass plain tensors",
    ),
    _condition(
        "device",
        supported_device,
        "every tensor is on `cpu`, `cuda`, `xpu` or the `privateuseone` device",
        "some Tensor argument's device is neither one of ['cpu', 'cuda', 'xpu', 'privateuseone']",
        "move layer and input to the CPU or a CUDA device",
    ),
    _condition(
        "no_grad",
        Not(grad),
        "autograd is disabled, or neither the input nor a parameter requires a gradient",
        "grad is enabled and at least one of query or the "
        "input/output projection weights or biases requires_grad",
        "call under torch.no_grad() or torch.inference_mode()",
    ),
)

_SURROUNDINGS = {s.expr for s in SURROUNDINGS} | {fast_path_enabled, nested, autocast, overridden}

#: The conditions that the arguments decide; the others hold wherever nothing unusual is done.
FAST_ARGUMENTS = tuple(c for c in FAST_PATH if not c.holds.free_symbols & _SURROUNDINGS)

#: The fused kernel of the whole layer is called in a case exactly when this holds.
fast = And(*(condition.holds for condition in FAST_ARGUMENTS))

#: What is asked for before the device of each tensor is, until torch 2.3.
looked_for = And(*(c.holds for c in FAST_PATH if c.since is None and c.id != "fast_path.no_grad"))

_NOT_ASKED = ("fast_path.bias", "fast_path.no_grad", "fast_path.no_mask")
#: Before torch 2.3 a layer without biases failed where it looked for the fused kernel.
BROKEN = And(
    Not(newer("2.3")), Not(bias), *(c.holds for c in FAST_ARGUMENTS if c.id not in _NOT_ASKED)
)

#: The same, whatever surrounds the call.
taken = And(*(condition.holds for condition in FAST_PATH))


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that the inputs of a call of a layer decide."""
    found = told(call)
    if call.module is None:
        found |= {"same_width": 1, "same_eps": 1, "hooked": 0, "supported_device": 1}
    return found


def surroundings(layer: Any, src: Any) -> dict[str, int]:
    """Return what surrounds a call of a real layer with an input, as the fast path looks at it."""
    attention, first, second = held(layer, "self_attn", "norm1", "norm2")
    modules = [*modules_of(layer)]
    tensors = [src, *tensors_of(modules)]
    return {
        "training": int(layer.training),
        "same_width": int(attention._qkv_same_embed_dim),
        "same_eps": int(first.eps == second.eps),
        "hooked": int(any(m._forward_hooks or m._forward_pre_hooks for m in modules)),
        "supported_device": int(devices(tensors) <= _DEVICES),
        "grad": needs_grad(tensors),
        **around(tensors),
    }
