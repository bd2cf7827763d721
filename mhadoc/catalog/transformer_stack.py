"""What the two stacks of layers share: their arguments and demands, and what is inside."""

import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import Symbol, false

from mhadoc.catalog.transformer_terms import LAYER, count_demand, layer_norm, norm, num_layers
from mhadoc.language import (
    COUNT,
    MODULE,
    Argument,
    Attribute,
    Axis,
    Bound,
    Call,
    Child,
    ModuleSpec,
    Requirement,
)
from mhadoc.language.classes import derives
from mhadoc.language.parts import altered
from mhadoc.language.values import c_name

NORM_AXIS = Axis.flag("norm", "constructor", plain=False)


def arguments(layer: str, init: str) -> tuple[Argument, ...]:
    """Return the arguments that both stacks have; ``layer`` is the name of the first."""
    return (
        Argument(
            name=layer,
            accepts=MODULE,
            required=True,
            effect="is copied `num_layers` times, with its numbers",
            why="a layer; it is deep-copied, and not part of the stack itself.",
            source=init,
        ),
        Argument(
            name="num_layers",
            accepts=COUNT,
            required=True,
            effect="adds each of the layer's parameters so many times",
            why="how many layers there are; 0 or fewer build a stack without layers, whose "
            "forward fails.",
            source=init,
        ),
        Argument(
            name="norm",
            default=None,
            effect="adds the parameters of `norm`, after all layers",
            why="a module for the end, usually a LayerNorm; None stands for none.",
            source=init,
        ),
    )


def requirements(layer: str, init: str) -> tuple[Requirement, ...]:
    """Return what both stacks demand."""
    return (
        count_demand("num_layers", false, init),
        Requirement(
            f"{layer}.module",
            f"{layer} must be a module",
            "TypeError",
            "{found} is not a Module subclass",
            f"pass a layer, or describe one: {layer}=mhadoc.spec(...).bound(...)",
            about=(layer,),
            accepts=MODULE,
            unless=num_layers <= 0,
            computes={"found": lambda values: c_name(type(values[layer]))},
            example={layer: 3, "num_layers": 2},
            source=init,
        ),
    )


def attributes(init: str) -> tuple[Attribute, ...]:
    """Return the attribute that both stacks have."""
    why = "kept as given."
    return (
        Attribute(name="num_layers", label="attribute", value=num_layers, why=why, source=init),
    )


def demands(layer: str, source: str) -> tuple[Requirement, ...]:
    """Return what both stacks demand of their layers when they are called."""
    some = Requirement(
        "num_layers.some",
        "the stack has a layer",
        "IndexError",
        "index 0 is out of range",
        "build with num_layers=1 or more",
        about=("num_layers",),
        breaks=lambda seen: {"module": _stack(seen, seen.module.layers[0], 0)},
        fits=Symbol(num_layers.name, integer=True) > 0,
        expected="must be 1 or more",
        observed="is {num_layers}",
        source=source,
        since="2.1" if layer.startswith("decoder") else None,
    )
    return some, _attends(layer, source)


def _attends(layer: str, source: str) -> Requirement:
    return Requirement(
        f"{layer}.attends",
        f"each layer has an attention called self_attn, as nn.{_camel(layer)} has",
        "AttributeError",
        "'Linear' object has no attribute 'self_attn'",
        f"pass an nn.{_camel(layer)}, or a layer of your own with a self_attn",
        about=(layer,),
        breaks=lambda seen: {"module": _stack(seen, seen.module.layers[0].linear1, 1)},
        fits=Symbol("attends"),
        expected="must have an attention called self_attn",
        observed="has none",
        source=source,
        since="2.1",
    )


def _stack(seen: Any, layer: Any, count: int) -> Any:
    """Build another stack over so many copies of a layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nested tensors cannot be used
        module = type(seen.module)(layer, count)
    return module.train(seen.module.training)


def _camel(layer: str) -> str:
    return "Transformer" + layer.title().replace("_", "")


def children(
    layer: str, spec: ModuleSpec, source: str, inputs: Mapping[str, str], hint: str, **arriving: Any
) -> tuple[Child, ...]:
    """Return what is inside: the copies of the layer, and a norm where one is given.

    ``inputs`` are the layer's, by what they are made from; ``hint`` is the stack's own flag that it
    looks into.
    """
    return (
        Child(
            name="layers.{i}",
            why="the layers, each a copy of the one given.",
            source=source,
            spec=spec,
            sets=LAYER,
            inputs=inputs,
            decided=(hint,),
            count=num_layers,
            given=layer,
            **arriving,
        ),
        replace(
            layer_norm("norm", "at the end, where one is given.", source, "norm", norm),
            inputs={"input": next(iter(inputs.values()))},
        ),
    )


# A real stack, and a real call


def read(stack: Any, layer: ModuleSpec) -> dict[str, Any]:
    """Return the symbols of a stack that is built; those of its layers are the first one's."""
    return {
        **dict.fromkeys(LAYER, 1),  # of another layer nothing is known, nor asked
        **_read_first(stack, layer),
        "num_layers": len(stack.layers),
        "norm": int(stack.norm is not None),
    }


def _read_first(stack: Any, layer: ModuleSpec) -> Mapping[str, Any]:
    first = next(iter(stack.layers), None)
    kind: Any = type(first)
    if layer.read is None or not derives(kind, layer.name, layer.path):
        return {}
    try:
        return layer.read(first)
    except AttributeError:  # a part was replaced: looking first would take longer than reading
        return {}


def layered(stack: Any, layer: ModuleSpec) -> bool:
    """Tell whether the first layer of a stack is what is stated of a class of torch."""
    first = next(iter(stack.layers), None)
    kind: Any = type(first)
    return derives(kind, layer.name, layer.path) and altered(layer, first) is None


def first(call: Call, layer: str) -> Any:
    """Return the first layer of a stack that is called, or what is described in its place."""
    if call.module is None:
        return call.values.get(layer)
    return next(iter(call.module.layers), None)


def attends(layer: Any) -> int:
    """Return whether a layer has the attention that a stack asks; a layer described has it."""
    if layer is None or isinstance(layer, Bound):
        return 1
    return int(hasattr(getattr(layer, "self_attn", None), "batch_first"))


def hinted(call: Call, mask: str, hint: str, positions: int) -> int:
    """Return whether a stack takes a mask for the causal one: told so, or because it looks."""
    flag, given, facts = call.inputs[hint], call.inputs[mask], call.facts[mask]
    if flag is not None or call.module is None or facts.shape != (positions, positions):
        return int(flag is True)
    if facts.device == "meta" or not (facts.floating or facts.boolean):
        return 0
    whole = sys.modules["torch"].nn.Transformer
    causal = whole.generate_square_subsequent_mask(positions).to(given.device, given.dtype)
    return int(bool((given == causal).all()))
