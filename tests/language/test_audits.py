"""Audits: what a remark must say, and how quotations are found in a docstring."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhadoc.errors import MhadocError
from mhadoc.language import HOLDS, INCOMPLETE, WRONG, Audit, Remark
from mhadoc.language.audits import LONGEST, sentences

TEXT = """Add two numbers.

Both may be floats. Ints are
refused, which is new.

Args:
    left, right: what is added. Default: 1
    out (Tensor): where
        the sum goes.
    eps: small, e.g. 1e-5. See the notes.

Examples::

    >>> # two lines
    >>> add(1, 2)

.. note::
    - an item
    - another one
"""
SPLIT = [
    "Add two numbers.",
    "Both may be floats.",
    "Ints are refused, which is new.",
    "Args:",
    "left, right: what is added.",
    "Default: 1",
    "out (Tensor): where the sum goes.",
    "eps: small, e.g. 1e-5.",
    "See the notes.",
    "Examples::",
    ">>> # two lines >>> add(1, 2)",
    ".. note::",
    "- an item",
    "- another one",
]
STATED = [text for text in SPLIT if text not in ("Args:", "Examples::", ".. note::")]


def holds(quotation: str) -> Remark:
    return Remark(quotation, HOLDS, ("a.claim",))


def audit(*quotations: str, asides: tuple[tuple[str, str], ...] = ()) -> Audit:
    return Audit("torch.add", tuple(map(holds, quotations)), asides)


class TestRemark:
    @pytest.mark.parametrize(
        ("remark", "told"),
        [
            (("a", "true", ("b",)), "'true' is no verdict: use holds, incomplete, wrong"),
            (("a", HOLDS, ()), "nothing shows what is said of 'a': name a claim"),
            (("a", HOLDS, ("b",), "c"), "'a' holds: say nothing to correct"),
            (("a", WRONG, ("b",)), "'a' wrong: say what is missing or true instead"),
            (("a", INCOMPLETE, ("b",)), "'a' incomplete: say what is missing or true instead"),
            (("a" * (LONGEST + 1), HOLDS, ("b",)), "is longer than 120 characters: quote less"),
        ],
        ids=["verdict", "proof", "holds with more", "wrong alone", "incomplete alone", "long"],
    )
    def test_one_that_says_or_shows_nothing_is_refused(self, remark: tuple, told: str):
        with pytest.raises(MhadocError, match=told):
            Remark(*remark)

    def test_verdicts_are_counted(self):
        found = Audit("a", (holds("b"), holds("c"), Remark("d", WRONG, ("e",), "f")))
        assert found.count == {HOLDS: 2, WRONG: 1}


class TestSentences:
    def test_items_names_and_examples_stand_alone(self):
        assert list(sentences(TEXT)) == SPLIT

    @pytest.mark.parametrize(
        ("text", "split"),
        [
            ("A line\n>>> add(1)", ["A line", ">>> add(1)"]),
            (">>> add(1)\n>>> add(2)", [">>> add(1) >>> add(2)"]),
            (">>> add(1)\n2\n>>> add(2)", [">>> add(1) 2 >>> add(2)"]),
            (">>> add(1)\n- an item", [">>> add(1)", "- an item"]),
            (">>> add(1)\n\n>>> add(2)", [">>> add(1)", ">>> add(2)"]),
            ("- an item\n- another", ["- an item", "- another"]),
            ("", []),
        ],
    )
    def test_what_begins_anew_stands_alone(self, text: str, split: list[str]):
        assert list(sentences(text)) == split

    @given(st.text(alphabet="ab.:`- >\n", max_size=60))
    def test_no_word_is_lost(self, text: str):
        assert " ".join(sentences(text)).split() == text.split()


class TestReading:
    def test_all_that_is_stated_needs_a_quotation(self):
        reading = audit().read(TEXT)
        assert (reading.left_out, reading.missing, reading.ok) == (tuple(STATED), (), False)

    @pytest.mark.parametrize("sentence", STATED)
    def test_a_sentence_without_a_quotation_is_noticed(self, sentence: str):
        reading = audit(*(text for text in STATED if text != sentence)).read(TEXT)
        assert (reading.left_out, reading.ok) == ((sentence,), False)

    def test_a_few_words_are_enough_wherever_lines_break(self):
        reading = audit("Ints are refused", "where the sum").read(TEXT)
        assert reading.missing == ()
        assert reading.stated == 2

    def test_a_quotation_may_touch_two_sentences(self):
        reading = audit("may be floats. Ints").read(TEXT)
        assert reading.stated == 2

    @pytest.mark.parametrize(
        ("quotation", "left_out"),
        [
            ("A", ("C.", "E")),
            ("B.", ("C.", "E")),
            ("C", ("A B.", "E")),
            ("E", ("A B.", "C.")),
            ("B. C", ("E",)),
            ("A B. C. E", ()),
        ],
    )
    def test_a_quotation_touches_no_more_than_its_sentences(self, quotation, left_out):
        assert audit(quotation).read("A B. C.\n\nE").left_out == left_out

    def test_every_place_of_a_quotation_counts(self):
        assert audit("- an").read(TEXT).stated == 2

    @pytest.mark.parametrize("text", ["Ints are accepted", "Add two Numbers", "numbers. Ints"])
    def test_words_that_are_not_there_are_noticed(self, text: str):
        reading = audit(text, *STATED).read(TEXT)
        assert (reading.missing, reading.left_out, reading.ok) == ((text,), (), False)

    def test_an_aside_is_found_and_counted_apart(self):
        rest = (text for text in STATED if text != "See the notes.")
        reading = audit(*rest, asides=(("the notes", "a link"),)).read(TEXT)
        assert reading.ok
        assert (reading.stated, reading.aside) == (len(STATED) - 1, 1)

    def test_an_aside_that_is_not_there_is_noticed(self):
        assert audit(asides=(("the note.", "a link"),)).read(TEXT).missing == ("the note.",)
