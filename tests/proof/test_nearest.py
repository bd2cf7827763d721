"""A report on a release without a ledger says what differs from the nearest release."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

import mhadoc
from mhadoc.catalog.ledgers import NOT_THERE, REFUTED
from mhadoc.proof.formats import github, text
from mhadoc.proof.nearest import beside, nearest
from mhadoc.proof.report import Refutation, Report
from tests.ledgered import Made, made
from tests.toy import LINEAR

__all__ = ["made"]

FEW = ("2.0.1", "2.11.0", "2.12.1", "2.13.0")
DROPOUT = mhadoc.spec("Dropout")
HELD = {DROPOUT.address(each): 1 for each in DROPOUT.statements}
WHY = Refutation("Dropout.p", "so", {}, "1", "2")


def report(*refutations: Refutation, release: str = "2.12.0+cpu") -> Report:
    held = {a: n for a, n in HELD.items() if a not in {each.statement for each in refutations}}
    return Report(release, "cpu", 1, 1, 1, refutations, held=held)


@pytest.mark.parametrize(
    ("release", "found"),
    [
        ("2.12.0", "2.12.1"),
        ("2.12.3+cu128", "2.12.1"),
        ("2.13.0+cpu", ""),
        ("2.10.1", "2.11.0"),
        ("2.3.0", "2.0.1"),
        ("1.12.1", "2.0.1"),
        ("2.14.0.dev20260101", "2.13.0"),
        ("3.0.0", "2.13.0"),
    ],
)
def test_the_nearest_release_is_found(made: Made, release: str, found: str):
    made("Dropout", releases=FEW)
    assert nearest(release) == found


def test_there_is_none_without_ledgers(made: Made):
    made("Dropout", releases=())
    assert nearest("2.13.0") == ""
    assert beside(report(), [DROPOUT]).compared() == []


class TestBeside:
    def test_a_release_with_a_ledger_is_not_compared(self, made: Made):
        made("Dropout", releases=FEW)
        own = report(release="2.12.1")
        assert beside(own, [DROPOUT]) is own
        assert own.compared() == []

    def test_what_came_out_as_there_is_told(self, made: Made):
        made("Dropout", releases=FEW)
        found = beside(report(), [DROPOUT])
        assert found.otherwise == {}
        assert found.compared() == [
            "torch 2.12.0+cpu has no ledger; nearest: 2.12.1; every statement came out as there"
        ]

    @pytest.mark.parametrize(
        ("verdict", "refutations", "told"),
        [
            ("holds", [WHY], "  Dropout.p: holds on 2.12.1, refuted here"),
            (REFUTED, [], "  Dropout.p: refuted on 2.12.1, holds here"),
            (NOT_THERE, [], "  Dropout.p: not there on 2.12.1, holds here"),
            ("", [WHY], "  Dropout.p: untried on 2.12.1, refuted here"),
        ],
    )
    def test_what_came_out_otherwise_is_told(self, made: Made, verdict, refutations, told: str):
        made("Dropout", releases=FEW, verdicts={("2.12.1", "Dropout.p"): verdict})
        found = beside(report(*refutations), [DROPOUT])
        assert found.compared() == [
            "torch 2.12.0+cpu has no ledger; nearest: 2.12.1; 1 statement came out otherwise:",
            told,
        ]

    def test_a_spec_of_others_is_not_compared(self, made: Made):
        made("Dropout", releases=FEW)
        assert beside(report(), [LINEAR]).nearest == ""


class TestForms:
    FOUND = replace(report(WHY), nearest="2.12.1", otherwise={"Dropout.p": "holds there"})

    def test_every_text_has_it_before_the_last_line(self):
        heard = StringIO()
        Console(file=heard, width=200).print(self.FOUND)
        for told in (str(self.FOUND), text(self.FOUND), heard.getvalue()):
            *_, head, found, last = told.strip().splitlines()
            assert "has no ledger; nearest: 2.12.1; 1 statement came out otherwise:" in head
            assert found.strip() == "Dropout.p: holds there"
            assert "1 refuted" in last

    def test_an_annotation_has_it(self):
        assert "::notice title=mhadoc::torch 2.12.0+cpu has no ledger" in github(self.FOUND)

    def test_json_has_it_and_older_json_is_read(self):
        data = json.loads(self.FOUND.to_json())
        assert (data["nearest"], data["otherwise"]) == ("2.12.1", {"Dropout.p": "holds there"})
        assert Report.from_dict(data) == self.FOUND
        older = {name: data[name] for name in data if name not in ("nearest", "otherwise")}
        assert Report.from_dict(older).compared() == []


def test_verify_compares_where_there_is_no_ledger(made: Made):
    made("Dropout", releases=("2.0.1",), verdicts={("2.0.1", "Dropout.p"): REFUTED})
    found = mhadoc.verify("Dropout")
    assert (found.nearest, dict(found.otherwise)) == (
        "2.0.1",
        {"Dropout.p": "refuted on 2.0.1, holds here"},
    )


def test_verify_of_a_drop_in_compares_nothing(made: Made):
    made("Dropout", releases=("2.0.1",))
    assert mhadoc.verify("Dropout", subject="torch.nn:Dropout").nearest == ""
