"""What multi_head_attention_forward refuses, beside what it refuses to the module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sympy import And, Basic, Eq, Not, Or, true

from mhadoc.catalog.breaking import longer
from mhadoc.catalog.multi_head_attention_forward.grid import dropout_p, separate, static
from mhadoc.catalog.multihead_attention.paths import CALL_REQUIREMENTS, KERNEL_OF_FUNCTION, hinted
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    D,
    E,
    H,
    N,
    add_bias_kv,
    attn_mask_rank,
    batched,
    need_weights,
    training,
)
from mhadoc.language import Requirement, Seen
from mhadoc.language.rules import Before

_HINT = Requirement(
    "is_causal.needs_mask",
    "`is_causal=True` needs an `attn_mask`",
    CALL_REQUIREMENTS[0].error,
    CALL_REQUIREMENTS[0].message,
    CALL_REQUIREMENTS[0].hint,
    holds=Not(hinted),
    about=("is_causal",),
    source=ATTEND,
)
_BOTH = And(static, add_bias_kv)
_STATIC = Requirement(
    "static_k.no_bias",
    "`static_k` and `static_v` do not go together with `bias_k` and `bias_v`",
    "AssertionError",
    "bias cannot be added to static key.",
    "append the learned key and value to static_k and static_v by hand, one to each head",
    holds=Not(_BOTH),
    when=Not(hinted),
    about=("static_k", "bias_k"),
    source=ATTEND,
)


def _mistake(
    id: str,
    demand: str,
    message: str,
    hint: str,
    breaks: Callable[[Seen], Mapping[str, Any]],
    when: Basic = True,
    error: str = "AssertionError",
    fits: Basic = true,
    **computes: Any,
) -> Requirement:
    return Requirement(
        id,
        demand,
        error,
        message,
        hint,
        about=(id.partition(".")[0],),
        breaks=breaks,
        when=And(Not(hinted), Not(_BOTH), when),
        fits=fits,
        computes=computes,
        source=ATTEND,
    )


def _missing(name: str, flag: bool) -> Requirement:
    return _mistake(
        f"{name}.given",
        f"`{name}` is given, with `use_separate_proj_weight={flag}`",
        f"use_separate_proj_weight is {flag} but {name} is None",
        f"pass {name}, or use_separate_proj_weight={not flag}",
        lambda seen: {name: None},
        separate if flag else Not(separate),
    )


def _shape(role: str, columns: str) -> Requirement:
    name = f"{role[0]}_proj_weight"
    return _mistake(
        f"{name}.shape",
        f"`{name}` has `embed_dim` rows and a column for each feature of the {role}",
        f"expecting {role} weights shape of ({{embed_dim}}, {{{columns}}}), but got "
        f"torch.Size([{{rows}}, {{{columns}}}])",
        "pass the weight as nn.Linear stores it: rows are what comes out",
        lambda seen: {name: longer(seen.inputs[name], 0)},
        separate,
        rows=E + 1,
    )


def _half(given: str, other: str) -> Requirement:
    demand = _mistake(
        f"{other}.pair",
        f"`{other}` is given where `{given}` is",
        f"{given} is set but {other} is None",
        f"pass both, or neither, of {given} and {other}",
        lambda seen: {other: None},
        add_bias_kv,
    )
    return replace(demand, before={"2.11": {"message": ""}})


def _static_axis(name: str, axis: int, told: Basic, words: str) -> Requirement:
    return _mistake(
        f"{name}.{words}",
        f"`{name}` has {'N * num_heads' if axis == 0 else 'head_dim'} on axis {axis}",
        f"expecting {name}.size({axis}) of {{told}}, but got {{found}}",
        f"give {name} the shape (N * num_heads, length, embed_dim / num_heads)",
        lambda seen: {name: longer(seen.inputs[name], axis)},
        static,
        told=told,
        found=told + 1,
    )


def _dropout(
    id: str,
    demand: str,
    error: str,
    wrong: float,
    when: Basic,
    fits: Basic,
    before: Before | None = None,
    since: str | None = None,
) -> Requirement:
    kind, _, message = error.partition(": ")
    mistake = _mistake(
        f"dropout_p.{id}",
        demand,
        message,
        "pass a probability from 0.0 to 1.0, and training=False where nothing is to be dropped",
        lambda seen: {"dropout_p": wrong},
        And(training, when),
        error=kind,
        fits=Or(Not(And(training, when)), fits),
    )
    return replace(mistake, before=before or {}, since=since)


_RANGE = "dropout probability has to be between 0 and 1, but got {dropout_p}"
_FUSED = "scaled_dot_product_attention_flash_attention: Currently do not support dropout > 0"

_DROPOUT = (
    _dropout(
        "range",
        "`dropout_p` is at most 1, in training",
        f"ValueError: {_RANGE}",
        1.5,
        need_weights,
        dropout_p <= 1,
    ),
    _dropout(
        "range_without_weights",
        "`dropout_p` is at most 1, in training with `need_weights=False`",
        f"RuntimeError: {_RANGE}",
        1.5,
        Not(need_weights),
        dropout_p <= 1,
        before={"2.0": {"error": "ValueError"}},
    ),
    _dropout(
        "negative_without_weights",
        "`dropout_p` is at least 0, in training with `need_weights=False`",
        f"RuntimeError: {_FUSED}",
        -0.5,
        And(Not(need_weights), KERNEL_OF_FUNCTION),
        dropout_p >= 0,
        since="2.1",
    ),
)

MISTAKES = (
    _HINT,
    _mistake(
        "embed_dim_to_check.width",
        "the query has `embed_dim_to_check` features",
        "was expecting embedding dimension of {more}, but got {embed_dim}",
        "pass query.shape[-1]",
        lambda seen: {"embed_dim_to_check": seen.values["embed_dim"] + 1},
        more=E + 1,
    ),
    _mistake(
        "num_heads.divides",
        "`num_heads` divides the width of the query",
        "embed_dim {embed_dim} not divisible by num_heads {other}",
        "choose a divisor of query.shape[-1]",
        lambda seen: {"num_heads": seen.values["embed_dim"] - 1},
        Not(And(Eq(attn_mask_rank, 3), Not(batched))),
        fits=And(H > 0, Eq(D * H, E)),
        other=E - 1,
    ),
    _missing("in_proj_weight", False),
    *(_missing(f"{name}_proj_weight", True) for name in "qkv"),
    *(_shape(*role) for role in (("query", "embed_dim"), ("key", "kdim"), ("value", "vdim"))),
    _STATIC,
    _half("bias_k", "bias_v"),
    _half("bias_v", "bias_k"),
    *(
        _static_axis(name, axis, told, words)
        for name in ("static_k", "static_v")
        for axis, told, words in (
            (0, H * (1 + batched * (N - 1)), "heads"),
            (2, D, "features"),
        )
    ),
    *_DROPOUT,
)
