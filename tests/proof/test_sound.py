"""Soundness: a spec that contradicts itself is refused before it is tried."""

from dataclasses import replace

import pytest
import sympy

import mhadoc
from mhadoc.errors import SpecError
from mhadoc.language import Shape
from mhadoc.proof.sound import demand_soundness
from tests.toy import LINEAR

ODD = sympy.Symbol("in_featurs", integer=True, nonnegative=True)
WEIGHT, CLAIM = LINEAR.parameters[0], LINEAR.claims[0]


def with_sizes(**sizes):
    return replace(LINEAR, cases=replace(LINEAR.cases, sizes={**LINEAR.cases.sizes, **sizes}))


@pytest.mark.parametrize("name", mhadoc.specs())
def test_every_spec_of_ours_is_sound(name):
    demand_soundness(mhadoc.spec(name))


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (with_sizes(N=5), "the sizes in_features and N are both 5: give numbers that all differ"),
        (with_sizes(N="7"), "the size N is '7': give an int"),
        (with_sizes(N=2 * ODD), "the size N names in_featurs, but .*; closest: in_features"),
        (
            replace(LINEAR, parameters=(replace(WEIGHT, shape=Shape(ODD)),)),
            "Linear.weight names in_featurs, but no size or axis .*; closest: in_features",
        ),
        (
            replace(LINEAR, parameters=(replace(WEIGHT, when=sympy.Eq(ODD, 1)),)),
            "Linear.weight names in_featurs",
        ),
        (
            replace(LINEAR, claims=(replace(CLAIM, when=sympy.Eq(ODD, 1)),)),
            f"{CLAIM.id} names in_featurs",
        ),
        (
            replace(LINEAR, claims=(replace(CLAIM, axes=("rnk",)),)),
            f"axes= of {CLAIM.id} names rnk, but no axis of the cases sets it; closest: ",
        ),
    ],
)
def test_what_contradicts_itself_is_told_with_the_nearest_name(spec, problem):
    with pytest.raises(SpecError, match=f"^the spec of Linear cannot be tried:\n  {problem}"):
        mhadoc.verify(spec)


def test_everything_is_told_at_once():
    claims = (replace(CLAIM, axes=("rnk",), when=sympy.Eq(ODD, 1)),)
    with pytest.raises(SpecError) as refused:
        demand_soundness(replace(with_sizes(N=5), claims=claims))
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize("returned", [True, False, "wrong"])
def test_a_check_that_returns_something_else_is_refuted(returned):
    claim = replace(CLAIM, check=lambda _: returned)
    (refutation,) = mhadoc.verify(replace(LINEAR, claims=(claim,))).refutations
    assert refutation.expected == "a check that returns None or a Mismatch"
    assert refutation.observed == f"{returned!r} was returned"
