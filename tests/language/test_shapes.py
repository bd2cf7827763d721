"""Shapes: evaluated, matched and printed, always the same numbers."""

import math

import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st

from mhadoc.errors import ShapeError
from mhadoc.language import Each, Match, Shape, Shared, Symbol, broadcast
from mhadoc.language.compiled import number
from tests.strategies import linear_shapes, shapes, values

E, H, N, L, S = (Symbol(name, "").expr for name in ("embed_dim", "num_heads", "N", "L", "S"))
add_bias_kv = Symbol("add_bias_kv", "", "flag").expr


class TestEvaluate:
    @pytest.mark.parametrize(
        ("shape", "sizes", "numbers"),
        [
            (Shape(), {}, ()),
            (Shape(5), {}, (5,)),
            (Shape(3 * E, E), {"embed_dim": 512}, (1536, 512)),
            (Shape(S + add_bias_kv), {"S": 7, "add_bias_kv": True}, (8,)),
            (Shape(N * H, L, S), {"N": 3, "num_heads": 2, "L": 4, "S": 7, "x": 1}, (6, 4, 7)),
        ],
    )
    def test_gives_numbers(self, shape, sizes, numbers):
        assert shape.evaluate(sizes) == numbers
        assert all(type(size) is int for size in shape.evaluate(sizes))

    @pytest.mark.parametrize(
        ("sizes", "missing"), [({}, "L, S"), ({"L": 1}, "S"), ({"S": 1, "N": 2}, "L")]
    )
    def test_names_every_size_that_is_missing(self, sizes, missing):
        with pytest.raises(ShapeError, match=rf"^\(L, S\) needs a value for {missing}$"):
            Shape(L, S).evaluate(sizes)

    @pytest.mark.parametrize("axis", ["embed_dim", 1.5, None, sympy.true])
    def test_an_axis_is_a_number_or_an_expression(self, axis):
        with pytest.raises(ShapeError, match=r"^an axis is a number or a sympy expression, not "):
            Shape(axis)


class TestMatch:
    @pytest.mark.parametrize(
        ("shape", "actual", "known", "sizes"),
        [
            (Shape(3 * E, E), (1536, 512), {}, {"embed_dim": 512}),
            (Shape(), (), {}, {}),
            (Shape(N * H, N), (6, 3), {}, {"N": 3, "num_heads": 2}),
            (Shape(N * H, L), (6, 4), {"N": 3}, {"N": 3, "num_heads": 2, "L": 4}),
            (Shape(S + add_bias_kv, S), (8, 7), {}, {"S": 7, "add_bias_kv": 1}),
            (Shape(E / H), (5,), {"num_heads": 2}, {"num_heads": 2, "embed_dim": 10}),
            (Shape(L, L * S), (0, 0), {}, {"L": 0}),
        ],
    )
    def test_finds_the_sizes(self, shape, actual, known, sizes):
        match = shape.match(actual, known)
        assert match == Match(sizes)
        assert match

    @pytest.mark.parametrize(
        ("shape", "actual", "known", "problem"),
        [
            (Shape(3 * E, E), (1536, 500), {}, "axis 1 is 500, but embed_dim = 512"),
            (Shape(3 * E, E), (1000, 500), {}, "axis 0 is 1000, but 3*embed_dim = 1500"),
            (Shape(3 * E), (1000,), {}, "axis 0 is 1000, which no whole embed_dim makes of 3*embe"),
            (Shape(S + 2), (1,), {}, "axis 0 is 1, which no whole S makes of S + 2"),
            (Shape(N * H), (6,), {}, "axis 0 (N*num_heads) leaves N, num_heads undetermined"),
            (Shape(E, E), (5,), {}, "expected 2 axes (embed_dim, embed_dim), got 1"),
            (Shape(3), (4,), {}, "axis 0 is 4, but 3 = 3"),
            (Shape(E), (4,), {"embed_dim": 5}, "axis 0 is 4, but embed_dim = 5"),
        ],
    )
    def test_tells_what_is_wrong(self, shape, actual, known, problem):
        match = shape.match(actual, known)
        assert not match
        assert match.problem.startswith(problem)

    @given(linear_shapes, values)
    def test_inverts_evaluate(self, shape, sizes):
        match = shape.match(shape.evaluate(sizes))
        assert match
        assert match.sizes == {name: sizes[name] for name in shape.symbols}

    @given(shapes, values, st.sets(st.sampled_from(["embed_dim", "L", "S", "bias"])))
    def test_inverts_evaluate_wherever_the_sizes_are_determined(self, shape, sizes, known):
        fixed = {name: sizes[name] for name in known}
        match = shape.match(shape.evaluate(sizes), fixed)
        assert match or "undetermined" in match.problem or "makes of" in match.problem
        if match:
            assert match.sizes == {name: sizes[name] for name in match.sizes}

    @given(linear_shapes, st.lists(st.integers(0, 100), max_size=4))
    def test_what_matches_evaluates_to_the_actual_shape(self, shape, actual):
        match = shape.match(tuple(actual))
        if match:
            assert shape.evaluate(match.sizes) == tuple(actual)
        else:
            assert match.problem


