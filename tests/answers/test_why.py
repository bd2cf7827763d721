"""why_not_fast_path agrees with the kernel that torch calls, and gives every reason."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

import mhadoc
from mhadoc.errors import RuleError, UnknownNameError
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench

LAYER = "_transformer_encoder_layer_fwd"
NESTED = "_nested_tensor_from_mask"
KERNELS = {"MultiheadAttention": "_native_multi_head_attention", "TransformerEncoderLayer": LAYER}

why = mhadoc.why_not_fast_path


@contextlib.contextmanager
def watched(*names: str) -> Iterator[dict[str, Any]]:
    """Note how often each of these functions of torch is called."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(patch.object(torch, name, wraps=getattr(torch, name)))
            for name in names
        }


@pytest.mark.parametrize("name", KERNELS)
def test_agrees_with_torch_in_every_quick_case(name: str) -> None:
    spec, taken = mhadoc.spec(name), 0
    for case in covering(spec):
        seen = Bench(spec).observe(case)
        with torch.set_grad_enabled(bool(seen.values["grad"])):
            reasons = why(seen.module, **seen.inputs)
        assert (KERNELS[name] in seen.operators()) is not reasons, seen.case
        taken += not reasons
    assert taken > 30


def encoder(chance: random.Random) -> nn.TransformerEncoder:
    """Return a stack of two layers, usual in most respects."""

    def seldom() -> bool:
        return chance.random() < 0.1

    layer = nn.TransformerEncoderLayer(
        *((9, 3) if seldom() else (8, 2)),
        5,
        activation=abs if seldom() else chance.choice(["relu", "gelu"]),
        batch_first=not seldom(),
        norm_first=seldom(),
        bias=not seldom(),
    )
    flags = {"enable_nested_tensor": not seldom(), "mask_check": not seldom()}
    stack = nn.TransformerEncoder(layer, 3, **flags).train(seldom())
    if seldom():
        chance.choice(stack.layers).norm1.eps = 1e-3
    if seldom():
        chance.choice(stack.layers).linear2.register_forward_hook(lambda *_: None)
    if seldom():
        chance.choice(stack.layers).train()
    if seldom():
        stack.requires_grad_(False)
        chance.choice(stack.layers).requires_grad_(True)
    return stack


def masks(chance: random.Random, sizes: tuple[int, int]) -> dict[str, Any]:
    """Return the masks of a call: none, or padding at the end or anywhere, and seldom another."""
    count, length = sizes
    lengths = torch.tensor([length, *(chance.randrange(1, length) for _ in range(count - 1))])
    padding = torch.arange(length) >= lengths[:, None]
    if chance.random() < 0.2:
        padding = padding.flip(1)
    if chance.random() < 0.2:
        padding = torch.zeros(sizes).masked_fill(padding, float("-inf"))
    mask = torch.zeros(length, length, dtype=padding.dtype)
    return {
        "src_key_padding_mask": padding if chance.random() < 0.7 else None,
        "mask": mask if chance.random() < 0.15 else None,
    }


@pytest.mark.parametrize("whole", [False, True])
def test_agrees_with_torch_in_stacks(whole: bool) -> None:
    """The layers that are named keep off their kernel, and the stack off nested tensors."""
    chance, taken = random.Random(1), 0
    for _ in range(400):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stack = encoder(chance)
            first = stack.layers[0].self_attn
            src = torch.zeros(4, 6, first.embed_dim)
            given = masks(chance, (4, 6) if first.batch_first else (6, 4))
            module, call = stack, {"src": src, **given}
            if whole:
                module, call = in_transformer(stack, call)
            grad = chance.random() < 0.1
            with torch.set_grad_enabled(grad), watched(LAYER, NESTED) as ran:
                reasons = why(module, **call)
                assert not any(kernel.called for kernel in ran.values())
                refused = told(module, call)
        there = "encoder.layers" if whole else "layers"
        layers = {r.argument for r in reasons if r.argument.startswith(there)}
        own = [r for r in reasons if r.argument not in layers]
        fused = [n for n in range(3) if f"{there}.{n}" not in layers]
        assert "NestedTensor outside of its fast path" in refused or not refused
        if refused:  # a nested tensor has come to a layer that is off its fast path
            fused = fused[: next(place for place in range(3) if place not in fused)]
        assert ran[LAYER].call_count == len(fused)
        left_out = given["src_key_padding_mask"] is not None and not own
        assert ran[NESTED].called is left_out
        taken += not reasons
    assert taken > 60


