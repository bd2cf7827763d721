"""What forward demands of its flags and of dropout, and what torch raises otherwise."""

from __future__ import annotations

import copy
from typing import Any

from sympy import And, Basic, Not, Or, Symbol

from mhadoc.catalog.multihead_attention.mistakes.broken import UNHINTED
from mhadoc.catalog.multihead_attention.mistakes.given import (
    attn_mask,
    dropout_number,
    dropout_rate,
    key_padding_mask,
)
from mhadoc.catalog.multihead_attention.paths import KERNEL_OF_FUNCTION, fast, slow, taken
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    bias,
    need_weights,
    padding_mask,
    training,
)
from mhadoc.language import Requirement, Seen

_SDPA = "scaled_dot_product_attention"


def _flag(name: str, function: str, position: int, when: Basic, asked: Basic) -> Requirement:
    return Requirement(
        f"{name}.bool",
        f"`{name}` is a bool",
        "TypeError",
        f"{function}(): argument '{name}' (position {position}) must be bool, not {{type_{name}}}",
        f"pass {name}=True or {name}=False, not a number",
        about=(name,),
        breaks=lambda seen: {name: int(seen.inputs[name])},
        when=when,
        fits=Or(Not(asked), Symbol(f"{name}.bool")),
        expected="must be a bool",
        observed=f"is {{type_{name}}}",
        source=f"torch: {function}",
    )


def _truth(name: str, when: Basic, asked: Basic, since: str | None = None) -> Requirement:
    return Requirement(
        f"{name}.truth",
        f"`{name}` counts as true or as false, outside the fast path",
        "RuntimeError",
        "Boolean value of Tensor with more than one value is ambiguous",
        f"pass {name}=True or {name}=False, by name: a mask is key_padding_mask= or attn_mask=",
        about=(name,),
        breaks=lambda seen: {name: seen.inputs["query"].new_zeros(2) > 0},
        when=when,
        fits=Or(Not(asked), Symbol(f"{name}.truth")),
        expected="must be True or False",
        observed=f"is of type {{type_{name}}}, which counts as neither",
        source=ATTEND,
        since=since,
    )


_OFF = And(Not(fast), UNHINTED)
TRUTH_OF_HINT = (_truth("is_causal", _OFF, slow, since="2.0"),)
TRUTH_OF_WEIGHTS = (_truth("need_weights", _OFF, slow),)
TRUTH_OF_AVERAGE = (
    _truth("average_attn_weights", And(_OFF, need_weights), And(slow, need_weights)),
)

#: Once the fused kernel was called without a bias as well, and refused None.
BIAS = (
    Requirement(
        "bias.fast",
        "the module has a bias, on the fast path",
        "TypeError",
        "_native_multi_head_attention(): argument 'qkv_bias' (position 7) must be Tensor, "
        "not NoneType",
        "call with gradients enabled, or build with bias=True",
        about=("bias",),
        breaks=lambda seen: {"module": seen.built(bias=False)},
        when=fast,
        fits=Or(
            bias, Not(taken), *(And(m.given, Not(m.tensor)) for m in (attn_mask, key_padding_mask))
        ),
        expected="must be True, on the fast path",
        observed="is False",
        source="torch: _native_multi_head_attention",
        until="2.1",
    ),
)

FAST = (
    _flag("need_weights", "_native_multi_head_attention", 11, fast, taken),
    _flag("average_attn_weights", "_native_multi_head_attention", 12, fast, taken),
)


def _dropping(seen: Seen, dropout: object) -> Any:
    module = copy.copy(seen.module)
    module.dropout = dropout
    return module


def _dropout(
    id: str,
    demand: str,
    error: str,
    wrong: object,
    when: Basic,
    holds: Basic,
    before: str = "",
    since: str | None = None,
) -> Requirement:
    kind, _, message = error.partition(": ")
    was = dict(zip(("error", "message"), before.split(": ", 1), strict=True)) if before else {}
    return Requirement(
        f"dropout.{id}",
        demand,
        kind,
        message,
        "build with a dropout from 0.0 to 1.0: it is looked at first in training",
        about=("dropout",),
        breaks=lambda seen: {"module": _dropping(seen, wrong)},
        when=And(training, UNHINTED, when),
        fits=Or(Not(And(training, slow, when)), holds),
        expected="must be a number from 0 to 1, in training",
        observed="is {dropout!r}",
        computes={"kind": lambda shown: type(shown["module"].dropout).__name__},
        source=ATTEND,
        before={"2.0": was} if was else {},
        since=since,
    )


_RANGE = "dropout probability has to be between 0 and 1, but got {module.dropout}"
_TOO_LARGE = f"ValueError: {_RANGE}"
_NO_NUMBER = "TypeError: '>' not supported between instances of '{kind}' and 'float'"

DROPOUT = (
    _dropout(
        "number",
        "`dropout` is a number, in training",
        _NO_NUMBER,
        None,
        need_weights,
        dropout_number,
    ),
    _dropout(
        "range",
        "`dropout` is at most 1, in training",
        _TOO_LARGE,
        1.5,
        need_weights,
        dropout_rate <= 1,
    ),
)

DROPOUT_TYPE = (
    _dropout(
        "number_without_weights",
        "`dropout` is a number, in training with `need_weights=False`",
        f"TypeError: {_SDPA}(): argument 'dropout_p' (position 5) must be float, not {{kind}}",
        None,
        Not(need_weights),
        dropout_number,
        before=_NO_NUMBER,
    ),
)

DROPOUT_WITHOUT_WEIGHTS = (
    _dropout(
        "range_without_weights",
        "`dropout` is at most 1, in training with `need_weights=False`",
        f"RuntimeError: {_RANGE}",
        1.5,
        Not(need_weights),
        dropout_rate <= 1,
        before=_TOO_LARGE,
    ),
    _dropout(
        "negative_without_weights",
        "`dropout` is at least 0, in training with `need_weights=False`",
        f"RuntimeError: {_SDPA}_flash_attention: Currently do not support dropout > 0",
        -0.5,
        And(Not(need_weights), KERNEL_OF_FUNCTION),
        dropout_rate >= 0,
        since="2.1",
    ),
)

HINT = (
    _flag(
        "is_causal",
        _SDPA,
        6,
        And(Not(need_weights), Not(padding_mask), Not(fast), UNHINTED),
        And(Not(need_weights), Not(key_padding_mask.given), slow, Symbol("is_causal.truth")),
    ),
)
