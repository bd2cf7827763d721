"""Whether mhadoc and torch say the same of a call; needs no pytest."""

from __future__ import annotations

import torch

import mhadoc
from mhadoc.answers.call.asked import asked
from mhadoc.answers.call.predict import outputs
from tests.answers.call.draws import Drawn

__all__ = ["REFUSED", "alike", "verdicts"]

REFUSED = (AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError)
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


def verdicts(call: Drawn) -> tuple[Verdict, Verdict]:
    """Return what a call comes to, and what the answer is."""
    with torch.set_grad_enabled(call.grad):
        return observed(call), predicted(call)


def alike(call: Drawn, found: Verdict, stated: Verdict) -> bool:
    """Tell whether the answer is right."""
    if first(call).numel():
        return stated == found
    return (stated is None) == (found is None)  # fused kernels hand back what is empty as it came
