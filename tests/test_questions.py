"""The questions: a permanent address each, the answer first, its proof, and where it was asked."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document
from permanent import PermanentFirst

import mhadoc

FOLDER = Path(__file__).parents[1] / "docs" / "questions"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.stem != "index")

TARGET = re.compile(r"^\(([^)\s]*)\)=\n(?=## )", re.MULTILINE)
HEADING = re.compile(r"^##+ (.+)$", re.MULTILINE)
CLAIM = re.compile(r"^```\{claim\} (\S+)\n:no-index:\n```$", re.MULTILINE)
SEEN = re.compile(r"^```\{(outcomes|doctest|changes)\}", re.MULTILINE)
UNPROVED = re.compile(r"^Not proved here: \S.{15,}", re.MULTILINE)
SOURCE = re.compile(r"\[[^\]]+\]\(https://[^)\s]+\)")
ROLE = re.compile(r"\{\w+\}`([^`<]*)(?:<[^>]*>)?`")
LONGEST = 60


@dataclass(frozen=True)
class Question:
    """One entry of a page: the line of its address, its title, and all that stands below."""

    page: str
    address: str
    title: str
    text: str

    @property
    def answer(self) -> str:
        """Return the first paragraph, which has to be the answer."""
        return self.text.strip().partition("\n\n")[0]

    @property
    def claims(self) -> list[str]:
        """Return the ids of the claims that prove it."""
        return CLAIM.findall(self.text)

    @property
    def wrong(self) -> list[str]:
        """Say everything that an entry lacks."""
        lacks = {
            "its address does not begin with q-": re.fullmatch(r"q(-[a-z0-9]+)+", self.address),
            "its title does not ask": self.title.endswith("?") or '"' in self.title,
            "it does not begin with an answer in bold": self.answer.startswith("**"),
            "the answer is too long": len(ROLE.sub("x", self.answer).split()) <= LONGEST,
            "nothing proves it": self.claims or SEEN.search(self.text) or self.unproved,
            "it does not say where it was asked": SOURCE.search(self.text),
        }
        return [reason for reason, fulfilled in lacks.items() if not fulfilled]

    @property
    def unproved(self) -> bool:
        """Tell whether the page says why nothing can be proved here."""
        return bool(UNPROVED.search(self.text))


def questions(page: str, text: str) -> list[Question]:
    """Split a page into its questions; what stands before the first is left out."""
    parts = TARGET.split(text)[1:]
    found = zip(parts[::2], parts[1::2], strict=True)
    return [
        Question(page, address, entry.partition("\n")[0].removeprefix("## "), _below(entry))
        for address, entry in found
    ]


def _below(entry: str) -> str:
    return entry.partition("\n")[2]


def loose(text: str) -> list[str]:
    """Return the headings that are nobody's question."""
    titles = {question.title for question in questions("", text)}
    return [title for title in HEADING.findall(text) if title not in titles]


TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}
QUESTIONS = [found for page, text in TEXTS.items() for found in questions(page, text)]


def test_each_question_is_found() -> None:
    """Count them in another way: a page without one, or one that is not split off, is noticed."""
    found = Counter(question.page for question in QUESTIONS)
    assert found == {page: text.count("\n(q-") for page, text in TEXTS.items()}
    assert min(found.values()) > 5


@pytest.mark.parametrize("page", TEXTS)
def test_each_question_of_a_page_is_whole(page: str) -> None:
    asked = [question for question in QUESTIONS if question.page == page]
    assert {question.address: wrong for question in asked if (wrong := question.wrong)} == {}
    assert loose(TEXTS[page]) == []


@pytest.mark.parametrize("part", ["address", "title"])
def test_no_two_questions_have_one(part: str) -> None:
    counts = Counter(getattr(question, part) for question in QUESTIONS)
    assert [name for name, count in counts.items() if count > 1] == []


def test_each_claim_that_proves_an_answer_exists() -> None:
    known = {claim.id for name in mhadoc.specs() for claim in mhadoc.spec(name).claims}
    named = {claim for question in QUESTIONS for claim in question.claims}
    assert sorted(named - known) == []
    assert named


def test_the_index_leads_to_every_page() -> None:
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    lists = re.findall(r"^```\{toctree\}\n(?::.*\n)*\n((?:\w+\n)+)```$", index, re.MULTILINE)
    assert sorted("".join(lists).split()) == sorted(TEXTS)


def ids_of_sections(*ids: list[str]) -> list[list[str]]:
    """Let the transform of the site sort the addresses of sections."""
    document = new_document("page")
    document += [nodes.section("", ids=list(each)) for each in ids]
    PermanentFirst(document).apply()
    return [section["ids"] for section in document.findall(nodes.section)]


def test_links_lead_to_the_address_given_and_not_to_the_words_of_the_title() -> None:
    assert ids_of_sections(["is-it-so", "q-one-thing"]) == [["q-one-thing", "is-it-so"]]
    assert ids_of_sections(["b", "a"], ["quite"]) == [["b", "a"], ["quite"]]


GOOD = """\
# Questions about nothing

(q-one-thing)=
## Is it so?

**Yes.** It is {rule}`MultiheadAttention.bias` and a little more.

:::{dropdown} Proof
```{claim} mha.mask.true_hides
:no-index:
```
:::

Asked in [pytorch #1](https://github.com/pytorch/pytorch/issues/1).
"""


def test_a_question_that_is_whole_is_let_through() -> None:
    (question,) = questions("page", GOOD)
    assert (question.address, question.title) == ("q-one-thing", "Is it so?")
    assert question.wrong == loose(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("(q-one-thing)", "(one-thing)", "its address does not begin with q-"),
        ("(q-one-thing)", "(q-One)", "its address does not begin with q-"),
        ("Is it so?", "It is so", "its title does not ask"),
        ("**Yes.** It", "It depends, it", "it does not begin with an answer in bold"),
        ("a little more", "more " * 60, "the answer is too long"),
        ("{claim}", "{note}", "nothing proves it"),
        (":no-index:", ":index:", "nothing proves it"),
        ("(https://github.com", "(github.com", "it does not say where it was asked"),
    ],
)
def test_a_question_that_lacks_something_is_noticed(old: str, new: str, wrong: str) -> None:
    (question,) = questions("page", GOOD.replace(old, new))
    assert question.wrong == [wrong]


@pytest.mark.parametrize(
    "proof",
    [
        "```{doctest}\n>>> 1 + 1\n2\n```",
        "```{outcomes} mha.table.nan\n```",
        "Not proved here: it is about a release that is not installed.",
    ],
)
def test_other_proofs_count_as_well(proof: str) -> None:
    (question,) = questions("page", GOOD.replace("```{claim}", f"{proof}\n\n```{{note}}"))
    assert question.wrong == []


def test_a_heading_without_an_address_is_noticed() -> None:
    assert loose(GOOD.replace("(q-one-thing)=\n", "")) == ["Is it so?"]
