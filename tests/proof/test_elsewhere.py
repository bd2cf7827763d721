"""A false statement is told from the same one in other words, by sizes of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sympy import Not, Symbol, false, sqrt, true

from mhadoc.language import Argument, Attribute, Block, Distribution, Input, ModuleSpec, Shape
from mhadoc.proof.elsewhere import Elsewhere, said
from tests.toy import LINEAR, N, batched, bias, columns, rows

VALUES = Elsewhere(LINEAR).cases.values(LINEAR.cases.plainest())
HEAD = Symbol("h", integer=True, nonnegative=True)
ABOUT: dict[str, Any] = {"name": "x", "why": "so", "source": "here"}


def test_sizes_are_primes_and_what_they_settle_stays() -> None:
    sizes = {**LINEAR.cases.sizes, "area": N * rows}
    found = Elsewhere(replace(LINEAR, cases=replace(LINEAR.cases, sizes=sizes))).cases.numbers
    assert found == {"in_features": 101, "out_features": 103, "N": 107, "area": 101 * 107}


WEIGHT = LINEAR.rule("weight")


class TestSaid:
    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            (Argument(required=True, **ABOUT), (True, "None", None)),
            (Argument(default=0.0, becomes=2 * rows, **ABOUT), (False, "0.0", 202)),
            (Attribute(value=rows + N, **ABOUT), (208,)),
            (Input(type="int", value=N, default=1, **ABOUT), (None, 107, False, 1)),
            (
                Input(type="Tensor", shape=Shape(N), required=True, **ABOUT),
                ((107,), None, True, None),
            ),
            (Input(type="Tensor", shape=Shape(N), when=Not(batched), **ABOUT), None),
            (replace(LINEAR.outputs[0], position=3), (3, (107, 103))),
            (replace(LINEAR.outputs[0], shape=None), (0, None)),
            (LINEAR.outputs[1], None),
            (replace(WEIGHT, when=Not(bias)), None),
        ],
    )
    def test_of_a_case(self, rule: Any, words: object):
        assert said(rule, VALUES) == words

    @pytest.mark.parametrize(
        ("family", "scale"), [("uniform", 101), ("normal", 101), ("zeros", None), ("ones", None)]
    )
    def test_of_a_parameter(self, family: Any, scale: int | None):
        first, head = Block("first", 0, 0 * N, N), Block("h", 1, 5 * HEAD, 5 * HEAD + N)
        rule = replace(
            WEIGHT,
            name="{i}.weight",
            count=2 + 0 * N,
            blocks=(first, head),
            init=Distribution(family, rows),
        )
        bounds = {("first", (0, 107), (0, 107)), ("h", (0, 107), (5, 112))}
        names = ("0.weight", "1.weight")
        assert said(rule, VALUES) == ((103, 101), family, scale, frozenset(bounds), names)


class TestDiffer:
    @pytest.mark.parametrize(
        ("name", "changes", "differ"),
        [
            ("bias", {}, False),
            ("bias", {"default": 1}, True),
            ("bias", {"required": True}, True),
            ("in_features.attribute", {"value": columns}, True),
            ("in_features.attribute", {"value": rows * 2 - rows}, False),
            ("in_features.attribute", {"value": rows + 1 - bias}, True),
            ("weight", {"when": bias | Not(bias)}, False),
            ("weight", {"when": batched}, True),
            ("weight", {"shape": Shape(columns, rows + 1 - batched)}, True),
            ("weight", {"init": Distribution("uniform", sqrt(1 / rows))}, False),
            ("weight", {"init": Distribution("uniform", (2 - bias) / sqrt(rows))}, True),
            ("weight", {"blocks": (Block("all", 0, 0 * N, columns),)}, True),
            ("output.batched", {"shape": Shape(N * batched, columns)}, False),
            ("output.batched", {"when": batched & bias}, True),
            ("output.batched", {"position": 1}, True),
            ("input.batched", {"shape": Shape(N, columns)}, True),
            ("input.batched", {"when": Not(batched)}, True),
            ("input.batched", {"when": false}, True),
            ("input.single", {"when": true}, True),
            ("input.single", {"shape": Shape(rows + 1 - bias)}, True),
        ],
    )
    def test_where_some_case_shows_it(self, name: str, changes: dict[str, Any], differ: bool):
        rule = LINEAR.rule(name)
        assert Elsewhere(LINEAR).differ(rule, replace(rule, **changes)) is differ

    @pytest.mark.parametrize(
        ("parts", "changes"),
        [
            ({"count": 1 + bias}, {"count": 2 + 0 * N}),
            ({"blocks": (Block("x", 0, 1 - bias, N),)}, {"blocks": (Block("x", 0, 0 * N, N),)}),
            ({"blocks": (Block("x", 0, N, N + bias),)}, {"blocks": (Block("x", 0, N, N + 1),)}),
        ],
    )
    def test_each_part_of_a_parameter_is_looked_at(self, parts: Any, changes: Any):
        rule = replace(WEIGHT, **parts)
        assert Elsewhere(LINEAR).differ(rule, replace(rule, **changes))
        assert not Elsewhere(LINEAR).differ(rule, replace(rule))

    @pytest.mark.parametrize(
        ("rule", "changes"),
        [
            (Argument(becomes=rows * bias, **ABOUT), {"becomes": rows}),
            (Input(type="int", value=N * bias, **ABOUT), {"value": N}),
        ],
    )
    def test_what_stands_for_it_is_looked_at(self, rule: Any, changes: dict[str, Any]):
        spec = replace(LINEAR, inputs=(rule,)) if isinstance(rule, Input) else LINEAR
        assert Elsewhere(spec).differ(rule, replace(rule, **changes))


def with_inputs(*rules: Input) -> ModuleSpec:
    return replace(LINEAR, inputs=rules)


FIRST = replace(LINEAR.inputs[0], label="first")


class TestInputs:
    @pytest.mark.parametrize(
        ("parts", "changes", "differ"),
        [
            ({}, {"when": false}, True),
            ({"required": False}, {"when": false}, False),
            ({"nullable": True}, {"when": false}, False),
            ({"required": False, "nullable": True}, {"when": false}, False),
            ({"when": false}, {"when": true}, False),  # nothing was said before
            ({"required": False}, {"default": 1}, True),
            ({"nullable": True}, {"shape": Shape(rows)}, True),
            ({"broadcasts": True}, {"shape": Shape(rows)}, False),
            ({"broadcasts": True}, {"shape": Shape(1, rows)}, False),
            ({"broadcasts": True}, {"shape": Shape(N, 1)}, False),
            ({"broadcasts": True}, {"shape": Shape(N, 2)}, True),
            ({"broadcasts": True}, {"shape": Shape(1, N, rows)}, True),
            ({"broadcasts": True}, {"when": Not(batched)}, True),
            ({"broadcasts": True}, {"shape": None}, True),
            ({}, {"shape": Shape(N, 1)}, True),
        ],
    )
    def test_of_one_rule(self, parts: Any, changes: Any, differ: bool):
        rule = replace(FIRST, **parts)
        spec = with_inputs(rule)
        assert Elsewhere(spec).differ(rule, replace(rule, **changes)) is differ

    def test_one_rule_may_say_what_another_of_its_name_says(self):
        other = replace(FIRST, label="other", when=bias)
        spec = with_inputs(FIRST, other)
        assert not Elsewhere(spec).differ(other, replace(other, when=false))
        assert Elsewhere(spec).differ(other, replace(other, shape=Shape(rows)))
        apart = with_inputs(replace(FIRST, name="apart"), other)
        assert Elsewhere(apart).differ(other, replace(other, when=false))
