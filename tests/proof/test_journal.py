"""The journal keeps whole lines only, whatever became of the process that wrote them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mhadoc.language import Case, Mismatch
from mhadoc.proof.journal import Journal, cache_folder
from mhadoc.proof.tally import Tally

FOUND = Tally(Counter({"mha.scale": 3}), {"mha.softmax": (Case((1, 0)), Mismatch("1", "2"))}, 4)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "new" / "sweep.jsonl")


def test_there_is_none_at_first(journal: Journal) -> None:
    assert journal.read() == {}
    journal.remove()


def test_what_is_written_is_read(journal: Journal) -> None:
    journal.write("0-1", FOUND)
    journal.write("1-1", Tally(cases=7))
    assert journal.read() == {"0-1": FOUND, "1-1": Tally(cases=7)}


def test_nothing_is_left_when_all_is_done(journal: Journal) -> None:
    journal.write("0-1", FOUND)
    journal.remove()
    assert journal.read() == {}


@pytest.mark.parametrize("length", [1, 20, -2])
def test_a_line_that_was_cut_off_does_not_count(journal: Journal, length: int) -> None:
    journal.write("0-1", FOUND)
    kept = journal.path.read_bytes()
    journal.path.write_bytes(kept + kept[:length])
    assert journal.read() == {"0-1": FOUND}
    journal.write("1-1", FOUND)
    assert journal.read() == {"0-1": FOUND, "1-1": FOUND}


def test_a_chunk_that_was_done_twice_counts_once(journal: Journal) -> None:
    journal.write("0-1", FOUND)
    journal.write("0-1", FOUND)
    assert journal.read() == {"0-1": FOUND}


def test_without_a_place_to_write_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "sweep.jsonl")
    with pytest.warns(UserWarning, match="this run cannot be resumed: .*file"):
        journal.write("0-1", FOUND)
    journal.write("1-1", FOUND)
    assert journal.read() == {}


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"MHADOC_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/mhadoc"),
        ({"XDG_CACHE_HOME": "", "HOME": "/c"}, "/c/.cache/mhadoc"),
        ({"HOME": "/c"}, "/c/.cache/mhadoc"),
    ],
)
def test_the_folder(
    variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MHADOC_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)
