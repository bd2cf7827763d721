"""What Lighthouse reports is judged as the site promises."""

from __future__ import annotations

from typing import Any

import pytest

from tests import lighthouse
from tests.lighthouse import LEAST, PAGES, main, scores, short


def report(weight: int = 80_000, **given: float | None) -> dict[str, Any]:
    full: dict[str, float | None] = dict.fromkeys(LEAST, 1.0)
    full |= {name.replace("_", "-"): score for name, score in given.items()}
    return {
        "categories": {name: {"score": score} for name, score in full.items()},
        "audits": {"total-byte-weight": {"numericValue": weight}},
    }


def test_a_page_that_keeps_the_promises_passes() -> None:
    assert list(short(report(performance=0.95))) == []
    assert scores(report(performance=0.954))["performance"] == 95


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (report(performance=0.94), "performance is 94, not 95"),
        (report(accessibility=0.99), "accessibility is 99, not 100"),
        (report(best_practices=0.96), "best-practices is 96, not 100"),
        (report(seo=None), "seo is 0, not 100"),
        (report(weight=250_001), "the page weighs 250001 bytes, more than 250000"),
    ],
)
def test_one_that_falls_short_is_told(found: dict[str, Any], said: str) -> None:
    assert list(short(found)) == [said]


def test_a_page_that_falls_short_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [report(performance=score) for score in (0.9, 0.8, 0.97, 0.99)]
    left = iter(found)
    monkeypatch.setattr(lighthouse, "measured", lambda address: next(left))
    assert lighthouse.best("https://x.org/") is found[2]
    assert list(left) == [found[3]]


def test_without_node_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit, match=r"Lighthouse needs Node\.js 18 or newer"):
        main()


def test_a_page_of_each_type_is_measured() -> None:
    assert [page.partition("/")[0] for page in PAGES] == [
        "index.html",
        "reference",
        "questions",
        "auto_gallery",
        "calculator.html",
    ]
