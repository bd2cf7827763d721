"""Calls of functions: which form each has, and what is said of one that has none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import mhadoc

KERNEL, LONG = "scaled_dot_product_attention", "multi_head_attention_forward"
Q, K, V, X = (2, 3, 5), (2, 7, 5), (2, 7, 11), (3, 2, 6)
SHORT: dict[str, Any] = {"query": Q, "key": K, "value": V}
FULL: dict[str, Any] = {
    "query": X,
    "key": X,
    "value": X,
    "embed_dim_to_check": 6,
    "num_heads": 2,
    "in_proj_weight": (18, 6),
    "in_proj_bias": (18,),
    "bias_k": None,
    "bias_v": None,
    "add_zero_attn": False,
    "dropout_p": 0.0,
    "out_proj_weight": (6, 6),
    "out_proj_bias": (6,),
}
INT = torch.zeros(3, 7, dtype=torch.int64)


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({}, (2, 3, 11)),
        ({"attn_mask": (3, 7)}, (2, 3, 11)),
        ({"attn_mask": (1, 7)}, (2, 3, 11)),
        ({"attn_mask": (7,)}, (2, 3, 11)),
        ({"attn_mask": torch.zeros(3, 7)}, (2, 3, 11)),
        ({"attn_mask": torch.zeros(3, 7).bool()}, (2, 3, 11)),
        ({"query": (9, 2, 3, 5)}, (9, 2, 3, 11)),
        ({"query": (3, 5), "key": (7, 5), "value": (7, 11)}, (3, 11)),
        ({"dropout_p": 1.0}, (2, 3, 11)),
    ],
)
def test_the_kernel_takes_each_form(changes: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert mhadoc.predict_call(KERNEL, {}, **{**SHORT, **changes}) == {"output": shape}


@pytest.mark.parametrize(
    ("changes", "outputs"),
    [
        ({}, (X, (2, 3, 3))),
        ({"bias_k": (1, 1, 6), "bias_v": (1, 1, 6)}, (X, (2, 3, 4))),
        ({"add_zero_attn": True}, (X, (2, 3, 4))),
        (dict.fromkeys(("query", "key", "value"), (3, 6)), ((3, 6), (3, 3))),
        ({"need_weights": False}, (X, None)),
        ({"average_attn_weights": False}, (X, (2, 2, 3, 3))),
        ({"attn_mask": (3, 3), "key_padding_mask": (2, 3)}, (X, (2, 3, 3))),
        ({"attn_mask": (4, 3, 3)}, (X, (2, 3, 3))),
        ({"out_proj_weight": (7, 6), "out_proj_bias": (7,)}, ((3, 2, 7), (2, 3, 3))),
    ],
)
def test_the_long_form_takes_each_form(changes: dict[str, Any], outputs: tuple[Any, ...]) -> None:
    found = mhadoc.predict_call(LONG, {}, **{**FULL, **changes})
    assert found == dict(zip(("attn_output", "attn_output_weights"), outputs, strict=True))


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"attn_mask": (4, 7)},
        "attn_mask.matrix",
        "attn_mask must have shape (L, S) = (3, 7)",
        "(4, 7) does not broadcast to (3, 7)",
    ),
    (
        {"attn_mask": (9, 2, 3, 7)},
        "attn_mask.full",
        "attn_mask must have shape (*batch, L, S) = (2, 3, 7)",
        "(9, 2, 3, 7) does not broadcast to (2, 3, 7)",
    ),
    (
        {"attn_mask": INT},
        "attn_mask",
        "attn_mask must be a tensor of bool or float",
        "convert it: its dtype is int64",
    ),
    (
        {"query": INT},
        "query",
        "query must be a tensor of float",
        "convert it: its dtype is int64",
    ),
    (
        {"attn_mask": "text"},
        "attn_mask",
        "attn_mask must be a shape, a tensor or None",
        "pass its shape as a tuple of ints",
    ),
    (
        {"query": (5,)},
        "query",
        "query must be (*batch, L, E)",
        "pass query in one of these shapes",
    ),
    (
        {"key": None},
        "key",
        "key must be (*batch, S, E) or (S, E)",
        "pass key in one of these shapes",
    ),
    (
        {"key": (2, 7, 6)},
        "key.plain",
        "key must have shape (*batch, S, E) = (2, S, 5)",
        "axis 1 is 6, but E = 5",
    ),
    (
        {"dropout_p": 1.5},
        "dropout_p.range",
        "`dropout_p` is at most 1",
        "pass a probability; the function has no eval mode, so pass 0.0 when not training",
    ),
    (
        {**FULL, "bias_k": (1, 1, 6)},
        "bias_v",
        "bias_v must be (1, 1, embed_dim)",
        "pass bias_v with 3 axes",
    ),
    (
        {**FULL, "query": (3, 6)},
        "key",
        "key must be (S, embed_dim)",
        "pass key with 2 axes",
    ),
    (
        {**FULL, "query": (3, 2, 2, 6)},
        "query",
        "query must be (L, N, embed_dim) or (L, embed_dim)",
        "pass query with 3 or 2 axes",
    ),
    (
        {**FULL, "attn_mask": (3,)},
        "attn_mask",
        "attn_mask must be (L, S) or (N*num_heads, L, S) or None",
        "pass attn_mask with 2 or 3 axes",
    ),
    (
        {**FULL, "attn_mask": (3, 4)},
        "attn_mask.matrix",
        "attn_mask must have shape (L, S) = (3, 3)",
        "axis 1 is 4, but S = 3",
    ),
    (
        {**FULL, "num_heads": 4},
        "num_heads.divides",
        "`num_heads` divides the width of the query",
        "choose a divisor of query.shape[-1]",
    ),
    ({"dropout_p": None}, "dropout_p", "dropout_p must be a number", "pass a number"),
    ({"scale": "1"}, "scale", "scale must be a number", "pass a number"),
    *(
        (
            {**FULL, "num_heads": wrong},
            "num_heads",
            "num_heads must be a whole number",
            "pass a whole number",
        )
        for wrong in (None, "2", (2,))
    ),
]


@pytest.mark.parametrize(("changes", "rule", "expected", "hint"), REFUSED)
def test_what_has_no_form_is_refused_in_these_words(
    changes: dict[str, Any], rule: str, expected: str, hint: str
) -> None:
    name = LONG if "num_heads" in changes else KERNEL
    inputs, about = {**SHORT, **changes}, rule.partition(".")[0]
    with pytest.raises(mhadoc.RuleError, match=rf"^{name}\.") as raised:
        mhadoc.predict_call(name, {}, **inputs)
    told = raised.value
    shown = getattr(inputs[about], "shape", inputs[about])
    assert (told.rule, told.values) == (f"{name}.{rule}", {about: shown})
    assert (told.expected, told.hint) == (expected, hint)
    assert type(told.values[about]) is not torch.Size
