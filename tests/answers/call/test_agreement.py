"""Tens of thousands of calls that are drawn: mhadoc and torch say the same of every one."""

from __future__ import annotations

import pytest
import torch

import mhadoc
from mhadoc.answers.call.asked import asked
from mhadoc.answers.call.predict import outputs
from tests.answers.call.draws import Drawn, drawn

REFUSED = (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError)
COUNTS = {
    "MultiheadAttention": 12000,
    "TransformerEncoderLayer": 4500,
    "TransformerDecoderLayer": 3500,
    "TransformerEncoder": 3000,
    "TransformerDecoder": 2000,
    "Transformer": 2000,
    "Linear": 2000,
    "LayerNorm": 2000,
    "Dropout": 2000,
}
#: How much of the calls torch takes, at least and at most.
SHARES = {"Dropout": (0.2, 0.95), "Transformer": (0.15, 0.8)}
Verdict = dict[str, tuple[int, ...] | None] | None


def predicted(call: Drawn) -> Verdict:
    """Return the shapes that rules give the outputs; None where a problem is an error."""
    if any(p.severity == "error" for p in mhadoc.diagnose(call.module, **call.inputs)):
        return None
    spec, measured = asked(call.module, **call.inputs)
    return outputs(spec, spec.symbols_of(measured))


def first(call: Drawn) -> torch.Tensor:
    """Return the first input, or an empty one where it is no tensor."""
    found = next(iter(call.inputs.values()))
    return found if isinstance(found, torch.Tensor) else torch.empty(0)


def observed(call: Drawn) -> Verdict:
    """Return the shapes of what the real call returns; None where it raises."""
    try:
        returned = call.module(**call.inputs)
    except REFUSED:
        return None
    names = dict.fromkeys(rule.name for rule in mhadoc.spec(call.module).outputs)
    elements = returned if isinstance(returned, tuple) else (returned,)
    return {n: t if t is None else tuple(t.shape) for n, t in zip(names, elements, strict=True)}


def test_there_are_enough() -> None:
    assert sum(COUNTS.values()) >= 20000


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COUNTS)
def test_agrees_with_torch(name: str) -> None:
    legal = 0
    for call in drawn(name, COUNTS[name], 7):
        with torch.set_grad_enabled(call.grad):
            found = observed(call)
            stated = predicted(call)
        assert (stated is None) == (found is None), (call.module, call.inputs)
        if first(call).numel():  # the fused kernels hand back what is empty as it came
            assert stated == found, (call.module, call.inputs)
        legal += found is not None
    least, most = SHARES.get(name, (0.2, 0.8))
    assert least < legal / COUNTS[name] < most
