"""Symbols and cases of multi_head_attention_forward: the module's, and what it alone takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import And, Eq, Implies, Not
from sympy import Symbol as Real

from mhadoc.catalog.multihead_attention.grid import CASES as MODULE
from mhadoc.catalog.multihead_attention.paths import LOST
from mhadoc.catalog.multihead_attention.symbols import SYMBOLS as OF_MODULE
from mhadoc.catalog.multihead_attention.symbols import (
    E,
    L,
    S,
    attn_mask_rank,
    kdim,
    padding_mask,
    tensors,
    vdim,
)
from mhadoc.language import Axis, Call, Cases, Choice, Symbol

_MEANT = {
    "bias": "whether there is an `in_proj_bias`",
    "add_bias_kv": "whether there are `bias_k` and `bias_v`",
    "add_zero_attn": "the argument `add_zero_attn`",
    "dropout": "whether `dropout_p` is above zero",
    "training": "the argument `training`",
}
_ASKED = {
    "bias": ("in_proj_bias is not None", "in_proj_bias is None"),
    "add_bias_kv": ("bias_k is not None", "bias_k is None"),
    "dropout": ("dropout_p > 0", "dropout_p == 0"),
    "training": (),
}
_OWN = (
    Symbol("use_separate_proj_weight", "the argument `use_separate_proj_weight`", "flag"),
    Symbol(
        "static",
        "whether there are `static_k` and `static_v`",
        "flag",
        python=("static_k is not None", "static_k is None"),
    ),
    Symbol("T", "key positions before the extra ones: those of `static_k`, otherwise `S`"),
    Symbol("dropout_p", "the argument `dropout_p`"),
    Symbol("out_features", "features of the output: the rows of `out_proj_weight`"),
    Symbol(
        "out_bias",
        "whether there is an `out_proj_bias`",
        "flag",
        python=("out_proj_bias is not None", "out_proj_bias is None"),
    ),
)

#: The module's symbols, each with what it means to the function; it knows no batch_first.
SYMBOLS = (
    *(
        Symbol(s.name, _MEANT.get(s.name, s.meaning), s.kind, s.least, _ASKED.get(s.name, s.python))
        for s in OF_MODULE
        if s.name != "batch_first"
    ),
    *_OWN,
)
separate, static, T = (symbol.expr for symbol in _OWN[:3])
out_features, out_bias = (symbol.expr for symbol in _OWN[4:])
dropout_p = Real("dropout_p", real=True)

_AXES = {axis.name: axis for axis in MODULE.axes}


def _features(name: str) -> Axis:
    """Return the widths of key or value: as wide as the query, or of a width of its own."""
    same, other = (choice for choice in _AXES[name].choices if choice.label != "None")
    return Axis(name, "call", (same, other))


def _flag(name: str) -> Axis:
    return Axis.flag(name, "call", plain=_AXES[name].choices[0].label == "True")


_LONGER, _OTHER = 17, 19

CASES = Cases(
    sizes={**MODULE.sizes, "T": _LONGER, "out_features": _OTHER},
    axes=(
        Axis(
            "bias",
            "call",
            (
                Choice("both", {"bias": 1, "out_bias": 1}),
                Choice("none", {"bias": 0, "out_bias": 0}),
                Choice("in_proj_bias", {"bias": 1, "out_bias": 0}),
                Choice("out_proj_bias", {"bias": 0, "out_bias": 1}),
            ),
        ),
        _flag("add_bias_kv"),
        _flag("add_zero_attn"),
        _features("kdim"),
        _features("vdim"),
        Axis.flag("use_separate_proj_weight", "call", plain=False),
        Axis(
            "static",
            "call",
            (
                Choice("None", {"static": 0, "T": S}),
                Choice("as long", {"static": 1, "T": S}),
                Choice("longer", {"static": 1, "T": T}),
            ),
        ),
        Axis(
            "dropout_p",
            "call",
            (
                # The output gets a width of its own on the side: it goes with nothing else.
                Choice("0", {"dropout": 0, "dropout_p": 0.0, "out_features": E}),
                Choice("p", {"dropout": 1, "dropout_p": 0.25, "out_features": out_features}),
            ),
        ),
        *(axis for axis in MODULE.axes if axis.part == "call"),
    ),
    consistent=And(
        Implies(tensors <= 2, Eq(kdim, vdim)),
        Implies(Eq(tensors, 1), And(Eq(kdim, E), Eq(vdim, E), Eq(L, S))),
        Implies(Not(separate), And(Eq(kdim, E), Eq(vdim, E))),
        Not(LOST),
        Implies(And(static, Not(Eq(T, S))), And(Eq(attn_mask_rank, 0), Not(padding_mask))),
    ),
    strength=2,
)


def shaped(values: Mapping[str, Any], shapes: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """Return what the shapes of a call tell besides sizes."""
    given = {name for name, shape in shapes.items() if shape is not None}
    return {
        "head_dim": values["embed_dim"] // (values["num_heads"] or 1),
        "static": int("static_k" in given),
        "T": values["T"] if "static_k" in given else values["S"],
        "add_bias_kv": int("bias_k" in given),
        "bias": int("in_proj_bias" in given),
        "out_bias": int("out_proj_bias" in given),
        "padding_mask": int("key_padding_mask" in given),
        "dropout": int((values.get("dropout_p") or 0) > 0),
    }
