"""The trial of a false twin: whatever part of it is false, some look at the module shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sympy import Not, false, true

from mhadoc.language import Case, Distribution, Shape, same
from mhadoc.proof.observe import Bench
from mhadoc.proof.trial import Trial
from tests.shy import FIRST, REST, SHY, twin
from tests.toy import N, batched, bias, columns, rows

TRIAL = Trial(SHY)


def test_the_whole_spec_is_true() -> None:
    for statement in SHY.statements:
        assert not TRIAL.refutes(SHY.address(statement), SHY), statement.id


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("bias", {"default": False}),
        ("in_features.attribute", {"value": columns}),
        ("weight", {"shape": Shape(rows, columns)}),
        ("weight", {"when": bias}),
        ("weight", {"init": Distribution("ones")}),
        ("weight", {"blocks": (FIRST,)}),
        ("weight", {"blocks": (replace(FIRST, name="other"), REST)}),
        ("bias.parameter", {"when": true}),
        ("bias.parameter", {"when": false}),
        ("output.batched", {"shape": Shape(N, rows)}),
        ("output.batched", {"position": 1}),
        ("output.batched", {"when": false}),
        ("output.batched", {"when": false, "shape": None}),
        ("input.batched", {"when": false}),
        ("input.batched", {"required": False}),
        ("input.batched", {"shape": Shape(N, columns)}),
        ("input.batched", {"shape": Shape(rows, rows, rows)}),
        ("input.single", {"when": true}),
        ("loud", {"default": True}),
        ("out_features.negative", {"error": "KeyError"}),
        ("out_features.negative", {"holds": true}),
        ("single", {"message": "no"}),
        ("single", {"holds": true}),
        ("single", {"holds": Not(batched)}),
        ("width", {"message": "no"}),
        ("width", {"breaks": lambda seen: {}}),
        ("linear.width", {"check": lambda seen: same(1, 2)}),
    ],
)
def test_a_false_statement_is_refuted(name: str, changes: dict[str, Any]) -> None:
    changed = twin(name, changes)
    (address,) = (changed.address(s) for s in changed.statements if s.id == name)
    assert TRIAL.refutes(address, changed)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("single", {"when": batched}),
        ("width", {"when": Not(batched)}),
        ("linear.first", {"check": lambda seen: same(1, seen.values["batched"])}),
    ],
)
def test_a_statement_is_asked_where_it_speaks_alone(name: str, changes: dict[str, Any]) -> None:
    changed = twin(name, changes)
    (address,) = (changed.address(s) for s in changed.statements if s.id == name)
    assert not TRIAL.refutes(address, changed)


def test_two_parameters_that_changed_places_are_told_by_their_order() -> None:
    moved = replace(SHY, parameters=SHY.parameters[::-1])
    assert TRIAL.refutes("Linear.weight", moved)
    assert TRIAL.refutes("Linear.bias.parameter", moved)


def test_each_case_is_observed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    observed: list[Case] = []
    observe = Bench.observe

    def counted(bench: Bench, case: Case) -> Any:
        observed.append(case)
        return observe(bench, case)

    monkeypatch.setattr(Bench, "observe", counted)
    trial = Trial(replace(SHY, summary="some Pythons take equal trials for one"))
    assert not trial.refutes("Linear.output.batched", SHY)
    first = len(observed)
    assert not trial.refutes("Linear.output.single", SHY)
    assert first == len(observed) == 4