class TestEach:
    @pytest.mark.parametrize(
        ("sizes", "text"), [((7,), "(7,)"), ((7, 11), "(*(7, 11),)"), ((), "(*(),)")]
    )
    def test_of_one_size_is_that_size(self, sizes, text):
        assert Shape(Each(sympy.Tuple(*sizes))).text() == text

    """An axis that stands for as many as an argument has sizes."""

    @pytest.mark.parametrize(
        ("axes", "spreads"),
        [
            ((), False),
            ((N, L, S), False),
            ((Each(N), L, S), True),
            ((N, L, Each(S)), True),
            ((N, Each(L), S), False),
            ((Shared(N),), True),
        ],
    )
    def test_stands_at_an_end(self, axes, spreads):
        assert Shape(*axes).spreads is spreads

    @pytest.mark.parametrize(
        ("shape", "sizes", "actual"),
        [
            (Shape(Each(S)), {"S": (5,)}, (5,)),
            (Shape(Each(S)), {"S": ()}, ()),
            (Shape(N, L, Each(S)), {"N": 2, "L": 3, "S": (5, 7)}, (2, 3, 5, 7)),
            (Shape(Each(S), N), {"N": 2, "S": (5, 7)}, (5, 7, 2)),
        ],
    )
    def test_evaluates_and_matches_back(self, shape, sizes, actual):
        assert shape.evaluate(sizes) == actual
        assert shape.match(actual) == Match(sizes)

    @given(st.lists(st.integers(0, 9), max_size=3), st.lists(st.integers(0, 9), max_size=3))
    def test_two_ends_are_told_apart_where_one_is_known(self, front, back):
        shape, actual = Shape(Each(S), N, Each(E)), (*front, 2, *back)
        sizes = {"S": tuple(front), "N": 2, "embed_dim": tuple(back)}
        assert shape.evaluate(sizes) == actual
        for name in ("S", "embed_dim"):
            assert shape.match(actual, {name: sizes[name]}).sizes == sizes
            assert shape.takes(len(actual), {name: sizes[name]})
        assert shape.takes(len(actual), sizes)
        assert not shape.takes(len(actual) + 1, sizes)
        assert not shape.takes(len(back), {"embed_dim": tuple(back)})
        problem = "(*S, N, *embed_dim) leaves embed_dim undetermined"
        assert shape.match(actual).problem == problem

    @pytest.mark.parametrize(
        ("actual", "known", "problem"),
        [
            ((2,), {}, "expected (N, L, *S), got 1 axes"),
            ((2, 3, 5), {"S": (7,)}, "expected (N, L, *S), got 3 axes"),
            ((2, 3, 5), {"L": 4}, "axis 1 is 3, but L = 4"),
        ],
    )
    def test_tells_what_is_wrong(self, actual, known, problem):
        assert Shape(N, L, Each(S)).match(actual, known).problem == problem


