"""The call of scaled_dot_product_attention: its arguments, what it returns, and the cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import And, Basic, Expr, Implies, Mod, Ne, Not, Or

from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    SOURCE,
    E,
    Ev,
    H,
    Hq,
    Hv,
    L,
    S,
    aligned,
    batch,
    dropout_p,
    enable_gqa,
    leading,
    mask_flat,
    mask_float,
    mask_full,
    mask_three,
    masked,
    scale,
    scaled,
)
from mhadoc.catalog.surroundings import asked
from mhadoc.language import Axis, Call, Cases, Choice, Input, Output, Shape, Shared

_TOGETHER = Shared(batch)
_PLAIN, _GROUPED = Not(enable_gqa), enable_gqa
_MASK = (
    "False hides a key from a query: the opposite of MultiheadAttention's masks. "
    "Floats are added to the scaled scores. Any shape that broadcasts to this one will do."
)


def _tensor(name: str, label: str, shape: Shape, when: Basic, why: str) -> Input:
    return Input(
        name=name,
        label=label,
        shape=shape,
        when=when,
        type="Tensor",
        required=True,
        why=why,
        source=SOURCE,
    )


def _source(name: str, heads: Expr, width: Expr, why: str) -> tuple[Input, ...]:
    """Return the three rules of the key or the value."""
    return (
        _tensor(name, "plain", Shape(_TOGETHER, S, width), And(_PLAIN, aligned), why),
        _tensor(name, "grouped", Shape(_TOGETHER, heads, S, width), _GROUPED, why),
        _tensor(name, "lacking", Shape(S, width), And(_PLAIN, Not(aligned)), why),
    )


_QUERY = "any number of axes in front, heads among them; it never splits heads itself."

INPUTS = (
    _tensor("query", "plain", Shape(_TOGETHER, L, E), _PLAIN, _QUERY),
    _tensor("query", "grouped", Shape(_TOGETHER, Hq, L, E), _GROUPED, _QUERY),
    *_source("key", H, E, "as many features as the query; axes in front that it lacks broadcast."),
    *_source("value", Hv, Ev, "as long as the key; its width is its own, and the output's."),
    *(
        Input(
            name="attn_mask",
            label=label,
            shape=shape,
            when=when,
            type="bool or float Tensor",
            floating=mask_float,
            broadcasts=True,
            why=_MASK,
            source=SOURCE,
        )
        for label, shape, when in (
            ("vector", Shape(S), mask_flat),
            ("matrix", Shape(L, S), And(masked, Not(mask_full), Not(mask_flat), Not(mask_three))),
            ("one", Shape(1, L, S), mask_three),
            ("full", Shape(_TOGETHER, L, S), And(mask_full, _PLAIN)),
            ("full_grouped", Shape(_TOGETHER, Hq, L, S), And(mask_full, _GROUPED)),
        )
    ),
    Input(
        name="dropout_p",
        type="float",
        default=0.0,
        value=dropout_p,
        why="the probability of dropping a weight; a function has no eval mode: it always drops.",
        source=SOURCE,
    ),
    Input(
        name="is_causal",
        type="bool",
        default=False,
        why="hides each key behind the query's own place, counted from the first key; it needs no "
        "`attn_mask`.",
        source=SOURCE,
    ),
    Input(
        name="scale",
        type="float",
        value=scale,
        when=scaled,
        why="what the scores are multiplied by; None stands for one over the square root of `E`. "
        "By name only.",
        source=SOURCE,
        since="2.1",
    ),
    Input(
        name="enable_gqa",
        type="bool",
        default=False,
        why="whether several heads of the query share one head of key and value. By name only.",
        source=SOURCE,
        since="2.5",
    ),
)

_OUTPUT = "one tensor and no weights: the query's axes, and the value's features."

OUTPUTS = (
    Output(
        name="output",
        label="plain",
        shape=Shape(_TOGETHER, L, Ev),
        when=_PLAIN,
        why=_OUTPUT,
        source=SOURCE,
    ),
    Output(
        name="output",
        label="grouped",
        shape=Shape(_TOGETHER, Hq, L, Ev),
        when=_GROUPED,
        why=_OUTPUT,
        source=SOURCE,
    ),
)


def _mask(label: str, masked: int, full: int = 0, **more: int) -> Choice:
    flags = {"mask_full": full, "mask_flat": 0, "mask_three": 0, "mask_float": 0, **more}
    return Choice(label, {"masked": masked, **flags})


def _front(label: str, *sizes: int) -> Choice:
    return Choice(label, {"batch": sizes, "leading": len(sizes)})


CASES = Cases(
    sizes={"L": 4, "S": 5, "E": 7, "Ev": 11, "Hq": 6, "H": 2, "Hv": 3},
    axes=(
        Axis(
            "front",
            "call",
            (_front("two", 3, 8), _front("one", 13), _front("none"), _front("three", 2, 3, 8)),
        ),
        Axis("width", "call", (Choice("E", {"Ev": E}), Choice("other", {"Ev": Ev}))),
        Axis(
            "attn_mask",
            "call",
            (
                _mask("None", 0),
                _mask("matrix bool", 1),
                _mask("matrix float", 1, mask_float=1),
                _mask("full bool", 1, full=1),
                _mask("full float", 1, full=1, mask_float=1),
                _mask("vector bool", 1, mask_flat=1),
                _mask("three bool", 1, mask_three=1),
            ),
        ),
        Axis.flag("is_causal", "call", plain=False),
        Axis.flag("enable_gqa", "call", plain=False),
        Axis(
            "heads",
            "call",
            (
                Choice("alike", {"H": H, "Hv": H}),
                Choice("different", {"H": H, "Hv": Hv}),
                Choice("indivisible", {"H": 5, "Hv": 5}),
            ),
        ),
        Axis.flag("aligned", "call", plain=True),
        Axis(
            "dropout_p",
            "call",
            (Choice("0", {"dropout_p": 0.0}), Choice("p", {"dropout_p": 0.25})),
        ),
        Axis(
            "scale",
            "call",
            (
                Choice("None", {"scaled": 0, "scale": 1.0}),
                Choice("number", {"scaled": 1, "scale": 0.25}),
            ),
        ),
        Axis.flag("grad", "call", plain=True),
    ),
    consistent=And(
        Implies(Not(aligned), And(_PLAIN, leading > 0)),
        Implies(mask_three, leading + enable_gqa > 0),
        Implies(Or(Ne(H, Hv), Ne(Mod(Hq, H), 0)), _GROUPED),
    ),
)

Shapes = Mapping[str, "tuple[int, ...] | None"]


def shaped(values: Mapping[str, Any], shapes: Shapes, call: Call) -> dict[str, int]:
    """Return what a call tells besides sizes; without shared heads there are none."""
    fronts = {(shapes[name] or ())[: -3 if values["enable_gqa"] else -2] for name in _SEQUENCES}
    mask = shapes["attn_mask"]
    axes = max(len(shapes[name] or ()) for name in ("query", "key"))
    return {
        **{name: values.get(name, 1) for name in ("Hq", "H", "Hv")},
        "leading": len(values["batch"]),
        "aligned": int(len(fronts) == 1),
        "masked": int(mask is not None),
        "mask_flat": int(mask is not None and len(mask) < 2),
        "mask_three": int(mask is not None and len(mask) == 3),
        "mask_float32": int(call.facts["attn_mask"].common == "float32"),
        "apart": int(_apart(call.inputs)),
        "mask_deeper": int(mask is not None and len(mask) > axes),
    }


_SEQUENCES = ("query", "key", "value")


def _apart(inputs: Mapping[str, Any]) -> bool:
    """Tell whether tensors as they are, or a switch of torch, keep a call from the fused kernel."""
    given = [inputs[name] for name in _SEQUENCES]
    if not all(hasattr(tensor, "stride") for tensor in given):
        return False
    mask = inputs["attn_mask"]
    learned = getattr(mask, "requires_grad", False)
    scattered = any(tensor.ndim and tensor.stride(-1) != 1 for tensor in given)
    return scattered or learned or not asked("backends.cuda.flash_sdp_enabled", True)
