"""Calls drawn from a seed: legal ones, and ones with mistakes in shape, dtype, flag or kind.

They are written by hand and not by the rules, so that the two can disagree.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import nn

__all__ = ["Drawn", "drawn"]

SIZES = (0, 1, 1, 2, 2, 3, 4)
FLOATS = (torch.float32,) * 12 + (torch.float64, torch.float16, torch.bfloat16)
KINDS = (
    *(torch.bool,) * 6,
    *(torch.float32,) * 3,
    *(torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8),
)
Shape = tuple[int, ...]
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Drawn:
    """One call: a module, what its forward gets, and whether autograd is on."""

    module: Any
    inputs: Inputs
    grad: bool


def drawn(name: str, count: int, seed: int) -> Iterator[Drawn]:
    """Iterate over so many calls of a class."""
    chance = Random(seed)
    build, call = _MAKERS[name]
    modules = [build(chance) for _ in range(250)]
    for _ in range(count):
        module = chance.choice(modules)
        yield Drawn(module, call(chance, module), chance.random() < 0.4)


def _taken(cls: Any, **arguments: Any) -> Inputs:
    """Return the arguments that a class takes on the release that is installed."""
    known = inspect.signature(cls).parameters
    return {name: value for name, value in arguments.items() if name in known}


def _attention(chance: Random) -> Any:
    heads = chance.choice((1, 2, 2, 3, 4))
    width = heads * chance.choice((1, 2, 3))
    return nn.MultiheadAttention(
        width,
        heads,
        dropout=chance.choice((0, 0, 0.3)),
        bias=chance.random() < 0.8,
        add_bias_kv=chance.random() < 0.15,
        add_zero_attn=chance.random() < 0.15,
        kdim=chance.choice((None, None, None, width, width + 1)),
        vdim=chance.choice((None, None, None, width, width + 2)),
        batch_first=chance.random() < 0.6,
    ).train(chance.random() < 0.5)


def _layer(cls: Any) -> Any:
    def build(chance: Random) -> Any:
        heads = chance.choice((1, 2, 2, 3, 4))
        width = heads * chance.choice((1, 2, 3))
        more = _taken(
            cls,
            dropout=chance.choice((0, 0.3)),
            activation=chance.choice(("relu", "gelu", torch.tanh)),
            batch_first=chance.random() < 0.6,
            norm_first=chance.random() < 0.5,
            bias=chance.random() < 0.8,
        )
        return cls(width, heads, 5, **more).train(chance.random() < 0.5)

    return build


def _stack(cls: Any, layer: Any) -> Any:
    def build(chance: Random) -> Any:
        inner = _layer(layer)(chance)
        norm = nn.LayerNorm(inner.self_attn.embed_dim) if chance.random() < 0.3 else None
        more = {}
        if cls is nn.TransformerEncoder:
            more = {name: chance.random() < 0.7 for name in ("enable_nested_tensor", "mask_check")}
        stack = cls(inner, chance.choice((1, 1, 2)), norm, **more).train(inner.training)
        if chance.random() < 0.15:
            stack.layers[-1].train(not inner.training)
        if chance.random() < 0.15:
            stack.layers[0].requires_grad_(False)
        return stack

    return build


def _whole(chance: Random) -> Any:
    heads = chance.choice((1, 2, 2, 3, 4))
    sizes = (heads * chance.choice((1, 2, 3)), heads, chance.choice((1, 1, 2)), 1, 5)
    more = _taken(
        nn.Transformer,
        dropout=chance.choice((0, 0.3)),
        batch_first=chance.random() < 0.6,
        norm_first=chance.random() < 0.5,
        bias=chance.random() < 0.8,
    )
    return nn.Transformer(*sizes, **more).train(chance.random() < 0.5)


@dataclass(frozen=True)
class _Sizes:
    """The sizes of one call, and the shapes that fit them."""

    chance: Random
    attention: Any
    batched: bool
    batch: int

    def sequence(self, length: int, features: int) -> Shape:
        if not self.batched:
            return (length, features)
        first = self.attention.batch_first
        return (self.batch, length, features) if first else (length, self.batch, features)

    def mask(self, rows: int, columns: int) -> Shape | None:
        heads = self.attention.num_heads * (self.batch if self.batched else 1)
        return self.chance.choice((None, None, (rows, columns), (heads, rows, columns)))

    def padding(self, length: int) -> Shape | None:
        shape = (self.batch, length) if self.batched else (length,)
        return self.chance.choice((None, None, shape))


def _sizes(chance: Random, attention: Any) -> _Sizes:
    return _Sizes(chance, attention, chance.random() < 0.75, chance.choice(SIZES))


def _attention_call(chance: Random, module: Any) -> Inputs:
    sizes = _sizes(chance, module)
    length, source, alike = chance.choice(SIZES), chance.choice(SIZES), chance.random() < 0.45
    source = length if alike else source
    inputs = _tensors(
        chance,
        {
            "query": sizes.sequence(length, module.embed_dim),
            "key": sizes.sequence(source, module.kdim),
            "value": sizes.sequence(source, module.vdim),
        },
        {"attn_mask": sizes.mask(length, source), "key_padding_mask": sizes.padding(source)},
    )
    if alike and chance.random() < 0.75:
        inputs["key"] = inputs["value"] = inputs["query"]
    elif chance.random() < 0.5:
        inputs["value"] = inputs["key"]
    return inputs | _flags(chance, "need_weights", "average_attn_weights", "is_causal")


def _encoder_call(chance: Random, layer: Any) -> Inputs:
    sizes, length = _sizes(chance, layer.self_attn), chance.choice(SIZES)
    masks = {
        "src_mask": sizes.mask(length, length),
        "src_key_padding_mask": sizes.padding(length),
    }
    sequences = {"src": sizes.sequence(length, layer.self_attn.embed_dim)}
    return _tensors(chance, sequences, masks) | _flags(chance, "is_causal")


def _decoder_call(chance: Random, layer: Any) -> Inputs:
    sizes = _sizes(chance, layer.self_attn)
    target, source = chance.choice(SIZES), chance.choice(SIZES)
    width = layer.self_attn.embed_dim
    sequences = {"tgt": sizes.sequence(target, width), "memory": sizes.sequence(source, width)}
    masks = {
        "tgt_mask": sizes.mask(target, target),
        "memory_mask": sizes.mask(target, source),
        "tgt_key_padding_mask": sizes.padding(target),
        "memory_key_padding_mask": sizes.padding(source),
    }
    inputs = _tensors(chance, sequences, masks)
    if chance.random() < 0.05:
        inputs["memory"] = inputs["tgt"]
    return inputs | _flags(chance, "tgt_is_causal", "memory_is_causal")


def _linear(chance: Random) -> Any:
    sizes = (chance.choice((0, 1, 2, 3, 4)), chance.choice((0, 1, 2, 3)))
    return nn.Linear(*sizes, bias=chance.random() < 0.6, dtype=chance.choice(FLOATS))


def _layer_norm(chance: Random) -> Any:
    over = chance.choice(((), (2,), (3,), (2, 3), (0,), (1,)))
    flags = {name: chance.random() < 0.7 for name in ("elementwise_affine", "bias")}
    return nn.LayerNorm(over, **_taken(nn.LayerNorm, **flags), dtype=chance.choice(FLOATS))


def _dropout(chance: Random) -> Any:
    module = nn.Dropout(chance.choice((0, 0.0, 0.3, 1.0)), inplace=chance.random() < 0.4)
    if chance.random() < 0.1:
        module.p = chance.choice((None, 1.5, -0.5))
    return module.train(chance.random() < 0.6)


def _plain_call(chance: Random, module: Any) -> Inputs:
    last = getattr(module, "normalized_shape", (getattr(module, "in_features", 3),))
    weight = getattr(module, "weight", None)
    dtype = torch.float32 if weight is None else weight.dtype
    if chance.random() < 0.3:
        dtype = chance.choice((*FLOATS, torch.int64, torch.bool, torch.complex64))
    shape: Shape = (*(chance.choice(SIZES) for _ in range(chance.randrange(4))), *last)
    if chance.random() < 0.3:
        shape = _bent(chance, shape)
    if chance.random() < 0.03:
        return {"input": chance.choice((None, 3, [1.0]))}
    tensor = torch.zeros(shape, dtype=dtype)
    return {"input": tensor.requires_grad_(tensor.is_floating_point() and chance.random() < 0.2)}


def _encoders_call(chance: Random, stack: Any) -> Inputs:
    inputs = _encoder_call(chance, stack.layers[0])
    return {{"src_mask": "mask"}.get(name, name): value for name, value in inputs.items()}


def _decoders_call(chance: Random, stack: Any) -> Inputs:
    return _decoder_call(chance, stack.layers[0])


def _whole_call(chance: Random, whole: Any) -> Inputs:
    sizes = _sizes(chance, whole.encoder.layers[0].self_attn)
    source, target = chance.choice(SIZES), chance.choice(SIZES)
    sequences = {
        name: sizes.sequence(length, whole.d_model)
        for name, length in (("src", source), ("tgt", target))
    }
    masks = {
        "src_mask": sizes.mask(source, source),
        "tgt_mask": sizes.mask(target, target),
        "memory_mask": sizes.mask(target, source),
        "src_key_padding_mask": sizes.padding(source),
        "tgt_key_padding_mask": sizes.padding(target),
        "memory_key_padding_mask": sizes.padding(source),
    }
    inputs = _tensors(chance, sequences, masks)
    return inputs | _flags(chance, "src_is_causal", "tgt_is_causal", "memory_is_causal")


def _tensors(chance: Random, sequences: dict[str, Shape], masks: dict[str, Shape | None]) -> Inputs:
    """Return tensors of these shapes after up to two mistakes, and sometimes no tensors."""
    shapes = {**sequences, **{name: shape for name, shape in masks.items() if shape is not None}}
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        name = chance.choice(list(shapes))
        shapes[name] = _bent(chance, shapes[name])
    floats = FLOATS if chance.random() < 0.3 else FLOATS[:1]
    kinds = KINDS if chance.random() < 0.5 else KINDS[:1]
    found: Inputs = {
        name: _tensor(chance, shape, floats if name in sequences else kinds)
        for name, shape in shapes.items()
    }
    if chance.random() < 0.03:
        found[chance.choice(list(masks))] = [[False]]
    if chance.random() < 0.02:
        found[chance.choice(list(sequences))] = chance.choice((None, 3, [1.0]))
    return found


def _tensor(chance: Random, shape: Shape, dtypes: tuple[torch.dtype, ...]) -> torch.Tensor:
    """Return a tensor of zeros that now and then lies in memory the other way round."""
    dtype = chance.choice(dtypes)
    if chance.random() < 0.08 and len(shape) > 1:
        return torch.zeros(shape[::-1], dtype=dtype).permute(*reversed(range(len(shape))))
    return torch.zeros(shape, dtype=dtype)


def _bent(chance: Random, shape: Shape) -> Shape:
    """Return a shape with one mistake; not every mistake makes a call illegal."""
    axes, kind = list(shape), chance.randrange(6)
    if not axes:
        return (2,)
    place = chance.randrange(len(axes))
    if kind == 0:
        axes[place] = chance.choice((0, 1, 2, 3, 5, 6))
    elif kind == 1:
        axes[place] += 1
    elif kind == 2:
        del axes[place]
    elif kind == 3:
        axes.insert(place, chance.choice((1, 2, 3)))
    elif kind == 4:
        chance.shuffle(axes)
    else:
        axes[0], axes[-1] = axes[-1], axes[0]
    return tuple(axes)


def _flags(chance: Random, *names: str) -> Inputs:
    options = (True, False) * 6 + (None, 0, 1)
    return {name: chance.choice(options) for name in names if chance.random() < 0.5}


_MAKERS: dict[str, Any] = {
    "MultiheadAttention": (_attention, _attention_call),
    "TransformerEncoderLayer": (_layer(nn.TransformerEncoderLayer), _encoder_call),
    "TransformerDecoderLayer": (_layer(nn.TransformerDecoderLayer), _decoder_call),
    "TransformerEncoder": (
        _stack(nn.TransformerEncoder, nn.TransformerEncoderLayer),
        _encoders_call,
    ),
    "TransformerDecoder": (
        _stack(nn.TransformerDecoder, nn.TransformerDecoderLayer),
        _decoders_call,
    ),
    "Transformer": (_whole, _whole_call),
    "Linear": (_linear, _plain_call),
    "LayerNorm": (_layer_norm, _plain_call),
    "Dropout": (_dropout, _plain_call),
}
