"""What the Transformer classes share: their symbols, their arguments, and the modules inside.

Letters are those of torch's page on Transformer: S source length, T target length, N batch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, Integer, Tuple, false, true
from sympy import Symbol as SympySymbol

from mhadoc.catalog.dropout import SPEC as DROPOUT
from mhadoc.catalog.factory import device_and_dtype
from mhadoc.catalog.layer_norm import SPEC as LAYER_NORM
from mhadoc.catalog.linear import SPEC as LINEAR
from mhadoc.catalog.multihead_attention import SPEC as MULTIHEAD_ATTENTION
from mhadoc.catalog.multihead_attention.symbols import CANONICAL, MERGE
from mhadoc.catalog.multihead_attention.symbols import FORWARD as ATTENTION_FORWARD
from mhadoc.catalog.surroundings import GRAD, TRAINING, held
from mhadoc.language import (
    ANYTHING,
    COUNT,
    INTEGER,
    NUMBER,
    ORDERED,
    TRUTH,
    Accepts,
    Argument,
    Child,
    Named,
    Requirement,
    Symbol,
)

SOURCE = "torch/nn/modules/transformer.py"

#: Constructor arguments that complete a call in which one of them is wrong.
GOOD = {"d_model": 10, "nhead": 2}

_SIZES = {
    "d_model": "features of every vector that goes in or comes out",
    "nhead": "heads of each attention",
    "dim_feedforward": "features between the two linear maps of the feed-forward part",
    "num_layers": "how many layers there are",
    "num_encoder_layers": "how many encoder layers there are",
    "num_decoder_layers": "how many decoder layers there are",
    "head_dim": "features of one head, `d_model / nhead`",
    "S": "source length: the number of positions that the encoder sees",
    "T": "target length: the number of positions that the decoder sees",
    "N": "batch size",
    "i": "the number of one layer, from 0",
}
_FLAGS = {
    "bias": "the constructor's `bias`",
    "batch_first": "the constructor's `batch_first`",
    "norm_first": "the constructor's `norm_first`",
    "dropout": "whether the constructor's `dropout` is above zero",
    "norm": "whether a final `norm` is given",
    "batched": "whether the input has three axes, not two",
}
_POSITIVE = ("d_model", "nhead")

SYMBOLS = {
    **{name: Symbol(name, text, least=int(name in _POSITIVE)) for name, text in _SIZES.items()},
    "activation_relu_or_gelu": Symbol(
        "activation_relu_or_gelu", "1 where the activation is ReLU, 2 where it is GELU, 0 otherwise"
    ),
    **{name: Symbol(name, text, "flag") for name, text in _FLAGS.items()},
    "training": TRAINING,
    "grad": GRAD,
}

d_model, nhead, dim_feedforward, num_layers, num_encoder_layers, num_decoder_layers, head_dim = (
    SYMBOLS[name].expr for name in list(_SIZES)[:7]
)
S, T, N, i, activation_relu_or_gelu, bias, batch_first, norm_first, dropout, norm = (
    SYMBOLS[name].expr for name in list(SYMBOLS)[7:17]
)
batched, training, grad = (SYMBOLS[name].expr for name in list(SYMBOLS)[17:])


def symbols(names: Iterable[str], first: str) -> tuple[Symbol, ...]:
    """Return the symbols of a class whose forward takes the input ``first`` first."""
    asked = replace(SYMBOLS["batched"], python=(f"{first}.ndim == 3", f"{first}.ndim == 2"))
    return tuple(asked if name == "batched" else SYMBOLS[name] for name in names)


#: What every layer is built from, and what a stack of layers takes over from its layer.
LAYER = {
    "d_model": d_model,
    "nhead": nhead,
    "dim_feedforward": dim_feedforward,
    "dropout": dropout,
    "activation_relu_or_gelu": activation_relu_or_gelu,
    "batch_first": batch_first,
    "norm_first": norm_first,
    "bias": bias,
    "activation": SympySymbol("activation"),
}


# Arguments


def _is_activation(value: object) -> bool:
    return not isinstance(value, str) or value in ("relu", "gelu")


ACTIVATION = Accepts("activation", Named, _is_activation)


_CODES = {
    ("torch.nn.functional", "relu"): 1,
    ("torch.nn.modules.activation", "ReLU"): 1,
    ("torch._C._nn", "gelu"): 2,
    ("torch.nn.modules.activation", "GELU"): 2,
}


def derived(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the symbol that the activation decides: 1 for ReLU, 2 for GELU, 0 otherwise."""
    value = values["activation"]
    if isinstance(value, (str, Named)):
        return {"activation_relu_or_gelu": 2 if value == "gelu" else 1}
    homes = ((getattr(it, "__module__", ""), getattr(it, "__name__", "")) for it in _kinds(value))
    return {"activation_relu_or_gelu": next((_CODES[h] for h in homes if h in _CODES), 0)}


def _kinds(value: object) -> tuple[object, ...]:
    return (value, *type(value).__mro__)


def read(layer: Any) -> dict[str, Any]:
    """Return the symbols of a layer that is built."""
    attention, first, dropout = held(layer, "self_attn", "linear1", "dropout")
    activation = layer.activation
    return {
        "d_model": attention.embed_dim,
        "nhead": attention.num_heads,
        "dim_feedforward": first.out_features,
        "dropout": dropout.p,
        "activation": activation,
        "batch_first": attention.batch_first,
        "norm_first": layer.norm_first,
        "bias": next(held(first, "bias")) is not None,
        **derived({"activation": activation}),
    }


