"""Rules: their ids, sentences and conditions; what a requirement says torch raises."""

import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st

from mhadoc.language import (
    INTEGER,
    NUMBER,
    SIZE,
    Block,
    Distribution,
    Parameter,
    Requirement,
    Rule,
    Shape,
    Symbol,
)
from tests.strategies import conditions, values

E, H, D, h = (Symbol(name, "").expr for name in ("embed_dim", "num_heads", "head_dim", "h"))
bias = Symbol("bias", "", "flag").expr


def demand(**changes):
    parts = {"id": "x", "demand": "so", "error": "TypeError", "message": "text", "hint": "do so"}
    return Requirement(**{**parts, **changes})


class TestRule:
    @pytest.mark.parametrize(
        ("parts", "id", "sentence"),
        [
            ({}, "x", "why."),
            ({"label": "unbatched"}, "x.unbatched", "why."),
            ({"shape": Shape(E)}, "x", "(embed_dim,): why."),
            ({"when": bias}, "x", "when bias=True: why."),
            (
                {"shape": Shape(3 * E, E), "when": bias},
                "x",
                "(3*embed_dim, embed_dim) when bias=Tr",
            ),
        ],
    )
    def test_says_itself_in_one_line(self, parts, id, sentence):
        rule = Rule(name="x", why="why.", source="file: function", **parts)
        assert rule.id == id
        assert rule.sentence.startswith(sentence)

    @given(conditions, values)
    def test_applies_where_its_condition_is_true(self, when, numbers):
        rule = Parameter(name="x", why="", source="", when=when, init=Distribution("zeros"))
        opposite = Parameter(
            name="x", why="", source="", when=sympy.Not(when), init=Distribution("zeros")
        )
        assert rule.applies(numbers) is not opposite.applies(numbers)


class TestBlock:
    @pytest.mark.parametrize(
        ("start", "stop", "sizes", "bounds"),
        [
            (0 * E, E, {"embed_dim": 10}, (0, 10)),
            (2 * E, 3 * E, {"embed_dim": 10}, (20, 30)),
            (h * D, (h + 1) * D, {"h": 1, "head_dim": 5}, (5, 10)),
            (E / H * h, E / H * (h + 1), {"h": 1, "embed_dim": 10, "num_heads": 2}, (5, 10)),
        ],
    )
    def test_has_bounds(self, start, stop, sizes, bounds):
        found = Block("rows", 0, start, stop).bounds(sizes)
        assert found == bounds
        assert all(type(edge) is int for edge in found)

    @given(st.integers(1, 12), st.integers(1, 12))
    def test_heads_follow_each_other(self, heads, width):
        block = Block("head h", 0, h * D, (h + 1) * D)
        edges = [block.bounds({"h": index, "head_dim": width}) for index in range(heads)]
        assert [start for start, _ in edges] == [0, *(stop for _, stop in edges)][:-1]


class TestRequirement:
    @pytest.mark.parametrize(
        ("parts", "met", "broken"),
        [
            ({"holds": E > 0}, 1, 0),
            ({"holds": Symbol("embed_dim", "").given >= 0}, 0, -1),
            ({"accepts": INTEGER}, 5, 5.0),
            ({"accepts": INTEGER}, 5, True),
            ({"accepts": NUMBER}, 2.5, "5"),
            ({"accepts": SIZE, "holds": E > 3}, 4, 3),
            ({"accepts": SIZE, "unless": sympy.Eq(E, 8)}, 8.0, 7.0),
            ({"holds": E > 0}, 5, "text"),
            ({"holds": sympy.Eq(sympy.Mod(12, E), 0)}, 4, 0),
        ],
    )
    def test_is_met_or_broken(self, parts, met, broken):
        requirement = demand(about=("embed_dim",), **parts)
        assert requirement.met({"embed_dim": met})
        assert not requirement.met({"embed_dim": broken})

    @pytest.mark.parametrize(
        ("message", "computes", "text"),
        [
            ("got {kdim}", {}, "got 3"),
            ("of type {type_kdim}", {}, "of type int"),
            ("of type {type_wide}", {}, "of type torch.Size"),
            ("for '{scalar_dtype}'", {}, "for 'Float8_e5m2'"),
            ("twice is {twice}", {"twice": 2 * Symbol("kdim", "").expr}, "twice is 6"),
            ("rank {rank}", {"rank": lambda known: len(known["wide"])}, "rank 2"),
            ("{wide[1]} of {kdim!r}", {}, "2 of 3"),
        ],
    )
    def test_gives_torchs_text(self, message, computes, text):
        known = {"kdim": 3, "wide": torch.Size([1, 2]), "dtype": torch.float8_e5m2}
        found = demand(message=message, computes=computes).torch_error(known)
        assert found.startswith(f"TypeError: {text}")

    @pytest.mark.parametrize("name", ["nothing", "type_nothing", "scalar_nothing"])
    def test_a_text_cannot_speak_of_what_is_not_there(self, name):
        with pytest.raises(KeyError, match=name):
            demand(message=f"{{{name}}}").torch_error({"kdim": 3})
