"""Reports and tallies: what was counted, added up, printed and sent through JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhadoc.language import Case, Mismatch
from mhadoc.proof.report import Refutation, Report
from mhadoc.proof.tally import Tally

FALSE = Refutation(
    statement="MultiheadAttention.bias_k",
    sentence="(1, 1, embed_dim) when add_bias_kv=True: one extra key.",
    case={"kdim": "other", "bias": "False"},
    expected="(1, 1, 11)",
    observed="(1, 1, 10)",
    sizes={"N": 1, "L": 2},
    code="print()",
)
GOOD = Report("2.13.0", "cpu", rules=53, claims=60, cases=300, seconds=1.25, held={"a": 3})
BAD = Report("2.13.0", "cpu", rules=53, claims=60, cases=300, refutations=(FALSE,), seconds=2)

words = st.text(max_size=8)
counts = st.integers(0, 10**6)
refutations = st.builds(
    Refutation,
    words,
    words,
    st.dictionaries(words, words, max_size=2),
    words,
    words,
    st.dictionaries(words, counts, max_size=2),
    words,
)
reports = st.builds(
    Report,
    words,
    words,
    counts,
    counts,
    counts,
    st.lists(refutations, max_size=2).map(tuple),
    st.floats(0, 1000),
    st.dictionaries(words, counts, max_size=3),
    st.dictionaries(words, words, max_size=2),
    words,
    st.dictionaries(words, words, max_size=2),
)

cases = st.builds(Case, st.tuples(*[st.integers(0, 2)] * 3))
notes = st.lists(
    st.tuples(st.sampled_from("abc"), cases, st.none() | st.builds(Mismatch, words, words))
)


def tallied(noted) -> Tally:
    tally = Tally()
    for statement, case, mismatch in noted:
        tally.note(statement, case, mismatch)
        tally.cases += 1
    return tally


class TestReport:
    @pytest.mark.parametrize(
        ("report", "ok", "verdict"), [(GOOD, True, "all hold"), (BAD, False, "1 refuted")]
    )
    def test_says_in_one_line_whether_it_holds(self, report, ok, verdict):
        assert report.ok is ok
        assert report.line().endswith(
            f"cases on torch 2.13.0 (cpu) in {report.seconds:.1f} s: {verdict}"
        )
        assert report.line().startswith("53 rules and 60 claims checked in 300 cases")
        assert str(report).splitlines()[-1] == report.line()

    @given(reports)
    def test_comes_back_from_json(self, report):
        data = json.loads(report.to_json())
        assert data["ok"] is report.ok
        assert Report.from_dict(data) == report
        assert report.to_json() == Report.from_dict(data).to_json()

    def test_a_report_that_says_no_more_is_of_no_time_and_no_other_release(self):
        report = Report("2", "cpu", 1, 2, 3)
        assert (report.seconds, report.nearest, report.ok) == (0, "", True)
        assert (
            report.line()
            == "1 rule and 2 claims checked in 3 cases on torch 2 (cpu) in 0.0 s: all hold"
        )

    def test_json_has_its_keys_sorted(self):
        keys = list(json.loads(BAD.to_json()))
        assert keys == sorted(keys)

    @pytest.mark.parametrize("left_out", ["torch_version", "refutations", "cases"])
    def test_data_without_a_part_is_no_report(self, left_out):
        data = {name: part for name, part in BAD.to_dict().items() if name != left_out}
        with pytest.raises((TypeError, KeyError), match=left_out):
            Report.from_dict(data)


class TestRefutation:
    def test_prints_what_was_expected_and_what_came(self):
        assert str(FALSE).splitlines() == [
            "refuted: MultiheadAttention.bias_k",
            "  states:   (1, 1, embed_dim) when add_bias_kv=True: one extra key.",
            "  case:     kdim=other, bias=False",
            "  sizes:    N=1, L=2",
            "  expected: (1, 1, 11)",
            "  observed: (1, 1, 10)",
        ]

    def test_the_plainest_case_is_named_as_such(self):
        plain = Refutation("a", "b", {}, "c", "d")
        assert "  case:     every choice at its default" in str(plain).splitlines()

    @given(refutations)
    def test_comes_before_the_line_of_its_report(self, refutation):
        report = Report("2", "cpu", 1, 1, 1, (refutation,))
        assert str(report) == f"{refutation}\n{report.line()}"


class TestTally:
    @given(notes)
    def test_counts_what_held_and_keeps_the_smallest_case_of_the_rest(self, noted):
        tally = tallied(noted)
        for name in "abc":
            held = [1 for statement, _, wrong in noted if statement == name and wrong is None]
            failed = [case for statement, case, wrong in noted if statement == name and wrong]
            assert tally.held[name] == len(held)
            assert (name in tally.refuted) is bool(failed)
            if failed:
                assert tally.refuted[name][0] == min(failed, key=lambda c: (c.distance, c))

    def test_of_one_case_the_first_mismatch_is_kept(self):
        tally = Tally()
        for observed in ("first", "second"):
            tally.note("a", Case((1, 0, 0)), Mismatch("", observed))
        assert tally.refuted["a"][1].observed == "first"
        tally.note("a", Case((0, 0, 0)), Mismatch("", "third"))
        assert tally.refuted["a"][1].observed == "third"

    def test_nothing_is_counted_at_first(self):
        assert Tally().to_dict() == {"held": {}, "refuted": {}, "cases": 0}

    @given(notes, notes)
    def test_two_added_are_as_one(self, first, second):
        both, together = tallied(first), tallied([*first, *second])
        both.add(tallied(second))
        assert (both.held, both.cases) == (together.held, together.cases)
        assert {n: case for n, (case, _) in both.refuted.items()} == {
            n: case for n, (case, _) in together.refuted.items()
        }

    @given(notes)
    def test_comes_back_from_plain_data(self, noted):
        tally = tallied(noted)
        assert Tally.from_dict(json.loads(json.dumps(tally.to_dict()))) == tally
