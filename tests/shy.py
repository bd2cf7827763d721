"""A spec with demands of the call: torch.nn.Linear, which here takes no single vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import S
from torch import nn

from mhadoc.language import Block, Claim, Input, ModuleSpec, Requirement, Seen, same
from tests.toy import LINEAR, SOURCE, batched, columns


class Shy(nn.Linear):
    """Takes no single vectors, and a flag."""

    def forward(self, input, loud=False):
        if input.dim() == 1:
            raise ValueError("no single vectors")
        return super().forward(input)


def _first(seen: Seen) -> Any:
    """Compare the name of the first rows with what it has to be: only a claim knows whose."""
    return same("first", seen.spec.rule("weight").blocks[0].name)


FIRST, REST = Block("first", 0, S.Zero, S.One), Block("rest", 0, S.One, columns)
SINGLE = Requirement("single", "", "ValueError", "no single vectors", "", holds=batched)
WIDTH = Requirement(
    "width",
    "",
    "RuntimeError",
    "mat1 and mat2 shapes cannot be multiplied ({N}x4 and {in_features}x{out_features})",
    "",
    when=batched,
    breaks=lambda seen: {"input": seen.inputs["input"][..., 1:]},
)
WEIGHT = replace(LINEAR.rule("weight"), blocks=(FIRST, REST))
LOUD = Input(name="loud", type="bool", default=False, why="so", source=SOURCE)
SHY = replace(
    LINEAR,
    path=f"{__name__}.Shy",
    parameters=(WEIGHT, LINEAR.parameters[1]),
    inputs=(*LINEAR.inputs, LOUD),
    call_requirements=(SINGLE, WIDTH),
    claims=(
        replace(LINEAR.claims[0], when=batched),
        Claim("linear.first", "So.", "", _first, SOURCE, when=batched),
    ),
    cases=replace(LINEAR.cases, sizes={**LINEAR.cases.sizes, "loud": 0}),
)
PLACES = ("arguments", "attributes", "parameters", "inputs", "outputs", "claims")
DEMANDS = ("requirements", "call_requirements")


def twin(name: str, changes: dict[str, Any]) -> ModuleSpec:
    """Return the spec with one statement changed."""
    return replace(
        SHY,
        **{
            place: tuple(replace(s, **changes) if s.id == name else s for s in getattr(SHY, place))
            for place in (*PLACES, *DEMANDS)
        },
    )
