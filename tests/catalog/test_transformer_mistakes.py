"""Each way to call a Transformer class wrongly is refused in exactly the words stated."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

import mhadoc
from mhadoc.language import Requirement
from mhadoc.proof.checks import check_mistake
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench, Observation

NAMES = [
    "Transformer",
    "TransformerEncoder",
    "TransformerDecoder",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
]
parametrize_modules = pytest.mark.parametrize("name", NAMES)


@cache
def tried(name: str) -> list[tuple[Requirement, Observation]]:
    """Return each mistake with the legal calls of the quick cases in which it is tried."""
    return list(_tried(name))


def _tried(name: str) -> Iterator[tuple[Requirement, Observation]]:
    spec = mhadoc.spec(name)
    bench = Bench(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case, statements in covering(spec).items():
            planned = [s for s in statements if isinstance(s, Requirement)]
            seen = bench.observe(case) if planned else None
            if seen is not None and seen.error is None:
                yield from ((mistake, seen) for mistake in planned)


@parametrize_modules
def test_each_is_tried_often_enough(name: str) -> None:
    counts = {m.id: 0 for m in mhadoc.spec(name).call_requirements if m.breaks is not None}
    assert len(counts) >= 16
    for mistake, _ in tried(name):
        counts[mistake.id] += 1
    assert {id: count for id, count in counts.items() if count < 5} == {}


@parametrize_modules
def test_it_is_refused_in_the_words_stated(name: str) -> None:
    wrong = [(m.id, found) for m, seen in tried(name) if (found := check_mistake(m, seen))]
    assert wrong == []


@parametrize_modules
def test_another_text_is_refuted(name: str) -> None:
    for mistake, seen in {m.id: (m, seen) for m, seen in tried(name)}.values():
        assert check_mistake(replace(mistake, message=f"{mistake.message}s"), seen)


@parametrize_modules
def test_it_says_what_is_demanded_and_the_way_out(name: str) -> None:
    known = {rule.name for rule in mhadoc.spec(name).rules}
    for mistake in mhadoc.spec(name).call_requirements:
        assert set(mistake.about) <= known
        for text in (mistake.demand, mistake.hint):
            assert text == text.strip().removesuffix(".")
            assert "{" not in text
