"""The cases of nn.MultiheadAttention: every argument that can matter, and sizes that all differ."""

from sympy import And, Eq, Implies, Not, Symbol

from mhadoc.catalog.multihead_attention.paths import BROKEN
from mhadoc.catalog.multihead_attention.symbols import (
    D,
    E,
    H,
    L,
    S,
    kdim,
    packed,
    tensors,
    vdim,
)
from mhadoc.language import Axis, Cases, Choice


def _features(name: str, other: Symbol) -> Axis:
    return Axis(
        name,
        "constructor",
        (
            Choice("None", {name: E}, None),
            Choice("embed_dim", {name: E}),
            Choice("other", {name: other}),
        ),
    )


def _mask(label: str, rank: int, floating: int) -> Choice:
    return Choice(label, {"attn_mask_rank": rank, "attn_mask_float": floating})


def _padding(label: str, present: int, floating: int) -> Choice:
    return Choice(label, {"padding_mask": present, "padding_mask_float": floating})


CASES = Cases(
    sizes={
        "N": 3,
        "num_heads": 2,
        "head_dim": 5,
        "embed_dim": H * D,
        "L": 4,
        "S": 7,
        "kdim": 11,
        "vdim": 13,
    },
    axes=(
        Axis.flag("bias", "constructor", plain=True),
        Axis.flag("add_bias_kv", "constructor", plain=False),
        Axis.flag("add_zero_attn", "constructor", plain=False),
        _features("kdim", kdim),
        _features("vdim", vdim),
        Axis.flag("batch_first", "constructor", plain=False),
        Axis(
            "dropout",
            "constructor",
            (Choice("0", {"dropout": 0}, 0.0), Choice("p", {"dropout": 1}, 0.25)),
        ),
        Axis(
            "rank",
            "call",
            (Choice("3-D", {"batched": 1}), Choice("2-D", {"batched": 0})),
        ),
        Axis.flag("need_weights", "call", plain=True),
        Axis.flag("average_attn_weights", "call", plain=True),
        Axis(
            "attn_mask",
            "call",
            (
                _mask("None", 0, 0),
                _mask("2-D bool", 2, 0),
                _mask("2-D float", 2, 1),
                _mask("3-D bool", 3, 0),
                _mask("3-D float", 3, 1),
            ),
        ),
        Axis(
            "key_padding_mask",
            "call",
            (_padding("None", 0, 0), _padding("bool", 1, 0), _padding("float", 1, 1)),
        ),
        Axis.flag("is_causal", "call", plain=False),
        Axis.flag("training", "call", plain=True),
        Axis.flag("grad", "call", plain=True),
        Axis(
            "identity",
            "call",
            (
                Choice("all distinct", {"tensors": 3}),
                Choice("k is v", {"tensors": 2}),
                Choice("q is k is v", {"tensors": 1, "L": S}),
            ),
        ),
    ),
    consistent=And(
        Implies(tensors <= 2, Eq(kdim, vdim)),
        Implies(Eq(tensors, 1), And(packed, Eq(L, S))),
        Not(BROKEN),
    ),
)
