"""The smallest case in which a statement does not hold: fewest choices, smallest sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from mhadoc.language import Case, Cases, Mismatch
from mhadoc.proof.observe import Bench

__all__ = ["smallest"]

#: Tells what is wrong in a case on a bench; None where the statement holds or does not speak.
Fails = Callable[[Bench, Case], "Mismatch | None"]


def smallest(
    bench: Bench, case: Case, mismatch: Mismatch, fails: Fails
) -> tuple[Bench, Case, Mismatch]:
    """Return a case that fails still, from which nothing can be taken without it holding.

    First each choice goes back to the plainest, then each size becomes as small as it can.
    """
    for simpler in _steps(bench, case, fails):
        bench, case, mismatch = simpler
    return bench, case, mismatch


def _steps(bench: Bench, case: Case, fails: Fails) -> Iterator[tuple[Bench, Case, Mismatch]]:
    going = True
    while going:
        going = False
        for plainer in _plainer(bench.spec.cases, case):
            if found := fails(bench, plainer):
                case, going = plainer, True
                yield bench, case, found
                break
    for name in bench.spec.cases.sizes:
        for tighter in _tighter(bench, name):
            if found := fails(tighter, case):
                bench = tighter
                yield bench, case, found
                break


def _plainer(cases: Cases, case: Case) -> Iterator[Case]:
    for place, position in enumerate(case.at):
        if position:
            at = (*case.at[:place], 0, *case.at[place + 1 :])
            if cases.allows(Case(at)):
                yield Case(at)


def _tighter(bench: Bench, name: str) -> Iterator[Bench]:
    """Iterate over benches with one size made smaller, the smallest first; all sizes differ."""
    cases = bench.spec.cases
    for number in range(1, cases.numbers[name]):
        if not isinstance(cases.sizes[name], int):
            return
        smaller = replace(cases, sizes={**cases.sizes, name: number})
        if len(set(smaller.numbers.values())) == len(smaller.numbers):
            yield replace(bench, spec=replace(bench.spec, cases=smaller))
