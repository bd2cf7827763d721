"""A function is described and proved like a module: no constructor, no parameters."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace

import pytest
from sympy import Symbol as Real
from torch.nn import functional as F

import mhadoc
from mhadoc.errors import FunctionError, RuleError
from mhadoc.language import Axis, Cases, Choice, Input, ModuleSpec, Output, Shape, Symbol
from mhadoc.proof import twins
from mhadoc.proof.functions import as_class
from mhadoc.proof.observe import Bench


def repeated(vectors, times, width, factor=1.0, twice=False):
    """Repeat each vector, some times over, multiplied by a factor."""
    if vectors.shape[-1] != width:
        raise ValueError("another width")
    return (vectors * factor).repeat(times * (1 + twice), 1)


def doubled(vectors, times, width, factor=1.0, twice=False):
    """Claim to do the same."""
    return repeated(vectors, times=times + 1, width=width, factor=factor, twice=twice)


SYMBOLS = (
    Symbol("N", "vectors"),
    Symbol("width", "numbers in a vector"),
    Symbol("times", "copies"),
    Symbol("twice", "whether to double", "flag"),
    Symbol("scaled", "whether there is a factor", "flag"),
)
N, width, times, twice, scaled = (symbol.expr for symbol in SYMBOLS)
factor = Real("factor", real=True)
ABOUT = {"why": "so", "source": "tests: repeated"}

SPEC = ModuleSpec(
    name="repeated",
    path="tests.proof.test_functions.repeated",
    kind="function",
    summary="copies",
    symbols=SYMBOLS,
    arguments=(),
    requirements=(),
    attributes=(),
    parameters=(),
    inputs=(
        Input(name="vectors", shape=Shape(N, width), type="Tensor", required=True, **ABOUT),
        Input(name="times", value=times, type="int", required=True, **ABOUT),
        Input(name="width", value=width, type="int", required=True, **ABOUT),
        Input(name="factor", value=factor, when=scaled, type="float", default=1.0, **ABOUT),
        Input(name="twice", type="bool", default=False, **ABOUT),
    ),
    outputs=(Output(name="output", shape=Shape(times * (1 + twice) * N, width), **ABOUT),),
    cases=Cases(
        sizes={"N": 2, "width": 3, "times": 5},
        axes=(
            Axis.flag("twice", "call", plain=False),
            Axis(
                "factor",
                "call",
                (
                    Choice("None", {"scaled": 0, "factor": 1.0}),
                    Choice("half", {"scaled": 1, "factor": 0.5}),
                ),
            ),
        ),
    ),
)


def test_it_holds() -> None:
    report = mhadoc.verify(SPEC)
    assert report.ok, report
    assert (report.rules, report.cases) == (6, 4)
    assert report.all_sizes["repeated.output"] == "N, width, times"


def test_every_twin_is_refuted() -> None:
    labels = [label for label, _ in twins.rule_twins(SPEC)]
    assert "repeated.width: value: width -> N" in labels
    assert twins.survivors(SPEC) == []


def test_it_is_called_with_numbers_and_flags() -> None:
    seen = Bench(SPEC).observe(SPEC.cases.case(factor="half", twice="True"))
    given = {name: seen.inputs[name] for name in ("times", "width", "factor", "twice")}
    assert given == {"times": 5, "width": 3, "factor": 0.5, "twice": True}
    plain = Bench(SPEC).observe(SPEC.cases.plainest())
    assert "factor" not in plain.inputs
    assert dict(plain.module.state_dict()) == {}


def test_another_function_claims_to_be_a_drop_in() -> None:
    report = mhadoc.verify(SPEC, subject=doubled)
    (found,) = report.refutations
    assert found.statement == "repeated.output"
    assert "import doubled" in found.code
    assert mhadoc.verify(SPEC, subject="tests.proof.test_functions:repeated").ok


def test_the_program_calls_the_function() -> None:
    wrong = replace(SPEC, outputs=(replace(SPEC.outputs[0], shape=Shape(N, width)),))
    (found,) = mhadoc.verify(wrong).refutations
    assert "from tests.proof.test_functions import repeated" in found.code
    program = [sys.executable, "-c", found.code]
    done = subprocess.run(program, check=False, capture_output=True, text=True)
    assert "AssertionError" in done.stderr


def test_the_signature_of_a_function_in_c_is_its_operators() -> None:
    found = inspect.signature(as_class(F.scaled_dot_product_attention).forward).parameters
    assert list(found)[:4] == ["self", "query", "key", "value"]
    assert found["dropout_p"].default == 0.0
    assert found["scale"].kind is inspect.Parameter.KEYWORD_ONLY
    assert found["query"].default is inspect.Parameter.empty


class TestAsked:
    """What a user asks of it."""

    @pytest.mark.parametrize("ask", [mhadoc.predict, mhadoc.explain])
    def test_it_has_no_parameters(self, ask) -> None:
        with pytest.raises(FunctionError, match=r"repeated is a function: it has no parameters"):
            ask(SPEC)

    def test_predict_call(self) -> None:
        called = mhadoc.predict_call(SPEC, {}, (4, 6), times=2, width=6, twice=True)
        assert called == {"output": (16, 6)}

    @pytest.mark.parametrize(
        ("given", "width", "message"),
        [
            (({}, (4, 6)), 7, r"axis 1 is 6, but width = 7"),
            (((4, 6),), 6, r"predict_call\('repeated', \{\}, \.\.\.\)"),  # no arguments first
        ],
    )
    def test_a_wrong_call_is_refused(self, given, width: int, message: str) -> None:
        with pytest.raises(RuleError, match=message):
            mhadoc.predict_call(SPEC, *given, times=2, width=width)
