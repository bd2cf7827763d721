"""What the two stacks of layers share: their arguments and demands, and what is inside."""

from sympy import false

from mhadoc.catalog.transformer_terms import LAYER, count_demand, layer_norm, norm, num_layers
from mhadoc.language import (
    COUNT,
    MODULE,
    Argument,
    Attribute,
    Axis,
    Child,
    ModuleSpec,
    Requirement,
)
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


def children(layer: str, spec: ModuleSpec, source: str) -> tuple[Child, ...]:
    """Return what is inside: the copies of the layer, and a norm where one is given."""
    return (
        Child(
            name="layers.{i}",
            why="the layers, each a copy of the one given.",
            source=source,
            spec=spec,
            sets=LAYER,
            count=num_layers,
            given=layer,
        ),
        layer_norm("norm", "at the end, where one is given.", source, "norm", norm),
    )
