"""The covering set: every few choices that go together occur, and every statement is shown."""

import itertools
from collections import Counter
from dataclasses import replace
from functools import cache
from random import Random

import pytest
import sympy
from hypothesis import given, settings

import mhadoc
from mhadoc.language import Axis, Case, Cases, Choice, Claim, ModuleSpec, Requirement
from mhadoc.language.compiled import truth
from mhadoc.proof.covering import ENOUGH, TRIED, cover, covering, spread
from tests.shy import SHY
from tests.strategies import conditions, grids
from tests.toy import LINEAR

SPEC = mhadoc.spec("MultiheadAttention")
SMALL = [mhadoc.spec(name) for name in ("Linear", "LayerNorm", "TransformerEncoderLayer")]


@cache
def plan():
    return covering(SPEC)


def _wider(spec: ModuleSpec) -> ModuleSpec:
    """Return a spec with axes of which no rule speaks."""
    choices = (tuple(Choice(str(v), {name: v}) for v in range(4)) for name in "abcd")
    more = (Axis(name, "call", found) for name, found in zip("abcd", choices, strict=True))
    return replace(spec, cases=replace(spec.cases, axes=(*spec.cases.axes, *more)))


def combinations(cases: Cases, strength: int, among) -> set:
    """List every few choices that occur together in some case."""
    return {part for case in among for part in itertools.combinations(enumerate(case.at), strength)}


class TestCover:
    @settings(max_examples=60)
    @given(grids())
    def test_every_two_choices_that_go_together_occur(self, cases: Cases):
        chosen = list(cover(cases, 2)) if len(cases) else []
        assert combinations(cases, 2, chosen) >= combinations(cases, 2, cases)

    @pytest.mark.parametrize("strength", [1, 2, 3])
    def test_every_few_choices_of_the_catalog_occur(self, strength: int):
        cases, free = SPEC.cases, range(len(SPEC.cases.axes))
        occur = combinations(cases, strength, plan())
        for places in itertools.combinations(free, strength):
            names = [cases.axes[place].name for place in places]
            together = {
                tuple((place, part[place]) for place in places)
                for part in cases.where(sympy.true, *names)
            }
            assert together <= occur

    @pytest.mark.parametrize(
        ("axes", "choices", "strength", "most"), [(4, 3, 2, 10), (6, 2, 3, 13), (5, 4, 2, 24)]
    )
    def test_each_case_shows_much(self, axes: int, choices: int, strength: int, most: int):
        made = (
            Axis(f"a{n}", "call", tuple(Choice(str(v), {f"a{n}": v}) for v in range(choices)))
            for n in range(axes)
        )
        assert len(list(cover(Cases({}, tuple(made)), strength))) <= most

    def test_only_cases_whose_choices_go_together_are_chosen(self):
        assert all(SPEC.cases.allows(case) for case in plan())

    def test_they_are_few(self):
        assert len(plan()) * 500 < len(SPEC.cases)

    def test_the_plainest_case_comes_first(self):
        assert next(iter(plan())) == SPEC.cases.plainest()


class TestSpread:
    @settings(max_examples=60)
    @given(grids(), conditions)
    def test_each_meets_the_condition(self, cases: Cases, when: sympy.Basic):
        found = list(spread(cases, when, limit=3))
        assert all(truth(when, cases.values(case)) and cases.allows(case) for case in found)
        assert len(found) == (3 if cases.where(when) else 0)

    @settings(max_examples=60)
    @given(grids(), conditions)
    def test_each_combination_on_named_axes_occurs(self, cases: Cases, when: sympy.Basic):
        axes = cases.names[:2]
        found = {case.at[:2] for case in spread(cases, when, axes)}
        assert found == {(part[0], part[1]) for part in cases.where(when, *axes)}

    def test_what_is_known_is_left_out(self):
        every = list(spread(SPEC.cases, sympy.true, ("bias", "rank")))
        assert len(every) == 4
        assert len(list(spread(SPEC.cases, sympy.true, ("bias", "rank"), known=[(0, 0)]))) == 3


