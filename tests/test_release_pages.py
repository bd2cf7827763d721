"""The pages on releases say what the ledgers say, whichever ledgers there are."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from matrix_table import alike, table
from release_notes import (
    BEGAN,
    CHANGED,
    ENDED,
    KINDS,
    MENDED,
    RAISED,
    REFUSED,
    TAKEN,
    Notes,
    differences,
)

import mhadoc
from mhadoc.catalog import history, ledgers
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED
from tests.ledgered import Made, made

__all__ = ["made"]

NORM = "LayerNorm"
FEW = ("2.0.1", "2.1.2", "2.7.1", "2.8.0")
CELLS = re.compile(r'<td colspan="(\d+)" class="mhadoc-([\w-]+)">')


def rows(name: str, places: dict[str, str] | None = None) -> list[str]:
    """Return the rows of a table, each as text."""
    return "".join(table(mhadoc.spec(name), places or {})).split("<tbody")[1:]


class TestTable:
    def test_each_statement_is_in_one_row(self, made: Made):
        made(NORM, releases=FEW)
        spec = history(NORM)
        listed = [address for _, addresses in alike(mhadoc.spec(NORM)) for address in addresses]
        assert sorted(listed) == sorted(map(spec.address, spec.statements))
        assert "".join(rows(NORM)).count("<li") == len(listed)

    def test_cells_span_every_release(self, made: Made):
        made(NORM, releases=FEW)
        for row in rows(NORM):
            assert sum(int(width) for width, _ in CELLS.findall(row)) == len(FEW)

    def test_what_holds_throughout_comes_first(self, made: Made):
        made(NORM, releases=FEW)
        marked = ["data-throughout" in row.partition(">")[0] for row in rows(NORM)]
        assert marked == sorted(marked, reverse=True)
        assert marked[:2] == [True, False]

    def test_a_row_says_when_in_words_and_in_cells(self, made: Made):
        made(NORM, releases=FEW)
        (row,) = (row for row in rows(NORM) if "<code>LayerNorm.bias</code>" in row)
        assert '<th scope="row">holds on 2.1 and since 2.7</th>' in row
        assert CELLS.findall(row) == [("1", "not-there"), ("3", "holds")]
        assert '<span class="mhadoc-unseen">not there</span>' in row

    def test_a_false_ledger_changes_it(self, made: Made):
        made(NORM, releases=FEW, verdicts={("2.7.1", "LayerNorm.eps"): REFUTED})
        (row,) = (row for row in rows(NORM) if "<code>LayerNorm.eps</code>" in row)
        assert CELLS.findall(row) == [("2", "holds"), ("1", "refuted"), ("1", "holds")]

    def test_it_links_to_where_a_statement_stands_or_tells_it(self, made: Made):
        made(NORM, releases=FEW)
        text = "".join(rows(NORM, {"LayerNorm.eps": "page.html#LayerNorm.eps"}))
        assert '<li><a href="page.html#LayerNorm.eps"><code>LayerNorm.eps</code></a>' in text
        assert re.search(r'<li id="LayerNorm.bias"><code>LayerNorm.bias</code> whether', text)


def notes(release: str, before: str, *names: str) -> Notes:
    found = Notes(release, before)
    for name in names:
        found.compare(mhadoc.spec(name))
    return found


def kinds(found: Notes, address: str) -> list[str]:
    return [kind for (kind, _), where in found.found.items() if address in where]


class TestNotes:
    @pytest.mark.parametrize(
        ("release", "before", "address", "kind"),
        [
            ("2.1.2", "2.0.1", "LayerNorm.bias", BEGAN),
            ("2.8.0", "2.7.1", "LayerNorm.input.floats", RAISED),
        ],
    )
    def test_tell_what_changed(self, made: Made, release, before, address, kind: str):
        made(NORM, releases=FEW)
        assert kinds(notes(release, before, NORM), address) == [kind]

    def test_nothing_is_told_where_nothing_changed(self, made: Made):
        made(NORM, releases=FEW)
        found = notes("2.7.1", "2.1.2", NORM)
        assert (found.found, found.came) == ({}, {})
        assert found.kept > 20

    def test_a_bug_that_was_mended_is_told_as_one(self, made: Made):
        made("MultiheadAttention", releases=("2.4.1", "2.5.1"))
        found = notes("2.5.1", "2.4.1", "MultiheadAttention")
        assert kinds(found, "mha.nan.everywhere") == [MENDED]
        assert kinds(found, "mha.nan.without_weights") == [BEGAN]

    @pytest.mark.parametrize(
        ("address", "before", "after", "kind"),
        [
            ("LayerNorm.eps", HOLDS, NOT_THERE, ENDED),
            ("LayerNorm.eps", HOLDS, REFUTED, ENDED),
            ("LayerNorm.eps", REFUTED, HOLDS, BEGAN),
            ("LayerNorm.input.floats", NOT_THERE, HOLDS, REFUSED),
            ("LayerNorm.input.floats", HOLDS, NOT_THERE, TAKEN),
        ],
    )
    def test_a_false_ledger_changes_them(self, made: Made, address, before, after, kind: str):
        verdicts = {("2.1.2", address): before, ("2.7.1", address): after}
        made(NORM, releases=FEW, verdicts=verdicts)
        assert kinds(notes("2.7.1", "2.1.2", NORM), address) == [kind]

    def test_a_missing_entry_claims_nothing(self, made: Made):
        made(NORM, releases=FEW, verdicts={("2.7.1", "LayerNorm.eps"): ""})
        assert notes("2.7.1", "2.1.2", NORM).found == {}

    def test_a_module_that_came_is_told_in_one_line(self, made: Made):
        made("scaled_dot_product_attention", releases=("1.13.1", "2.0.1"))
        found = notes("2.0.1", "1.13.1", "scaled_dot_product_attention")
        assert found.found == {}
        assert found.came["scaled_dot_product_attention"] > 40

    def test_each_kind_has_a_place(self):
        assert {BEGAN, CHANGED, ENDED, MENDED, RAISED, REFUSED, TAKEN} == set(KINDS)

    @pytest.mark.parametrize(
        ("field", "kind", "text"),
        [
            ("sentence", CHANGED, "Now. It was: "),
            ("doctest", CHANGED, "Its example prints something else."),
        ],
    )
    def test_a_claim_that_reads_otherwise(self, field: str, kind: str, text: str):
        claim = history(NORM).claims[0]
        ((found, said),) = differences(claim, replace(claim, **{field: "Now."}))
        assert (found, text in said) == (kind, True)

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({"demand": "now"}, [(CHANGED, "now. It was: ")]),
            ({"message": "`now`"}, [(RAISED, "`: `'now'`. It was `")]),
            ({"holds": 1}, []),
        ],
    )
    def test_a_demand_that_reads_otherwise(self, change, found: list[tuple[str, str]]):
        demand = history(NORM).requirements[0]
        said = list(differences(demand, replace(demand, **change)))
        assert [kind for kind, _ in said] == [kind for kind, _ in found]
        assert all(part in text for (_, part), (_, text) in zip(found, said, strict=True))

    def test_a_rule_that_reads_otherwise(self):
        rule = history(NORM).rule("eps")
        found = list(differences(rule, replace(rule, default=1)))
        assert found == [(CHANGED, "`eps`: default is `1`. It was `1e-05`.")]


def test_the_real_ledgers_have_a_table_and_notes():
    for name in mhadoc.specs():
        assert rows(name)
    for before, release in zip(ledgers.releases(), ledgers.releases()[1:], strict=False):
        assert notes(release, before, *mhadoc.specs()).kept > 900
