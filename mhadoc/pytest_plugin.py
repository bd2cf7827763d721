"""``pytest --mhadoc TARGET``: each rule and claim of a spec as one test.

Every pytest run in the environment imports this file, so it imports nothing by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mhadoc.language import ModuleSpec
    from mhadoc.proof.report import Refutation, Report

__all__ = ["RefutedError", "SpecCollector", "StatementItem"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options ``--mhadoc`` and ``--mhadoc-subject``."""
    group = parser.getgroup("mhadoc", "proof of module specs")
    group.addoption(
        "--mhadoc",
        action="append",
        default=[],
        metavar="TARGET",
        help="also prove a spec, one test for each rule and claim: MultiheadAttention, "
        "package.module:SPEC, or package.module for every spec in it",
    )
    group.addoption(
        "--mhadoc-subject",
        metavar="PACKAGE.MODULE:CLASS",
        help="prove another class, which claims to be a drop-in for the target",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests that ``--mhadoc`` asks for, before others choose among all of them."""
    for target in config.getoption("--mhadoc"):
        items += _items(session, target)


def _items(session: pytest.Session, target: str) -> Iterator[pytest.Item]:
    from mhadoc.catalog import specs_in
    from mhadoc.errors import MhadocError
    from mhadoc.paths import look_here

    look_here(session.config.invocation_params.dir)
    try:
        found = specs_in(target)
        _check_subject(session.config.getoption("--mhadoc-subject"), found)
    except MhadocError as unknown:
        raise pytest.UsageError(f"--mhadoc: {unknown}") from unknown
    for spec in found:
        yield from SpecCollector.of(session, spec).collect()


def _check_subject(subject: str | None, specs: Sequence[ModuleSpec]) -> None:
    """Refuse what can be no drop-in, once and not in each test; torch is loaded for it."""
    if subject is not None:
        from mhadoc.proof.subjects import drop_in

        drop_in(subject, specs)


class SpecCollector(pytest.Collector):
    """A spec as a collection of tests, proved once when the first of them runs."""

    spec: ModuleSpec
    _report: Report | None = None

    @classmethod
    def of(cls, session: pytest.Session, spec: ModuleSpec) -> SpecCollector:
        """Return the collector of a spec."""
        collector: SpecCollector = cls.from_parent(session, name=spec.name, nodeid="mhadoc")
        collector.spec = spec
        return collector

    def collect(self) -> Iterator[StatementItem]:
        """Iterate over the statements, named by their addresses."""
        for statement in self.spec.statements:
            yield StatementItem.from_parent(self, name=self.spec.address(statement))
        yield StatementItem.from_parent(self, name=f"{self.spec.name} states all there is")

    def refutations(self) -> dict[str, Refutation]:
        """Return every refutation by the address of what it refutes."""
        if self._report is None:
            from mhadoc.proof.verify import verify

            subject = self.config.getoption("--mhadoc-subject")
            self._report = verify(self.spec, subject=subject)
        return {refutation.statement: refutation for refutation in self._report.refutations}


class StatementItem(pytest.Item):
    """One rule or claim; it fails where the proof refutes it.

    The last item of a spec fails for what is refuted and is no statement of its own, such as a
    parameter that no rule names.
    """

    parent: SpecCollector

    def runtest(self) -> None:
        """Look up what the proof came to."""
        found = self.parent.refutations()
        own = {self.parent.spec.address(statement) for statement in self.parent.spec.statements}
        if self.name in own:
            mine = [found[self.name]] if self.name in found else []
        else:
            mine = [refutation for name, refutation in found.items() if name not in own]
        if mine:
            raise RefutedError("\n\n".join(map(_told, mine)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: None = None) -> str:  # type: ignore[override]  # pytest's own type of style is private
        """Return the refutation alone, not the lines of this file."""
        if excinfo.errisinstance(RefutedError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Return how the test is called in reports."""
        return "mhadoc", None, self.name


class RefutedError(AssertionError):
    """A rule or claim does not hold."""


def _told(refutation: Refutation) -> str:
    return f"{refutation}\n\n{refutation.code}" if refutation.code else str(refutation)
