"""What a false twin changes: each change of each kind of statement, with the words for it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import sympy
from sympy import Min, Not, Or, Symbol, false, true

from mhadoc.language import (
    Argument,
    Attribute,
    Block,
    Child,
    Distribution,
    Each,
    Input,
    Parameter,
    Shape,
)
from mhadoc.proof.altered import Letters, altered, altered_condition, altered_shape, letters
from mhadoc.proof.twins import changes, claim_twins, rule_twins
from tests.toy import LINEAR, SOURCE, columns, rows

A, B, F, G, J = (Symbol(name, integer=True, nonnegative=True) for name in "ABFGi")
SWAPS = Letters((A, B), (F, G))
ABOUT = {"name": "x", "why": "so", "source": "here"}


class TestExpressions:
    @pytest.mark.parametrize(
        ("expression", "found"),
        [
            (A, {"A -> B": B}),
            (J, {}),
            (sympy.Integer(7), {"7 -> 8": sympy.Integer(8)}),
            (A * B, {"A -> B": B * B, "B -> A": A * A, "without A": B, "without B": A}),
            (-A, {"A -> B": -B, "without -1": A, "without A": sympy.Integer(-1)}),
            (Min(A, 3), {"A -> B": Min(B, 3), "3 -> 4": Min(A, 4)}),
            (A + J, {"A -> B": B + J, "without A": J, "without i": A}),
            (
                3 * A * J,
                {
                    "A -> B": 3 * B * J,
                    "3 -> 4": 4 * A * J,
                    "without 3": A * J,
                    "without A": 3 * J,
                    "without i": 3 * A,
                },
            ),
            (F | G, {"F -> G": G, "G -> F": F}),
        ],
        ids=str,
    )
    def test_a_symbol_a_number_or_a_term_is_altered(self, expression: Any, found: dict[str, Any]):
        assert dict(altered(expression, SWAPS)) == found

    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            (true, {"condition negated": false}),
            (false, {"condition negated": true}),
            (F, {"condition negated": Not(F), "condition: F -> G": G}),
            (
                F & (A < 2),
                {
                    "condition negated": Not(F & (A < 2)),
                    "F negated": Not(F) & (A < 2),
                    "A < 2 negated": F & (A >= 2),
                    "condition: A -> B": F & (B < 2),
                    "condition: F -> G": G & (A < 2),
                    "condition: 2 -> 3": F & (A < 3),
                    "condition: without F": A < 2,
                    "condition: without A < 2": F,
                },
            ),
            (
                Or(F, A < 2),
                {
                    "condition negated": Not(Or(F, A < 2)),
                    "F negated": Or(Not(F), A < 2),
                    "A < 2 negated": Or(F, A >= 2),
                    "condition: A -> B": Or(F, B < 2),
                    "condition: F -> G": Or(G, A < 2),
                    "condition: 2 -> 3": Or(F, A < 3),
                    "condition: without F": A < 2,
                    "condition: without A < 2": F,
                },
            ),
        ],
        ids=str,
    )
    def test_a_condition_is_negated_too(self, condition: Any, found: dict[str, Any]):
        assert dict(altered_condition(condition, SWAPS)) == found

    @pytest.mark.parametrize(
        ("shape", "found"),
        [
            (Shape(), {}),
            (Shape(J), {"axis 0: 1 more": Shape(J + 1), "without axis 0": Shape()}),
            (Shape(Each(J)), {"without axis 0": Shape()}),
            (
                Shape(J, A, A),
                {
                    "axis 0: 1 more": Shape(J + 1, A, A),
                    "without axis 0": Shape(A, A),
                    "axis 1: A -> B": Shape(J, B, A),
                    "axis 1: 1 more": Shape(J, A + 1, A),
                    "without axis 1": Shape(J, A),
                    "axis 2: A -> B": Shape(J, A, B),
                    "axis 2: 1 more": Shape(J, A, A + 1),
                    "without axis 2": Shape(J, A),
                    "axes 0 and 1 exchanged": Shape(A, J, A),
                },
            ),
            (
                Shape(J, A, G),
                {
                    "axis 0: 1 more": Shape(J + 1, A, G),
                    "without axis 0": Shape(A, G),
                    "axis 1: A -> B": Shape(J, B, G),
                    "axis 1: 1 more": Shape(J, A + 1, G),
                    "without axis 1": Shape(J, G),
                    "axis 2: G -> F": Shape(J, A, F),
                    "axis 2: 1 more": Shape(J, A, G + 1),
                    "without axis 2": Shape(J, A),
                    "axes 0 and 1 exchanged": Shape(A, J, G),
                    "axes 1 and 2 exchanged": Shape(J, G, A),
                },
            ),
        ],
        ids=str,
    )
    def test_a_shape_is_altered_axis_by_axis(self, shape: Shape, found: dict[str, Shape]):
        assert dict(altered_shape(shape, SWAPS)) == found

    def test_sizes_of_the_cases_and_flags_can_be_mistaken(self):
        names = [[symbol.name for symbol in group] for group in letters(LINEAR)]
        assert names == [["in_features", "out_features", "N"], ["bias", "batched"]]


def told(rule: Any) -> dict[str, dict[str, Any]]:
    """Return each change of a rule: its words, and the fields that are other ones then."""
    return {
        words: {
            field.name: getattr(other, field.name)
            for field in fields(rule)
            if getattr(rule, field.name) != getattr(other, field.name)
        }
        for words, other in changes(rule, SWAPS)
    }


def weight(**parts: Any) -> Parameter:
    return Parameter(**{"init": Distribution("zeros"), **ABOUT, **parts})


WHEN = {"condition negated": {"when": false}}


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "found"),
        [
            (Argument(required=True, **ABOUT), {"not required": {"required": False}}),
            (
                Argument(default=True, becomes=A, **ABOUT),
                {
                    "required": {"required": True},
                    "default True -> False": {"default": False},
                    "None stands for: A -> B": {"becomes": B},
                },
            ),
            (Attribute(value=A, **ABOUT), {"A -> B": {"value": B}, "1 more": {"value": A + 1}}),
            (
                Attribute(value=F, **ABOUT),
                {"condition negated": {"value": Not(F)}, "condition: F -> G": {"value": G}},
            ),
            (
                Attribute(value=A < J, **ABOUT),
                {
                    "condition negated": {"value": A >= J},
                    "condition: A -> B": {"value": B < J},
                },
            ),
            (
                Input(type="bool", default=False, **ABOUT),
                {"required": {"required": True}, "default False -> True": {"default": True}},
            ),
            (
                Input(type="int", value=A, required=True, **ABOUT),
                {"not required": {"required": False}, "value: A -> B": {"value": B}},
            ),
        ],
        ids=lambda part: type(part).__name__,
    )
    def test_each_part_is_changed(self, rule: Any, found: dict[str, Any]):
        assert told(rule) == found

    def test_of_an_input_its_shape_and_when_it_is_given(self):
        rule = Input(type="Tensor", shape=Shape(J), required=True, **ABOUT)
        assert told(rule) == {
            "not required": {"required": False},
            **WHEN,
            "axis 0: 1 more": {"shape": Shape(J + 1)},
            "without axis 0": {"shape": Shape()},
        }

    @pytest.mark.parametrize(
        ("default", "new"), [(0.5, 1.5), (3, 4), (None, False), ("relu", False), (False, True)]
    )
    def test_a_default_becomes_another_of_its_kind(self, default: object, new: object):
        found = told(Argument(default=default, **ABOUT))
        assert found[f"default {default!r} -> {new!r}"] == {"default": new}

    @pytest.mark.parametrize(
        ("shape", "words", "other"),
        [(Shape(), "None, not a tensor", None), (None, "a tensor, not None", Shape())],
    )
    def test_an_output_is_moved_and_is_there_or_not(self, shape, words: str, other):
        (output, *_) = LINEAR.outputs
        found = told(replace(output, when=true, shape=shape, position=4))
        assert found == {
            **WHEN,
            "position 1 more": {"position": 5},
            words: {"shape": other},
        }

    def test_a_parameter_is_drawn_otherwise(self):
        init = Distribution("uniform", A)
        found = told(weight(shape=Shape(), init=init, count=3 * J))
        assert found == {
            **WHEN,
            "scale: A -> B": {"init": replace(init, scale=B)},
            "scale doubled": {"init": replace(init, scale=2 * A)},
            "normal, not uniform": {"init": replace(init, family="normal")},
            "zeros, not uniform": {"init": replace(init, family="zeros")},
            "ones, not uniform": {"init": replace(init, family="ones")},
            "occurs: 3 -> 4": {"count": 4 * J},
            "occurs: without 3": {"count": J},
            "occurs: without i": {"count": sympy.Integer(3)},
        }

    def test_what_starts_at_zero_gets_a_scale_of_one(self):
        found = told(weight(shape=Shape()))
        inits = {
            part["init"].family: part["init"].scale for part in found.values() if "init" in part
        }
        assert inits == {"uniform": 1, "normal": 1, "ones": 1, "zeros": 1}
        assert not any(words.startswith("occurs") for words in found)


FIRST, REST = Block("first", 0, 0 * A, A), Block("rest", 0, A, A + 6 * B)
HEAD = Block("head i of rest", 0, A + 2 * B * J, A + 2 * B * (J + 1))
ROW = Block("row i", 0, 2 * J, 2 * J + 2)


def blocks(*found: Block, shape: Shape | None = None) -> dict[str, tuple[Block, ...]]:
    """Return the changes of the blocks of a parameter that is there in each case."""
    made = told(weight(blocks=found, shape=shape))
    return {words: change["blocks"] for words, change in made.items() if "blocks" in change}


class TestBlocks:
    def test_each_edge_is_altered(self):
        assert blocks(FIRST) == {
            "first: start: 0 -> 1": (replace(FIRST, start=sympy.Integer(1)),),
            "first: stop: A -> B": (replace(FIRST, stop=B),),
        }

    def test_two_owners_are_exchanged_with_all_they_own(self):
        assert blocks(FIRST, HEAD, REST)["first and rest exchanged"] == (
            replace(FIRST, name="rest"),
            replace(HEAD, name="head i of first"),
            replace(REST, name="first"),
        )

    def test_of_three_each_two_are_exchanged(self):
        found = blocks(FIRST, REST, replace(REST, name="last"))
        assert [words for words in found if words.endswith("exchanged")] == [
            "first and rest exchanged",
            "first and last exchanged",
            "rest and last exchanged",
        ]

    @pytest.mark.parametrize(
        ("block", "shape", "start"),
        [
            (HEAD, Shape(A + 6 * B), A + 2 * B * (2 - J)),  # three of them in the rest
            (ROW, Shape(2 * A), 2 * (A - 1 - J)),
            (ROW, None, 2 * (sympy.Rational(1, 2) - 1 - J)),
        ],
    )
    def test_what_is_counted_is_counted_backwards_too(self, block: Block, shape, start):
        kept, other = blocks(REST, block, shape=shape)[f"{block.name}: counted backwards"]
        assert kept is REST
        assert sympy.simplify(other.start - start) == 0
        assert sympy.simplify(other.stop - other.start - (block.stop - block.start)) == 0

    def test_what_is_counted_may_be_at_one_edge_only(self):
        upto = Block("up to i", 0, 0 * A, 2 * J)
        assert "up to i: counted backwards" in blocks(upto, shape=Shape(2 * A))

    def test_the_axis_is_that_of_the_block(self):
        found = blocks(replace(ROW, axis=1), shape=Shape(B, 2 * A))
        assert sympy.simplify(found["row i: counted backwards"][0].start - 2 * (A - 1 - J)) == 0


LABELS = dict(rule_twins(LINEAR))


class TestSpecs:
    @pytest.mark.parametrize(
        ("label", "names"),
        [
            ("in_features: after out_features", "out_features in_features bias device dtype"),
            ("bias: after device", "in_features out_features device bias dtype"),
            ("device: after dtype", "in_features out_features bias dtype device"),
        ],
    )
    def test_arguments_change_places(self, label: str, names: str):
        twin = LABELS[f"Linear.{label}"]
        assert " ".join(argument.name for argument in twin.arguments) == names

    def test_parameters_change_places(self):
        twin = LABELS["Linear.weight: exchanged with bias"]
        assert [parameter.name for parameter in twin.parameters] == ["bias", "weight"]

    def test_those_that_are_never_there_together_do_not(self):
        weight, other = LINEAR.parameters
        apart = replace(LINEAR, parameters=(replace(weight, when=Not(other.when)), other))
        assert not any("exchanged with" in label for label, _ in rule_twins(apart))

    def test_inputs_change_places_with_all_their_rules(self):
        more = [replace(LINEAR.inputs[0], name=name, label="") for name in ("other", "last")]
        first, second = LINEAR.inputs
        spec = replace(LINEAR, inputs=(first, *more, second))
        found = {
            label: " ".join(rule.id for rule in twin.inputs)
            for label, twin in rule_twins(spec)
            if (": after " in label and "input" in label) or "other: after" in label
        }
        assert found == {
            "Linear.input.batched: after other": "other input.batched input.single last",
            "Linear.other: after last": "input.batched last other input.single",
        }

    def test_only_the_rule_is_another_one(self):
        twin = LABELS["Linear.weight: scale doubled"]
        pairs = zip(LINEAR.statements, twin.statements, strict=True)
        assert [one.id for one, other in pairs if one is not other] == ["weight"]
        assert twin.rule("weight").init.scale == 2 * LINEAR.rule("weight").init.scale

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({}, ["another class", "another text", "negated"]),
            ({"holds": true}, ["another class", "another text"]),
            ({"example": None}, ["another class", "another text", "negated"]),
            ({"example": None, "holds": true}, []),
            (
                {"example": None, "holds": true, "breaks": lambda seen: {}},
                ["another class", "another text"],
            ),
        ],
    )
    @pytest.mark.parametrize("place", ["requirements", "call_requirements"])
    def test_a_demand_says_what_is_not_so(self, place: str, changes: Any, found: list[str]):
        demand = replace(LINEAR.requirements[0], **changes)
        spec = replace(LINEAR, **{"requirements": (), place: (demand,)})
        twins = {
            label.partition(": ")[2]: getattr(twin, place)[0]
            for label, twin in rule_twins(spec)
            if label.startswith("Linear.out_features.negative: ")
        }
        assert list(twins) == found
        parts = {
            "another class": {"error": "OverflowError"},
            "another text": {"message": f"{demand.message} Or not."},
            "negated": {"holds": Not(demand.holds)},
        }
        assert all(twin == replace(demand, **parts[words]) for words, twin in twins.items())

    def test_the_owners_in_a_module_inside_are_left_to_its_own_claims(self):
        halves = (Block("one", 0, 0 * columns, rows), Block("two", 0, rows, columns))
        blocked = replace(LINEAR.parameters[0], name="inside.weight", blocks=halves)
        spec = replace(LINEAR, parameters=(blocked,))
        assert "Linear.inside.weight: one and two exchanged" in dict(rule_twins(spec))
        child = Child(name="inside", why="so", source=SOURCE)
        counted = replace(blocked, blocks=(replace(ROW, axis=1), *halves))
        spec = replace(spec, children=(child,), parameters=(counted,))
        labels = [label for label, _ in rule_twins(spec)]
        assert "Linear.inside.weight: row i: counted backwards" not in labels
        assert "Linear.inside.weight: one and two exchanged" not in labels
        assert "Linear.inside.weight: two: start: in_features -> N" in labels
        assert "Linear.inside.weight: without axis 1" in labels

    def test_a_claim_is_replaced_by_a_false_one(self):
        first = LINEAR.claims[0]
        spec = replace(LINEAR, claims=(first, replace(first, id="linear.other", twins={})))
        ((label, twin),) = claim_twins(spec)
        assert label == "linear.width: it is in_features wide"
        assert twin.claims[1] is spec.claims[1]
        assert twin.claims[0].check is first.twins["it is in_features wide"]
        assert twin.claims[0].sentence == "it is in_features wide"
