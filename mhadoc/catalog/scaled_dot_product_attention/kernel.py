"""The two ways in which the CPU computes it: step by step, and in one fused kernel."""

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

_SOURCE = "torch: _fused_sdp_choice_cpp"


def _condition(id: str, holds: Basic, demand: str, hint: str) -> Requirement:
    return Requirement(f"kernel.{id}", demand, "", "", hint, holds=holds, source=_SOURCE)


#: What has to hold on the CPU for the fused kernel to be called.
FAST_PATH = (
    _condition(
        "four_axes",
        Eq(leading + enable_gqa, 2),
        "query, key and value have four axes",
        "bring them to (N, heads, length, features)",
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
        Not(mask_three),
        "an `attn_mask` has two axes or four",
        "pass attn_mask[None]",
    ),
    _condition(
        "no_dropout",
        Eq(dropout_p, 0),
        "`dropout_p` is 0",
        "pass dropout_p=0.0 when not training",
    ),
)

#: The fused kernel is called in a case exactly when this holds.
fused = And(*(condition.holds for condition in FAST_PATH))

#: With enable_gqa the heads can be shared out.
EVEN = Or(Not(enable_gqa), And(Eq(Mod(Hq, H), 0), Eq(Mod(Hq, Hv), 0)))
#: The mask is asked for two axes while torch chooses a kernel, and has fewer.
FLAT = And(mask_flat, *(c.holds for c in FAST_PATH if c.id != "kernel.widths"))
#: Two masks come together where only one is taken.
BOTH = And(is_causal, masked, Not(fused))
#: The call is one that torch accepts.
LEGAL = And(EVEN, Not(FLAT), Not(BOTH))
