"""False twins: every statement is changed a little, and the quick cases refute each change."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import islice

import pytest
import sympy
from hypothesis import given
from sympy import And, Eq

import mhadoc
from mhadoc.catalog.multihead_attention.symbols import E, L, S, bias, kdim, packed, vdim
from mhadoc.language import Block, Claim, ModuleSpec, Parameter, Shape
from mhadoc.language.compiled import free_names
from mhadoc.proof.altered import altered, altered_condition, altered_shape, letters
from mhadoc.proof.elsewhere import Elsewhere
from mhadoc.proof.trial import Trial
from mhadoc.proof.twins import claim_twins, rule_twins, survivors, table
from tests.strategies import conditions, expressions
from tests.toy import LINEAR, columns

pytestmark = pytest.mark.xdist_group("twins")

SPEC = mhadoc.spec("MultiheadAttention")
LETTERS = letters(SPEC)
LARGE = ("Transformer", "TransformerEncoder", "TransformerDecoder")


@cache
def twins() -> dict[str, list[tuple[str, ModuleSpec]]]:
    """Return the twins of MultiheadAttention's rules, by the statement they change."""
    found: dict[str, list[tuple[str, ModuleSpec]]] = {}
    for label, twin in rule_twins(SPEC):
        found.setdefault(label.partition(": ")[0], []).append((label, twin))
    return found


@cache
def trial() -> Trial:
    return Trial(SPEC)


class TestRules:
    @pytest.mark.parametrize("address", [SPEC.address(rule) for rule in SPEC.rules])
    def test_each_twin_is_refuted(self, address: str):
        survived = [label for label, twin in twins()[address] if not trial().refutes(address, twin)]
        assert survived == []

    @pytest.mark.parametrize("rule", SPEC.rules, ids=lambda rule: rule.id)
    def test_each_part_that_can_be_false_has_been_changed(self, rule):
        words = " | ".join(label for label, _ in twins()[SPEC.address(rule)])
        if rule.shape is not None:
            assert "axis 0: " in words
            assert "without axis 0" in words
        if rule.when != sympy.true:
            assert "condition negated" in words
        if isinstance(rule, Parameter):
            assert "scale" in words or rule.init.family == "zeros"
        assert all(f"{block.name}: start" in words for block in getattr(rule, "blocks", ()))

    def test_there_are_many_and_no_two_are_one(self):
        labels = [label for found in twins().values() for label, _ in found]
        assert len(labels) > 2000
        assert len(set(labels)) == len(labels)

    @pytest.mark.parametrize(
        "demand",
        [r for r in (*SPEC.requirements, *SPEC.call_requirements) if SPEC.address(r) in twins()],
        ids=lambda demand: demand.id,
    )
    def test_each_twin_of_a_requirement_is_refuted(self, demand):
        address = SPEC.address(demand)
        survived = [label for label, twin in twins()[address] if not trial().refutes(address, twin)]
        assert survived == []

    def test_the_true_statements_are_not_refuted(self):
        for rule in (*SPEC.arguments[::4], *SPEC.attributes[::4], *SPEC.outputs[::4]):
            assert not trial().refutes(SPEC.address(rule), SPEC), rule.id
        court = Trial(LINEAR)
        for rule in LINEAR.rules:
            assert not court.refutes(LINEAR.address(rule), LINEAR), rule.id


class TestClaims:
    def test_each_claim_has_twins(self):
        counts = Counter(label.partition(": ")[0] for label, _ in claim_twins(SPEC))
        assert [claim.id for claim in SPEC.claims if not counts[claim.id]] == []

    def test_a_twin_says_its_own_sentence_and_has_its_own_check(self):
        for label, twin in claim_twins(SPEC):
            name, _, sentence = label.partition(": ")
            assert twin.claim(name).sentence == sentence
            assert twin.claim(name).check is SPEC.claim(name).twins[sentence]
            assert len(twin.claims) == len(SPEC.claims)


class TestOthers:
    @pytest.mark.parametrize(
        "name", [n for n in mhadoc.specs() if n not in (*LARGE, "MultiheadAttention")]
    )
    def test_each_rule_and_claim_has_some_and_none_survives(self, name: str):
        spec = mhadoc.spec(name)
        counts = table(spec)
        assert {of: n for of, n in counts.items() if n[0] != n[1]} == {}
        assert [s.id for s in (*spec.rules, *spec.claims) if not counts[spec.address(s)][0]] == []

    @pytest.mark.parametrize("name", [*LARGE, "MultiheadAttention"])
    def test_each_rule_and_claim_has_some(self, name: str):
        spec = mhadoc.spec(name)
        twins = {label.partition(": ")[0] for label, _ in (*rule_twins(spec), *claim_twins(spec))}
        stated = {spec.address(statement) for statement in (*spec.rules, *spec.claims)}
        assert stated - twins == set()

    @pytest.mark.parametrize("name", LARGE)
    def test_no_twin_of_a_sample_survives(self, name: str):
        spec = mhadoc.spec(name)
        court = Trial(spec)
        sample = [
            (label.partition(": ")[0], label, twin)
            for label, twin in islice(rule_twins(spec), 3, None, 40)
        ]
        assert len(sample) > 20
        assert [label for address, label, twin in sample if not court.refutes(address, twin)] == []


def with_blocks(*blocks: Block) -> ModuleSpec:
    weight = replace(LINEAR.rule("weight"), blocks=blocks)
    return replace(LINEAR, parameters=(weight, *LINEAR.parameters[1:]))


