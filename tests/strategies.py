"""Random sizes, expressions, conditions and grids of cases, for property tests."""

import sympy
from hypothesis import strategies as st

from mhadoc.language import Axis, Cases, Choice, Shape, Symbol

SIZES = [Symbol(name, "").expr for name in ("embed_dim", "num_heads", "kdim", "L", "S", "N")]
FLAGS = [Symbol(name, "", "flag").expr for name in ("bias", "add_bias_kv", "batch_first")]

#: A number for every size and flag.
values = st.fixed_dictionaries(
    {s.name: st.integers(0, 50) for s in SIZES} | {f.name: st.integers(0, 1) for f in FLAGS}
)
positive = st.fixed_dictionaries(
    {s.name: st.integers(1, 50) for s in SIZES} | {f.name: st.integers(0, 1) for f in FLAGS}
)

_leaves = st.sampled_from(SIZES) | st.sampled_from(FLAGS) | st.integers(0, 4).map(sympy.Integer)


def _grow(inner):
    return st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, n: a**n, inner, st.integers(2, 3)),
    )


def _divide(inner):
    return st.one_of(
        st.builds(lambda a, n: a / n, inner, st.integers(2, 5)),
        st.builds(sympy.Mod, inner, st.integers(2, 5)),
        st.builds(lambda a, b: a / b, inner, st.sampled_from(SIZES)),
    )


#: What axes are made of: whole numbers, sums and products.
expressions = st.recursive(_leaves, _grow, max_leaves=5)
#: Fractions and remainders as well.
formulas = st.recursive(_leaves, lambda inner: _grow(inner) | _divide(inner), max_leaves=5)
shapes = st.lists(expressions, max_size=4).map(lambda axes: Shape(*axes))

_relations = st.builds(
    lambda relation, a, b: relation(a, b),
    st.sampled_from([sympy.Eq, sympy.Ne, sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge]),
    expressions,
    expressions,
)
conditions = st.recursive(
    st.sampled_from(FLAGS) | _relations | st.sampled_from([sympy.true, sympy.false]),
    lambda inner: st.one_of(
        st.builds(sympy.And, inner, inner),
        st.builds(sympy.Or, inner, inner),
        st.builds(sympy.Not, inner),
        st.builds(sympy.Implies, inner, inner),
    ),
    max_leaves=5,
)


def line(symbol, factor, more):
    """Return the axis ``factor * symbol + more``."""
    return factor * symbol + more


#: Shapes whose axes are lines in one size each, so that each axis can be solved.
linear_shapes = st.lists(
    st.builds(line, st.sampled_from(SIZES), st.integers(1, 5), st.integers(0, 5)), max_size=4
).map(lambda axes: Shape(*axes))


@st.composite
def grids(draw):
    """Draw a small grid: two to five axes, which set flags and sizes, and what is consistent."""
    axes = []
    for place in range(draw(st.integers(2, 5))):
        name = f"axis{place}"
        symbol = draw(st.sampled_from([*FLAGS, *SIZES[:3]]))
        used = {chosen for axis in axes for chosen in axis.symbols}
        target = name if symbol.name in used else symbol.name
        settings = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))
        choices = tuple(Choice(f"{target}={n}", {target: n}, n) for n in settings)
        axes.append(Axis(name, draw(st.sampled_from(["constructor", "call"])), choices))
    sizes = {symbol.name: number for number, symbol in enumerate([*SIZES, *FLAGS], 2)}
    return Cases(sizes, tuple(axes), draw(st.just(sympy.true) | conditions))
