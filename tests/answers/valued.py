"""Legal calls with numbers in their masks, drawn from a seed: usual masks, and odd ones."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from torch import nn

__all__ = ["Valued", "valued"]

LOW = float("-inf")
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Valued:
    """One call, with all that decides what comes out of it."""

    module: Any
    inputs: Inputs
    grad: bool

    def run(self, **changes: Any) -> Any:
        """Return what the call gives, some inputs changed; from one seed each time."""
        torch.manual_seed(0)
        with torch.set_grad_enabled(self.grad):
            return self.module(**{**self.inputs, **changes})

    def output(self, **changes: Any) -> torch.Tensor:
        """Return the output of the call as (N, L, E)."""
        returned = self.run(**changes)
        output = (returned[0] if isinstance(returned, tuple) else returned).detach()
        return output if output.dim() == 3 else output[None]

    def with_eval(self) -> Valued:
        """Return the same call of the module in eval mode, with autograd on."""
        return Valued(deepcopy(self.module).eval(), self.inputs, True)

    def with_grad(self, enabled: bool) -> Valued:
        """Return the same call with autograd on or off."""
        return replace(self, grad=enabled)


def valued(name: str, count: int, seed: int) -> Iterator[Valued]:
    """Iterate over so many legal calls of a class; batches come first in all of them."""
    chance = Random(seed)
    torch.manual_seed(seed)
    build, call = _MAKERS[name]
    modules = [_settled(build(chance)) for _ in range(60)]
    for _ in range(count):
        module = chance.choice(modules)
        yield Valued(module, call(chance, module), chance.random() < 0.6)


def _settled(module: Any) -> Any:
    """Return a module whose biases are no zeros."""
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    return module


def _attention(chance: Random) -> Any:
    return nn.MultiheadAttention(
        6,
        chance.choice((1, 2, 2, 3)),
        dropout=chance.choice((0, 0, 0, 0.3)),
        bias=chance.random() < 0.9,
        add_bias_kv=chance.random() < 0.1,
        add_zero_attn=chance.random() < 0.1,
        batch_first=True,
    ).train(chance.random() < 0.4)


def _layer(cls: Any) -> Any:
    def build(chance: Random) -> Any:
        heads = chance.choice((1, 2, 2, 3))
        return cls(6, heads, 7, dropout=0.0, batch_first=True).train(chance.random() < 0.3)

    return build


def _attention_call(chance: Random, module: Any) -> Inputs:
    batch, length = chance.choice((1, 2, 3)), chance.choice((1, 2, 3, 4))
    batched, alike = chance.random() < 0.8, chance.random() < 0.7
    keys = length if alike else chance.choice((1, 2, 3, 4))
    lead = (batch,) if batched else ()
    query = torch.randn(*lead, length, 6)
    key = query if alike else torch.randn(*lead, keys, 6)
    sizes = (batch if batched else 1, module.num_heads, length, keys)
    causal = chance.random() < 0.3
    mask = _mask(chance, *sizes, needed=causal and chance.random() < 0.6)
    return {
        "query": query,
        "key": key,
        "value": key,
        "attn_mask": mask,
        "key_padding_mask": _padding(chance, lead, keys),
        "need_weights": chance.random() < 0.6,
        "is_causal": causal,
    }


def _encoder_call(chance: Random, layer: Any) -> Inputs:
    batch, length = chance.choice((1, 2, 3)), chance.choice((1, 2, 3, 4))
    heads = layer.self_attn.num_heads
    causal = chance.random() < 0.2
    return {
        "src": torch.randn(batch, length, 6),
        "src_mask": _mask(chance, batch, heads, length, length, needed=causal),
        "src_key_padding_mask": _padding(chance, (batch,), length),
        "is_causal": causal,
    }


def _stack(chance: Random) -> Any:
    layer = nn.TransformerEncoderLayer(6, chance.choice((1, 2, 2)), 7, 0.0, batch_first=True)
    stack = nn.TransformerEncoder(layer, 2, mask_check=chance.random() < 0.8)
    return stack.train(chance.random() < 0.3)


def _stack_call(chance: Random, stack: Any) -> Inputs:
    inputs = _encoder_call(chance, stack.layers[0])
    inputs["mask"] = inputs.pop("src_mask")
    return inputs | {"is_causal": None}


def _decoder_call(chance: Random, layer: Any) -> Inputs:
    batch, target, source = (chance.choice((1, 2, 3, 4)) for _ in range(3))
    heads = layer.self_attn.num_heads
    causal = chance.random() < 0.3
    return {
        "tgt": torch.randn(batch, target, 6),
        "memory": torch.randn(batch, source, 6),
        "tgt_mask": _mask(chance, batch, heads, target, target, needed=causal),
        "memory_mask": _mask(chance, batch, heads, target, source),
        "tgt_key_padding_mask": _padding(chance, (batch,), target),
        "memory_key_padding_mask": _padding(chance, (batch,), source),
        "tgt_is_causal": causal,
    }


def _mask(
    chance: Random, batch: int, heads: int, rows: int, columns: int, needed: bool = False
) -> torch.Tensor | None:
    """Return no mask, one for all, or one for each element and head."""
    if not needed and chance.random() < 0.4:
        return None
    if chance.random() < 0.7:
        return _numbers(chance, _square(chance, rows, columns))
    apart = [_square(chance, rows, columns) for _ in range(batch * heads)]
    return _numbers(chance, torch.stack(apart))


def _square(chance: Random, rows: int, columns: int) -> torch.Tensor:
    """Return where a mask hides: after each position, up to it, or here and there."""
    ones = torch.ones(rows, columns, dtype=torch.bool)
    kind = chance.randrange(6)
    if kind < 3:
        return ones.triu(1)
    if kind == 3:
        return ones.tril(chance.choice((0, 0, -1)))
    often = chance.choice((0.2, 0.4))
    return torch.tensor([[chance.random() < often for _ in range(columns)] for _ in range(rows)])


def _padding(chance: Random, lead: tuple[int, ...], length: int) -> torch.Tensor | None:
    if chance.random() < 0.5:
        return None
    count = lead[0] if lead else 1
    kept = torch.tensor([chance.choice((length, chance.randint(0, length))) for _ in range(count)])
    hidden = torch.arange(length) >= kept[:, None]
    hidden = hidden if chance.random() < 0.8 else ~hidden
    return _numbers(chance, hidden if lead else hidden[0])


def _numbers(chance: Random, hidden: torch.Tensor) -> torch.Tensor:
    """Return a mask of bools, or one of floats: what hides, and what is a preference."""
    kind = chance.randrange(8)
    if kind < 4:
        return hidden
    if kind == 4:
        return hidden.float()
    if kind == 5:
        return torch.randn(hidden.shape).masked_fill(hidden, LOW)
    return torch.zeros(hidden.shape).masked_fill(hidden, LOW if kind == 6 else -1e9)


_MAKERS: dict[str, Any] = {
    "TransformerEncoder": (_stack, _stack_call),
    "MultiheadAttention": (_attention, _attention_call),
    "TransformerEncoderLayer": (_layer(nn.TransformerEncoderLayer), _encoder_call),
    "TransformerDecoderLayer": (_layer(nn.TransformerDecoderLayer), _decoder_call),
}
