"""What modules of one input have in common: what is read off a call, and what is demanded first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Symbol

from mhadoc.language import Facts, Measured, Requirement
from mhadoc.language.autocast import common
from mhadoc.language.measures import kind_of
from mhadoc.language.rules import Computes

__all__ = [
    "GIVEN",
    "kept_in",
    "leading_axes",
    "parameters_of",
    "tensor",
    "weights_common",
    "weights_device",
    "weights_dtype",
]

GIVEN = Measured("input")
weights_dtype, weights_device, weights_common = (
    Symbol(name, integer=True) for name in ("weights_dtype", "weights_device", "weights_common")
)


def leading_axes(facts: Facts, last: int) -> dict[str, Any]:
    """Return the sizes of the axes in front of the last ones: N, L, and others before them."""
    front = facts.shape[: max(facts.rank - last, 0)]
    batch, length = (*front[-2:], 0, 0)[:2]
    return {"N": batch, "L": length, "before": front[:-2]}


def parameters_of(weight: Any, facts: Facts) -> dict[str, Any]:
    """Return the dtype and the device of a parameter; of one that is absent, the input's."""
    if weight is None:
        own = {"weights_dtype": facts.dtype, "weights_device": facts.device}
        return {**own, "weights_common": facts.common}
    return kept_in(weight)


def kept_in(weight: Any) -> dict[str, Any]:
    """Return the dtype and the device of a parameter, and the dtype where it meets an input."""
    dtype, device = kind_of(weight.dtype).name, weight.device.type
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
