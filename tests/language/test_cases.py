"""Cases: which there are, what they choose, and which of them meet a condition."""

import itertools
import random
import re
from dataclasses import replace

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from mhadoc.errors import UnknownNameError
from mhadoc.language import Axis, Case, Cases, Choice, Symbol
from mhadoc.language.compiled import truth
from mhadoc.language.releases import flags
from tests.strategies import conditions, grids

E, kdim, L, S = (Symbol(name, "").expr for name in ("embed_dim", "kdim", "L", "S"))
bias = Symbol("bias", "", "flag").expr

GRID = Cases(
    sizes={"embed_dim": 10, "kdim": 11, "S": 2 * E},
    axes=(
        Axis.flag("bias", "constructor", plain=True),
        Axis(
            "kdim",
            "constructor",
            (Choice("None", {"kdim": E}, None), Choice("other", {"kdim": kdim})),
        ),
        Axis("rank", "call", (Choice("3-D", {"L": 4}), Choice("2-D", {"L": S}))),
    ),
    consistent=sympy.Or(bias, sympy.Eq(kdim, E)),
)


def every(cases):
    """List every case of a grid, whether its choices go together or not."""
    places = (range(len(axis.choices)) for axis in cases.axes)
    return [Case(at) for at in itertools.product(*places)]


def meets(cases, case, condition):
    values = cases.values(case)
    return truth(condition, values) and truth(cases.consistent, values)


class TestGrids:
    @given(grids())
    def test_the_cases_are_those_whose_choices_go_together(self, cases):
        expected = [case for case in every(cases) if meets(cases, case, sympy.true)]
        assert list(cases) == expected
        assert len(cases) == len(expected)
        assert all(cases.allows(case) == (case in set(expected)) for case in every(cases))

    @given(grids(), conditions)
    def test_where_finds_exactly_the_cases_that_meet_a_condition(self, cases, condition):
        found = cases.where(condition)
        for case in every(cases):
            parts = [p for p in found if all(case.at[place] == i for place, i in p.items())]
            assert len(parts) == meets(cases, case, condition)

    @given(grids(), conditions, st.data())
    def test_where_tells_named_axes_as_well(self, cases, condition, data):
        axis = data.draw(st.sampled_from(cases.names))
        found = cases.where(condition, axis)
        fitting = [case for case in every(cases) if meets(cases, case, condition)]
        place = cases.names.index(axis)
        assert {part[place] for part in found} == {case.at[place] for case in fitting}
        assert all(meets(cases, cases.completed(p), condition) for p in found)

    @settings(max_examples=50)
    @given(grids(), conditions, st.integers(0, 9), st.data())
    def test_a_drawn_case_meets_the_condition_wherever_one_can(self, cases, condition, seed, data):
        place = data.draw(st.integers(0, len(cases.axes) - 1))
        fixed = {place: data.draw(st.integers(0, len(cases.axes[place].choices) - 1))}
        case = cases.draw(condition, random.Random(seed), fixed)
        fitting = [
            other
            for other in every(cases)
            if meets(cases, other, condition) and other.at[place] == fixed[place]
        ]
        assert case in fitting if fitting else case is None

    @given(grids())
    def test_labels_lead_back_to_the_case(self, cases):
        assert all(cases.case(**cases.labels(case)) == case for case in every(cases))


@st.composite
def parted(draw):
    """Draw a grid with groups of axes that are apart."""
    cases = draw(grids())
    names = draw(st.permutations(cases.names))
    cut = draw(st.integers(1, len(names) - 1))
    return replace(cases, apart=(tuple(names[:cut]), tuple(names[cut:])[:2]))


def crosses(cases, case):
    """Tell whether two groups of a grid depart from their plainest choices."""
    at = dict(zip(cases.names, case.at, strict=True))
    return sum(any(at[name] for name in group) for group in cases.apart) > 1


