"""Claims: where they speak, and how two things are compared."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mhadoc.language import Claim, Mismatch, Symbol, close, same

bias = Symbol("bias", "", "flag").expr

plain = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)) | st.tuples(
    st.integers()
)


class TestSame:
    @given(plain)
    def test_a_value_is_the_same_as_itself(self, value):
        assert same(value, value) is None

    @given(plain, plain)
    def test_a_mismatch_shows_both(self, expected, observed):
        found = same(expected, observed)
        if found is None:
            assert expected == observed
            assert type(expected) is type(observed)
        else:
            assert found == Mismatch(repr(expected), repr(observed))

    @pytest.mark.parametrize(
        ("expected", "observed"), [(1, True), (0, False), (1, 1.0), ((1,), [1]), (None, 0)]
    )
    def test_equal_values_of_two_types_differ(self, expected, observed):
        assert same(expected, observed) == Mismatch(repr(expected), repr(observed))


class TestClose:
    @pytest.mark.parametrize(
        ("difference", "tolerance", "agrees"),
        [(0, 1e-9, True), (5e-10, 1e-9, True), (1e-8, 1e-9, False), (1e-8, 1e-7, True)],
    )
    def test_compares_up_to_a_tolerance(self, difference, tolerance, agrees):
        numbers = torch.arange(1, 7, dtype=torch.float64).view(2, 3)
        found = close(numbers, numbers + difference, tolerance)
        assert (found is None) is agrees

    def test_tells_the_largest_difference(self):
        found = close(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 5.0]))
        assert found == Mismatch("equal numbers", "a difference of 3")

    @pytest.mark.parametrize(
        ("expected", "observed"), [((2, 3), (3, 2)), ((2,), (2, 1)), ((), (1,)), ((0,), (0, 0))]
    )
    def test_shapes_are_not_stretched(self, expected, observed):
        found = close(torch.ones(expected), torch.ones(observed))
        assert found == Mismatch(f"shape {expected}", f"shape {observed}")

    @pytest.mark.parametrize(
        ("expected", "agrees"),
        [([np.nan, 1.0], True), ([1.0, np.nan], False), ([1.0, 1.0], False)],
    )
    def test_nan_agrees_with_nan_in_the_same_place(self, expected, agrees):
        found = close(torch.tensor(expected), torch.tensor([np.nan, 1.0]))
        assert (found is None) is agrees

    def test_the_precision_may_differ(self):
        numbers = torch.tensor([0.5, 0.25], dtype=torch.float64)
        assert close(numbers, numbers.float()) is None


class TestClaim:
    @pytest.mark.parametrize(("value", "applies"), [(0, False), (1, True), (True, True)])
    def test_speaks_where_its_condition_is_true(self, value, applies):
        claim = Claim("a.b", "So.", "", lambda seen: None, "file: function", when=bias)
        assert claim.applies({"bias": value}) is applies

    def test_speaks_everywhere_by_default(self):
        assert Claim("a.b", "So.", "", lambda seen: None, "file: function").applies({})
