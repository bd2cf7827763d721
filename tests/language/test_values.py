"""Kinds of values: what torch takes is told apart without torch."""

import decimal
import fractions

import numpy as np
import pytest
import torch

from mhadoc.language import (
    ANYTHING,
    COUNT,
    DEVICE,
    DTYPE,
    INITIALISABLE,
    INTEGER,
    LEARNABLE,
    NUMBER,
    ORDERED,
    SIZE,
    TRUTH,
)
from mhadoc.language.values import axes, c_name


class Index:
    def __index__(self):
        return 8


class NoTruth:
    def __bool__(self):
        raise ValueError("no truth")


class Less:
    def __lt__(self, other):
        return True


class LessOrEqual:
    def __le__(self, other):
        return True


TWO = [np.array([1, 2]), torch.tensor([1, 2])]
WHOLE = [8, -8, 0, 2**70, np.int64(8), np.uint8(8), torch.tensor(8), torch.tensor([8]), np.array(8)]
FRACTIONS = [8.0, 0.5, np.float64(8), torch.tensor(8.0), fractions.Fraction(8)]
TEXTS = ["8", b"8", None, [8], (8,), {}, object(), 8j, float]

ACCEPTED = [
    (INTEGER, [*WHOLE, Index()], [True, False, np.True_, torch.tensor(True), *FRACTIONS, *TEXTS]),
    (SIZE, [*WHOLE, True, False, Index()], [np.True_, torch.tensor(True), *FRACTIONS, *TEXTS]),
    (COUNT, [*WHOLE, True, torch.tensor(True), Index()], [np.True_, *FRACTIONS, *TEXTS]),
    (
        NUMBER,
        [
            *WHOLE,
            *FRACTIONS,
            True,
            np.True_,
            float("nan"),
            float("inf"),
            decimal.Decimal("2.5"),
            LessOrEqual(),
        ],
        [Index(), Less(), decimal.Decimal("nan"), *TEXTS, *TWO],
    ),
    (
        ORDERED,
        [*WHOLE, *FRACTIONS, True, float("nan"), decimal.Decimal("2.5"), Less()],
        [Index(), LessOrEqual(), decimal.Decimal("nan"), *TEXTS, *TWO],
    ),
    (TRUTH, [True, 0, None, "", "no", [], 0.5, np.array([1]), object()], [NoTruth(), *TWO]),
    (
        DTYPE,
        [None, torch.float32, torch.int64, torch.bool, float, complex, int, bool],
        ["float32", np.float32, "torch.float32", 1, *TWO],
    ),
    (
        LEARNABLE,
        [None, torch.float16, torch.bfloat16, torch.float64, torch.complex64, float, complex],
        [torch.int64, torch.bool, torch.uint8, int, bool, "float32", torch.qint8],
    ),
    (INITIALISABLE, [None, torch.float32, float], [torch.float8_e4m3fn, torch.float8_e5m2]),
    (
        DEVICE,
        [None, "cpu", "cuda:1", b"cpu", 0, np.int64(1), torch.device("meta")],
        [True, 1.0, [0], torch.tensor(0), torch.float32, float, *TWO],
    ),
    (ANYTHING, [None, object(), NoTruth(), *TWO], []),
]


def cases(position):
    return [
        pytest.param(row[0], value, id=f"{row[0].name}-{position}-{type(value).__name__}-{number}")
        for row in ACCEPTED
        for number, value in enumerate(row[position])
    ]


@pytest.mark.parametrize(("kind", "value"), cases(1))
def test_accepted(kind, value):
    assert kind(value)


@pytest.mark.parametrize(("kind", "value"), cases(2))
def test_refused(kind, value):
    assert not kind(value)
    assert kind.plainly(value) is value


@pytest.mark.parametrize(
    "sizes", [(3, Index()), [3, np.int64(8)], torch.Size([3, 8])], ids=["own", "numpy", "torch"]
)
def test_the_sizes_of_axes_are_plain(sizes):
    assert [type(size) for size in axes(sizes)] == [int, int]
    assert axes(8) == (8,)


@pytest.mark.parametrize(
    ("kind", "value", "plain"),
    [
        (SIZE, np.int64(8), 8),
        (SIZE, True, 1),
        (SIZE, torch.tensor(8), 8),
        (INTEGER, np.array(8), 8),
        (TRUTH, "yes", True),
        (TRUTH, [], False),
        (NUMBER, 2.0, 2.0),
    ],
)
def test_an_accepted_value_becomes_plain(kind, value, plain):
    found = kind.plainly(value)
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize("kind", [row[0] for row in ACCEPTED], ids=lambda kind: kind.name)
def test_a_plain_value_is_accepted_unasked(kind):
    assert kind(kind.plain() if kind.plain is not type(None) else None)


STRANGE = [1, True, 2.5, "8", [8], 8j, float, Index(), decimal.Decimal(1), fractions.Fraction(1)]
THEIRS = [np.float64(1), np.True_, np.array(1), torch.Size([1]), torch.tensor(1), torch.float32]


@pytest.mark.parametrize("value", STRANGE + THEIRS, ids=lambda value: type(value).__name__)
def test_a_types_name_is_the_one_that_c_code_prints(value):
    with pytest.raises(TypeError, match=rf"must be torch.layout, not {c_name(type(value))}$"):
        torch.empty(1, layout=value)
