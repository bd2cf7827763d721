"""Made-up ledgers, for tests of what is said with other ones than those there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mhadoc.catalog import history, ledgers, specs
from mhadoc.proof.ledgers import entries, text
from mhadoc.proof.report import Report

MATRIX = (
    *("1.13.1", "2.0.1", "2.1.2", "2.2.2", "2.3.1", "2.4.1", "2.5.1", "2.6.0", "2.7.1"),
    *("2.8.0", "2.9.1", "2.10.0", "2.11.0", "2.12.1", "2.13.0", "2.14.1", "2.15.0"),
)
Verdicts = Mapping[tuple[str, str], str]
Made = Callable[..., None]


def write(folder: Path, releases: tuple[str, ...], verdicts: Verdicts, names: list[str]) -> None:
    """Write ledgers in which all that is stated holds, but for some verdicts.

    They are given by release and address; "" leaves the entry out.
    """
    wholes = list(map(history, names))
    addresses = [spec.address(each) for spec in wholes for each in spec.statements]
    assert {address for _, address in verdicts} <= set(addresses)
    folder.mkdir(exist_ok=True)
    for release in releases:
        report = Report(release, "cpu", 1, 1, 1, held=dict.fromkeys(addresses, 1))
        found = entries(report, *wholes)
        for address in found.keys() & {address for r, address in verdicts if r == release}:
            verdict = verdicts[release, address]
            found[address] = replace(found[address], verdict=verdict)
            if not verdict:
                del found[address]
        (folder / f"{release}.json").write_text(text(release, found), encoding="utf-8")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Made]:
    """Return a function that puts made-up ledgers in the place of those there are."""

    def put(
        *names: str, releases: tuple[str, ...] = MATRIX, verdicts: Verdicts | None = None
    ) -> None:
        folder = tmp_path / "ledgers"
        write(folder, releases, verdicts or {}, list(names or specs()))
        monkeypatch.setattr(ledgers, "FOLDER", folder)
        ledgers.ledger.cache_clear()

    yield put
    ledgers.ledger.cache_clear()
