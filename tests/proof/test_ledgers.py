"""Ledgers in the making: verdicts from a report, and what has changed since."""

from dataclasses import replace

import pytest

import mhadoc
from mhadoc.catalog import history, specs
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED, UNTRIED, Entry, ledger
from mhadoc.language import Claim
from mhadoc.proof.ledgers import entries, fingerprint, stale, text
from mhadoc.proof.report import Refutation, Report
from tests.toy import LINEAR

ADDRESSES = [LINEAR.address(statement) for statement in LINEAR.statements]


def report(*refutations: Refutation, held=ADDRESSES) -> Report:
    return Report("2.0.1+cu117", "cpu", 1, 1, 1, refutations, held=dict.fromkeys(held, 1))


class TestEntries:
    @pytest.mark.parametrize(
        ("since", "held", "first", "rest"),
        [
            (None, ADDRESSES, HOLDS, HOLDS),
            (None, ADDRESSES[1:], UNTRIED, HOLDS),  # no case showed it
            ("2.0", ADDRESSES, HOLDS, HOLDS),
            ("2.1", ADDRESSES, NOT_THERE, NOT_THERE),
        ],
    )
    def test_there_is_one_for_each_statement(self, since, held, first, rest):
        found = entries(report(held=held), replace(LINEAR, since=since))
        assert list(found) == ADDRESSES
        verdict, *others = (entry.verdict for entry in found.values())
        assert (verdict, {*others}) == (first, {rest})

    def test_a_refutation_is_told_short(self):
        why = Refutation("Linear.weight", "so", {"bias": "False"}, "x" * 999, "(5, 3)")
        entry = entries(report(why), LINEAR)["Linear.weight"]
        assert (entry.verdict, entry.case, entry.observed) == (REFUTED, why.case, "(5, 3)")
        assert len(entry.expected) == 160

    def test_a_refutation_of_the_whole_is_kept(self):
        why = Refutation("Linear.state_dict", "these keys", {}, "['weight']", "[]")
        assert entries(report(why), LINEAR)["Linear.state_dict"].verdict == REFUTED

    def test_a_refutation_of_another_spec_is_not_taken(self):
        why = Refutation("Dropout.p", "so", {}, "1", "2")
        assert list(entries(report(why), LINEAR)) == ADDRESSES


class TestText:
    def test_is_sorted_and_has_a_line_for_each(self):
        why = Refutation("Linear.weight", "so", {"bias": "False"}, "(3, 5)", "(5, 3)")
        lines = text("2.0.1", entries(report(why), LINEAR)).splitlines()
        assert lines[1] == ' "torch": "2.0.1",'
        assert lines[3:-2] == sorted(lines[3:-2])
        assert len(lines[3:-2]) == len(ADDRESSES)


class TestFingerprint:
    @pytest.mark.parametrize("field", ["sentence", "doctest", "id"])
    def test_changes_with_what_is_stated(self, field: str):
        claim = LINEAR.claims[0]
        assert fingerprint(replace(claim, **{field: "2.2"})) != fingerprint(claim)

    @pytest.mark.parametrize("field", ["check", "source", "twins", "since", "before"])
    def test_does_not_change_with_how_it_is_checked(self, field: str):
        claim = LINEAR.claims[0]
        assert fingerprint(replace(claim, **{field: "2.2"})) == fingerprint(claim)

    def test_is_as_long_as_those_in_the_ledgers(self):
        known = ledger("2.13.0")
        lengths = {len(entry.fingerprint) for entry in known.values() if entry.fingerprint}
        assert lengths == {len(fingerprint(LINEAR.claims[0]))}

    def test_no_two_statements_share_one(self):
        found = [fingerprint(s) for s in history("MultiheadAttention").statements]
        assert len(set(found)) == len(found)


def up_to_date(release: str) -> dict[str, Entry]:
    """A ledger in which every statement held, or was not there."""
    addresses = [s.address(x) for s in map(history, specs()) for x in s.statements]
    told = Report(release, "cpu", 1, 1, 1, held=dict.fromkeys(addresses, 1))
    return entries(told, *map(history, specs()))


class TestStale:
    KNOWN = up_to_date("2.13.0")

    def test_an_up_to_date_ledger_is_not(self):
        assert list(stale("2.13.0", self.KNOWN)) == []

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"Linear.weight": Entry(HOLDS, "0")}, "Linear.weight has changed since"),
            ({"Linear.none": Entry(HOLDS, "0")}, "Linear.none is gone"),
            ({"Linear.weight": None}, "Linear.weight was never tried"),
        ],
    )
    def test_one_line_tells_each_difference(self, change, said: str):
        known = {a: e for a, e in (self.KNOWN | change).items() if e is not None}
        assert list(stale("2.13.0", known)) == [said]

    def test_a_statement_that_was_dated_since_is_told(self):
        known = {**self.KNOWN, "Linear.weight": Entry(NOT_THERE, "")}
        assert list(stale("2.13.0", known)) == ["Linear.weight is stated of it"]

    def test_the_report_of_a_real_proof_is_not(self):
        mine = {a: e for a, e in self.KNOWN.items() if not a.startswith("Dropout")}
        held = entries(mhadoc.verify("Dropout"), history("Dropout"))
        drops = [c.id for c in history("Dropout").claims if isinstance(c, Claim)]
        assert drops
        assert list(stale(mhadoc.verify("Dropout").torch_version, mine | held)) == []
