"""The two ways in which the CPU computes it: step by step, and in one fused kernel."""

from typing import Any

from sympy import And, Basic, Eq, Mod, Not, Or

from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    E,
    Ev,
    H,
    Hq,
    Hv,
    aligned,
    dropout_p,
    enable_gqa,
    is_causal,
    leading,
    mask_flat,
    mask_three,
    masked,
)
from mhadoc.language import Requirement
from mhadoc.language.releases import newer

_SOURCE = "torch: _fused_sdp_choice_cpp"


#: Query, key and value of three axes get a fourth in front.
THREE = And(newer("2.14"), Eq(leading + enable_gqa, 1))


def _condition(id: str, holds: Basic, demand: str, hint: str, **dates: Any) -> Requirement:
    until = dates.get("until")
    holds = holds if until is None else Or(newer(until), holds)
    return Requirement(f"kernel.{id}", demand, "", "", hint, holds=holds, source=_SOURCE, **dates)


#: What has to hold on the CPU for the fused kernel to be called.
FAST_PATH = (
    _condition(
        "four_axes",
        Or(Eq(leading + enable_gqa, 2), THREE),
        "query, key and value have three axes or four",
        "bring them to (N, heads, length, features)",
        before={"2.14": {"demand": "query, key and value have four axes"}},
    ),
    _condition(
        "aligned",
        aligned,
        "nothing in front is left to broadcasting, except that `enable_gqa` shares heads",
        "expand key and value to the query's axes",
    ),
    _condition(
        "heads",
        Or(Not(enable_gqa), And(Eq(H, Hv), Eq(Mod(Hq, H), 0))),
        "key and value have as many heads as each other, which divide the query's",
        "repeat the heads of one of them",
    ),
    _condition(
        "widths",
        Eq(Ev, E),
        "the value has as many features as query and key",
        "pad the value, or the query and the key",
    ),
    _condition(
        "mask",
        Or(Not(mask_three), THREE),
        "beside four axes an `attn_mask` has two or four",
        "pass attn_mask[None]",
    ),
    _condition(
        "no_mask",
        Not(masked),
        "there is no `attn_mask`",
        "leave the mask out, or take torch 2.3",
        until="2.3",
    ),
    _condition(
        "own_heads",
        Not(enable_gqa),
        "no heads are shared",
        "repeat the heads of key and value, or take torch 2.9",
        until="2.9",
    ),
    _condition(
        "no_dropout",
        Eq(dropout_p, 0),
        "`dropout_p` is 0",
        "pass dropout_p=0.0 when not training",
    ),
)

#: The fused kernel is called in a case exactly when this holds; torch 2.1 brought it.
fused = And(newer("2.1"), *(condition.holds for condition in FAST_PATH))

#: With enable_gqa the heads can be shared out.
EVEN = Or(Not(enable_gqa), And(Eq(Mod(Hq, H), 0), Eq(Mod(Hq, Hv), 0)))
#: The mask is asked for two axes while torch chooses a kernel, and has fewer.
FLAT = And(
    mask_flat,
    Not(THREE),
    Not(And(is_causal, newer("2.14"))),
    *(c.holds for c in FAST_PATH if c.id != "kernel.widths"),
)
#: Two masks come together where only one is taken.
BOTH = And(is_causal, masked, Or(newer("2.14"), Not(fused)))
#: The call is one that torch accepts.
LEGAL = And(EVEN, Not(FLAT), Not(BOTH))
