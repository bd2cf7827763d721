"""scaled_dot_product_attention: predictions and numbers, against torch itself."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch.nn import functional as F

import mhadoc
from mhadoc.errors import FunctionError, RuleError

NAME = "scaled_dot_product_attention"
SPEC = mhadoc.spec(NAME)
FRONTS = ((), (2,), (2, 4), (1, 4), (2, 1), (3, 2, 4))
MASKS = ((), (5,), (1,), (3, 5), (1, 5), (3, 1), (4, 3, 5), (2, 4, 3, 5), (2, 1, 1, 5), (6, 3, 5))


def drawn(chance: random.Random) -> dict:
    """Return a random call: shapes, a mask or none, and flags."""
    pick, grouped = chance.choice, chance.random() < 0.3
    front, width, value = pick(FRONTS), pick((7, 7, 8)), pick((7, 11))
    others = front if chance.random() < 0.6 else pick(FRONTS)
    heads = (pick((6, 4)), pick((2, 3, 4))) if grouped else None
    query = (*front, *((heads[0],) if heads else ()), 3, 7)
    key = (*others, *((heads[1],) if heads else ()), 5)
    values = (*key[:-2], pick((key[-2], 3)), 5) if heads else key
    called = {"query": query, "key": (*key, width), "value": (*values, value)}
    if chance.random() < 0.5:
        called["attn_mask"] = pick((*MASKS, (*query[:-1], 5)))
    called |= {"is_causal": chance.random() < 0.3, "enable_gqa": grouped}
    return called


def came(called: dict, floating: bool) -> tuple[int, ...] | str:
    """Return the shape that torch returns, or the name of what it raises."""
    given = {n: torch.zeros(s) for n, s in called.items() if isinstance(s, tuple)}
    if "attn_mask" in given and not floating:
        given["attn_mask"] = given["attn_mask"] == 0
    flags = {name: flag for name, flag in called.items() if isinstance(flag, bool)}
    try:
        return tuple(F.scaled_dot_product_attention(**given, **flags).shape)
    except (RuntimeError, IndexError) as error:
        return type(error).__name__


def predicted(called: dict) -> tuple[int, ...] | str:
    try:
        return mhadoc.predict_call(NAME, {}, **called)["output"]
    except RuleError:
        return "refused"


def test_random_calls_come_to_what_is_predicted() -> None:
    chance, outcomes = random.Random(0), {"taken": 0, "refused": 0}
    for _ in range(3000):
        called = drawn(chance)
        expected, observed = predicted(called), came(called, chance.random() < 0.5)
        if isinstance(observed, str):
            assert expected == "refused", (called, expected, observed)
        else:
            assert expected == observed, (called, expected, observed)
        outcomes["refused" if isinstance(observed, str) else "taken"] += 1
    assert min(outcomes.values()) > 500, outcomes


def worked_out(query, key, value, mask, causal, scale):
    """Attention one query at a time, in plain loops."""
    output = torch.zeros(query.shape[0], value.shape[1], dtype=query.dtype)
    for row in range(query.shape[0]):
        scores = []
        for column in range(key.shape[0]):
            score = float((query[row] * key[column]).sum()) * scale
            seen = not causal or column <= row
            if mask is not None and mask.dtype == torch.bool:
                seen = seen and bool(mask[row, column])
            elif mask is not None:
                score += float(mask[row, column])
            scores.append(score if seen else -math.inf)
        top = max(scores)
        shares = [math.exp(s - top) if top > -math.inf else 0.0 for s in scores]
        for column, share in enumerate(shares):
            output[row] += share / (sum(shares) or 1.0) * value[column]
    return output


@pytest.mark.parametrize("width", [7, 11])
@pytest.mark.parametrize("kind", ["none", "bool", "float"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_numbers_are_those_worked_out_by_hand(width, kind, causal, scale) -> None:
    if causal and kind != "none":
        causal = False
    torch.manual_seed(0)
    query, key = torch.randn(3, 7).double(), torch.randn(5, 7).double()
    value, mask = torch.randn(5, width).double(), None
    if kind != "none":
        mask = torch.randn(3, 5).double()
        mask = mask if kind == "float" else mask > 0
        mask[1] = -math.inf if kind == "float" else False
    expected = worked_out(query, key, value, mask, causal, scale or 7**-0.5)
    for front in ((), (1, 1)):  # step by step, and in the fused kernel
        given = (tensor.expand(*front, *tensor.shape) for tensor in (query, key, value))
        found = F.scaled_dot_product_attention(*given, mask, is_causal=causal, scale=scale)
        assert torch.allclose(found.reshape(expected.shape), expected)


def test_it_holds() -> None:
    report = mhadoc.verify(NAME)
    assert report.ok, report
    assert report.claims >= 20


@pytest.mark.parametrize(
    "target",
    [NAME, f"F.{NAME}", f"torch.nn.functional.{NAME}", F.scaled_dot_product_attention, SPEC],
    ids=["name", "F", "path", "function", "spec"],
)
def test_is_found(target: object) -> None:
    assert mhadoc.spec(target) is SPEC


@pytest.mark.parametrize("ask", [mhadoc.predict, mhadoc.explain])
def test_it_has_no_parameters(ask) -> None:
    with pytest.raises(FunctionError, match="it has no parameters"):
        ask(F.scaled_dot_product_attention)


class TestRefused:
    """What predict_call says of calls that torch refuses."""

    @pytest.mark.parametrize(
        ("called", "told"),
        [
            ({"key": (2, 4, 5, 8)}, r"axis 1 is 8, but E = 7"),
            ({"key": (2, 3, 5, 7)}, r"axes of \(2, 3\) and \(2, 4\) do not broadcast"),
            ({"attn_mask": (3, 6)}, r"\(3, 6\) does not broadcast to \(3, 5\)"),
            ({"attn_mask": (5,)}, r"two axes at least, where the query has four"),
            ({"is_causal": True, "attn_mask": (3, 5), "dropout_p": 0.5}, r"without an `attn_mask`"),
            ({"enable_gqa": True, "key": (2, 3, 5, 7)}, r"the heads of key and value divide"),
            ({"needs_weights": True}, r"there is no input 'needs_weights'"),
            ({"query": (7,)}, r"query must be \(\*batch, L, E\)"),
        ],
    )
    def test_with_the_reason(self, called: dict, told: str) -> None:
        given = {"query": (2, 4, 3, 7), "key": (2, 4, 5, 7), "value": (2, 4, 5, 7), **called}
        given["value"] = (*given["key"][:-1], 7)
        with pytest.raises(RuleError, match=told):
            mhadoc.predict_call(NAME, {}, **given)