def layer_arguments(source: str, *, required: bool = True) -> dict[str, Argument]:
    """Return the arguments that layers and the whole Transformer share, in the layers' order."""
    accepts = {"d_model": INTEGER, "nhead": NUMBER, "dim_feedforward": INTEGER}
    accepts |= {"dropout": ORDERED, "activation": ACTIVATION, "bias": TRUTH}
    defaults: dict[str, object] = {"d_model": 512, "nhead": 8, "dim_feedforward": 2048}
    defaults |= {"dropout": 0.1}
    defaults |= {"activation": Named("torch.nn.functional.relu"), "layer_norm_eps": 1e-5}
    defaults |= {"batch_first": False, "norm_first": False, "bias": True}
    needed = _POSITIVE if required else ()
    arguments = [
        Argument(
            name=name,
            accepts=accepts.get(name, ANYTHING),
            required=name in needed,
            default=None if name in needed else defaults[name],
            effect=_EFFECTS.get(name, "none"),
            why=_WHY[name],
            source=source,
            since="2.1" if name == "bias" else None,
        )
        for name in _WHY
    ]
    return {argument.name: argument for argument in (*arguments, *device_and_dtype(source))}


_WHY = {
    "d_model": "features of every vector that goes in or comes out.",
    "nhead": "heads of each attention; it must divide `d_model`.",
    "dim_feedforward": "features between the two linear maps of the feed-forward part; 0 is legal.",
    "dropout": "the probability of dropping, in training: attention weights, what the activation "
    "returns, and what each part adds.",
    "activation": 'what stands between the two linear maps: `"relu"`, `"gelu"` or a callable; '
    "a module is kept as a submodule.",
    "layer_norm_eps": "the `eps` of each LayerNorm; stored as it is given.",
    "batch_first": "says whether batched tensors are (N, S, E) or (S, N, E).",
    "norm_first": "whether each part normalises what goes into it, or what comes out of it.",
    "bias": "one switch for every bias: of attention, linear maps and LayerNorm.",
}
_EFFECTS = {
    "d_model": "is a size of every parameter",
    "dim_feedforward": "is a size of `linear1` and `linear2`",
    "activation": "adds the activation's own parameters where it is a module that has some",
    "bias": "adds every parameter whose name ends in `bias`",
}


def activation_demand(source: str) -> Requirement:
    """Return the demand on the name of an activation."""
    return Requirement(
        "activation.name",
        'activation must be "relu", "gelu" or no text',
        "RuntimeError",
        "activation should be relu/gelu, not {activation}",
        'pass "relu", "gelu", or the function itself',
        about=("activation",),
        accepts=ACTIVATION,
        example={"activation": "tanh"},
        source=source,
    )


def count_demand(name: str, unless: Basic, source: str) -> Requirement:
    """Return the demand on a number of layers; any int is taken, none and fewer mean no layer."""
    return Requirement(
        f"{name}.int",
        f"{name} must be an int",
        "TypeError",
        f"'{{type_{name}}}' object cannot be interpreted as an integer",
        f"pass {name} as a positive int",
        about=(name,),
        accepts=COUNT,
        unless=unless,
        source=source,
    )


# Modules inside


def attention(
    name: str,
    why: str,
    source: str,
    calls: Mapping[str, Basic],
    inputs: Mapping[str, str],
    floats: Basic | None = None,
    idle: Basic = false,
) -> Child:
    """Return an attention inside a layer: as wide as the layer, and packed."""
    sets = {"embed_dim": d_model, "num_heads": nhead, "head_dim": d_model / nhead}
    sets |= {"dropout": dropout, "bias": bias, "batch_first": batch_first}
    always = {"need_weights": Integer(0), "average_attn_weights": Integer(1)}
    calls = {**always, "batched": batched, "training": training, "grad": grad, **calls}
    return Child(
        name=name,
        why=why,
        source=source,
        spec=MULTIHEAD_ATTENTION,
        sets=sets,
        calls=calls,
        inputs=inputs,
        floats=floats,
        idle=idle,
        merely=(MERGE, CANONICAL, ATTENTION_FORWARD),
    )


def linear(name: str, features: tuple[Expr, Expr], why: str, source: str) -> Child:
    """Return a linear map inside a layer."""
    sets = {"in_features": features[0], "out_features": features[1], "bias": bias}
    return Child(name=name, why=why, source=source, spec=LINEAR, sets=sets)


def layer_norm(name: str, why: str, source: str, given: str = "", when: Basic = true) -> Child:
    """Return a LayerNorm over the features."""
    sets = {"normalized_shape": Tuple(d_model), "bias": bias}
    return Child(
        name=name, why=why, source=source, spec=LAYER_NORM, sets=sets, given=given, when=when
    )


def drop(name: str, why: str, source: str) -> Child:
    """Return a Dropout inside a layer."""
    return Child(name=name, why=why, source=source, spec=DROPOUT, sets={"p": dropout})


def activation(source: str) -> Child:
    """Return the activation, where it is a module of its own."""
    why = "the activation, where it is a module."
    return Child(name="activation", why=why, source=source, given="activation")
