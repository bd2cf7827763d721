"""When a stack of encoder layers leaves padded positions out: every condition, in torch's order."""

from __future__ import annotations

from functools import partial
from itertools import takewhile
from typing import Any

from sympy import And, Eq, Implies, Not

from mhadoc.catalog import transformer_stack as stack
from mhadoc.catalog.multihead_attention.paths import (
    autocast,
    fast_path_enabled,
    nested,
    overridden,
    path_condition,
)
from mhadoc.catalog.surroundings import asked, held
from mhadoc.catalog.transformer_encoder.symbols import FORWARD, mask_rank
from mhadoc.catalog.transformer_encoder_layer.paths import supported_device, surroundings
from mhadoc.catalog.transformer_encoder_layer.rules import SPEC as ENCODER_LAYER
from mhadoc.catalog.transformer_measured import measured as measured_everywhere
from mhadoc.catalog.transformer_terms import batched, grad, norm_first, training
from mhadoc.language import Call, Measured, Symbol

__all__ = ["FAST_PATH", "SURROUNDINGS", "converts", "looks", "measured", "some_left"]

#: What a stack looks at beside its arguments and what surrounds the call.
SURROUNDINGS = (
    Symbol("enable_nested_tensor", "the attribute `enable_nested_tensor`", "flag"),
    Symbol("use_nested_tensor", "the attribute `use_nested_tensor`, set when built", "flag"),
    Symbol("checked_while_compiling", "whether `torch.compile` is to check the padding", "flag"),
    Symbol("left_aligned", "whether all padding is at the end, or nothing checks it", "flag"),
    Symbol("checks", "the attribute `mask_check`", "flag"),
    Symbol("some_left", "whether the padding leaves any position", "flag"),
)
_asked, _used, _compiling, _aligned, _checks, some_left = (s.expr for s in SURROUNDINGS)
_padding = Measured("src_key_padding_mask")


_condition = partial(path_condition, FORWARD)


_SET = "self.use_nested_tensor (set in init) was not True"

#: What has to hold for torch._nested_tensor_from_mask to be called, where there is padding.
FAST_PATH = (
    _condition(
        "enabled",
        fast_path_enabled,
        "the fast path is not switched off",
        "torch.backends.mha.get_fastpath_enabled() was not True",
        "call torch.backends.mha.set_fastpath_enabled(True)",
    ),
    _condition(
        "asked",
        _asked,
        "the stack was built with enable_nested_tensor=True",
        _SET,
        "build with enable_nested_tensor=True",
        before={"2.1": {"message": "enable_nested_tensor was not True"}},
    ),
    _condition(
        "norm_last",
        Implies(_asked, Not(norm_first)),
        "its layers were built with norm_first=False",
        _SET,
        "build the layer with norm_first=False",
        before={"2.1": {"message": "self.layers[0].norm_first was True"}},
    ),
    _condition(
        "layer",
        Implies(And(_asked, Not(norm_first)), _used),
        "the layer it was built from has a fast path",
        _SET,
        "build the stack from a layer with batch_first=True, bias=True, relu or gelu, "
        "an even nhead and one eps",
        before={"2.1": {"message": "{lacking}"}},
    ),
    _condition(
        "eval",
        Not(training),
        "the first layer is in eval mode",
        "self.layers[0] was in training mode",
        "call eval()",
    ),
    _condition(
        "batched",
        batched,
        "the input has three axes",
        "input not batched; expected src.dim() of 3 but got {src.ndim}",
        "add a batch axis of one",
    ),
    _condition(
        "not_compiled",
        Not(_compiling),
        "torch.compile does not have to check the padding",
        "mask_check enabled with torch.compile or torch.export",
        "build with mask_check=False, and put all padding at the end",
    ),
    _condition(
        "left_aligned",
        _aligned,
        "all padding is at the end",
        "mask_check enabled, and src and src_key_padding_mask was not left aligned",
        "move the padding to the end",
    ),
    _condition(
        "plain_input",
        Not(nested),
        "the input is not nested already",
        "NestedTensor input is not supported",
        "leave out src_key_padding_mask: a nested tensor knows its lengths",
    ),
    _condition(
        "padding_alone",
        Eq(mask_rank, 0),
        "the padding mask comes without mask",
        "src_key_padding_mask and mask were both supplied",
        "leave out one of the two",
    ),
    _condition(
        "autocast",
        Not(autocast),
        "CUDA's autocast is off",
        "autocast is enabled",
        "leave torch.autocast, or convert the module by hand",
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
        "the input is on `cpu`, `cuda`, `xpu` or the `privateuseone` device",
        "src device is neither one of ['cpu', 'cuda', 'xpu', 'privateuseone']",
        "move stack and input to the CPU or a CUDA device",
    ),
    _condition(
        "no_grad",
        Not(grad),
        "autograd is disabled, or neither the input nor a parameter of the first layer requires "
        "a gradient",
        "grad is enabled and at least one of query or the "
        "input/output projection weights or biases requires_grad",
        "call under torch.no_grad() or torch.inference_mode()",
    ),
)


