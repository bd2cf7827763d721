"""Entries: how many numbers a rule stands for, and the keys that parameters lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sympy import And, Eq, Integer, Not, true

from mhadoc.language import Entries, Shape, Symbol
from mhadoc.language.compiled import number
from mhadoc.language.entries import numbers, prefixed
from tests.toy import LINEAR, bias, columns, rows

DEPTH, OTHER = Symbol("depth", "").expr, Symbol("other", "").expr
RULE = replace(LINEAR.parameters[0], shape=Shape(columns, rows))
SIZES = {"in_features": 5, "out_features": 7, "depth": 3, "other": 2}


class TestNumbers:
    @pytest.mark.parametrize(
        ("parts", "set", "unset"),
        [
            ({"when": true}, 35, 35),
            ({"when": bias}, 35, 0),
            ({"when": Not(bias)}, 0, 35),
            ({"when": And(bias, Eq(rows, 5))}, 35, 0),
            ({"when": And(bias, Eq(rows, 6))}, 0, 0),
            ({"count": DEPTH}, 105, 105),
            ({"count": DEPTH, "when": bias}, 105, 0),
            ({"shape": None}, 1, 1),
            ({"shape": None, "count": DEPTH}, 3, 3),
            ({"shape": Shape()}, 1, 1),
        ],
    )
    def test_are_those_of_the_shape_where_the_condition_holds(self, parts, set, unset):
        found = numbers(replace(RULE, **parts))
        assert number(found, {**SIZES, "bias": 1}) == set
        assert number(found, {**SIZES, "bias": 0}) == unset

    @pytest.mark.parametrize(
        ("when", "text"),
        [(true, "in_features*out_features"), (bias, "bias*in_features*out_features")],
    )
    def test_of_a_flag_are_a_product(self, when, text):
        assert str(numbers(replace(RULE, when=when))) == text


class TestEntries:
    @pytest.mark.parametrize(
        ("rules", "values", "keys"),
        [
            ([("a", 1, true), ("b", 1, true)], {}, ["a", "b"]),
            ([("a", 1, true), ("b", 1, bias)], {"bias": 0}, ["a"]),
            ([("a.{i}", DEPTH, true), ("b.{i}", DEPTH, true)], {"depth": 1}, ["a.0", "b.0"]),
            (
                [("a.{i}", DEPTH, true), ("b.{i}", DEPTH, bias)],
                {"bias": 1, "depth": 2},
                ["a.0", "b.0", "a.1", "b.1"],
            ),
            (
                [("a.{i}", DEPTH, true), ("b.{i}", DEPTH, bias)],
                {"bias": 0, "depth": 2},
                ["a.0", "a.1"],
            ),
            ([("a.{i}", DEPTH, true), ("b", 1, true)], {"depth": 0}, ["b"]),
            (
                [("a.{i}", DEPTH, true), ("b.{i}", OTHER, true), ("c.{i}", OTHER, true)],
                {"depth": 1, "other": 2},
                ["a.0", "b.0", "c.0", "b.1", "c.1"],
            ),
        ],
    )
    def test_follow_layer_by_layer(self, rules, values, keys):
        made = (
            replace(RULE, name=name, count=Integer(count) if count == 1 else count, when=when)
            for name, count, when in rules
        )
        found = Entries(tuple(made))({**SIZES, **values})
        assert list(found) == keys
        assert set(found.values()) <= {(7, 5)}

    @pytest.mark.parametrize(
        ("name", "count", "keys"),
        [
            ("map", 1, ["map.weight"]),
            ("maps.{i}", 2, ["maps.0.weight", "maps.1.weight"]),
            ("maps.{i}", 0, []),
        ],
    )
    def test_of_a_module_inside_have_its_name_in_front(self, name, count, keys):
        assert prefixed(name, count, {"weight": (7, 5)}) == dict.fromkeys(keys, (7, 5))
