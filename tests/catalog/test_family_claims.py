"""Every claim about the Transformer family holds, and would be missed if it were false."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

import mhadoc
from mhadoc.language import Claim
from mhadoc.proof import doctests
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import RAISED, Bench

SPECS = [mhadoc.spec(name) for name in mhadoc.specs() if name != "MultiheadAttention"]
PAIRS = [(spec, claim) for spec in SPECS for claim in spec.claims]
ID = re.compile(r"(tr|doc|linear|layer_norm|dropout|sdpa|mhaf)(\.[a-z][a-z0-9_]*){1,3}")

parametrize_claims = pytest.mark.parametrize(("spec", "claim"), PAIRS, ids=[c.id for _, c in PAIRS])


@cache
def quick(name: str) -> Any:
    """What held in the quick cases of a spec, and which twins fell."""
    spec = mhadoc.spec(name)
    bench, found = Bench(spec), SimpleNamespace(held=Counter(), wrong={}, refuted=set())
    for case, statements in covering(spec).items():
        claims = [statement for statement in statements if isinstance(statement, Claim)]
        for claim in claims:
            seen = bench.observe(case)
            mismatch = claim.check(seen)
            found.held[claim.id] += mismatch is None
            if mismatch:
                found.wrong.setdefault(claim.id, (spec.cases.labels(case), mismatch))
            for twin, check in claim.twins.items():
                if (claim.id, twin) not in found.refuted and refutes(check, bench.observe(case)):
                    found.refuted.add((claim.id, twin))
    return found


def refutes(check: Any, seen: Any) -> bool:
    try:
        return check(seen) is not None
    except RAISED:
        return True


@parametrize_claims
def test_it_holds(spec: Any, claim: Claim) -> None:
    found = quick(spec.name)
    assert claim.id not in found.wrong, found.wrong[claim.id]
    assert found.held[claim.id] > 0


@parametrize_claims
def test_each_twin_is_refuted(spec: Any, claim: Claim) -> None:
    found = quick(spec.name)
    assert claim.twins
    assert [t for t in claim.twins if (claim.id, t) not in found.refuted] == []


@parametrize_claims
def test_its_example_runs(spec: Any, claim: Claim) -> None:
    with warnings.catch_warnings():
        assert doctests.run(claim) is None
    assert ID.fullmatch(claim.id)
