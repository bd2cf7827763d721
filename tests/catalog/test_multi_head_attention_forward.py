"""multi_head_attention_forward: predictions against torch itself, and changes to torch noticed."""

from __future__ import annotations

import random
import warnings

import pytest
import torch
from torch.nn import functional as F

import mhadoc
from mhadoc.errors import FunctionError, RuleError
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench

NAME = "multi_head_attention_forward"
SPEC = mhadoc.spec(NAME)


def shapes(inputs: dict) -> dict:
    return {n: tuple(v.shape) if isinstance(v, torch.Tensor) else v for n, v in inputs.items()}


def came(inputs: dict) -> dict | str:
    """Return the shapes that torch returns, or what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            output, weights = F.multi_head_attention_forward(**inputs)
        except (AssertionError, RuntimeError, ValueError) as error:
            return type(error).__name__
    shape = None if weights is None else tuple(weights.shape)
    return {"attn_output": tuple(output.shape), "attn_output_weights": shape}


def predicted(inputs: dict) -> dict | str:
    try:
        return mhadoc.predict_call(NAME, {}, **inputs)
    except RuleError:
        return "refused"


def changed(inputs: dict, chance: random.Random) -> dict:
    """Change one size of one tensor, or one number."""
    name = chance.choice([n for n, v in inputs.items() if not isinstance(v, bool | None)])
    value = inputs[name]
    if not isinstance(value, torch.Tensor):
        return {**inputs, name: value + 1}
    axis = chance.randrange(value.dim())
    return {**inputs, name: value.repeat_interleave(2, axis)}


def test_calls_come_to_what_is_predicted() -> None:
    bench, chance, taken = Bench(SPEC), random.Random(0), 0
    for _ in range(400):
        case = SPEC.cases.draw(SPEC.rules[0].when, chance, {})
        inputs = bench.inputs(SPEC.cases.values(case))
        expected, observed = predicted(inputs), came(inputs)
        assert (expected == observed) or (isinstance(observed, str) and expected == "refused")
        taken += not isinstance(observed, str)
        wrong = changed(inputs, chance)
        if isinstance(predicted(wrong), dict) and not isinstance(came(wrong), str):
            assert predicted(wrong) == came(wrong), shapes(wrong)
    assert taken > 100


def test_it_holds() -> None:
    report = mhadoc.verify(NAME)
    assert report.ok, report
    assert len(covering(SPEC)) < 300


@pytest.mark.parametrize("ask", [mhadoc.predict, mhadoc.explain])
def test_it_has_no_parameters(ask) -> None:
    with pytest.raises(FunctionError, match="it has no parameters"):
        ask(F.multi_head_attention_forward)
