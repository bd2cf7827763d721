"""Measures: what is known of an input of a call, without looking at its numbers."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from mhadoc.language.measures import (
    ABSENT,
    Call,
    Facts,
    Measured,
    Passed,
    Symbols,
    kind_of,
    measure_picker,
)


@dataclass(frozen=True)
class Device:
    type: str = "cpu"


class Tensor:
    """As much of torch's tensor as is looked at, and something that is not."""

    __array_interface__: ClassVar[dict[str, Any]] = {}

    def __init__(self, shape: tuple[int, ...], stride: tuple[int, ...], nested: bool = False):
        self.shape, self._stride, self.is_nested = shape, stride, nested
        self.dtype, self.device = "torch.float32", Device()

    def stride(self) -> tuple[int, ...]:
        return self._stride

    def dim(self) -> int:
        return len(self.shape)

    def size(self, axis: int) -> int:
        if self.shape[axis] < 0:
            raise RuntimeError("the dimension is irregular")
        return self.shape[axis]

    def is_contiguous(self) -> bool:
        size, expected = 1, list[int]()
        for length in reversed(self.shape):
            expected.insert(0, size)
            size *= length
        return tuple(expected) == self._stride


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("torch.float16", ("float16", 1, 0)),
        ("torch.bfloat16", ("bfloat16", 1, 0)),
        ("torch.bool", ("bool", 0, 1)),
        ("bool", ("bool", 0, 1)),
        ("torch.int64", ("int64", 0, 0)),
    ],
)
def test_a_dtype_is_known_by_its_name(dtype: str, kind: tuple[str, int, int]) -> None:
    assert kind_of(dtype) == kind


@pytest.mark.parametrize(
    ("shape", "axes", "features", "numel"),
    [
        ((), (-1, -1, -1), -1, 1),
        ((2,), (2, -1, -1), 2, 2),
        ((2, 3), (2, 3, -1), 3, 6),
        ((2, 3, 5), (2, 3, 5), 5, 30),
        ((2, 3, 5, 7), (2, 3, 5), 7, 210),
    ],
)
def test_an_axis_that_is_not_there_is_minus_one(
    shape: tuple[int, ...], axes: tuple[int, ...], features: int, numel: int
) -> None:
    facts = Facts.shaped(shape, "torch.float32")
    assert (facts.axis_0, facts.axis_1, facts.axis_2) == axes
    assert (facts.rank, facts.features, facts.numel) == (len(shape), features, numel)
    assert facts[:2] + facts[8:] == (1, 1, "float32", 1, 0, 1, 0, "", shape, "Tensor", "float32")


def test_what_is_not_given_has_nothing() -> None:
    assert Facts.of(None) == ABSENT
    assert ABSENT[:8] == (0, 0, 0, -1, -1, -1, -1, 0)
    assert ABSENT[8:] == ("", 0, 0, 1, 0, "", (), "NoneType", "")


def test_what_is_no_tensor_is_known_by_its_type() -> None:
    assert Facts.of([1]) == ABSENT._replace(given=1, type="list")


@pytest.mark.parametrize(
    ("shape", "stride", "in_order"),
    [
        ((2, 3, 5), (15, 5, 1), 1),
        ((2, 3, 5), (30, 10, 2), 1),
        ((2, 3, 5), (5, 10, 1), 0),
        ((2, 1, 5), (5, 99, 1), 1),  # one entry is anywhere
        ((2, 3, 5), (5, 0, 1), 1),  # as is one that is repeated
        ((2, 2, 5), (1, 5, 10), 0),
    ],
)
def test_the_order_in_memory_is_that_of_the_steps(
    shape: tuple[int, ...], stride: tuple[int, ...], in_order: int
) -> None:
    facts = Facts.of(Tensor(shape, stride))
    assert (facts.in_order, facts.device, facts.shape) == (in_order, "cpu", shape)


@pytest.mark.parametrize("features", [5, -1])
def test_a_nested_tensor_has_a_rank_and_features_if_they_are_alike(features: int) -> None:
    facts = Facts.of(Tensor((2, 3, features), (15, 5, 1), nested=True))
    assert (facts.rank, facts.shape, facts.nested) == (3, (-1, -1, features), 1)
    assert facts.features == features


@pytest.mark.parametrize(
    ("dtype", "asked", "becomes"),
    [
        ("bool", "float32", ("float32", 1, 0)),
        ("float16", "bool", ("bool", 0, 1)),
        ("float16", "float32", ("float16", 1, 0)),
        ("bool", "bool", ("bool", 0, 1)),
        ("int64", "float32", ("int64", 0, 0)),
        ("int64", "bool", ("int64", 0, 0)),
    ],
)
def test_a_mask_becomes_floats_or_bools(
    dtype: str, asked: str, becomes: tuple[str, int, int]
) -> None:
    facts = Facts.shaped((3, 5), dtype).to(asked)
    assert (facts.dtype, facts.floating, facts.boolean) == becomes


def test_what_is_passed_on_is_the_input_but_for_what_is_known() -> None:
    passed = Passed(Tensor((2,), (1,)), {"dtype": "torch.float64"})
    assert (passed.dtype, passed.shape) == ("torch.float64", (2,))
    assert not hasattr(passed, "__array_interface__")


def test_only_facts_can_be_measured() -> None:
    assert str(Measured("key").features) == "key.features"
    assert Measured("key").features.is_integer
    with pytest.raises(AttributeError, match="nothing is measured that is called 'width'"):
        operator.attrgetter("width")(Measured("key"))


class TestSymbols:
    def symbols(self) -> Symbols:
        symbols = Symbols({"key": Facts.shaped((3, 5), "bool"), "query": ABSENT})
        symbols.update(E=7, bias=1)
        return symbols

    @pytest.mark.parametrize("name", ["E.features", "key.width", "features", "value.rank"])
    def test_what_nothing_tells_is_refused(self, name: str) -> None:
        with pytest.raises(KeyError, match=name):
            self.symbols()[name]

    @pytest.mark.parametrize(
        "names",
        [
            (),
            ("E",),
            ("key.rank",),
            ("key.rank", "E", "query.given", "bias", "key.features"),
            ("query.axis_0", "key.axis_0"),
        ],
    )
    def test_are_picked_as_they_are_told(self, names: tuple[str, ...]) -> None:
        order, pick = measure_picker(names)
        assert sorted(order) == sorted(names)
        assert pick(self.symbols()) == tuple(self.symbols()[name] for name in order)


def test_what_is_kept_of_a_call_is_no_part_of_it() -> None:
    one, other = (Call(None, {}, {"x": 1}, {"x": ABSENT}) for _ in range(2))
    one.symbols["E"] = 7
    one.around["grad"] = 1
    assert one == other
    assert repr(one) == repr(other)
    assert other.around == {}


def test_a_call_looks_at_each_of_its_tensors() -> None:
    one: Any = Tensor((2, 3), (3, 1))
    call = Call.of(None, {}, {"query": one, "key": one, "mask": None, "flag": True}, "key", "mask")
    assert call.facts == {"key": Facts.of(one), "mask": ABSENT}
    assert call.symbols["key.axis_1"] == 3