def told(module: Any, call: dict[str, Any]) -> str:
    """Call, and return what is said of a nested tensor that is refused."""
    try:
        module(**call)
    except AssertionError as refusal:
        return str(refusal)
    return ""


def in_transformer(stack: Any, call: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    attention = stack.layers[0].self_attn
    width, heads = attention.embed_dim, attention.num_heads
    options = {"batch_first": attention.batch_first, "custom_encoder": stack}
    module = nn.Transformer(width, heads, 1, 1, 5, **options)
    training, modes = stack.training, [layer.training for layer in stack.layers]
    module.train(training)
    for layer, mode in zip(stack.layers, modes, strict=True):
        layer.train(mode)
    return module, {
        "src": call["src"],
        "tgt": call["src"],
        "src_mask": call["mask"],
        "src_key_padding_mask": call["src_key_padding_mask"],
    }


class Wrapped(torch.Tensor):
    """A tensor with the __torch_function__ that every subclass inherits."""


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


@contextlib.contextmanager
def autocast() -> Iterator[None]:
    torch.set_autocast_enabled(True)
    try:
        yield
    finally:
        torch.set_autocast_enabled(False)


def ragged(features: int) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.zeros(n, features) for n in (3, 5)])


X = torch.zeros(2, 5, 6)
SURROUNDED = {
    "nothing": (X, {}, contextlib.nullcontext, []),
    "enabled": (X, {}, switched_off, ["enabled"]),
    "nested": (ragged(6), {}, contextlib.nullcontext, []),
    "nested_alone": (
        ragged(6),
        {"key_padding_mask": torch.zeros(2, 5) > 0},
        contextlib.nullcontext,
        ["nested_alone"],
    ),
    "autocast": (X, {}, autocast, ["autocast"]),
    "plain_tensors": (X.as_subclass(Wrapped), {}, contextlib.nullcontext, ["plain_tensors"]),
    "device": (X.to("meta"), {}, contextlib.nullcontext, ["device"]),
    "dtype": (X.double(), {}, contextlib.nullcontext, ["bias_dtype", "weight_dtype"]),
}
NAMES = {"key_padding_mask": "src_key_padding_mask"}


@pytest.mark.parametrize("surrounding", SURROUNDED)
@pytest.mark.parametrize("name", KERNELS)
def test_agrees_with_torch_whatever_surrounds_the_call(name: str, surrounding: str) -> None:
    x, masks, context, expected = SURROUNDED[surrounding]
    layer = name == "TransformerEncoderLayer"
    module = getattr(nn, name)(6, 2, batch_first=True).eval()
    given = {NAMES[key] if layer else key: mask for key, mask in masks.items()}
    expected = [id for id in expected if not (layer and id.endswith("dtype"))]
    with context(), torch.no_grad(), watched(KERNELS[name]) as ran:
        reasons = why(module, *([x] if layer else [x, x, x]), **given)
        with contextlib.suppress(AssertionError, RuntimeError, NotImplementedError):
            module(*([x] if layer else [x, x, x]), **given)
    assert [r.rule for r in reasons] == [f"{name}.fast_path.{id}" for id in expected]
    assert ran[KERNELS[name]].called is not expected


def test_agrees_with_torch_while_it_is_traced() -> None:
    mha, told = nn.MultiheadAttention(6, 2, batch_first=True).eval(), []

    def call(x: torch.Tensor) -> Any:
        told.extend(why(mha, x, x, x))
        return mha(x, x, x)

    with torch.no_grad(), watched(KERNELS["MultiheadAttention"]) as ran:
        make_fx(call)(X)
    assert "MultiheadAttention.fast_path.not_traced" in [reason.rule for reason in told]
    assert not ran[KERNELS["MultiheadAttention"]].called


