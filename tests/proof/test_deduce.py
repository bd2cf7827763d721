"""Deduction about sizes: what follows for all of them, and numbers where something does not."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Eq, Expr, Ge, Gt, Le, Lt, Max, Min, Mod, Ne, Symbol, false, floor, true
from sympy.core.relational import Relational

from mhadoc.proof.symbolic.deduce import LEAST, at, equal, follows, key, witness

x, y, flag = (Symbol(name, integer=True, nonnegative=True) for name in ("x", "y", "flag"))


class TestDeduce:
    @pytest.mark.parametrize(
        "condition",
        [
            x >= 2,
            Ne(x, 0),
            Ne(x * y, 1),
            x * y >= 4,
            x * y > y,
            Eq(floor((4 * x * y - 1) / (x * y)), 3),
            (x > 1) & (y > 1),
            (x > 1) | (y > 5),
            true,
            (x > 7) | (y > 1),
            ~((x < 2) | (y < 2)),
            ~((x < 2) & (y > 5)),
            Ne(2 * x * y, x + y),
            Ne(2 * x * y, 3),
            Lt(x, 2 * y * x),
            Le(2, x),
            Eq(floor((x * y - 1) / x), y - 1),
            Eq(floor((6 * x + 2 * y + 6) / (3 * x + y)), 2),
            Eq(2, floor((6 * x + 2 * y + 6) / (3 * x + y)), evaluate=False),
        ],
    )
    def test_follows(self, condition: Relational) -> None:
        assert follows(condition)

    @pytest.mark.parametrize(
        "condition",
        [
            x >= 3,
            Ne(x, 7),
            Ne(x, y),
            Eq(x, y),
            x > y,
            Eq(Mod(x, 2), 0),
            Eq(floor((4 * x - 3) / x), 3),
            (x > 1) & (y > 2),
            ~Eq(Mod(x, 2), 0),
            false,
            flag,
            ~flag,
            (x > 2) & (y > 1),
            (x > 2) | (y > 2),
            ~((x < 2) | (y < 3)),
            ~((x > 5) & (y > 5)),
            Lt(2, x),
            Ge(x, 2 * y),
            Eq(x, 2),
            Eq(floor((6 * x + 2 * y + 9) / (3 * x + y)), 2),
            Eq(floor((6 * x + 2 * y - 1) / (3 * x + y)), 2),
            Eq(floor((6 * x + 2 * y + 6) / (3 * x + y)), y),
        ],
    )
    def test_does_not_follow(self, condition: Relational) -> None:
        assert not follows(condition)

    def test_what_is_known_is_used(self) -> None:
        assert follows(Ne(y, x), {key(Ne(x, y)): True})
        assert not follows(Ne(y, x), {key(Eq(x, y)): True})

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (x * (y + 1), x * y + x),
            (Max(x, 1), x),
            (Min(x, 2), 2 + 0 * x),
            ((x * x - 1) / (x - 1), x + 1),
        ],
    )
    def test_equal(self, one: Expr, other: Expr) -> None:
        assert equal(one, other)

    @pytest.mark.parametrize(
        ("one", "other"), [(Max(x, 3), x), (x, y), (Min(x, 4096), x), (x, x + 1), (x + 1, x)]
    )
    def test_not_equal(self, one: Expr, other: Expr) -> None:
        assert not equal(one, other)

    @pytest.mark.parametrize(
        ("wrong", "sizes"),
        [
            (Ne(Min(x, 4096), x), {"x": 4097}),
            (x > 512, {"x": 513}),
            (Ne(x, y), {"x": 2, "y": 3}),
            (Eq(Mod(x, 2), 1), {"x": 3}),
            (x >= 2, {"x": 2}),
            (Eq(x * x, 400), {"x": 20}),
            (Eq(x * (x - 1), 380), {"x": 20}),
            (Eq(x * (x + 1), 380), {"x": 19}),
            (Eq(x * y, 26), {"x": 2, "y": 13}),
            (Eq(x, 6) | Eq(x, 5), {"x": 5}),
            (Lt(x - 50 + y, x) & Gt(x, y + 40), {"x": 49, "y": 2}),
        ],
    )
    def test_witness_is_the_smallest(self, wrong: Relational, sizes: dict[str, int]) -> None:
        found = witness(wrong, Ge(x, 0), {"x": 11, "y": 13})
        assert found is not None
        assert sum(found.values()) == sum(sizes.values())

    @pytest.mark.parametrize(
        ("wrong", "given", "found"), [(x < 1, Ge(x, 0), None), (x > 4, Ne(x, 5), {"x": 11})]
    )
    def test_a_witness_meets_what_is_given(
        self, wrong: Relational, given: Relational, found: dict[str, int] | None
    ) -> None:
        assert witness(wrong, given, {"x": 11}) == found


RELATIONS = {Eq: operator.eq, Ne: operator.ne, Ge: operator.ge, Gt: operator.gt, Le: operator.le}
COEFFICIENTS = st.integers(-3, 3)
SIZES = st.integers(LEAST, 20)


@given(st.sampled_from([*RELATIONS]), COEFFICIENTS, COEFFICIENTS, COEFFICIENTS, SIZES, SIZES)
def test_what_follows_is_true_of_all_numbers(
    kind: type, a: int, b: int, c: int, one: int, other: int
) -> None:
    if follows(kind(a * x + b * y, c)):
        assert RELATIONS[kind](a * one + b * other, c)


@given(COEFFICIENTS, COEFFICIENTS, st.integers(-9, 9))
def test_a_relation_has_one_key_however_it_is_written(a: int, b: int, c: int) -> None:
    left, right = a * x + y, b * y + c
    assert key(Eq(left, right, evaluate=False)) == key(Eq(right, left, evaluate=False))
    assert key(Lt(left, right, evaluate=False)) == key(Gt(right, left, evaluate=False))
    assert key(Lt(left, right, evaluate=False)) == key(Le(left + 1, right, evaluate=False))


def test_a_witness_is_looked_for_among_few_numbers_of_many_sizes() -> None:
    sizes = [Symbol(f"s{n}", integer=True, nonnegative=True) for n in range(14)]
    found = witness(sum(sizes) > 99, Ge(sizes[0], 0), {size.name: 11 for size in sizes})
    assert found is not None
    assert sum(found.values()) > 99


@pytest.mark.parametrize(
    ("values", "found"),
    [({}, x * y), ({"x": 3 * y}, 3 * y * y), ({"x": y, "y": x}, x * y), ({"z": x}, x * y)],
)
def test_symbols_are_told_apart_by_their_names(values: dict[str, Expr], found: Expr) -> None:
    other = Symbol("x")  # of any number, and the same size nevertheless
    assert at(other * y, {"x": x, **values}) == found
