"""The Transformer family: what is predicted is what torch builds, or what torch refuses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc.catalog.multihead_attention.claims.compare import raised
from mhadoc.language import Bound

LAYERS = ("TransformerEncoderLayer", "TransformerDecoderLayer")
ACTIVATIONS = ("relu", "gelu", torch.tanh, nn.PReLU(3), nn.Identity(), None)


def real(cls: str, *args: Any, **arguments: Any) -> dict[str, tuple[int, ...]]:
    """The keys and shapes of the real module, in its order."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = getattr(nn, cls)(*args, **arguments)
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def built(value: Any) -> Any:
    """The real module in the place of each described one."""
    if not isinstance(value, Bound):
        return value
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        defaults = {argument.name: argument.default for argument in value.spec.arguments}
        given = {n: built(v) for n, v in value.arguments.items() if v is not defaults[n]}
        return getattr(nn, value.spec.name)(**given)


@st.composite
def layer_arguments(draw: Any) -> dict[str, Any]:
    """Legal arguments of a layer, each given or left out."""
    heads = draw(st.integers(1, 6))
    optional = {
        "dim_feedforward": st.integers(0, 40),
        "dropout": st.sampled_from((0, 0.0, 0.3, 1, True)),
        "activation": st.sampled_from(ACTIVATIONS),
        "layer_norm_eps": st.sampled_from((1e-5, 0.1)),
        "batch_first": st.booleans(),
        "norm_first": st.booleans(),
        "bias": st.booleans(),
    }
    return {
        "d_model": heads * draw(st.integers(1, 9)),
        "nhead": heads,
        **draw(st.fixed_dictionaries({}, optional=optional)),
    }


@st.composite
def norms(draw: Any) -> Any:
    """What may stand at the end of a stack."""
    shape = draw(st.sampled_from((4, (3, 5), [2])))
    norm = mhadoc.spec("LayerNorm").bound(shape, bias=draw(st.booleans()))
    return draw(st.sampled_from((None, norm, nn.LayerNorm(7), nn.Identity())))


def same_entries(predicted: Mapping[str, Any], observed: Mapping[str, Any]) -> None:
    """Same keys in the same order, with the same shapes."""
    assert list(predicted.items()) == list(observed.items())


@pytest.mark.parametrize("name", LAYERS)
@given(arguments=layer_arguments())
def test_a_layer(name: str, arguments: dict[str, Any]) -> None:
    same_entries(mhadoc.predict(name, **arguments), real(name, **arguments))


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=30)
@given(arguments=layer_arguments(), count=st.integers(-1, 12), norm=norms())
def test_a_stack(name: str, arguments: dict[str, Any], count: int, norm: Any) -> None:
    stack = name.removesuffix("Layer")
    described = mhadoc.spec(name).bound(**arguments)
    layer = built(described)
    expected = real(stack, layer, count, built(norm))
    same_entries(mhadoc.predict(stack, described, count, norm), expected)
    same_entries(mhadoc.predict(stack, layer, count, norm), expected)


@settings(max_examples=60)
@given(arguments=layer_arguments(), encoder=st.integers(-1, 3), decoder=st.integers(-1, 11))
def test_the_whole(arguments: dict[str, Any], encoder: int, decoder: int) -> None:
    arguments |= {"num_encoder_layers": encoder, "num_decoder_layers": decoder}
    same_entries(mhadoc.predict("Transformer", **arguments), real("Transformer", **arguments))


def test_the_default() -> None:
    same_entries(mhadoc.predict("Transformer"), real("Transformer"))
    assert len(mhadoc.predict("Transformer")) == 184


@settings(max_examples=30)
@given(inner=layer_arguments(), outer=layer_arguments(), count=st.integers(0, 3))
@pytest.mark.parametrize("place", ["encoder", "decoder"])
def test_a_custom_part(place: str, inner: Any, outer: Any, count: int) -> None:
    layer = mhadoc.spec(f"Transformer{place.title()}Layer").bound(**inner)
    described = mhadoc.spec(f"Transformer{place.title()}").bound(layer, count)
    outer |= {"num_encoder_layers": 2, "num_decoder_layers": 1}
    expected = real("Transformer", **outer, **{f"custom_{place}": built(described)})
    for custom in (described, built(described)):
        predicted = mhadoc.predict("Transformer", **outer, **{f"custom_{place}": custom})
        same_entries(predicted, expected)


@given(
    sizes=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    bias=st.sampled_from((True, False, 0, 1, None)),
)
def test_linear(sizes: tuple[int, int], bias: object) -> None:
    same_entries(mhadoc.predict("Linear", *sizes, bias=bias), real("Linear", *sizes, bias=bias))


@given(
    shape=st.one_of(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=4)),
    flags=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("elementwise_affine", "bias"), st.booleans())
    ),
)
def test_layer_norm(shape: Any, flags: dict[str, bool]) -> None:
    for normalized_shape in (shape, tuple(shape) if isinstance(shape, list) else shape):
        predicted = mhadoc.predict("LayerNorm", normalized_shape, **flags)
        same_entries(predicted, real("LayerNorm", normalized_shape, **flags))


def test_dropout_has_none() -> None:
    assert mhadoc.predict("Dropout") == {}