FIRST = Block("first", 0, 0 * columns, 1 + 0 * columns)
REST = Block("rest", 0, 1 + 0 * columns, columns)
IDLE = Claim("linear.idle", "So.", "", lambda _: None, "x", twins={"not so": lambda _: None})


class TestSurvivors:
    @pytest.mark.parametrize(
        ("spec", "found"),
        [
            (LINEAR, []),
            (with_blocks(FIRST, REST), ["Linear.weight: first and rest exchanged"]),
            (replace(LINEAR, claims=(*LINEAR.claims, IDLE)), ["linear.idle: not so"]),
        ],
        ids=["none", "rules", "claims"],
    )
    def test_one_is_noticed_among_rules_and_claims(self, spec, found):
        assert survivors(spec) == found

    def test_one_is_noticed_where_two_sizes_are_equal(self):
        equal = replace(
            LINEAR, cases=replace(LINEAR.cases, sizes={"in_features": 7, "out_features": 7, "N": 3})
        )
        assert "Linear.weight: axis 0: out_features -> in_features" in survivors(equal)
        assert "Linear.weight: axes 0 and 1 exchanged" in survivors(equal)

    def test_a_shape_that_no_case_shows_has_no_twins(self):
        fewer = tuple(axis for axis in LINEAR.cases.axes if axis.name != "rank")
        cases = replace(LINEAR.cases, axes=fewer, sizes={**LINEAR.cases.sizes, "batched": 1})
        labels = [label for label, _ in rule_twins(replace(LINEAR, cases=cases))]
        assert any("Linear.output.batched: axis" in label for label in labels)
        assert not any("Linear.output.single: axis" in label for label in labels)

    def test_are_counted_for_each_statement(self):
        counts = table(
            with_blocks(Block("first", 0, 0 * columns, columns), Block("none", 0, columns, columns))
        )
        twins, refuted = counts["Linear.weight"]
        assert twins > refuted > 0
        assert all(
            twins == refuted for name, (twins, refuted) in counts.items() if name != "Linear.weight"
        )

    def test_the_table_names_every_statement(self):
        assert table(LINEAR).keys() == {LINEAR.address(s) for s in LINEAR.statements}

    @pytest.mark.parametrize(
        "name", ["Linear.weight", "Linear.bias", "linear.width", "Linear.output.single"]
    )
    def test_the_table_counts_twins_that_are_all_refuted(self, name: str):
        twins, refuted = table(LINEAR)[name]
        assert twins == refuted > 0


class TestOtherWords:
    """A change that says the same in other words is no twin."""

    @pytest.mark.parametrize(
        ("name", "changes", "differ"),
        [
            ("in_proj_weight", {"shape": Shape(3 * E, kdim)}, False),
            ("in_proj_weight", {"shape": Shape(E + kdim + vdim, vdim)}, False),
            ("in_proj_weight", {"shape": Shape(3 * E, L)}, True),
            ("in_proj_weight", {"when": And(Eq(kdim, E), Eq(kdim, vdim))}, False),
            ("in_proj_weight", {"when": And(Eq(kdim, E), bias)}, True),
            ("k_proj_weight", {"shape": Shape(E, vdim)}, True),
            ("attn_output.unbatched", {"shape": Shape(L, kdim)}, True),
            ("query.unbatched", {"shape": Shape(S, E)}, True),
            ("kdim", {"becomes": vdim}, True),
            ("_qkv_same_embed_dim.attribute", {"value": And(packed, packed)}, False),
        ],
    )
    def test_is_told_from_a_false_one(self, name, changes, differ):
        rule = SPEC.rule(name)
        assert Elsewhere(SPEC).differ(rule, replace(rule, **changes)) is differ

    def test_sizes_are_primes_of_their_own(self):
        numbers = Elsewhere(SPEC).cases.numbers
        assert len(set(numbers.values())) == len(numbers)
        assert not set(numbers.values()) & set(SPEC.cases.numbers.values())


class TestAltered:
    @given(expressions)
    def test_an_expression_is_never_its_own_alteration(self, expression):
        found = list(altered(expression, LETTERS))
        assert expression not in [other for _, other in found]
        assert len({other for _, other in found}) == len(found)

    @given(conditions)
    def test_a_condition_is_negated_among_others(self, condition):
        found = dict(altered_condition(condition, LETTERS))
        assert found["condition negated"] == sympy.Not(condition)
        assert all(other != condition for other in found.values())

    @pytest.mark.parametrize(
        ("shape", "texts"),
        [
            (Shape(), set()),
            (
                Shape(3 * E),
                {"(3*L,)", "(4*embed_dim,)", "(embed_dim,)", "(3,)", "()", "(3*embed_dim + 1,)"},
            ),
            (
                Shape(L, E),
                {"(embed_dim, L)", "(L,)", "(embed_dim,)", "(S, embed_dim)", "(L + 1, embed_dim)"},
            ),
        ],
    )
    def test_a_shape_is_altered_axis_by_axis(self, shape, texts):
        found = {other.text() for _, other in altered_shape(shape, LETTERS)}
        assert texts <= found
        assert shape.text() not in found

    def test_sizes_stand_for_sizes_and_flags_for_flags(self):
        sizes, flags = ({s.name for s in group} for group in LETTERS)
        assert not sizes & flags
        for _, other in altered(S + bias, LETTERS):
            assert len(set(free_names(other)) & sizes) <= 1
            assert len(set(free_names(other)) & flags) <= 1
