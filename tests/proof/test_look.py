"""Looking at cases: what is counted of each statement, and what is refuted where."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import false, true
from torch import nn

from mhadoc.language import Case, Distribution, Mismatch, ModuleSpec, Shape, same
from mhadoc.proof.covering import covering
from mhadoc.proof.look import (
    look,
    look_again,
    look_at_cases,
    look_at_class,
    look_at_examples,
    tried,
)
from mhadoc.proof.observe import Bench
from mhadoc.proof.refute import refutation
from mhadoc.proof.tally import Tally
from tests.shy import SHY, Shy, twin
from tests.toy import N, columns, rows

PLAN = covering(SHY)
#: Compared with the class, once.
CLASS = {
    "Linear.in_features": 1,
    "Linear.out_features": 1,
    "Linear.bias": 1,
    "Linear.device": 1,
    "Linear.dtype": 1,
    "Linear.input.batched": 1,
    "Linear.input.single": 1,
    "Linear.loud": 1,
    "Linear.out_features.negative": 1,
}
#: Compared with each of the four cases, or with those of which they speak.
CASES = {
    "Linear.state_dict": 4,
    "Linear.weight": 4,
    "Linear.bias.parameter": 4,
    "Linear.in_features.attribute": 4,
    "Linear.single": 4,
    "Linear.inputs": 4,
    "Linear.outputs": 4,
    "Linear.output.batched": 2,
    "Linear.output.single": 2,
    "Linear.input.batched": 3,
    "Linear.input.single": 3,
}
FURTHER = {"Linear.width": 2, "linear.width": 2, "linear.first": 2}


def test_each_statement_is_counted_as_often_as_it_was_looked_at() -> None:
    found = look(Bench(SHY), PLAN)
    assert dict(found.held) == {**CLASS, **CASES, **FURTHER}
    assert (found.refuted, found.cases) == ({}, 4)


def test_without_the_rules_only_what_is_planned_is_looked_at() -> None:
    found = look(Bench(SHY), PLAN, rules=False)
    assert dict(found.held) == {**CLASS, **FURTHER}
    assert found.cases == 4


def test_cases_are_looked_at_to_the_end_and_with_the_rules_if_nothing_is_said() -> None:
    spec = twin("linear.width", {"check": lambda seen: same(1, 2)})
    tally = Tally()
    look_at_cases(Bench(spec), covering(spec), tally)
    assert dict(tally.held) == {
        **CASES,
        **{name: times for name, times in FURTHER.items() if name != "linear.width"},
        **dict.fromkeys(("Linear.input.batched", "Linear.input.single"), 2),
    }
    assert tally.cases == 4


@pytest.mark.parametrize(
    ("name", "changes", "refuted"),
    [
        ("bias", {"default": False}, "bias"),
        ("loud", {"default": True}, "loud"),
        ("weight", {"init": Distribution("ones")}, "weight"),
        ("weight", {"shape": Shape(rows, columns)}, "weight"),
        ("bias.parameter", {"when": false}, "bias.parameter state_dict"),
        ("in_features.attribute", {"value": columns}, "in_features.attribute"),
        ("out_features.negative", {"error": "KeyError"}, "out_features.negative"),
        ("single", {"message": "no"}, "single"),
        ("width", {"message": "no"}, "width"),
        ("input.batched", {"when": false}, "inputs"),
        ("input.batched", {"shape": Shape(N, columns)}, "input.batched"),
        ("output.batched", {"when": false}, "outputs"),
        ("output.batched", {"shape": Shape(N, rows)}, "output.batched"),
    ],
)
def test_what_is_false_is_refuted_and_nothing_else(
    name: str, changes: dict[str, Any], refuted: str
) -> None:
    spec = twin(name, changes)
    found = set(look(Bench(spec), covering(spec)).refuted)
    wanted = {f"Linear.{name}" for name in refuted.split()}
    assert found >= wanted
    if "inputs" not in refuted:
        assert {name for name in found if name.startswith("Linear.")} == wanted


@pytest.mark.parametrize(
    ("name", "changes", "case"),
    [
        ("linear.width", {"check": lambda seen: same(1, 2)}, (0, 0)),
        ("linear.width", {"check": lambda seen: same(1, seen.values["bias"])}, (1, 0)),
        ("linear.width", {"check": lambda seen: seen.nothing}, (0, 0)),
    ],
)
def test_a_claim_is_refuted_in_a_case(name: str, changes: Any, case: tuple[int, int]) -> None:
    spec = twin(name, changes)
    found = look(Bench(spec), covering(spec)).refuted
    assert {name: case for name, (case, _) in found.items()} == {name: Case(case)}


@pytest.mark.parametrize(("to_the_end", "cases"), [(True, 4), (False, 1)])
def test_it_can_stop_at_the_first_refutation(to_the_end: bool, cases: int) -> None:
    spec = twin("linear.width", {"check": lambda seen: same(1, 2)})
    assert look(Bench(spec), covering(spec), to_the_end=to_the_end).cases == cases
    assert look(Bench(SHY), PLAN, to_the_end=to_the_end).cases == 4


def test_a_class_that_cannot_be_built_is_refuted() -> None:
    class Half(Shy):
        def __init__(self, *args: Any, bias: bool = True, **given: Any) -> None:
            if not bias:
                raise LookupError("always with bias")
            super().__init__(*args, bias=bias, **given)

    found = look(Bench(SHY, Half), PLAN)
    assert found.cases == 4
    case, mismatch = found.refuted["Linear.state_dict"]
    assert case == Case((1, 0))
    assert mismatch == Mismatch("a module that can be built", "LookupError: always with bias")
    assert found.held["Linear.state_dict"] == found.held["Linear.outputs"] == 2


class TestClass:
    def test_a_parameter_is_counted_in_its_cases_alone(self) -> None:
        tally = Tally()
        look_at_class(Bench(SHY), tally)
        assert dict(tally.held) == CLASS

    def test_a_requirement_without_an_example_is_not_looked_at(self) -> None:
        tally = Tally()
        look_at_class(Bench(twin("out_features.negative", {"example": None})), tally)
        assert "Linear.out_features.negative" not in tally.held

    def test_what_is_refuted_is_refuted_in_the_plainest_case(self) -> None:
        tally = Tally()
        look_at_class(Bench(twin("weight", {"init": Distribution("zeros")})), tally)
        assert {name: case for name, (case, _) in tally.refuted.items()} == {
            "Linear.weight": Case((0, 0))
        }


class TestExamples:
    @pytest.mark.parametrize(
        ("doctest", "refuted"), [(">>> 1\n1", []), (">>> 1\n2", ["linear.width"])]
    )
    def test_one_that_holds_is_no_case(self, doctest: str, refuted: list[str]) -> None:
        tally = Tally()
        look_at_examples(twin("linear.width", {"doctest": doctest}), tally)
        assert list(tally.refuted) == refuted
        assert not tally.held


@pytest.mark.parametrize(
    ("check", "found"),
    [
        (lambda: None, None),
        (lambda: Mismatch("1", "2"), Mismatch("1", "2")),
        (
            lambda: 1 / 0,
            Mismatch("a check that comes to its end", "ZeroDivisionError: division by zero"),
        ),
        (
            lambda: __import__("no_such"),
            Mismatch(
                "a check that comes to its end", "ModuleNotFoundError: No module named 'no_such'"
            ),
        ),
    ],
)
def test_what_is_raised_on_the_way_refutes(check: Any, found: Mismatch | None) -> None:
    assert tried(check) == found


@pytest.mark.parametrize(
    ("statement", "spec", "case", "expected"),
    [
        ("Linear.weight", SHY, (0, 0), None),
        ("Linear.weight", twin("weight", {"shape": Shape(rows, columns)}), (1, 1), "(5, 7)"),
        ("Linear.width", twin("width", {"message": "no"}), (0, 0), "'RuntimeError: no'"),
        ("Linear.width", twin("width", {"message": "no"}), (0, 1), None),  # it does not speak
        ("Linear.width", twin("width", {"message": "no", "when": true}), (0, 1), None),
        ("Linear.single", twin("single", {"message": "no"}), (0, 1), "'ValueError: no'"),
        ("Linear.single", twin("single", {"message": "no"}), (0, 0), None),
        ("linear.width", twin("linear.width", {"check": lambda seen: same(1, 2)}), (0, 0), "1"),
        ("linear.first", twin("linear.width", {"check": lambda seen: same(1, 2)}), (0, 0), None),
        ("linear.width", twin("linear.width", {"check": lambda seen: same(1, 2)}), (0, 1), None),
    ],
)
def test_one_statement_is_looked_at_again(
    statement: str, spec: ModuleSpec, case: tuple[int, int], expected: str | None
) -> None:
    found = look_again(statement, Bench(spec), Case(case))
    assert (found and found.expected) == expected


class Never(nn.Linear):
    """Cannot be built."""

    def __init__(self, *args: Any, **given: Any) -> None:
        raise ValueError("never")


def test_looking_again_at_what_cannot_be_built() -> None:
    found = look_again("Linear.state_dict", Bench(SHY, Never), Case((0, 0)))
    assert found == Mismatch("a module that can be built", "ValueError: never")
    assert look_again("Linear.weight", Bench(SHY, Never), Case((0, 0))) is None


class TestRefutation:
    SPEC = twin("output.batched", {"shape": Shape(N, rows)})

    def test_is_told_in_the_smallest_case(self) -> None:
        found = refutation(
            Bench(self.SPEC), "Linear.output.batched", Case((1, 0)), Mismatch("(3, 5)", "(3, 7)")
        )
        assert (found.case, found.expected, found.observed) == ({}, "(3, 1)", "(3, 2)")
        assert found.sizes == {"in_features": 1, "out_features": 2, "N": 3, "loud": 0}
        assert found.sentence.startswith("(N, in_features) when batched=True")
        assert "assert tuple(output.shape) == (3, 1)" in found.code

    def test_is_left_as_it_is_where_that_is_asked(self) -> None:
        found = refutation(
            Bench(self.SPEC),
            "Linear.output.batched",
            Case((1, 0)),
            Mismatch("a", "b"),
            shrink=False,
        )
        assert (found.case, found.expected, found.observed) == ({"bias": "False"}, "a", "b")
        assert found.sizes["in_features"] == 5
