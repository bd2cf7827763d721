"""The rules of nn.Transformer: its arguments, what is inside, and its call."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sympy import And, Basic, Integer, Not, Or, sqrt, true
from sympy import Symbol as SympySymbol

from mhadoc.catalog.transformer.doubts import DOUBTS
from mhadoc.catalog.transformer_calls import (
    CALL_AXES,
    LAYER_AXES,
    flag,
    hint_axis,
    mask,
    mask_axis,
    mask_symbols,
    padding,
    padding_axis,
    result,
    sequence,
)
from mhadoc.catalog.transformer_decoder.rules import SPEC as DECODER
from mhadoc.catalog.transformer_decoder_layer.rules import AXES, HINTS, INPUTS, MASKS
from mhadoc.catalog.transformer_decoder_layer.rules import BROKEN as BROKEN_IN_DECODER
from mhadoc.catalog.transformer_decoder_layer.rules import SPEC as DECODER_LAYER
from mhadoc.catalog.transformer_encoder.rules import SPEC as ENCODER
from mhadoc.catalog.transformer_encoder_layer.paths import BROKEN
from mhadoc.catalog.transformer_encoder_layer.rules import BROKEN_INSIDE as BROKEN_IN_ENCODER
from mhadoc.catalog.transformer_encoder_layer.rules import SPEC as ENCODER_LAYER
from mhadoc.catalog.transformer_measured import measured
from mhadoc.catalog.transformer_terms import (
    GOOD,
    LAYER,
    SOURCE,
    S,
    T,
    batch_first,
    count_demand,
    d_model,
    derived,
    head_dim,
    layer_arguments,
    nhead,
    num_decoder_layers,
    num_encoder_layers,
    symbols,
)
from mhadoc.language import (
    COUNT,
    Argument,
    Attribute,
    Axis,
    Cases,
    Child,
    Distribution,
    ModuleSpec,
    Parameter,
    Requirement,
    Symbol,
    composed,
    demanded,
)

INIT = f"{SOURCE}: Transformer.__init__"
RESET = f"{SOURCE}: Transformer._reset_parameters"
FORWARD = f"{SOURCE}: Transformer.forward"

_MASKS = (*mask_symbols("src_mask"), *mask_symbols("src_key_padding_mask", padding=True), *MASKS)
_HINTS = (Symbol("src_is_causal", "forward's `src_is_causal`; None is neither", "flag"), *HINTS)
hints = tuple(symbol.expr for symbol in _HINTS)
_NAMES = (
    *("d_model", "nhead", "dim_feedforward", "num_encoder_layers", "num_decoder_layers"),
    *("S", "T", "N", "i", "activation_relu_or_gelu", "bias", "batch_first", "norm_first"),
    *("dropout", "batched", "training", "grad"),
)
_custom_encoder, _custom_decoder = SympySymbol("custom_encoder"), SympySymbol("custom_decoder")


def _count(name: str, default: int) -> Argument:
    return Argument(
        name=name,
        accepts=COUNT,
        default=default,
        effect="is how often each parameter of the layer occurs",
        why="how many layers there are; 0 or fewer build one whose forward fails.",
        source=INIT,
    )


def _custom(name: str, place: str) -> Argument:
    return Argument(
        name=name,
        default=None,
        effect=f"puts its own parameters in the place of the {place}'s",
        why=f"a module to use as the {place}; each of its parameters with two or more axes is "
        "drawn anew.",
        source=INIT,
    )


_SHARED = layer_arguments(INIT, required=False)
ARGUMENTS = (
    _SHARED["d_model"],
    _SHARED["nhead"],
    _count("num_encoder_layers", 6),
    _count("num_decoder_layers", 6),
    *(_SHARED[name] for name in ("dim_feedforward", "dropout", "activation")),
    _custom("custom_encoder", "encoder"),
    _custom("custom_decoder", "decoder"),
    *(_SHARED[name] for name in ("layer_norm_eps", "batch_first", "norm_first", "bias")),
    *(_SHARED[name] for name in ("device", "dtype")),
)

CHILDREN = (
    Child(
        name="encoder",
        why="turns the source into the memory.",
        source=INIT,
        spec=ENCODER,
        sets={**LAYER, "num_layers": num_encoder_layers, "norm": Integer(1)},
        calls={"mask_rank": _MASKS[0].expr, "is_causal": _HINTS[0].expr},
        inputs={
            "src": "src",
            "mask": "src_mask",
            "src_key_padding_mask": "src_key_padding_mask",
            "is_causal": "src_is_causal",
        },
        given="custom_encoder",
    ),
    Child(
        name="decoder",
        why="turns target and memory into the output.",
        source=INIT,
        spec=DECODER,
        sets={**LAYER, "num_layers": num_decoder_layers, "norm": Integer(1)},
        inputs={**{rule.name: rule.name for rule in DECODER.inputs}, "memory": "src"},
        given="custom_decoder",
    ),
)


def _layer_demands() -> Iterator[Requirement]:
    """Iterate over what the layers demand, unless neither kind of layer is built."""
    for name, spec in (("encoder_layer", ENCODER_LAYER), ("decoder_layer", DECODER_LAYER)):
        built = Child(name=name, why="", source=INIT, spec=spec, sets=LAYER)
        for demand in built.requirements:
            given = And(_custom_encoder, _custom_decoder)
            yield replace(demand, unless=Or(demand.unless, given))


REQUIREMENTS = demanded(
    *_layer_demands(),
    count_demand("num_encoder_layers", _custom_encoder, INIT),
    count_demand("num_decoder_layers", _custom_decoder, INIT),
    plain={**GOOD, "num_encoder_layers": 1, "num_decoder_layers": 1},
)


def _drawn_anew(rule: Parameter) -> Parameter:
    """Return the rule as the whole Transformer leaves it: Xavier wherever there are two axes."""
    if rule.shape is None or len(rule.shape) < 2:
        return rule
    rows, columns = rule.shape
    how = "xavier_uniform_, over what the layers have drawn"
    return replace(rule, init=Distribution("uniform", sqrt(6 / (rows + columns)), how=how))


def _of_source(text: str) -> str:
    """Return a text about the encoder's call with the names of the whole one's arguments."""
    return re.sub(r"(?<![_\w])(is_causal|mask)(?=[=. ])", r"src_\1", text)


def _call_requirements() -> Iterator[Requirement]:
    """Iterate over what the encoder and then the decoder demand of a call."""
    fine: Basic = true
    for demand in (each for each in ENCODER.call_requirements if each.breaks is None):
        renamed: dict[str, Any] = {
            n: _of_source(getattr(demand, n)) for n in ("id", "demand", "hint")
        }
        holds, when = CHILDREN[0].here(demand.holds), CHILDREN[0].here(demand.when)
        about = tuple(name.replace("is_causal", "src_is_causal") for name in demand.about)
        yield replace(demand, **renamed, holds=holds, when=when, about=about, fits=true)
        fine = And(fine, Or(holds, Not(when)))
    for demand in (each for each in DECODER.call_requirements if each.breaks is None):
        yield replace(demand, when=And(fine, demand.when))


def read(transformer: Any) -> dict[str, Any]:
    """Return the symbols of a whole one that is built; its layers' are those of the encoder's."""
    encoder, decoder = transformer.encoder, transformer.decoder
    count = {
        name: len(getattr(stack, "layers", ()))
        for name, stack in (("num_encoder_layers", encoder), ("num_decoder_layers", decoder))
    }
    own = {name: getattr(transformer, name) for name in ("d_model", "nhead", "batch_first")}
    return {**dict.fromkeys(LAYER, 1), **own, **count}


SPEC = ModuleSpec(
    name="Transformer",
    path="torch.nn.Transformer",
    summary="an encoder over the source, and a decoder over the target and what the encoder found",
    symbols=(*symbols(_NAMES, "src"), *_MASKS, *_HINTS),
    arguments=ARGUMENTS,
    requirements=REQUIREMENTS,
    attributes=tuple(
        Attribute(name=name, label="attribute", value=value, why="kept as given.", source=INIT)
        for name, value in (("d_model", d_model), ("nhead", nhead), ("batch_first", batch_first))
    ),
    children=CHILDREN,
    derived=derived,
    read=read,
    measured=measured,
    parameters=tuple(map(_drawn_anew, composed(CHILDREN))),
    inputs=(
        *sequence("src", S, "one vector for each source position.", FORWARD),
        *(replace(rule, source=FORWARD) for rule in INPUTS if rule.name == "tgt"),
        *mask("src_mask", S, S, FORWARD),
        *(replace(rule, source=FORWARD) for rule in INPUTS if rule.name.endswith("t_mask")),
        *(replace(rule, source=FORWARD) for rule in INPUTS if rule.name == "memory_mask"),
        *padding("src_key_padding_mask", S, FORWARD),
        *(replace(rule, source=FORWARD) for rule in INPUTS if "padding" in rule.name),
        flag(
            "src_is_causal",
            None,
            "a hint that `src_mask` is the causal mask; with None torch looks whether it is.",
            FORWARD,
            since="2.1",
        ),
        flag(
            "tgt_is_causal",
            None,
            "a hint that `tgt_mask` is the causal mask; with None torch looks whether it is.",
            FORWARD,
            since="2.1",
        ),
        flag(
            "memory_is_causal",
            False,
            "a hint that `memory_mask` is the causal mask; torch never looks.",
            FORWARD,
            since="2.1",
        ),
    ),
    outputs=result(T, "the target's shape, whatever the source's length.", FORWARD),
    doubts=DOUBTS,
    call_requirements=tuple(_call_requirements()),
    cases=Cases(
        sizes={
            "N": 3,
            "nhead": 4,
            "head_dim": 5,
            "d_model": nhead * head_dim,
            "S": 7,
            "T": 6,
            "dim_feedforward": 11,
            "num_encoder_layers": 1,
            "num_decoder_layers": 2,
        },
        axes=(
            *LAYER_AXES,
            *CALL_AXES,
            mask_axis("src_mask", 2, 3),
            padding_axis("src_key_padding_mask"),
            *AXES,
            hint_axis("src_is_causal"),
            hint_axis("tgt_is_causal"),
            Axis.flag("memory_is_causal", "call", plain=False),
        ),
        consistent=Not(Or(BROKEN, BROKEN_IN_ENCODER, BROKEN_IN_DECODER)),
        strength=2,
        # Each goes to one attention of a layer; the layers' own cases cross what one layer gets.
        apart=tuple(
            (f"{name}_mask", f"{name}_key_padding_mask", f"{name}_is_causal")
            for name in ("src", "tgt", "memory")
        ),
    ),
)