class TestShared:
    """Axes in front that several tensors share by broadcasting."""

    SHAPE = Shape(Shared(N), L, S)

    @pytest.mark.parametrize(
        ("actual", "known", "sizes"),
        [
            ((3, 5), {}, ()),
            ((2, 4, 3, 5), {}, (2, 4)),
            ((3, 5), {"N": (2, 4)}, (2, 4)),
            ((4, 3, 5), {"N": (2, 1)}, (2, 4)),
            ((1, 3, 5), {"N": ()}, (1,)),
        ],
    )
    def test_takes_what_broadcasts(self, actual, known, sizes):
        assert self.SHAPE.match(actual, known) == Match({"N": sizes, "L": 3, "S": 5})

    @pytest.mark.parametrize(
        ("actual", "known", "problem"),
        [
            ((3,), {}, "expected (*N, L, S), got 1 axes"),
            ((2, 3, 5), {"N": (4,)}, "axes of (2,) and (4,) do not broadcast"),
            ((2, 3, 5), {"L": 4}, "axis 0 is 3, but L = 4"),
        ],
    )
    def test_tells_what_is_wrong(self, actual, known, problem):
        assert self.SHAPE.match(actual, known).problem == problem

    @pytest.mark.parametrize("rank", range(5))
    def test_takes_any_number_of_axes_from_its_own_on(self, rank):
        assert self.SHAPE.takes(rank, {}) is (rank >= 2)
        assert Shape(L, S).takes(rank, {}) is (rank == 2)

    @given(st.lists(st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4).map(tuple), max_size=3))
    def test_broadcasts_as_torch_does(self, sizes):
        try:
            expected = tuple(torch.broadcast_shapes(*sizes))
        except RuntimeError:
            expected = None
        assert broadcast(*sizes) == expected


class TestPrinting:
    @pytest.mark.parametrize(
        ("shape", "text", "jaxtyping", "latex"),
        [
            (Shape(), "()", "", r"\left(\right)"),
            (Shape(3 * E), "(3*embed_dim,)", "3*embed_dim", r"\left(3 E\right)"),
            (
                Shape(L, S + add_bias_kv),
                "(L, S + add_bias_kv)",
                "L S+add_bias_kv",
                r"\left(L, S + \mathrm{add\_bias\_kv}\right)",
            ),
        ],
    )
    def test_prints_three_ways(self, shape, text, jaxtyping, latex):
        assert shape.text() == str(shape) == text
        assert shape.jaxtyping() == jaxtyping
        assert shape.latex() == latex
        assert repr(shape) == f"Shape{text}"

    @given(shapes, values)
    def test_the_text_evaluates_to_the_same_numbers(self, shape, sizes):
        assert eval(shape.text(), {}, dict(sizes)) == shape.evaluate(sizes)

    @given(shapes, values)
    def test_the_jaxtyping_string_evaluates_to_the_same_numbers(self, shape, sizes):
        words = shape.jaxtyping().split()
        assert tuple(eval(word, {}, dict(sizes)) for word in words) == shape.evaluate(sizes)

    @given(shapes)
    def test_the_maths_has_one_part_for_each_axis(self, shape):
        latex = shape.latex()
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left") == latex.count(r"\right")
        assert latex.count(", ") == max(len(shape) - 1, 0)


class TestShape:
    @given(shapes, values)
    def test_counts_its_elements(self, shape, sizes):
        assert number(shape.numel, sizes) == math.prod(shape.evaluate(sizes))

    @given(shapes, shapes, values)
    def test_equal_shapes_are_one_key(self, one, other, sizes):
        assert (one == other) == (one.axes == other.axes)
        if one == other:
            assert hash(one) == hash(other)
            assert one.evaluate(sizes) == other.evaluate(sizes)

    def test_has_a_rank_axes_and_symbols(self):
        shape = Shape(N * H, L, S)
        assert len(shape) == 3
        assert list(shape) == [N * H, L, S]
        assert shape.symbols == ("L", "N", "S", "num_heads")
        assert shape != (N * H, L, S)

    def test_a_shape_without_axes_is_a_shape(self):
        assert Shape()
        assert len(Shape()) == 0
