"""Thousands of drawn calls of the two functions: mhadoc and torch say the same of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
import torch
from torch.nn import functional

import mhadoc

REFUSED = (ArithmeticError, AssertionError, IndexError, RuntimeError, TypeError, ValueError)
Inputs = dict[str, Any]


def _long_form(chance: Random) -> Inputs:
    """Draw a call of multi_head_attention_forward, legal so far."""
    heads, batch = chance.choice((1, 2, 3)), chance.choice((1, 2, 3))
    width = heads * chance.choice((2, 3, 4))
    length, keys = chance.randint(1, 4), chance.randint(1, 5)
    separate, batched = chance.random() < 0.3, chance.random() < 0.7
    wide = {"key": width + chance.choice((0, 1)), "value": width + chance.choice((0, 2))}
    wide = wide if separate else {"key": width, "value": width}
    middle = (batch,) if batched else ()
    out = chance.choice((width, width, width + 3))
    extra = (1, 1, width) if chance.random() < 0.2 else None
    matrices = heads * (batch if batched else 1)
    weights = {f"{n}_proj_weight": None for n in "qkv"}
    if separate:
        columns = (width, wide["key"], wide["value"])
        weights = {f"{n}_proj_weight": (width, c) for n, c in zip("qkv", columns, strict=True)}
    return {
        "query": (length, *middle, width),
        **{name: (keys, *middle, features) for name, features in wide.items()},
        "embed_dim_to_check": width,
        "num_heads": heads,
        "in_proj_weight": None if separate else (3 * width, width),
        "in_proj_bias": chance.choice(((3 * width,), None)),
        "bias_k": extra,
        "bias_v": extra,
        "add_zero_attn": chance.random() < 0.2,
        "dropout_p": chance.choice((0.0, 0.5)),
        "out_proj_weight": (out, width),
        "out_proj_bias": chance.choice(((out,), None)),
        "training": chance.random() < 0.5,
        "key_padding_mask": chance.choice((None, (*middle, keys))),
        "need_weights": chance.random() < 0.6,
        "attn_mask": chance.choice((None, (length, keys), (matrices, length, keys))),
        "use_separate_proj_weight": separate,
        **weights,
        "average_attn_weights": chance.random() < 0.6,
        "is_causal": chance.random() < 0.2,
    }


def _kernel(chance: Random) -> Inputs:
    """Draw a call of scaled_dot_product_attention, legal so far."""
    front = tuple(chance.choice((1, 2, 3)) for _ in range(chance.randrange(4)))
    length, keys, width = chance.randint(1, 4), chance.randint(1, 5), chance.randint(1, 4)
    scores = (*front, length, keys)
    return {
        "query": (*front, length, width),
        "key": (*front, keys, width),
        "value": (*front, keys, chance.choice((width, width + 1))),
        "attn_mask": chance.choice((None, scores[-2:], scores, (1, keys))),
        "dropout_p": chance.choice((0.0, 0.0, 0.5, 1.5)),
        "is_causal": chance.random() < 0.2,
    }


def _bent(chance: Random, inputs: Inputs) -> Inputs:
    """Return inputs with one mistake; not each makes a call illegal."""
    shapes = {n: v for n, v in inputs.items() if isinstance(v, tuple) and v}
    name = chance.choice([n for n in shapes if "bias" not in n])
    axes = list(inputs[name])
    place, change = chance.randrange(len(axes)), chance.randrange(3)
    if change == 0:
        axes[place] += chance.choice((1, 2))
    elif change == 1:
        axes.insert(place, chance.choice((2, 3)))
    else:
        del axes[place]
    if name == "query" and "num_heads" in inputs and chance.random() < 0.5:
        return {**inputs, "num_heads": inputs["num_heads"] + 1}
    return {**inputs, name: tuple(axes)}


def _overlooked(inputs: Inputs) -> bool:
    """Tell whether value and key differ in length, which the fused kernel does not look at."""
    return "embed_dim_to_check" not in inputs and inputs["value"][-2:-1] != inputs["key"][-2:-1]


def _drawn(draw: Callable[[Random], Inputs], count: int) -> Iterator[Inputs]:
    chance = Random(5)
    for _ in range(count):
        inputs = draw(chance)
        for _ in range(chance.choice((0, 0, 1, 1, 2))):
            inputs = _bent(chance, inputs)
        yield inputs


def _returned(function: Any, inputs: Inputs, names: tuple[str, ...]) -> Any:
    tensors = {
        name: torch.zeros(value, dtype=torch.bool if "mask" in name else None)
        if isinstance(value, tuple)
        else value
        for name, value in inputs.items()
    }
    try:
        found = function(**tensors)
    except REFUSED:
        return None
    elements = found if isinstance(found, tuple) else (found,)
    return {n: t if t is None else tuple(t.shape) for n, t in zip(names, elements, strict=True)}


@pytest.mark.parametrize(
    ("name", "draw", "outputs"),
    [
        (
            "multi_head_attention_forward",
            _long_form,
            ("attn_output", "attn_output_weights"),
        ),
        ("scaled_dot_product_attention", _kernel, ("output",)),
    ],
)
def test_agrees_with_torch(name: str, draw: Any, outputs: tuple[str, ...]) -> None:
    legal = 0
    for inputs in _drawn(draw, 2000):
        found = _returned(getattr(functional, name), inputs, outputs)
        try:
            stated = mhadoc.predict_call(name, {}, **inputs)
        except mhadoc.RuleError:
            stated = None
        legal += found is not None
        if not _overlooked(inputs):
            assert stated == found, inputs
    assert 500 < legal < 1700
