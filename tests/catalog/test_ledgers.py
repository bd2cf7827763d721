"""The ledgers: each matches what is stated now, and tells of a release what holds there."""

import pytest

from mhadoc.catalog import ledgers
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED, UNTRIED
from mhadoc.errors import ReleaseError
from mhadoc.language.releases import order
from mhadoc.proof.ledgers import stale, text

parametrize_releases = pytest.mark.parametrize("release", ledgers.releases())


@parametrize_releases
def test_it_is_not_stale(release: str):
    found = list(stale(release, ledgers.ledger(release)))
    assert found == [], f"run make matrix TORCH={release}: {found[0]}, and {len(found) - 1} more"


@parametrize_releases
def test_its_file_is_what_would_be_written(release: str):
    path = ledgers.FOLDER / f"{release}.json"
    assert path.read_text(encoding="utf-8") == text(release, ledgers.ledger(release))


@parametrize_releases
def test_a_refuted_entry_tells_what_came(release: str):
    for entry in ledgers.ledger(release).values():
        assert entry.verdict in (HOLDS, REFUTED, NOT_THERE, UNTRIED)
        assert bool(entry.observed) == (entry.verdict == REFUTED)


def test_there_is_one_for_a_minor_release():
    minors = [order(release)[:2] for release in ledgers.releases()]
    assert minors == sorted(set(minors))


def test_a_release_without_one_is_told():
    with pytest.raises(ReleaseError, match=r"make one with make matrix TORCH=9\.9"):
        ledgers.ledger("9.9")