#: Where torch asks whether padding is all at the end, and looks at the shape of the mask for it.
looks = And(
    _padding.given,
    _checks,
    *(c.holds for c in takewhile(lambda c: c.holds != _aligned, FAST_PATH)),
)

#: Padded positions are left out: the layers get a nested tensor, and no mask.
converts = And(
    _padding.given, Not(Measured("mask").given), *(condition.holds for condition in FAST_PATH)
)


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that a call of a stack decides, and those of what surrounds it."""
    found = measured_everywhere(call)
    found["is_causal"] = stack.hinted(call, "mask", "is_causal", found["S"])
    found["attends"] = stack.attends(stack.first(call, "encoder_layer"))
    return found | (_padding_read(call) if _readable(call) else _UNREAD)


_UNREAD = dict.fromkeys(("use_nested_tensor", "left_aligned", "some_left", "checks"), 0)
_UNREAD |= {"checked_while_compiling": 0, "supported_device": 1}


def _readable(call: Call) -> bool:
    """Tell whether there is padding that torch can look at, and a layer that it asks first."""
    src, padding = call.facts["src"], call.facts["src_key_padding_mask"]
    known = padding.tensor and (padding.boolean or padding.floating) and padding.device != "meta"
    return bool(
        call.module is not None
        and known
        and src.tensor
        and stack.layered(call.module, ENCODER_LAYER)
    )


def _padding_read(call: Call) -> dict[str, Any]:
    """Return what a stack looks at before it leaves padded positions out."""
    module, (src, padding) = call.module, (call.inputs[n] for n in ("src", "src_key_padding_mask"))
    first, checks = module.layers[0], getattr(module, "mask_check", True)
    told = hasattr(module, "use_nested_tensor")  # torch 2.1 brought it
    lacking = "" if told else _lacking(first)
    used = module.use_nested_tensor if told else not lacking
    return {
        "use_nested_tensor": int(used),
        "lacking": lacking,
        "checks": int(checks),
        "checked_while_compiling": int(checks and asked("compiler.is_compiling", False)),
        "left_aligned": int(not checks or _is_left_aligned(src, padding)),
        "some_left": int(bool((padding == 0).any())),
        **surroundings(first, src),
    }


def _lacking(layer: Any) -> str:
    """Return torch's reason why a layer cannot use nested tensors; "" where it can."""
    attention, first, second = held(layer, "self_attn", "norm1", "norm2")
    found = (
        ("self.layers[0].self_attn.batch_first was not True", attention.batch_first),
        (
            "self.layers[0].self_attn._qkv_same_embed_dim was not True",
            attention._qkv_same_embed_dim,
        ),
        ("self.layers[0].activation_relu_or_gelu was not True", layer.activation_relu_or_gelu),
        (
            "self.layers[0].norm1.eps was not equal to self.layers[0].norm2.eps",
            first.eps == second.eps,
        ),
        ("num_head is odd", attention.num_heads % 2 == 0),
    )
    return next((text for text, fine in found if not fine), "")


def _is_left_aligned(src: Any, padding: Any) -> bool:
    """Tell whether the positions that are hidden come last; a mask of another shape is refused."""
    if src.is_nested or not _covers(padding, src):
        return True
    seen = padding == 0
    return not bool((seen[:, 1:] & ~seen[:, :-1]).any())


def _covers(padding: Any, src: Any) -> bool:
    return padding.dim() == 2 and tuple(padding.shape) == tuple(src.shape[:2])
