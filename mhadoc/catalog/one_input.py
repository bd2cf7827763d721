"""What modules of one input have in common: what is read off a call, and what is demanded first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import And, Basic, Eq, Not, Or, Symbol

from mhadoc.language import Call, Facts, Measured, Requirement
from mhadoc.language.autocast import common
from mhadoc.language.measures import dtype_of, kind_of
from mhadoc.language.rules import Computes

__all__ = [
    "GIVEN",
    "UNKNOWN",
    "described_in",
    "kept_in",
    "leading_axes",
    "on_device",
    "parameters_of",
    "tensor",
    "weights_common",
    "weights_device",
    "weights_dtype",
]

GIVEN = Measured("input")

#: How many features there are is not known: of some nested tensors.
UNKNOWN = And(GIVEN.nested, Eq(GIVEN.features, -1))

weights_dtype, weights_device, weights_common = (
    Symbol(name, integer=True) for name in ("weights_dtype", "weights_device", "weights_common")
)


def leading_axes(facts: Facts, last: int) -> dict[str, Any]:
    """Return the sizes of the axes in front of the last ones: N, L, and others before them."""
    front = facts.shape[: max(facts.rank - last, 0)]
    batch, length = (*front[-2:], 0, 0)[:2]
    return {"N": batch, "L": length, "before": front[:-2]}


def parameters_of(call: Call) -> dict[str, Any]:
    """Return the dtype and the device of a module's weight; where it has none, the input's."""
    weight = getattr(call.module, "weight", None)
    return described_in(call) if weight is None else kept_in(weight)


def described_in(call: Call) -> dict[str, Any]:
    """Return the dtype and the device of parameters that are only described.

    They are those of the first input, unless the constructor was given a dtype.
    """
    facts, told = next(iter(call.facts.values())), call.values.get("dtype")
    dtype = facts.dtype if call.module is not None or told is None else dtype_of(told)
    return _kept(dtype, facts.device)


def kept_in(weight: Any) -> dict[str, Any]:
    """Return the dtype and the device of a parameter, and the dtype where it meets an input."""
    return _kept(kind_of(weight.dtype).name, weight.device.type)


def _kept(dtype: str, device: str) -> dict[str, Any]:
    met = common(dtype, device)
    return {"weights_dtype": dtype, "weights_device": device, "weights_common": met}


def tensor(
    function: str, source: str, computes: Mapping[str, Computes] | None = None
) -> Requirement:
    """Return the demand that the input is a tensor, of which torch's function of a name tells."""
    return Requirement(
        "input.tensor",
        "the input is a tensor",
        "TypeError",
        f"{function}(): argument 'input' (position 1) must be Tensor, not {{type_input}}",
        "pass a tensor",
        about=("input",),
        breaks=lambda seen: {"input": None},
        fits=GIVEN.tensor,
        expected="must be a tensor",
        observed="is of type {input.type}",
        computes=computes or {},
        source=source,
    )


def on_device(when: Basic, source: str) -> Requirement:
    """Return the demand, in some cases, that the input is where the parameters are."""
    return Requirement(
        "input.device",
        "the input is on the device of the parameters",
        "RuntimeError",
        "Tensor on device {module.weight.device} is not on the expected device {input.device}!",
        "move one of the two: input.to(module.weight.device), or module.to(...)",
        about=("input",),
        breaks=lambda seen: {"input": seen.inputs["input"].to("meta")},
        when=when,
        fits=Or(Not(GIVEN.tensor), Eq(GIVEN.device, weights_device)),
        expected="must be on the device of the parameters: {weights_device}",
        observed="is on {input.device}",
        source=source,
        since="2.1",
    )
