"""The call of multi_head_attention_forward, composed from the module's rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import And, Basic, Not, false

from mhadoc.catalog.multi_head_attention_forward.grid import (
    T,
    dropout_p,
    out_bias,
    out_features,
    separate,
    static,
)
from mhadoc.catalog.multihead_attention.call import INPUTS as FORWARDS
from mhadoc.catalog.multihead_attention.call import OUTPUTS as RETURNED
from mhadoc.catalog.multihead_attention.parameters import PARAMETERS
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    D,
    E,
    H,
    N,
    S,
    add_bias_kv,
    batch_first,
    batched,
    bias,
    is_causal,
    kdim,
    need_weights,
    padding_mask,
    vdim,
)
from mhadoc.language import Input, Output, Shape

_STORED = {rule.name: rule for rule in PARAMETERS}
_WHEN = {
    "in_proj_weight": Not(separate),
    "in_proj_bias": bias,
    "bias_k": add_bias_kv,
    "bias_v": add_bias_kv,
    "out_proj.bias": out_bias,
    **dict.fromkeys(("q_proj_weight", "k_proj_weight", "v_proj_weight"), separate),
}


#: The mask is not looked at, and scaled_dot_product_attention makes its own.
DISCARDS = And(is_causal, Not(padding_mask), Not(need_weights))


def _forwards(*names: str) -> tuple[Input, ...]:
    """Return rules of the module's forward as they are without batch_first."""
    return tuple(
        replace(
            rule,
            when=_here(rule.when),
            unmeasured=DISCARDS if rule.label in ("matrix", "per_head") else false,
            source=ATTEND,
        )
        for rule in FORWARDS
        if rule.name in names and rule.label != "batch_first"
    )


def _sources(name: str) -> Iterator[Input]:
    """Iterate over the rules of key or value: as wide as the query where one weight serves all."""
    for rule in _forwards(name):
        shape = Shape(*(axis.subs({kdim: E, vdim: E}) for axis in rule.shape or ()))
        packed = And(rule.when, Not(separate))
        yield replace(rule, label=f"{rule.label}_packed", shape=shape, when=packed)
        yield replace(rule, when=And(rule.when, separate))


def _here(condition: Basic) -> Basic:
    return condition.subs(batch_first, False)


def _stored(name: str, *, required: bool) -> Input:
    """Return a parameter of the module as an input; None stands in its place where it is absent."""
    rule = _STORED[name]
    shape = rule.shape
    if name.startswith("out") and shape is not None:
        shape = Shape(out_features, *shape.axes[1:])
    return Input(
        name=name.replace(".", "_"),
        shape=shape,
        when=_WHEN.get(name, rule.when),
        type="Tensor",
        required=required,
        nullable=name in _WHEN,
        broadcasts=name in ("bias_k", "bias_v", "out_proj.bias"),
        why=rule.why,
        source=ATTEND,
    )


def _number(name: str, value: Basic, kind: str, why: str) -> Input:
    return Input(name=name, value=value, type=kind, required=True, why=why, source=ATTEND)


def _flag(name: str, default: bool | None, why: str) -> Input:
    required = default is None
    return Input(name=name, type="bool", default=default, required=required, why=why, source=ATTEND)


def _static(name: str, of: str) -> tuple[Input, ...]:
    """Return the two rules of keys or values that are projected already."""
    why = f"takes the place of the projected {of}, head by head; the {of} is still projected."
    return tuple(
        Input(
            name=name,
            label=label,
            shape=Shape(count, T, D),
            when=And(static, when),
            type="Tensor",
            why=why,
            source=ATTEND,
        )
        for label, count, when in (
            ("batched", N * H, batched),
            ("unbatched", H, Not(batched)),
        )
    )


INPUTS = (
    *_forwards("query"),
    *_sources("key"),
    *_sources("value"),
    _number("embed_dim_to_check", E, "int", "compared with the width of the query."),
    _number("num_heads", H, "int", "divides the width of the query."),
    *(_stored(name, required=True) for name in ("in_proj_weight", "in_proj_bias")),
    *(_stored(name, required=True) for name in ("bias_k", "bias_v")),
    _flag("add_zero_attn", None, "appends a key and a value of zeros after all others."),
    _number("dropout_p", dropout_p, "float", "the probability of dropping a weight in training."),
    *(_stored(name, required=True) for name in ("out_proj.weight", "out_proj.bias")),
    _flag("training", True, "whether `dropout_p` counts; the function knows no module to ask."),
    *_forwards("key_padding_mask", "need_weights", "attn_mask"),
    _flag("use_separate_proj_weight", False, "takes three weights instead of `in_proj_weight`."),
    *(_stored(f"{name}_proj_weight", required=False) for name in "qkv"),
    *_static("static_k", "key"),
    *_static("static_v", "value"),
    *_forwards("average_attn_weights", "is_causal"),
)


def _output(rule: Output) -> Output:
    shape = rule.shape
    if shape is not None:
        other = {S: T} if rule.position == 1 else {E: out_features}
        shape = Shape(*(axis.subs(other) for axis in shape))
    return replace(rule, shape=shape, when=_here(rule.when), source=ATTEND)


OUTPUTS = tuple(_output(rule) for rule in RETURNED if rule.label != "batch_first")
