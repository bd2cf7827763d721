"""Calls that are probably not meant, one for each doubt, each with a neighbour that is fine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

import mhadoc

__all__ = ["EXAMPLES", "Example", "attention", "encoder"]

LOW = float("-inf")
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """A call that one doubt is about, and what makes it one that is meant."""

    id: str
    build: Callable[[], Any]
    inputs: Inputs
    beside: Inputs = field(default_factory=dict)
    build_beside: Callable[[], Any] | None = None
    grad: bool = True

    def told(self) -> list[mhadoc.Problem]:
        """Return the diagnosis of the call, of which this doubt is a part."""
        with torch.set_grad_enabled(self.grad):
            return mhadoc.diagnose(self.build(), **self.inputs)

    def told_beside(self) -> list[mhadoc.Problem]:
        """Return the diagnosis of the neighbour."""
        build = self.build_beside or self.build
        with torch.set_grad_enabled(self.grad):
            return mhadoc.diagnose(build(), **{**self.inputs, **self.beside})


def attention(training: bool = False, **arguments: Any) -> Callable[[], Any]:
    """Return what builds an attention of 6 features and 2 heads."""
    built = {"batch_first": True, **arguments}
    return lambda: nn.MultiheadAttention(6, 2, **built).train(training)


def encoder(training: bool = False, **arguments: Any) -> Callable[[], Any]:
    """Return what builds an encoder layer of 6 features and 2 heads."""
    built = {"batch_first": True, **arguments}
    return lambda: nn.TransformerEncoderLayer(6, 2, 11, **built).train(training)


def stack(activation: Any = "relu", **arguments: Any) -> Callable[[], Any]:
    """Return what builds a stack of two encoder layers, in eval mode."""
    layer = encoder(activation=activation)
    return lambda: nn.TransformerEncoder(layer(), 2, **arguments).eval()


def whole(batch_first: bool = True) -> Any:
    """Return a whole Transformer whose encoder was built apart."""
    layer = nn.TransformerEncoderLayer(6, 2, 11, batch_first=batch_first)
    inner = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    return nn.Transformer(6, 2, 1, 1, 11, custom_encoder=inner, batch_first=True).eval()


def bools(*rows: str) -> torch.Tensor:
    """Return a mask from rows of ``x`` for True and ``.`` for False."""
    return torch.tensor([[letter == "x" for letter in row] for row in rows])


def alike(length: int, batch: int = 3) -> Inputs:
    """Return one tensor as query, key and value."""
    x = torch.randn(batch, length, 6)
    return {"query": x, "key": x, "value": x}


def hooked() -> Any:
    """Return an attention with a hook on its out_proj."""
    module = attention()()
    module.out_proj.register_forward_hook(lambda *_: None)
    return module


def replaced(name: str) -> Any:
    """Return an attention with an out_proj of another class."""
    module = attention()()
    own = {"forward": lambda self, x: x} if name == "Adapted" else {}
    module.out_proj = type(name, (nn.Linear,), own)(6, 6)
    return module


CAUSAL = torch.ones(5, 5, dtype=torch.bool).triu(1)
WINDOW = CAUSAL | CAUSAL.T.tril(-2)
LENGTHS = bools(".....", "....x", "..xxx")
THIRD = bools(".....", ".....", "xxxxx", ".....", ".....")
PER_ELEMENT = torch.stack([torch.zeros(5, 5, dtype=torch.bool), WINDOW, CAUSAL])
PER_HEAD = torch.stack([CAUSAL, CAUSAL.T])
SLOPES = torch.tensor([0.5, 0.25])[:, None, None] * torch.arange(5.0)

EXAMPLES = [
    Example(
        "query.one_position",
        attention(batch_first=False),
        alike(5, batch=1),
        beside=alike(5, batch=3),
    ),
    Example(
        "attn_mask.sense", attention(), {**alike(5), "attn_mask": ~CAUSAL}, {"attn_mask": CAUSAL}
    ),
    Example(
        "attn_mask.sense",
        attention(),
        {**alike(5), "attn_mask": torch.ones(5, 5, dtype=torch.bool)},
        {"attn_mask": torch.eye(5, dtype=torch.bool)},
    ),
    Example(
        "key_padding_mask.sense",
        attention(),
        {**alike(5), "key_padding_mask": ~LENGTHS},
        {"key_padding_mask": LENGTHS},
    ),
    Example(
        "key_padding_mask.sense",
        attention(),
        {**alike(5), "key_padding_mask": bools("xxxxx", "xxx..", "x....")},
        {"key_padding_mask": bools("xxxx.", "xxx..", "x....")},  # padding on the left
    ),
    Example(
        "key_padding_mask.sense",
        attention(),
        {**alike(5), "key_padding_mask": torch.ones(3, 5, dtype=torch.bool)},
        {"key_padding_mask": torch.zeros(3, 5, dtype=torch.bool)},
    ),
    Example(
        "attn_mask.added",
        attention(),
        {**alike(5), "attn_mask": CAUSAL.float()},
        {"attn_mask": torch.zeros(5, 5).masked_fill(CAUSAL, LOW)},
    ),
    Example(
        "key_padding_mask.added",
        attention(),
        {**alike(5), "key_padding_mask": LENGTHS.float()},
        {"key_padding_mask": LENGTHS * 0.5},  # a preference
    ),
    Example(
        "attn_mask.read_as_bool",
        encoder(),
        {"src": torch.randn(3, 5, 6), "src_mask": SLOPES[0].expand(5, 5)},
        {"src_mask": torch.zeros(5, 5).masked_fill(CAUSAL, -1e9)},
        grad=False,
    ),
    Example(
        "key_padding_mask.read_as_bool",
        encoder(),
        {"src": torch.randn(3, 5, 6), "src_key_padding_mask": LENGTHS * 0.5},
        build_beside=encoder(training=True),
        grad=False,
    ),
    Example(
        "key_padding_mask.transposed",
        attention(),
        {**alike(3), "key_padding_mask": bools("...", "x..", "x.x")},
        {"key_padding_mask": bools(".xx", "...", "..x")},
    ),
    Example(
        "key_padding_mask.causal",
        attention(),
        {**alike(3), "key_padding_mask": CAUSAL[:3, :3]},
        {"key_padding_mask": CAUSAL[[1, 0, 2], :3]},
    ),
    Example(
        "key_padding_mask.elements",
        attention(),
        {**alike(5), "attn_mask": CAUSAL, "key_padding_mask": LENGTHS.T.contiguous()},
        {"key_padding_mask": LENGTHS},
        grad=False,
    ),
    Example(
        "attn_mask.elements",
        attention(),
        {**alike(5), "attn_mask": CAUSAL.flatten()},
        {"attn_mask": CAUSAL},
        grad=False,
    ),
    Example(
        "attn_mask.elements_per_head",
        attention(),
        {**alike(5), "attn_mask": PER_ELEMENT, "key_padding_mask": LENGTHS},
        {"attn_mask": PER_ELEMENT.repeat_interleave(2, 0)},
        grad=False,
    ),
    Example(
        "attn_mask.order",
        attention(),
        {**alike(5), "attn_mask": PER_ELEMENT.repeat(2, 1, 1)},
        {"attn_mask": PER_ELEMENT.repeat_interleave(2, 0)},
    ),
    Example(
        "attn_mask.order",
        attention(),
        {**alike(5, batch=2), "attn_mask": LENGTHS[1:, None].expand(2, 5, 5).repeat(2, 1, 1)},
        {"attn_mask": PER_HEAD.repeat(2, 1, 1)},  # a mask for each head
    ),
    Example(
        "masks.empty_row_with_weights",
        attention(),
        {**alike(5), "attn_mask": bools("xxxxx", *["....."] * 4)},
        {"attn_mask": bools("xxxx.", *["....."] * 4)},
    ),
    Example(
        "masks.empty_row_with_weights",
        attention(),
        {**alike(5), "key_padding_mask": bools(".....", "xxxxx", "...xx")},
        build_beside=attention(add_zero_attn=True),  # there is another key to see
    ),
    Example(
        "masks.empty_row_fast_path",
        attention(),
        {**alike(5), "key_padding_mask": bools(".....", "xxxxx", "...xx"), "need_weights": False},
        {"key_padding_mask": LENGTHS},
        grad=False,
    ),
    Example(
        "masks.empty_row_without_weights",
        attention(),
        {
            **alike(5),
            "attn_mask": torch.zeros(5, 5).masked_fill(CAUSAL, LOW),
            "key_padding_mask": bools("x....", *["....."] * 2).float() * torch.finfo().min * 2,
            "need_weights": False,
        },
        {"key_padding_mask": None},
    ),
    Example(
        "masks.empty_row_without_weights",
        attention(),
        {
            **alike(5),
            "attn_mask": torch.stack([CAUSAL, CAUSAL | THIRD] * 3),
            "need_weights": False,
        },
        {"attn_mask": CAUSAL},
    ),
    Example(
        "masks.even_row",
        attention(),
        {**alike(5), "key_padding_mask": bools(".....", "xxxxx", "...xx") * -1e9},
        {"key_padding_mask": LENGTHS * -1e9},
    ),
    Example(
        "is_causal.alone",
        attention(),
        {**alike(5), "is_causal": True},
        {"attn_mask": CAUSAL},
        grad=False,
    ),
    Example(
        "is_causal.fast_path",
        attention(),
        {**alike(5), "is_causal": True, "attn_mask": CAUSAL.triu(2)},
        {"attn_mask": WINDOW},
        grad=False,
    ),
    Example(
        "is_causal.weights",
        attention(),
        {**alike(5), "is_causal": True, "attn_mask": CAUSAL.triu(2)},
        {"attn_mask": torch.zeros(5, 5).masked_fill(CAUSAL, -1e9)},
    ),
    Example(
        "is_causal.padding",
        attention(),
        {
            **alike(5),
            "is_causal": True,
            "attn_mask": CAUSAL.triu(2),
            "key_padding_mask": LENGTHS,
            "need_weights": False,
        },
        {"attn_mask": CAUSAL},
    ),
    Example(
        "is_causal.replaces",
        attention(),
        {**alike(5), "is_causal": True, "attn_mask": WINDOW, "need_weights": False},
        {"attn_mask": CAUSAL},
    ),
    Example(
        "is_causal.unchecked",
        attention(),
        {**alike(5), "is_causal": True, "attn_mask": torch.zeros(7, 3), "need_weights": False},
        {"is_causal": False, "attn_mask": None},
    ),
    Example(
        "is_causal.extra_keys",
        attention(add_bias_kv=True),
        {**alike(5), "is_causal": True, "attn_mask": CAUSAL, "need_weights": False},
        build_beside=attention(),
    ),
    Example(
        "need_weights.dropout",
        attention(training=True, dropout=0.25),
        alike(5),
        {"need_weights": False},
    ),
    Example(
        "dropout.negative",
        attention(training=True, dropout=-0.25),
        alike(5),
        build_beside=attention(dropout=-0.25),
    ),
    Example("out_proj.hooks", hooked, alike(5), build_beside=attention()),
    Example(
        "out_proj.replaced",
        lambda: replaced("Adapted"),
        alike(5),
        build_beside=lambda: replaced("Renamed"),
    ),
    Example(
        "activation.gelu_tanh",
        encoder(activation=nn.GELU(approximate="tanh")),
        {"src": torch.randn(3, 5, 6)},
        build_beside=encoder(activation=nn.GELU()),
        grad=False,
    ),
    Example(
        "activation.gelu_tanh",
        stack(activation=nn.GELU(approximate="tanh")),
        {"src": torch.randn(3, 5, 6)},
        {"src": torch.randn(5, 6)},  # off the fast path
        grad=False,
    ),
    Example(
        "src_mask.padding",
        encoder(),
        {"src": torch.randn(3, 3, 6), "src_mask": bools("...", ".xx", "..x")},
        {"src_mask": bools(".xx", "..x", "...")},
    ),
    Example(
        "src_key_padding_mask.nested_floats",
        stack(),
        {"src": torch.randn(3, 5, 6), "src_key_padding_mask": LENGTHS * -0.5},
        {"src_key_padding_mask": LENGTHS * -1e9},
        grad=False,
    ),
    Example(
        "src_key_padding_mask.not_at_end",
        stack(mask_check=False),
        {"src": torch.randn(3, 5, 6), "src_key_padding_mask": LENGTHS.flip(1)},
        {"src_key_padding_mask": LENGTHS},
        grad=False,
    ),
    Example(
        "memory_key_padding_mask.left_out",
        whole,
        {
            "src": torch.randn(3, 5, 6),
            "tgt": torch.randn(3, 4, 6),
            "src_key_padding_mask": LENGTHS,
        },
        {"memory_key_padding_mask": LENGTHS},
    ),
    Example(
        "batch_first.mixed",
        lambda: whole(batch_first=False),
        {"src": torch.randn(3, 5, 6), "tgt": torch.randn(3, 4, 6)},
        build_beside=whole,
    ),
    Example(
        "batch_first.other",
        attention(batch_first=False),
        {**alike(5), "attn_mask": CAUSAL},
        {"attn_mask": None},
    ),
    Example(
        "batch_first.other",
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 11), 2),
        {"tgt": torch.randn(3, 4, 6), "memory": torch.randn(3, 5, 6)},
        {"memory": torch.randn(5, 4, 6)},
    ),
]
