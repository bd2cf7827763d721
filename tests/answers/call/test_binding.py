"""Inputs that cannot be bound to forward's arguments: the first that is wrong is told."""

from __future__ import annotations

from typing import Any

import pytest

import mhadoc
from mhadoc.answers.call.binding import bound

MHA = mhadoc.spec("MultiheadAttention")
OLD = mhadoc.spec("Transformer", torch_version="1.13")
X, Y = (2, 3, 5), (7, 11)


@pytest.mark.parametrize(
    ("inputs", "named", "changed"),
    [
        ((X, X, X), {}, {}),
        ((X, X), {"value": Y}, {"value": Y}),
        ((X, X, X, Y, False), {}, {"key_padding_mask": Y, "need_weights": False}),
        (
            (),
            {"value": X, "key": X, "query": Y, "is_causal": True},
            {"query": Y, "is_causal": True},
        ),
        ((X,) * 8, {}, dict.fromkeys((*MHA.defaults,)[3:], X)),
    ],
)
def test_what_is_left_out_has_its_default(inputs: Any, named: Any, changed: Any) -> None:
    given = dict.fromkeys(("query", "key", "value"), X)
    assert bound(MHA, inputs, named) == {**MHA.defaults, **given, **changed}
    assert list(bound(MHA, inputs, named)) == list(MHA.defaults)


INPUTS = "the inputs are " + ", ".join(MHA.defaults)


@pytest.mark.parametrize(
    ("inputs", "named", "rule", "expected", "values"),
    [
        ((X,) * 9, {}, "inputs", "too many positional inputs", {"count": 9}),
        ((X,) * 9, {"query": Y}, "inputs", "too many positional inputs", {"count": 9}),
        ((X, X, X), {"value": Y, "query": X}, "inputs", "value is given twice", {"value": Y}),
        ((X,), {"query": Y, "mask": X}, "inputs", "query is given twice", {"query": Y}),
        (
            (X, X, X),
            {"mask": Y, "padding": X},
            "forward.known_names",
            "there is no input 'mask'",
            {"mask": Y},
        ),
        ((X,), {"mask": Y}, "forward.known_names", "there is no input 'mask'", {"mask": Y}),
        ((), {}, "inputs", "query and key and value must be given", {}),
        ((X,), {"value": Y}, "key.given", "key must be given", {"query": X, "value": Y}),
        ((X, X), {}, "value.given", "value must be given", {"query": X, "key": X}),
    ],
)
def test_the_first_mistake_is_told(
    inputs: Any, named: Any, rule: str, expected: str, values: Any
) -> None:
    with pytest.raises(mhadoc.RuleError, match=expected) as raised:
        bound(MHA, inputs, named)
    told = raised.value
    stated = {demand.id: demand.hint for demand in MHA.call_requirements}
    assert (told.rule, told.values) == (f"MultiheadAttention.{rule}", values)
    assert (told.expected, told.hint) == (expected, stated.get(rule, INPUTS))


@pytest.mark.parametrize(
    ("inputs", "named", "name", "value", "since"),
    [
        ((X,) * 9, {}, "src_is_causal", X, "2.1"),
        ((X,) * 8 + (Y, X), {}, "src_is_causal", Y, "2.1"),
        ((X, X), {"tgt_is_causal": True}, "tgt_is_causal", True, "2.1"),
        ((X, X), {"tgt_is_causal": Y, "mask": X}, "tgt_is_causal", Y, "2.1"),
    ],
)
def test_an_input_that_came_later_is_named_with_its_release(
    inputs: Any, named: Any, name: str, value: Any, since: str
) -> None:
    message = f"{name} came with torch {since}, and torch 1.13 lacks it"
    with pytest.raises(mhadoc.RuleError, match=message) as raised:
        bound(OLD, inputs, named)
    told = raised.value
    assert (told.rule, told.values) == ("Transformer.forward.known_names", {name: value})
    assert told.hint == f"leave {name} out, or use torch {since} or newer"
