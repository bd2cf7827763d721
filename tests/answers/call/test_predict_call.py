"""predict_call: the same verdict, shapes and Nones as torch, and errors word for word."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mhadoc

BUILT = {"embed_dim": 512, "num_heads": 8, "batch_first": True}
QUERY, KEY = (2, 3, 512), (2, 5, 512)
REFUSED = (AssertionError, IndexError, RuntimeError, TypeError, ValueError)
SIZES = st.integers(1, 4)


@st.composite
def built(draw: Any) -> dict[str, Any]:
    heads = draw(st.integers(1, 3))
    width = heads * draw(st.integers(1, 3))
    features = st.sampled_from([None, width, width + 1])
    flags = {name: draw(st.booleans()) for name in ("bias", "add_bias_kv", "add_zero_attn")}
    return {
        "embed_dim": width,
        "num_heads": heads,
        "kdim": draw(features),
        "vdim": draw(features),
        "batch_first": draw(st.booleans()),
        **flags,
    }


def legal(draw: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Draw inputs that torch accepts, written by hand and not by the rules."""
    n, length, source = draw(SIZES), draw(SIZES), draw(SIZES)
    width, heads = arguments["embed_dim"], arguments["num_heads"]
    batched = draw(st.booleans())

    def sequence(positions: int, features: int | None) -> tuple[int, ...]:
        size = width if features is None else features
        if not batched:
            return (positions, size)
        return (n, positions, size) if arguments["batch_first"] else (positions, n, size)

    masks = [None, (length, source), (n * heads if batched else heads, length, source)]
    padding = (n, source) if batched else (source,)
    return {
        "query": sequence(length, None),
        "key": sequence(source, arguments["kdim"]),
        "value": sequence(source, arguments["vdim"]),
        "attn_mask": draw(st.sampled_from(masks)),
        "key_padding_mask": draw(st.sampled_from([None, padding])),
    }


