"""The public strategies: what they draw is legal where they say so, and illegal where not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import mhadoc
from mhadoc.errors import MhadocError, RuleError, UnknownNameError
from mhadoc.proof.observe import RAISED
from mhadoc.strategies import DrawnCall, arguments, calls

SPECS = mhadoc.specs()
DEMANDING = [name for name in SPECS if mhadoc.spec(name).call_requirements]
BUILT = [name for name in SPECS if mhadoc.spec(name).kind == "module"]


class Slow(torch.nn.Linear):
    """A drop-in for Linear."""


drawn = settings(max_examples=30, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("name", SPECS)
def test_legal_calls_return_the_shapes_of_the_rules(name: str) -> None:
    @drawn
    @given(calls(name, legal=True))
    def check(call: DrawnCall) -> None:
        stated = {
            rule.name: rule.shape and rule.shape.evaluate(call.values)
            for rule in call.spec.outputs
            if rule.applies(call.values)
        }
        returned = call.run()
        shapes = {k: None if v is None else tuple(v.shape) for k, v in returned.items()}
        assert shapes == stated

    check()


@pytest.mark.parametrize("name", DEMANDING)
def test_illegal_calls_raise(name: str) -> None:

    @drawn
    @given(calls(name, legal=False))
    def check(call: DrawnCall) -> None:
        assert call.broken is not None
        with pytest.raises(RAISED) as raised:
            call.run()
        assert type(raised.value).__name__ == call.broken.error

    check()


@pytest.mark.parametrize("name", BUILT)
def test_arguments_are_accepted_or_refused(name: str) -> None:
    @drawn
    @given(arguments(name))
    def accepted(built: dict[str, object]) -> None:
        assert mhadoc.predict(name, **built) is not None

    @drawn
    @given(arguments(name, legal=False))
    def refused(built: dict[str, object]) -> None:
        with pytest.raises(RuleError, match="way out"):
            mhadoc.predict(name, **built)

    accepted()
    refused()


def test_a_failure_shrinks_to_a_plain_call() -> None:
    call = find(
        calls("MultiheadAttention", legal=True),
        lambda call: bool(call.arguments["add_bias_kv"]),
        settings=settings(drawn, max_examples=200),
    )
    plain = r"MultiheadAttention\(embed_dim=\d+, num_heads=\d, add_bias_kv=True\)"
    shapes = r"\(query=\(\d, \d, \d+\), key=\(\d, \d, \d+\), value=\(\d, \d, \d+\)\)"
    assert re.fullmatch(rf"{plain}{shapes}  # train, grad on", repr(call)), repr(call)


@pytest.mark.parametrize("broken", [False, True])
def test_both_kinds_are_drawn(broken: bool) -> None:
    first = settings(drawn, phases=[Phase.generate])
    find(calls("MultiheadAttention"), lambda call: bool(call.broken) is broken, settings=first)


def test_a_drop_in_and_sizes_can_be_chosen() -> None:
    call = find(calls("Linear", subject=Slow, sizes=st.integers(20, 30)), lambda _: True)
    assert isinstance(call.module, Slow)


def test_a_target_without_spec_or_demands() -> None:
    with pytest.raises(
        MhadocError, match="Dropout demands nothing of a call: draw with legal=True"
    ):
        calls(replace(mhadoc.spec("Dropout"), call_requirements=()), legal=False)
    with pytest.raises(UnknownNameError, match="no spec is called 'Linea'"):
        calls("Linea")
