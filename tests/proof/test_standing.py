"""How a statement stands on the releases: proved by the ledgers there are, and not one more."""

import pytest

import mhadoc
from mhadoc.catalog import history
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED, UNTRIED
from mhadoc.proof.standing import (
    OTHERWISE,
    UNKNOWN,
    Standing,
    changed,
    disagreements,
    standings,
)
from tests.ledgered import MATRIX, Made, made
from tests.toy import LINEAR

__all__ = ["made"]

SIGNS = {"h": HOLDS, "o": OTHERWISE, "n": NOT_THERE, "r": REFUTED, "u": UNTRIED, "-": UNKNOWN}
FEW = ("1.13.1", "2.0.1", "2.1.2", "2.2.2", "2.3.1")


def words(signs: str, releases: tuple[str, ...] = FEW) -> str:
    verdicts = (SIGNS[sign] for sign in signs)
    return Standing(dict(zip(releases, verdicts, strict=True))).words()


class TestWords:
    @pytest.mark.parametrize(
        ("signs", "said"),
        [
            ("hhhhh", "holds since 1.13"),
            ("nnhhh", "holds since 2.1"),
            ("nnnnh", "holds since 2.3"),
            ("nhhhn", "holds on 2.0 to 2.2 only"),
            ("hnnnn", "holds on 1.13 only"),
            ("hnnhh", "holds on 1.13 and since 2.2"),
            ("hnhnh", "holds on 1.13, on 2.1 and since 2.3"),
            ("hhrhh", "holds on 1.13 to 2.0 and since 2.2"),
            ("oohhh", "holds since 2.1, otherwise on 1.13 to 2.0"),
            ("nhhho", "holds on 2.0 to 2.2, otherwise since 2.3"),
            ("nnooo", "otherwise since 2.1"),
            ("huhhh", "holds on 1.13 and since 2.1"),
            ("nhh-n", "holds on 2.0 to 2.1"),
            ("unhhn", "holds on 2.1 to 2.2"),
            ("nnuuu", "untried since 2.1"),
            ("uuuuu", ""),
            ("nnnnn", ""),
            ("-----", ""),
        ],
    )
    def test_say_where_it_holds(self, signs: str, said: str):
        assert words(signs) == said

    @pytest.mark.parametrize(
        ("signs", "releases", "said"),
        [
            ("hhh", ("2.0.1", "2.13.0", "2.15.0"), "holds on 2.0, on 2.13 and since 2.15"),
            ("nhh", ("2.0.1", "2.13.0", "2.14.1"), "holds since 2.13"),
            ("nhn", ("2.0.1", "2.2.2", "2.3.1"), "holds on 2.2"),
            ("hhh", ("2.12.0", "2.12.1", "2.13.0"), "holds since 2.12"),
            ("hh", ("1.12.1", "2.0.1"), "holds on 1.12 and since 2.0"),
            ("hh", ("2.15.0", "3.0.0"), "holds on 2.15 and since 3.0"),
            ("h", ("2.13.0",), "holds since 2.13"),
            ("", (), ""),
        ],
    )
    def test_say_nothing_of_a_release_without_a_ledger(self, signs, releases, said: str):
        assert words(signs, releases) == said

    @pytest.mark.parametrize(("signs", "whole"), [("hhhhh", True), ("ohhhh", False)])
    def test_what_holds_throughout_can_be_told(self, signs: str, whole: bool):
        verdicts = (SIGNS[sign] for sign in signs)
        assert Standing(dict(zip(FEW, verdicts, strict=True))).throughout == whole


def said(address: str) -> str:
    return standings(mhadoc.spec(address.partition(".")[0]))[address].words()


class TestStandings:
    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("Dropout.p", "holds since 1.13"),
            ("LayerNorm.bias", "holds since 2.1"),
            ("LayerNorm.input.floats", "holds since 2.8, otherwise on 1.13 to 2.7"),
        ],
    )
    def test_come_from_dates_and_ledgers(self, made: Made, address: str, words: str):
        made("Dropout", "LayerNorm")
        assert said(address) == words

    def test_what_has_ended_stands_as_well(self, made: Made):
        made("MultiheadAttention", releases=("2.3.1", "2.4.1", "2.5.1"))
        ended = [c.id for c in history("MultiheadAttention").claims if c.until == "2.5"]
        spec = mhadoc.spec("MultiheadAttention")
        assert ended
        found = {standings(spec)[address].words() for address in ended}
        assert found == {"holds on 2.3 to 2.4 only"}

    @pytest.mark.parametrize(
        ("verdict", "words"),
        [
            (REFUTED, "holds on 1.13 to 2.4 and since 2.6"),
            (UNTRIED, "holds on 1.13 to 2.4 and since 2.6"),
            ("", "holds on 1.13 to 2.4 and since 2.6"),
        ],
    )
    def test_a_false_ledger_changes_them(self, made: Made, verdict: str, words: str):
        made("Dropout", verdicts={("2.5.1", "Dropout.p"): verdict})
        assert said("Dropout.p") == words

    def test_a_ledger_of_what_was_stated_otherwise_proves_nothing(self, made: Made, monkeypatch):
        made("Dropout", releases=("2.12.1", "2.13.0"))
        monkeypatch.setattr("mhadoc.proof.standing.fingerprint", lambda statement: "0")
        assert said("Dropout.p") == ""

    def test_a_spec_of_others_has_none(self):
        assert standings(LINEAR) == {}
        assert list(disagreements(LINEAR)) == []


class TestDisagreements:
    def told(self, name: str) -> list[tuple[str, str]]:
        return list(disagreements(mhadoc.spec(name)))

    @pytest.mark.parametrize("name", ["LayerNorm", "scaled_dot_product_attention"])
    def test_there_are_none_where_the_ledgers_are_right(self, made: Made, name: str):
        made(name)
        assert self.told(name) == []

    @pytest.mark.parametrize(
        ("release", "verdict", "text"),
        [
            ("2.0.1", HOLDS, "it is not stated of torch 2.0.1, whose ledger says: holds"),
            ("2.1.2", NOT_THERE, "it is stated of torch 2.1.2, whose ledger says: not there"),
            ("2.2.2", REFUTED, "the ledger of torch 2.2.2 refutes it"),
        ],
    )
    def test_a_date_that_no_ledger_bears_out_is_told(
        self, made: Made, release: str, verdict: str, text: str
    ):
        made("LayerNorm", verdicts={(release, "LayerNorm.bias"): verdict})
        assert self.told("LayerNorm") == [("LayerNorm.bias", text)]


def test_the_real_ledgers_agree_with_the_dates():
    assert [told for name in mhadoc.specs() for told in disagreements(mhadoc.spec(name))] == []


def test_what_a_reader_sees_is_compared():
    whole = history("LayerNorm")
    (demand,) = (r for r in whole.call_requirements if r.id == "input.floats")
    (before,) = (r for r in whole.at("2.7.1").call_requirements if r.id == "input.floats")
    assert changed(demand, demand) == ()
    assert changed(demand, before) == ("error",)
    rule = whole.rule("weight")
    assert changed(rule, whole.rule("bias.parameter")) == ("name", "why", "when", "label", "init")


def test_the_matrix_has_one_release_of_each_minor_version():
    assert len(MATRIX) == 17