def test_a_stack_that_is_compiled_does_not_check_the_padding() -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, batch_first=True), 1).eval()
    padding = torch.zeros(2, 5) > 0
    with torch.no_grad(), patch.object(torch.compiler, "_is_compiling_flag", True):
        (reason,) = why(stack, X, src_key_padding_mask=padding)
    assert reason.rule == "TransformerEncoder.fast_path.not_compiled"


def test_text_word_for_word() -> None:
    mha = nn.MultiheadAttention(6, 3, bias=False)
    assert "\n".join(map(str, why(mha, X, X, X.clone()))) == (
        "warning: MultiheadAttention: the fast path needs that query, key and value are one and "
        "the same object, but torch says: non-self attention was used (query, key, and value are "
        "not the same Tensor) [MultiheadAttention.fast_path.self_attention].\n"
        "  way out: pass the same tensor three times\n"
        "warning: MultiheadAttention: the fast path needs that the module is in eval mode, but "
        "torch says: training is enabled [MultiheadAttention.fast_path.eval].\n"
        "  way out: call module.eval()\n"
        "warning: MultiheadAttention: the fast path needs that num_heads is even, but torch says: "
        "self.num_heads is not even [MultiheadAttention.fast_path.even_heads].\n"
        "  way out: choose an even num_heads\n"
        "warning: MultiheadAttention: the fast path needs that the module was built with "
        "batch_first=True, but torch says: batch_first was not True "
        "[MultiheadAttention.fast_path.batch_first].\n"
        "  way out: build with batch_first=True\n"
        "warning: MultiheadAttention: the fast path needs that autograd is disabled, or neither "
        "the query nor a projection requires a gradient, but torch says: grad is enabled and at "
        "least one of query or the input/output projection weights or biases requires_grad "
        "[MultiheadAttention.fast_path.no_grad].\n"
        "  way out: call under torch.no_grad() or torch.inference_mode()\n"
        "warning: MultiheadAttention: the fast path needs that the module was built with "
        "bias=True, but torch gives no reason [MultiheadAttention.fast_path.bias].\n"
        "  way out: build with bias=True"
    )


def test_what_a_layer_returns_requires_a_gradient_if_anything_in_it_does() -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, batch_first=True), 3).eval()
    stack.requires_grad_(False).layers[1].requires_grad_(True)
    found = [reason.argument for reason in why(stack, X)]
    assert found == ["layers.1", "layers.2"]


@pytest.mark.parametrize(
    ("module", "what"),
    [
        (nn.TransformerDecoderLayer(6, 2), "nn.TransformerDecoderLayer"),
        (
            nn.TransformerEncoder(nn.TransformerDecoderLayer(6, 2), 1, enable_nested_tensor=False),
            "anything but a stack of nn.TransformerEncoderLayer",
        ),
    ],
    ids=["decoder", "another layer"],
)
def test_a_module_without_a_fast_path(module: nn.Module, what: str) -> None:
    inputs = (X, X) if "Decoder" in type(module).__name__ else (X,)
    (reason,) = why(module, *inputs)
    assert str(reason).startswith(
        f"warning: {type(module).__name__}: a fast path is asked for, but torch has none for {what}"
    )


@pytest.mark.parametrize("first", [True, False])
def test_a_stack_of_layers_and_others_has_no_fast_path(first: bool) -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2), 2, enable_nested_tensor=False)
    stack.layers[int(first)] = nn.Identity()
    (reason,) = why(stack, X)
    assert (
        reason.observed == "torch has none for anything but a stack of nn.TransformerEncoderLayer"
    )


def test_a_stack_of_nothing_has_no_fast_path() -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2), 0, enable_nested_tensor=False)
    assert [reason.argument for reason in why(stack, X)] == ["TransformerEncoder"]


def test_what_cannot_be_called_is_refused() -> None:
    mha = nn.MultiheadAttention(6, 2)
    with pytest.raises(RuleError, match=r"^MultiheadAttention\.query: query must be a tensor"):
        why(mha, [0.0], X, X)
    with pytest.raises(RuleError, match=r"^MultiheadAttention\.value\.given: value must be given"):
        why(mha, X, X)
    with pytest.raises(UnknownNameError, match=r"^no spec is called 'ReLU'"):
        why(nn.ReLU(), X)