class TestApart:
    @given(parted())
    def test_groups_that_are_apart_are_not_crossed(self, cases):
        expected = [c for c in every(cases) if cases.allows(c) and not crosses(cases, c)]
        found = list(cases)
        assert sorted(found) == expected
        assert len(cases) == len(expected)
        assert [case for case in every(cases) if case in cases] == expected

    @given(parted(), st.data())
    def test_so_it_is_where_something_is_fixed(self, cases, data):
        place = data.draw(st.integers(0, len(cases.axes) - 1))
        position = data.draw(st.integers(0, len(cases.axes[place].choices) - 1))
        expected = [case for case in cases if case.at[place] == position]
        assert sorted(cases.having({place: position})) == sorted(expected)
        assert cases.number({place: position}) == len(expected)

    @given(parted(), conditions)
    def test_conditions_are_met_as_without(self, cases, condition):
        assert cases.where(condition) == replace(cases, apart=()).where(condition)


class TestCases:
    def test_names_and_parts(self):
        assert GRID.names == ("bias", "kdim", "rank")
        assert [axis.name for axis in GRID.part("constructor")] == ["bias", "kdim"]
        assert [axis.name for axis in GRID.part("call")] == ["rank"]

    @pytest.mark.parametrize(
        ("labels", "values"),
        [
            ({}, {"bias": 1, "kdim": 10, "L": 4}),
            ({"bias": "False"}, {"bias": 0, "kdim": 10, "L": 4}),
            ({"kdim": "other", "rank": "2-D"}, {"bias": 1, "kdim": 11, "L": 20}),
        ],
    )
    def test_a_case_gives_every_size_and_flag_a_number(self, labels, values):
        found = GRID.values(GRID.case(**labels))
        assert found == {"embed_dim": 10, "S": 20, **flags(GRID.release), **values}

    @pytest.mark.parametrize(
        ("labels", "distance"), [({}, 0), ({"bias": "False"}, 1), ({"bias": "True"}, 0)]
    )
    def test_the_plainest_case_is_at_distance_zero(self, labels, distance):
        assert GRID.case(**labels).distance == distance
        assert GRID.plainest().distance == 0

    def test_choices_tell_what_python_gets(self):
        choices = GRID.choices(GRID.plainest())
        assert {name: choice.passes for name, choice in choices.items()} == {
            "bias": True,
            "kdim": None,
            "rank": ...,
        }

    def test_sizes_that_are_expressions_become_numbers(self):
        assert GRID.numbers == {"embed_dim": 10, "kdim": 11, "S": 20}

    @pytest.mark.parametrize(
        ("part", "at"), [({}, (0, 0, 0)), ({0: 1}, (1, 0, 0)), ({2: 1, 1: 1}, (0, 1, 1))]
    )
    def test_what_is_not_chosen_is_plain(self, part, at):
        assert GRID.completed(part) == Case(at)

    @pytest.mark.parametrize(
        ("labels", "told"),
        [
            ({"bias": "yes"}, "no choice of bias is called 'yes'; closest: False, True"),
            ({"bais": "True"}, "no axis is called 'bais'; closest: bias"),
        ],
    )
    def test_an_unknown_name_is_refused(self, labels, told):
        with pytest.raises(UnknownNameError, match=f"^{re.escape(told)}"):
            GRID.case(**labels)

    @pytest.mark.parametrize("plain", [True, False])
    def test_a_flags_plain_value_comes_first(self, plain):
        axis = Axis.flag("bias", "call", plain=plain)
        assert [choice.passes for choice in axis.choices] == [plain, not plain]
        assert axis.symbols == {"bias"}

    def test_nothing_goes_together_where_consistency_cannot_be_met(self):
        nothing = Cases(GRID.sizes, GRID.axes, sympy.And(bias, sympy.Eq(kdim, 3)))
        assert list(nothing) == []
        assert len(nothing) == 0
        assert nothing.draw(sympy.true, random.Random(0), {}) is None