def mistaken(draw: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Draw one change to one input; not every change makes a call illegal."""
    name = draw(st.sampled_from([name for name, shape in inputs.items() if shape]))
    shape = list(inputs[name])
    place = draw(st.integers(0, len(shape) - 1))
    change = draw(st.sampled_from(["size", "drop", "insert", "swap", "one"]))
    if change == "size":
        shape[place] += draw(st.integers(1, 3))
    elif change == "drop":
        del shape[place]
    elif change == "insert":
        shape.insert(place, draw(SIZES))
    elif change == "swap":
        shape[0], shape[-1] = shape[-1], shape[0]
    else:
        shape[place] = 1
    return {**inputs, name: tuple(shape)}


@st.composite
def calls(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    arguments = draw(built())
    inputs = legal(draw, arguments)
    for _ in range(draw(st.integers(0, 2))):
        inputs = mistaken(draw, inputs)
    for name in ("need_weights", "average_attn_weights", "is_causal"):
        inputs[name] = draw(st.booleans())
    return arguments, inputs


def observed(arguments: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any] | None:
    """Return what torch's own call returns, as shapes; None where it raises."""
    module = torch.nn.MultiheadAttention(**arguments, device="meta")
    masks = ("attn_mask", "key_padding_mask")
    tensors = {
        name: torch.empty(v, device="meta", dtype=torch.bool if name in masks else None)
        if isinstance(v, tuple)
        else v
        for name, v in inputs.items()
    }
    try:
        returned = module(**tensors)
    except REFUSED:
        return None
    names = ("attn_output", "attn_output_weights")
    return {n: t if t is None else tuple(t.shape) for n, t in zip(names, returned, strict=True)}


@settings(max_examples=800, deadline=None, derandomize=True, database=None)
@given(calls())
def test_agrees_with_torch(call: tuple[dict[str, Any], dict[str, Any]]) -> None:
    arguments, inputs = call
    try:
        predicted = mhadoc.predict_call("MultiheadAttention", arguments, **inputs)
    except mhadoc.RuleError:
        predicted = None
    assert predicted == observed(arguments, inputs)


def test_unbatched_and_none() -> None:
    predicted = mhadoc.predict_call("MultiheadAttention", BUILT, (3, 512), (5, 512), (5, 512))
    assert predicted == {"attn_output": (3, 512), "attn_output_weights": (3, 5)}


def test_tensors_and_modules_are_taken() -> None:
    query = torch.empty(2, 3, 512)
    hidden = torch.zeros(2, 3, dtype=torch.bool)
    predicted = mhadoc.predict_call(torch.nn.MultiheadAttention, BUILT, query, query, query, hidden)
    assert predicted["attn_output_weights"] == (2, 3, 3)


MESSAGES = [
    (
        {"key": (2, 5, 300)},
        "MultiheadAttention.key.features_apart: key must have kdim = embed_dim = 512 features, "
        "but got key=(2, 5, 300).\n  way out: build with kdim=300 and vdim=512, or project key "
        "and value",
    ),
    (
        {"key": (5, 512)},
        "MultiheadAttention.key.rank: key must have as many axes as the query, which has 3, "
        "but got key=(5, 512).\n  way out: give the key the batch axis of the query, or take "
        "both away",
    ),
    (
        {"value": None},
        "MultiheadAttention.value.tensor: value must be a tensor, but got value=None.\n"
        "  way out: pass a tensor as the value",
    ),
    (
        {"value": 5},
        "MultiheadAttention.value.tensor: value must be a tensor, but got value=5.\n"
        "  way out: pass a tensor as the value",
    ),
    (
        {"attn_mask": (15, 3, 5)},
        "MultiheadAttention.attn_mask.shape_per_head: attn_mask must have shape "
        "(N*num_heads, L, S) = (16, 3, 5), but got attn_mask=(15, 3, 5).\n"
        "  way out: pass mask.repeat_interleave(num_heads, 0) for one mask a batch element",
    ),
    (
        {"attn_mask": (3,)},
        "MultiheadAttention.attn_mask.rank: attn_mask must have two axes or three, "
        "but got attn_mask=(3,).\n  way out: pass a mask of shape (L, S) or (N * num_heads, L, S); "
        "what has one entry for each key is a key_padding_mask",
    ),
    (
        {"key_padding_mask": torch.zeros(2, 5, dtype=torch.int64)},
        "MultiheadAttention.key_padding_mask.dtype: key_padding_mask must be one of bools or "
        "floats, but got key_padding_mask=(2, 5).\n"
        "  way out: pass key_padding_mask.bool(), True meaning hidden",
    ),
    (
        {"is_causal": True},
        "MultiheadAttention.is_causal.needs_mask: is_causal must come with an attn_mask, outside "
        "the fast path, but got is_causal=True.\n  way out: pass "
        "attn_mask=nn.Transformer.generate_square_subsequent_mask(L) as well",
    ),
    (
        {"mask": (3, 5)},
        "MultiheadAttention.forward.known_names: there is no input 'mask', but got mask=(3, 5).\n"
        "  way out: the flag is need_weights, and the masks are attn_mask and key_padding_mask",
    ),
]


@pytest.mark.parametrize(("change", "text"), MESSAGES)
def test_messages_word_for_word(change: dict[str, Any], text: str) -> None:
    inputs = {"query": QUERY, "key": KEY, "value": KEY, **change}
    with pytest.raises(mhadoc.RuleError) as raised:
        mhadoc.predict_call("MultiheadAttention", BUILT, **inputs)
    assert str(raised.value) == text


USAGE = [
    ((), {}, "inputs: query and key and value must be given"),
    ((QUERY,), {}, "key.given: key and value must be given"),
    ((QUERY, KEY), {}, "value.given: value must be given"),
    ((QUERY,), {"value": KEY, "need_weights": True}, "key.given: key must be given"),
    ((QUERY, KEY, KEY), {"key": KEY}, "inputs: key is given twice"),
    ((QUERY, KEY, KEY, *[None] * 6), {}, "inputs: too many positional inputs"),
]


@pytest.mark.parametrize(("inputs", "named", "problem"), USAGE)
def test_wrong_use(inputs: Any, named: Any, problem: str) -> None:
    with pytest.raises(mhadoc.RuleError, match=rf"^MultiheadAttention\.{problem}, but got"):
        mhadoc.predict_call("MultiheadAttention", BUILT, *inputs, **named)


def test_a_mask_that_torch_discards_may_have_any_sizes() -> None:
    flags = {"is_causal": True, "need_weights": False, "attn_mask": (9, 9)}
    assert mhadoc.predict_call("MultiheadAttention", BUILT, QUERY, KEY, KEY, **flags)
    with pytest.raises(mhadoc.RuleError, match=r"must have shape \(L, S\) = \(3, 5\)"):
        mhadoc.predict_call("MultiheadAttention", BUILT, QUERY, KEY, KEY, attn_mask=(9, 9))


MODULES: dict[str, str] = {
    "TransformerEncoderLayer": "src src_mask src_key_padding_mask is_causal",
    "TransformerDecoderLayer": "tgt memory tgt_mask memory_mask tgt_key_padding_mask "
    "memory_key_padding_mask tgt_is_causal memory_is_causal",
    "TransformerEncoder": "src mask src_key_padding_mask is_causal",
    "TransformerDecoder": "tgt memory tgt_mask memory_mask tgt_key_padding_mask "
    "memory_key_padding_mask tgt_is_causal memory_is_causal",
    "Transformer": "src tgt src_mask tgt_mask memory_mask src_key_padding_mask "
    "tgt_key_padding_mask memory_key_padding_mask src_is_causal tgt_is_causal memory_is_causal",
}


def arguments_for(name: str, layer: dict[str, Any]) -> dict[str, Any]:
    if name == "Transformer":
        return {**layer, "num_encoder_layers": 1, "num_decoder_layers": 2}
    if name.endswith("Layer"):
        return layer
    inner = getattr(torch.nn, f"{name}Layer")(**layer)
    return {f"{name.removeprefix('Transformer').lower()}_layer": inner, "num_layers": 2}


@st.composite
def module_calls(draw: Any, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a call of a Transformer class, written by hand, with or without a mistake."""
    heads = draw(st.integers(1, 3))
    width = heads * draw(st.integers(1, 3))
    flags = {flag: draw(st.booleans()) for flag in ("batch_first", "norm_first")}
    n, batched = draw(SIZES), draw(st.booleans())
    lengths = {"src": draw(SIZES), "tgt": draw(SIZES)}
    lengths["memory"] = lengths["src"]
    inputs: dict[str, Any] = {}
    for input_name in MODULES[name].split():
        role = "src" if input_name in ("mask", "is_causal") else input_name.partition("_")[0]
        length, rows = lengths[role], lengths["tgt" if role == "memory" else role]
        head = n * heads if batched else heads
        batch_first = (n, length, width) if flags["batch_first"] else (length, n, width)
        options: list[Any] = [batch_first if batched else (length, width)]
        if input_name.endswith("padding_mask"):
            options = [None, (n, length) if batched else (length,)]
        elif input_name.endswith("mask"):
            options = [None, (rows, length), (head, rows, length)]
        elif input_name.endswith("is_causal"):
            options = [False, True]
        inputs[input_name] = draw(st.sampled_from(options))
    shapes = {key: value for key, value in inputs.items() if not isinstance(value, bool)}
    inputs |= mistaken(draw, shapes) if draw(st.booleans()) else {}
    layer = {"d_model": width, "nhead": heads, "dim_feedforward": 5, **flags}
    return arguments_for(name, layer), inputs


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_transformers_agree_with_torch(name: str, data: st.DataObject) -> None:
    arguments, inputs = data.draw(module_calls(name))
    module = getattr(torch.nn, name)(**arguments)
    tensors = {
        key: torch.zeros(v, dtype=torch.bool if key.endswith("mask") else None)
        if isinstance(v, tuple)
        else v
        for key, v in inputs.items()
    }
    try:
        returned: Any = {"output": tuple(module(**tensors).shape)}
    except REFUSED:
        returned = None
    try:
        predicted: Any = mhadoc.predict_call(name, arguments, **inputs)
    except mhadoc.RuleError:
        predicted = None
    assert predicted == returned


def test_layers_of_ones_own_have_no_known_shapes() -> None:
    built = {"encoder_layer": torch.nn.Linear(4, 4), "num_layers": 2}
    with pytest.raises(mhadoc.RuleError) as raised:
        mhadoc.predict_call("TransformerEncoder", built, (2, 3, 4))
    assert str(raised.value) == (
        "TransformerEncoder.encoder_layer: encoder_layer must be an nn.TransformerEncoderLayer for "
        "the shapes to be known, but got encoder_layer='Linear'.\n"
        "  way out: build it with device='meta', and call it with tensors there"
    )


ALL = (QUERY, KEY, KEY, None, True, None, True, False)  # in the order of forward


@pytest.mark.parametrize("positional", [1, 3, 4, 7, 8])
def test_any_of_the_inputs_may_come_by_position(positional: int) -> None:
    names = list(mhadoc.spec("MultiheadAttention").defaults)
    named = dict(zip(names[positional:], ALL[positional:], strict=True))
    called = mhadoc.predict_call("MultiheadAttention", BUILT, *ALL[:positional], **named)
    assert called == {"attn_output": (2, 3, 512), "attn_output_weights": (2, 3, 5)}