def wrong_calls() -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls that torch refuses, one by one and several at once."""
    layer = {"d_model": 10, "nhead": 2, "dim_feedforward": 7}
    values: dict[str, tuple[Any, ...]] = {
        "d_model": (0, -3, 10.0, "10", None, 9),
        "nhead": (0, 3, "2", None),
        "dim_feedforward": (-1, 3.0, "x", None, True),
        "dropout": (-0.5, 2, "x", None),
        "activation": ("tanh", ""),
        "bias": (torch.zeros(2),),
        "device": (3.0,),
        "dtype": ("float32", int),
    }
    for name in (*LAYERS, "Transformer"):
        for argument, wrong in values.items():
            for value in wrong:
                yield name, {**layer, argument: value}
        yield name, {**layer, "dropout": 2, "activation": "tanh"}
        yield name, {**layer, "dropout": 2, "dim_feedforward": -1}
        yield name, {**layer, "nhead": 3, "dim_feedforward": "x", "dtype": int}
        yield name, {**layer, "bias": torch.zeros(2), "dim_feedforward": -1}
    for argument in ("num_encoder_layers", "num_decoder_layers"):
        for value in (2.0, "2", None):
            yield "Transformer", {**layer, "num_encoder_layers": 1, argument: value}
    yield "Linear", {"in_features": -1, "out_features": -2}
    yield "Linear", {"in_features": 2.0, "out_features": -2}
    yield "Linear", {"in_features": 2, "out_features": True}
    yield "LayerNorm", {"normalized_shape": (2, -3, -4)}
    yield "LayerNorm", {"normalized_shape": True}
    yield "LayerNorm", {"normalized_shape": "ab"}
    yield "LayerNorm", {"normalized_shape": None}
    yield "Dropout", {"p": 1j}
    yield "Dropout", {"p": -0.1}


@pytest.mark.parametrize(("name", "arguments"), list(wrong_calls()))
def test_a_refusal(name: str, arguments: dict[str, Any]) -> None:
    observed = raised(getattr(nn, name), **arguments)
    with pytest.raises(mhadoc.RuleError, match="torch raises") as refused:
        mhadoc.predict(name, **arguments)
    assert refused.value.torch_error == observed.partition("\nException raised")[0]


@pytest.mark.parametrize("layer", [3, "TransformerEncoderLayer", nn.Linear])
def test_a_layer_that_is_none(layer: object) -> None:
    with pytest.raises(TypeError, match="is not a Module subclass") as observed:
        nn.TransformerEncoder(layer, 2)  # type: ignore[arg-type]  # the point
    with pytest.raises(mhadoc.RuleError, match="must be a module") as refused:
        mhadoc.predict("TransformerEncoder", layer, 2)
    if not isinstance(layer, type):
        assert refused.value.torch_error == f"TypeError: {observed.value}"


def test_both_parts_custom() -> None:
    """The other arguments are not looked at then."""
    layer = mhadoc.spec("TransformerDecoderLayer").bound(6, 3)
    custom = mhadoc.spec("TransformerDecoder").bound(layer, 1)
    predicted = mhadoc.predict(
        "Transformer", 7, 8, custom_encoder=nn.Identity(), custom_decoder=custom
    )
    assert next(iter(predicted)) == "decoder.layers.0.self_attn.in_proj_weight"


def test_a_described_module_reads_as_its_call() -> None:
    layer = mhadoc.spec("TransformerEncoderLayer").bound(512, nhead=8, bias=False)
    assert repr(layer) == "TransformerEncoderLayer(d_model=512, nhead=8, bias=False)"


def test_a_shape_that_is_an_argument_can_be_read_back() -> None:
    weight = mhadoc.spec("LayerNorm").rule("weight")
    assert weight.shape is not None
    assert weight.shape.text() == "(*normalized_shape,)"
    assert weight.shape.match((3, 5)).sizes == {"normalized_shape": (3, 5)}
    sequence = mhadoc.spec("LayerNorm").rule("output.sequence").shape
    assert sequence is not None
    assert sequence.match((2, 3, 5)).sizes == {"N": 2, "L": 3, "normalized_shape": (5,)}
    assert "got 1 axes" in sequence.match((2,)).problem


@pytest.mark.parametrize("name", ["TransformerDecoder", "Transformer"])
def test_no_statement_names_axes_that_are_apart(name: str) -> None:
    spec = mhadoc.spec(name)
    axes = {axis.name: axis.symbols for axis in spec.cases.axes}
    groups = [frozenset().union(*(axes[a] for a in group)) for group in spec.cases.apart]
    demands = [demand.holds for demand in spec.call_requirements]
    # What runs at all depends on which of torch's checks comes first.
    kept = (sympy.Or(demand.holds, ~demand.when) for demand in spec.call_requirements)
    runs = {part for condition in kept for part in sympy.And.make_args(condition)}
    stated = [claim.when for claim in spec.claims] + [rule.when for rule in spec.rules]
    stated += [rule.floating for rule in spec.inputs]
    for condition in (*demands, *stated):
        for part in {*sympy.And.make_args(condition)} - runs:
            named = {symbol.name for symbol in part.free_symbols}
            assert sum(bool(named & group) for group in groups) < 2, part
