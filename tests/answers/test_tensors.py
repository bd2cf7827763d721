"""What is known of a tensor, an array or a shape, and of what is none of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mhadoc.answers.tensors import Given, shape_of, unusable


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ((2, 3), (2, 3)),
        ([2, 3], (2, 3)),
        ((), ()),
        (torch.Size([2]), (2,)),
        (torch.zeros(2, 0), (2, 0)),
        (np.zeros((2, 3)), (2, 3)),
        (None, None),
        ("23", None),
        (23, None),
        ({2: 3}, None),
        ((2, "3"), None),
        ((2.0, 3), None),
        ([None], None),
    ],
)
def test_a_shape_is_read_off_or_is_one_itself(value: Any, shape: tuple[int, ...] | None) -> None:
    assert shape_of(value) == shape
    assert shape is None or type(shape_of(value)) is tuple


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (torch.zeros(2, dtype=torch.float64), "float"),
        (torch.zeros(2, dtype=torch.bfloat16), "float"),
        (torch.zeros(2, dtype=torch.complex64), "float"),
        (torch.zeros(2, dtype=torch.bool), "bool"),
        (torch.zeros(2, dtype=torch.int64), "int64"),
        (np.zeros(2, dtype=np.float32), "float"),
        (np.zeros(2, dtype=np.uint8), "uint8"),
        ((2,), None),
        ([2], None),
    ],
)
def test_a_kind_is_known_where_there_is_a_dtype(value: Any, kind: str | None) -> None:
    assert Given.of(value) == Given((2,), kind)


def test_of_what_is_no_tensor_nothing_is_known() -> None:
    assert Given.of("text") is None
    assert Given((2,)).kind is None


@pytest.mark.parametrize(
    ("state", "prefix", "told"),
    [
        ({"a": (2,), "b": torch.zeros(2)}, "", []),
        ({"a": 3}, "", [("a", "it is of type int", "remove 'a'")]),
        ({"a": {"b": (2,)}}, "", [("a", "it is of type dict", "pass what is under 'a'")]),
        ({"a": 3, "b.a": 3}, "b.", [("b.a", "it is of type int", "remove 'b.a'")]),
        ({"a": (2,), "b": 3, "c": None}, "c", [("c", "it is of type NoneType", "remove 'c'")]),
    ],
)
def test_entries_that_are_no_tensors_are_told(
    state: dict[str, Any], prefix: str, told: list[tuple[str, str, str]]
) -> None:
    found = [(each.argument, each.observed, each.hint) for each in unusable(state, prefix)]
    assert found == told
