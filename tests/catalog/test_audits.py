"""The audits: every sentence of the installed docstrings is judged, by what can be proved."""

import re
from collections import Counter

import pytest

import mhadoc
from mhadoc.catalog.audits import AUDITS, audit
from mhadoc.errors import UnknownNameError
from mhadoc.language import HOLDS, INCOMPLETE, WRONG, Audit
from mhadoc.proof.documented import docstring, version_file
from tests.test_docs import hand_typed

parametrize_audits = pytest.mark.parametrize("found", AUDITS, ids=lambda found: found.name)


def known() -> set[str]:
    """Return every address that a remark may name."""
    specs = [mhadoc.spec(name) for name in mhadoc.specs()]
    groups = {f"{spec.name}.{rule.name}" for spec in specs for rule in spec.rules}
    return groups | {spec.address(each) for spec in specs for each in spec.statements}


ADDRESSES = known()


@parametrize_audits
def test_each_sentence_is_judged_and_each_quotation_is_there(found: Audit):
    reading = found.read(docstring(found.path))
    assert (reading.missing, reading.left_out) == ((), ())
    assert reading.stated > reading.aside


@parametrize_audits
def test_each_verdict_is_shown_by_what_there_is(found: Audit):
    named = {address for remark in found.remarks for address in remark.proof}
    named |= {a for remark in found.remarks for a in re.findall(r"\{([\w.]+)\}", remark.instead)}
    assert named - ADDRESSES == set()


@parametrize_audits
def test_no_shape_is_typed_by_hand(found: Audit):
    assert [remark.instead for remark in found.remarks if hand_typed(remark.instead)] == []


@parametrize_audits
def test_no_statement_is_judged_twice(found: Audit):
    quotations = Counter(remark.quotation for remark in found.remarks)
    assert quotations.most_common(1)[0][1] == 1


def test_much_is_wrong_or_incomplete():
    wordings = {
        (remark.quotation, remark.instead): remark.verdict
        for found in AUDITS
        for remark in found.remarks
    }
    counts = Counter(wordings.values())
    assert counts[WRONG] > 25
    assert counts[WRONG] + counts[INCOMPLETE] > 80
    assert counts[HOLDS] > 80


def test_few_reasons_make_a_sentence_no_statement():
    reasons = {reason for found in AUDITS for _, reason in found.asides}
    assert 0 < len(reasons) <= 7


class TestAudit:
    def test_is_found_by_its_path(self):
        assert audit("torch.nn.Transformer.forward").name == "Transformer.forward"

    def test_another_path_is_refused_with_the_closest(self):
        with pytest.raises(UnknownNameError, match=r"closest: torch\.nn\.Transformer"):
            audit("torch.nn.Transfomer")


class TestDocstring:
    def test_is_that_of_the_installed_torch(self):
        assert docstring("torch.nn.Transformer").startswith("A basic transformer layer.")

    @pytest.mark.parametrize("path", ["torch.nn.Transfomer", "torch.no.such", "torch.nn.a.b", ""])
    def test_of_nothing_is_refused(self, path: str):
        with pytest.raises(UnknownNameError, match=f"no part of torch is called '{path}'"):
            docstring(path)

    def test_where_nothing_is_said_is_refused(self):
        with pytest.raises(UnknownNameError, match=r"no docstring is called .tests\.toy\._width"):
            docstring("tests.toy._width")

    def test_a_new_torch_is_noticed_by_its_file_of_the_version(self):
        assert version_file().name == "version.py"
