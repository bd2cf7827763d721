"""The pages on releases say what the ledgers say, whichever ledgers there are."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from differences import BEHAVIOUR, TEXT, demanded, differences
from matrix_table import alike, table
from release_notes import (
    BEGAN,
    BROKE,
    CAME,
    MENDED,
    RAISED,
    REFUSED,
    TAKEN,
    WENT,
    Notes,
)

import mhadoc
from mhadoc.catalog import history, ledgers
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED
from mhadoc.proof.standing import Statement
from tests.ledgered import Made, made

__all__ = ["made"]

NORM = "LayerNorm"
FLAG = next(symbol.expr for symbol in mhadoc.spec(NORM).symbols if symbol.name == "bias")
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
            ("2.1.2", "2.0.1", "LayerNorm.bias", CAME),
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
            ("LayerNorm.eps", HOLDS, NOT_THERE, WENT),
            ("LayerNorm.eps", HOLDS, REFUTED, WENT),
            ("LayerNorm.eps", REFUTED, HOLDS, CAME),
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

    def test_a_bug_is_told_by_what_happened_and_when_it_was_mended(self, made: Made):
        made("scaled_dot_product_attention", releases=("2.2.2", "2.3.1", "2.5.1"))
        came = notes("2.3.1", "2.2.2", "scaled_dot_product_attention")
        gone = notes("2.5.1", "2.3.1", "scaled_dot_product_attention")
        (told,) = (text for kind, text in came.found if kind == BROKE)
        (mended,) = (text for kind, text in gone.found if kind == MENDED)
        assert told.startswith("On the CPU the fused kernel misread")
        assert told.endswith("without a word. Mended in torch 2.5.")
        assert mended.startswith("Before: On the CPU the fused kernel misread")
        assert mended.endswith("Now: mended.")

    def test_no_list_shows_a_condition_in_another_notation_than_pythons(self):
        for before, release in pairwise(ledgers.releases()):
            texts = [text for _, text in notes(release, before, *mhadoc.specs()).found]
            assert [text for text in texts if " & " in text or "Eq(" in text] == []


def changes(statement: Statement, **fields: object) -> list[tuple[str, str]]:
    """Return the differences between a statement and the same with other fields."""
    found = differences(mhadoc.spec(NORM), statement, replace(statement, **fields))
    return [(each.kind, each.text) for each in found]


class TestDifferences:
    def test_a_claim_says_both_sentences(self):
        claim = history(NORM).claims[0]
        told = f"Before: {claim.sentence}\nNow: This."
        assert changes(claim, sentence="This.") == [(BEHAVIOUR, told)]

    @pytest.mark.parametrize(
        ("before", "after", "told"),
        [
            (">>> 1\n1\n", ">>> 1\n2\n", "Before: `1`.\nNow: `2`."),
            (">>> 1\n1\n", ">>> 2\n2\n", None),
            (">>> x = 1\n>>> x\n1\n", ">>> x = 2\n>>> x\n2\n", None),
            (">>> f()\n1\n>>> f()\n2\n", ">>> f()\n1\n>>> f()\n2\n", None),
            (">>> f()\n1\n>>> f()\n2\n", ">>> f()\n1\n>>> f()\n3\n", "Before: `2`.\nNow: `3`."),
            (
                ">>> f()\nTraceback (most recent call last):\n    ...\nKeyError: 1\n",
                ">>> f()\nTraceback (most recent call last):\n    ...\nTypeError: 1\n",
                "Before: `KeyError: 1`.\nNow: `TypeError: 1`.",
            ),
        ],
    )
    def test_an_example_says_what_it_prints_and_nothing_where_it_is_another(
        self, before: str, after: str, told: str | None
    ):
        claim = replace(history(NORM).claims[0], doctest=before)
        found = changes(claim, doctest=after)
        assert found == ([(TEXT, f"{claim.sentence}\n{told}")] if told else [])

    def test_a_demand_says_what_was_demanded(self):
        ((kind, text),) = changes(history(NORM).requirements[0], demand="x is 1")
        assert (kind, text.partition(":")[0]) == (BEHAVIOUR, "Demanded before")
        assert text.endswith("Now: x is 1.")

    @pytest.mark.parametrize(
        ("demand", "told"),
        [
            ("kdim must be an int", "`kdim` must be an int."),
            ("src_mask is a tensor", "`src_mask` is a tensor."),
            ("the input is one of floats", "The input is one of floats."),
            ("`eps` is a number", "`eps` is a number."),
        ],
    )
    def test_a_demand_begins_with_a_capital_or_with_code(self, demand: str, told: str):
        first = history(NORM).requirements[0]
        assert demanded(replace(first, id="kdim.int", demand=demand)) == told

    def test_an_error_says_both_texts(self):
        demand = history(NORM).requirements[0]
        ((kind, text),) = changes(demand, message="`now`")
        assert kind == TEXT
        assert text.endswith(f"`.\nNow: `{demand.error}: 'now'`.")

    def test_a_text_that_is_nothing_but_said_is_no_text(self):
        demand = replace(history(NORM).requirements[0], message="{said}")
        ((_, text),) = changes(demand, message="now")
        assert f"Before: `{demand.error}` with a text that varies." in text

    def test_what_no_reader_sees_is_no_change(self):
        assert changes(history(NORM).requirements[0], holds=1) == []

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"default": 1}, "its default.\nBefore: `1e-05`.\nNow: `1`."),
            ({"when": FLAG}, "its when.\nBefore: `always`.\nNow: `bias=True`."),
        ],
    )
    def test_a_rule_says_its_field(self, fields: dict[str, object], told: str):
        rule = history(NORM).rule("eps")
        assert changes(rule, **fields) == [(BEHAVIOUR, f"`eps` of LayerNorm, {told}")]


def test_the_real_ledgers_have_a_table_and_notes():
    for name in mhadoc.specs():
        assert rows(name)
    for before, release in pairwise(ledgers.releases()):
        assert notes(release, before, *mhadoc.specs()).kept > 900
