"""Specs with few cases, and the slow way through all of them, which a sweep has to agree with."""

from __future__ import annotations

from dataclasses import replace

import mhadoc
from mhadoc.language import Claim, ModuleSpec
from mhadoc.proof.look import look_at_call, tried
from mhadoc.proof.memory import of_every_call
from mhadoc.proof.observe import Bench
from mhadoc.proof.tally import Tally

WHOLE = mhadoc.spec("MultiheadAttention")


def narrowed(*claims: Claim, **labels: tuple[str, ...]) -> ModuleSpec:
    """Return the spec of MultiheadAttention with fewer choices on the axes named.

    Claims, where some are given, take the place of its own.
    """
    axes = tuple(
        replace(axis, choices=tuple(axis.choices[axis.index(label)] for label in labels[axis.name]))
        if axis.name in labels
        else axis
        for axis in WHOLE.cases.axes
    )
    return replace(WHOLE, cases=replace(WHOLE.cases, axes=axes), claims=claims or WHOLE.claims)


FEW: dict[str, tuple[str, ...]] = {
    "bias": ("True",),
    "add_zero_attn": ("False",),
    "kdim": ("None", "other"),
    "vdim": ("None",),
    "rank": ("3-D",),
    "attn_mask": ("None", "2-D bool"),
    "key_padding_mask": ("None", "float"),
    "identity": ("all distinct", "q is k is v"),
}

#: 3,072 cases on 16 constructors, and the claim that speaks of the numbers of each.
NARROW = narrowed(WHOLE.claim("mha.scale"), **FEW)

#: 9,216 cases on 288 constructors.
WIDE = narrowed(
    rank=("3-D",),
    attn_mask=("None", "2-D bool"),
    key_padding_mask=("None",),
    grad=("False",),
    identity=("all distinct",),
)

#: 256 cases on 2 constructors.
TINIER = {
    **FEW,
    "batch_first": ("True",),
    "add_bias_kv": ("False",),
    "kdim": ("None",),
    "average_attn_weights": ("True",),
}
TINY = narrowed(**TINIER)

ABOUT_MODULES = {
    WHOLE.address(rule) for rule in (*WHOLE.arguments, *WHOLE.parameters, *WHOLE.attributes)
} | {"MultiheadAttention.state_dict"}


def one_by_one(bench: Bench) -> Tally:
    """Look at each case by itself, with a module, inputs and checks of its own."""
    tally, claims = Tally(), of_every_call(bench.spec.claims)
    for case in bench.spec.cases:
        seen = bench.observe(case)
        look_at_call(seen, tally)
        for claim in claims:
            if claim.applies(seen.values):
                tally.note(claim.id, case, tried(claim.check, seen))
    return tally


def assert_agree(swept: Tally, alone: Tally) -> None:
    """Compare two tallies in what they say of calls; what is said of modules is left out."""
    assert {name: swept.held[name] for name in alone.held} == dict(alone.held)
    cases = {name: case for name, (case, _) in swept.refuted.items() if name not in ABOUT_MODULES}
    assert cases == {name: case for name, (case, _) in alone.refuted.items()}
    assert swept.held.keys() - alone.held.keys() <= ABOUT_MODULES
