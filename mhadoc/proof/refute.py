"""Refutations: what does not hold, in the smallest case that shows it, with a program."""

from __future__ import annotations

from functools import partial

from mhadoc.language import Case, Mismatch
from mhadoc.proof.look import look_again
from mhadoc.proof.observe import Bench
from mhadoc.proof.report import Refutation
from mhadoc.proof.reproduce import reproduction
from mhadoc.proof.smallest import smallest

__all__ = ["refutation"]


def refutation(
    bench: Bench, statement: str, case: Case, mismatch: Mismatch, *, shrink: bool = True
) -> Refutation:
    """Return the refutation of a statement in the smallest case that shows it."""
    if shrink:
        bench, case, mismatch = smallest(bench, case, mismatch, partial(look_again, statement))
    cases = bench.spec.cases
    plain, chosen = cases.labels(cases.plainest()), cases.labels(case)
    return Refutation(
        statement=statement,
        sentence=bench.spec.sentence(statement),
        case={axis: label for axis, label in chosen.items() if label != plain[axis]},
        sizes=cases.numbers,
        expected=mismatch.expected,
        observed=mismatch.observed,
        code=reproduction(bench, statement, case, mismatch),
    )