class TestPlan:
    def test_every_rule_is_shown(self):
        cases = [SPEC.cases.values(case) for case in plan()]
        for rule in SPEC.rules:
            shown = sum(rule.applies(values) for values in cases)
            assert shown >= ENOUGH, rule.id

    def test_every_claim_is_looked_at(self):
        planned = Counter(s.id for stated in plan().values() for s in stated)
        least = {claim.id: planned[claim.id] for claim in SPEC.claims}
        assert min(least.values()) >= 1
        assert [c.id for c in SPEC.claims if c.axes is None and planned[c.id] < ENOUGH] == []

    def test_a_claim_gets_every_combination_of_the_choices_that_matter_to_it(self):
        for claim in SPEC.claims:
            places = [SPEC.cases.names.index(name) for name in claim.axes or ()]
            found = {tuple(case.at[p] for p in places) for case, s in plan().items() if claim in s}
            choices = [range(len(SPEC.cases.axes[place].choices)) for place in places]
            wanted = {
                at
                for at in itertools.product(*choices)
                if SPEC.cases.draw(claim.when, Random(0), dict(zip(places, at, strict=True)))
            }
            assert found == wanted, claim.id

    def test_a_mistake_is_tried_often_enough(self):
        planned = Counter(s.id for stated in plan().values() for s in stated)
        for demand in SPEC.call_requirements:
            if demand.breaks is not None:
                fitting = sum(1 for _ in spread(SPEC.cases, demand.when, limit=TRIED))
                assert planned[demand.id] >= min(TRIED, fitting) // 2, demand.id

    def test_a_statement_is_planned_where_it_speaks(self):
        for case, stated in plan().items():
            values = SPEC.cases.values(case)
            assert all(truth(s.when, values) for s in stated if isinstance(s, Claim | Requirement))
            assert len(set(map(id, stated))) == len(stated)

    @pytest.mark.parametrize("spec", [*SMALL, LINEAR], ids=lambda spec: spec.name)
    def test_other_modules_are_covered_as_well(self, spec):
        found = covering(spec)
        assert {case for case in found if not spec.cases.allows(case)} == set()
        values = [spec.cases.values(case) for case in found]
        assert all(any(rule.applies(v) for v in values) for rule in spec.rules)

    def test_no_more_is_tried_than_is_asked_for(self):
        spec = _wider(SHY)
        found = covering(spec, 1)
        planned = Counter(statement.id for stated in found.values() for statement in stated)
        assert TRIED * 3 // 4 <= planned["width"] <= TRIED
        assert len(found) <= 2 * TRIED  # calls that break the one demand, and calls for the other
        assert planned["linear.width"] == sum(case.at[1] == 0 for case in found)

    def test_each_rule_is_shown_often_enough_and_no_more(self):
        spec = _wider(replace(SHY, call_requirements=(), claims=()))
        found = covering(spec, 1)
        shown = [
            sum(rule.applies(spec.cases.values(case)) for case in found) for rule in spec.rules
        ]
        assert min(shown) >= ENOUGH
        assert len(found) <= 3 * ENOUGH
        assert set(map(len, found.values())) == {0}

    @pytest.mark.parametrize(("strength", "most"), [(1, 18), (2, 30), (3, 110)])
    def test_few_choices_occur_together(self, strength: int, most: int):
        spec = _wider(replace(SHY, call_requirements=(), claims=()))
        found = covering(spec, strength)
        assert combinations(spec.cases, strength, found) == combinations(
            spec.cases, strength, spec.cases
        )
        assert len(found) <= most

    def test_a_case_is_a_position_on_each_axis(self):
        assert all(isinstance(case, Case) for case in plan())
        assert {len(case.at) for case in plan()} == {len(SPEC.cases.axes)}
