"""A report on a release that has no ledger, next to the ledger of the nearest one that has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mhadoc.catalog import history, specs
from mhadoc.catalog.ledgers import REFUTED, UNTRIED, ledger, releases
from mhadoc.language import ModuleSpec
from mhadoc.language.releases import order
from mhadoc.proof.ledgers import entries
from mhadoc.proof.report import Report

__all__ = ["beside", "nearest"]


def nearest(release: str) -> str:
    """Return the release with a ledger that is nearest to another; "" where that has its own.

    Of two that are as near, it is the newer one.
    """
    known = releases()
    if order(release) in map(order, known):
        return ""
    newer = [each for each in known if order(each) > order(release)]
    older = [each for each in known if order(each) < order(release)]
    neighbours = [*newer[:1], *older[-1:]]
    return min(neighbours, key=lambda each: _distance(each, release), default="")


def _distance(one: str, other: str) -> tuple[int, ...]:
    return tuple(abs(a - b) for a, b in zip(order(one), order(other), strict=True))


def beside(report: Report, targets: Iterable[ModuleSpec]) -> Report:
    """Return a report with what came out otherwise than on the nearest release.

    Nothing is added where the release has a ledger, or where no target is one of torch's.
    """
    wholes = [*filter(_is_ours, (spec.whole or spec for spec in targets))]
    found = nearest(report.torch_version) if wholes else ""
    if not found:
        return report
    return replace(report, nearest=found, otherwise=dict(_differences(report, found, wholes)))


def _is_ours(whole: ModuleSpec) -> bool:
    return whole.name in specs() and history(whole.name) is whole


def _differences(
    report: Report, release: str, wholes: Iterable[ModuleSpec]
) -> Iterator[tuple[str, str]]:
    """Iterate over statements with another verdict than in a ledger, and both verdicts.

    What the ledger does not know of is told where it is refuted.
    """
    known = ledger(release)
    for address, entry in entries(report, *wholes).items():
        there = known[address].verdict if address in known else UNTRIED
        if there != entry.verdict and (address in known or entry.verdict == REFUTED):
            yield address, f"{there} on {release}, {entry.verdict} here"
