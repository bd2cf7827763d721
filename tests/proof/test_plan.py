"""The plan: which configurations, hints and edges there are, and in which cases."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest
from sympy import And, Symbol, true

import mhadoc
from mhadoc.catalog.multihead_attention.symbols import E, kdim
from mhadoc.language import Axis, Case, Choice, ModuleSpec, Requirement, Shape
from mhadoc.proof.symbolic.plan import Plan, sized, speaks
from tests.toy import LINEAR, N, batched, bias, rows

SPEC = mhadoc.spec("MultiheadAttention")


class TestAttention:
    def test_in_a_set_of_hints_all_sizes_differ(self) -> None:
        for hints in Plan(SPEC).hints:
            assert len({*hints.values(), hints["num_heads"] * hints["head_dim"]}) == 8

    @pytest.mark.parametrize("spec", [SPEC, LINEAR], ids=lambda spec: spec.name)
    def test_sets_of_hints_differ_in_every_size(self, spec: ModuleSpec) -> None:
        one, two, three = Plan(spec).hints
        assert one.keys() == set(Plan(spec).free)
        assert all(len({one[name], two[name], three[name]}) == 3 for name in one)
        assert all(size % 2 and size > 2 for hints in (one, two, three) for size in hints.values())

    def test_a_size_that_others_settle_gets_no_symbol(self) -> None:
        assert "embed_dim" not in Plan(SPEC).free

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("in_proj_weight", {E}),
            ("q_proj_weight", {E, kdim}),
            ("attn_output.unbatched", {E, kdim}),
        ],
    )
    def test_in_the_selection_rules_meet_every_kdim(self, name: str, settings: set) -> None:
        plan = Plan(SPEC)
        goals = {goal for case in plan.cases() for goal in plan.goals(case)}
        assert {goal[3] for goal in goals if goal[:3] == (name, True, "kdim")} == settings

    def test_all_configurations_are_distinct_and_many(self) -> None:
        cases = list(Plan(SPEC, exhaustive=True).cases())
        assert len(cases) == len({*cases}) > 4000

    def test_a_selection_of_them_is_small(self) -> None:
        assert sum(1 for _ in Plan(SPEC).cases()) < 30

    def test_edges_hold_every_two_sizes_at_0_and_1(self) -> None:
        edges = Plan(SPEC).edges
        assert any(edge.get("L") == 0 and edge.get("S") == 0 for edge in edges)
        assert any(edge.get("N") == 1 and edge.get("num_heads") == 1 for edge in edges)
        assert not any(edge.get("head_dim") == 0 for edge in edges)


SIZES = ("in_features", "out_features", "N")


def demand(holds: Any) -> Requirement:
    return Requirement(str(holds), "x", "Error", "", "", holds=holds)


class TestLinear:
    """The same where all of it can be written down."""

    def test_the_selection(self) -> None:
        assert list(Plan(LINEAR).cases()) == [Case((0, 0)), Case((1, 1))]
        assert Plan(LINEAR).free == SIZES

    def test_all_configurations(self) -> None:
        found = [*Plan(LINEAR, exhaustive=True).cases()]
        assert sorted(found) == [*LINEAR.cases]
        assert len(found) == len(LINEAR.cases)

    @pytest.mark.parametrize("exhaustive", [True, False])
    def test_only_calls_that_torch_accepts(self, exhaustive: bool) -> None:
        spec = replace(LINEAR, call_requirements=(demand(true), demand(batched | ~bias)))
        found = {*Plan(spec, exhaustive).cases()}
        assert Case((0, 1)) not in found
        assert Case((0, 0)) in found

    def test_what_no_rule_mentions_stays_plain(self) -> None:
        spec = replace(LINEAR, outputs=LINEAR.outputs[:1], inputs=LINEAR.inputs[:1])
        weights = replace(spec, parameters=spec.parameters[:1])
        told = {case.at[0] for case in Plan(weights).cases()}
        assert told == {0}

    def test_a_rule_that_hardly_ever_applies_is_met(self) -> None:
        flags = [Symbol(f"flag{number}") for number in range(16)]
        axes = (
            Axis(str(flag), "call", (Choice("no", {str(flag): 0}), Choice("yes", {str(flag): 1})))
            for flag in flags
        )
        cases = replace(LINEAR.cases, axes=(*LINEAR.cases.axes, *axes))
        rare = replace(LINEAR.outputs[0], when=And(*flags))
        found = Plan(replace(LINEAR, cases=cases, outputs=(rare,))).cases()
        assert any(rare.applies(cases.values(case)) for case in found)

    @pytest.mark.parametrize(
        ("case", "met"),
        [
            (
                Case((0, 0)),
                [
                    ("fast path", False),
                    ("in_features.attribute", True),
                    ("weight", True),
                    ("bias.parameter", True),
                    ("bias.parameter", True, "bias", 1),
                    ("input.batched", True),
                    ("input.batched", True, "batched", 1),
                    ("output.batched", True),
                    ("output.batched", True, "batched", 1),
                ],
            ),
            (
                Case((1, 1)),
                [
                    ("fast path", False),
                    ("in_features.attribute", True),
                    ("weight", True),
                    ("bias.parameter", False),
                    ("bias.parameter", False, "bias", 0),
                    ("input.single", True),
                    ("input.single", True, "batched", 0),
                    ("output.single", True),
                    ("output.single", True, "batched", 0),
                ],
            ),
        ],
    )
    def test_what_a_case_lets_rules_meet(self, case: Case, met: list[object]) -> None:
        assert list(Plan(LINEAR).goals(case)) == met

    @pytest.mark.parametrize(
        ("conditions", "fast"),
        [
            ((), {False}),
            ((bias,), {True, False}),
            ((bias, batched), {True, False}),
            ((bias, Symbol("elsewhere")), {True, False}),
            ((Symbol("elsewhere"),), {False}),
        ],
    )
    def test_the_fast_path_is_met(self, conditions: tuple[Any, ...], fast: set[bool]) -> None:
        plan = Plan(replace(LINEAR, fast_path=tuple(map(demand, conditions))))
        met = {case: dict([next(plan.goals(case))])["fast path"] for case in plan.cases()}
        assert set(met.values()) == fast
        assert all(case.at[0] == 0 for case, taken in met.items() if taken)

    @pytest.mark.parametrize(("exhaustive", "strength", "number"), [(False, 2, 9), (True, 3, 27)])
    def test_edges(self, exhaustive: bool, strength: int, number: int) -> None:
        edges = Plan(LINEAR, exhaustive).edges
        assert len(edges) == number
        assert {int(size) for edge in edges for size in edge.values()} == {0, 1}
        for names in combinations(SIZES, strength):
            found = {tuple(edge.get(name) for name in names) for edge in edges}
            assert found >= {*product((0, 1, None), repeat=strength)}

    def test_a_size_has_its_own_least(self) -> None:
        symbols = tuple(replace(s, least=1) if s.name == "N" else s for s in LINEAR.symbols)
        edges = Plan(replace(LINEAR, symbols=symbols)).edges
        assert {edge.get("N") for edge in edges} == {1, None}

    @pytest.mark.parametrize(
        ("name", "values", "found"),
        [
            ("weight", {}, True),
            ("bias.parameter", {"bias": 0}, True),
            ("in_features.attribute", {}, True),
            ("in_features", {}, False),
            ("input.batched", {"batched": 1}, True),
            ("input.batched", {"batched": 0}, False),
            ("output.single", {"batched": 1}, False),
            ("output.single", {"batched": 0}, True),
        ],
    )
    def test_a_rule_speaks(self, name: str, values: dict[str, int], found: bool) -> None:
        assert speaks(LINEAR.rule(name), values) is found

    @pytest.mark.parametrize(("shape", "found"), [(None, False), (Shape(N, rows), True)])
    def test_a_flag_does_not_speak_of_sizes(self, shape: Shape | None, found: bool) -> None:
        assert speaks(replace(LINEAR.inputs[0], shape=shape), {"batched": 1}) is found

    def test_an_output_that_is_none_speaks(self) -> None:
        assert speaks(replace(LINEAR.outputs[0], shape=None), {"batched": 1})

    def test_sizes_are_exchanged(self) -> None:
        spec = sized(LINEAR, {"N": 9})
        assert spec.cases.sizes == {**LINEAR.cases.sizes, "N": 9}
