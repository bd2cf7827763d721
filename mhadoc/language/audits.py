"""Audits: what a docstring states, quotation by quotation, and whether it is so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from mhadoc.errors import MhadocError

__all__ = ["HOLDS", "INCOMPLETE", "WRONG", "Audit", "Reading", "Remark", "sentences"]

HOLDS, INCOMPLETE, WRONG = "holds", "incomplete", "wrong"

#: A quotation says which sentence is meant; it does not repeat the docstring.
LONGEST = 120

#: A line that begins something new: an item, an example, a directive, or a described name.
_NAMES = r"[\w\[\]/]+(?:, [\w\[\]/]+)*(?: \([^)]*\))?:(?!:)"
_BEGINS = re.compile(rf"- |>>> |\.\. |#|{_NAMES}|[A-Z][\w ]*:{{1,2}}$")
#: What only says which kind of thing follows.
_HEADING = re.compile(r"(?:\.\. )?[A-Za-z][\w -]*:{1,2}(?: python)?")
_SENTENCE_ENDS = re.compile(r"(?<=[.:])\s+(?=Default:|Note that)|(?<=\.)\s+(?=[A-Z`*\[(])")


@dataclass(frozen=True)
class Remark:
    """One statement of a docstring: its words, whether it is so, and what shows that.

    ``quotation`` is found in the docstring whatever its line breaks; ``instead`` is what is
    missing, or true instead, in a sentence in which ``{Module.rule}`` stands for the shape of that
    rule; ``proof`` are ids of claims and addresses of rules.
    """

    quotation: str
    verdict: str
    proof: tuple[str, ...]
    instead: str = ""

    def __post_init__(self) -> None:
        """Refuse a remark that says or shows nothing; raises MhadocError."""
        if self.verdict not in (HOLDS, INCOMPLETE, WRONG):
            raise MhadocError(f"{self.verdict!r} is no verdict: use {HOLDS}, {INCOMPLETE}, {WRONG}")
        if not self.proof:
            raise MhadocError(f"nothing shows what is said of {self.quotation!r}: name a claim")
        if bool(self.instead) == (self.verdict == HOLDS):
            wanted = "nothing to correct" if self.instead else "what is missing or true instead"
            raise MhadocError(f"{self.quotation!r} {self.verdict}: say {wanted}")
        if len(self.quotation) > LONGEST:
            raise MhadocError(f"{self.quotation!r} is longer than {LONGEST} characters: quote less")


@dataclass(frozen=True)
class Reading:
    """An audit beside a docstring: what was not found, and which sentences nothing is said of."""

    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    stated: int
    aside: int

    @property
    def ok(self) -> bool:
        """Tell whether every quotation was found and no sentence was left out."""
        return not self.missing and not self.left_out


@dataclass(frozen=True)
class Audit:
    """All remarks on one docstring, in its order, and what in it is no statement.

    ``path`` names what the docstring belongs to; ``asides`` are quotations from sentences that
    state nothing of torch's behaviour, by the reason for that.
    """

    path: str
    remarks: tuple[Remark, ...]
    asides: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Return the short name: ``MultiheadAttention.forward``."""
        return self.path.removeprefix("torch.nn.").removeprefix("functional.")

    @property
    def count(self) -> Counter[str]:
        """Return how many remarks have each verdict."""
        return Counter(remark.verdict for remark in self.remarks)

    def read(self, docstring: str) -> Reading:
        """Look for every quotation in a docstring, and for sentences without one."""
        found = _Text(docstring)
        quoted = [remark.quotation for remark in self.remarks]
        others = [quotation for quotation, _ in self.asides]
        stated = {place for quotation in quoted for place in found.places(quotation)}
        aside = {place for quotation in others for place in found.places(quotation)} - stated
        return Reading(
            tuple(q for q in (*quoted, *others) if not found.places(q)),
            tuple(
                sentence
                for number, sentence in enumerate(found.sentences)
                if number not in stated | aside and not _HEADING.fullmatch(sentence)
            ),
            len(stated),
            len(aside),
        )


@dataclass(frozen=True)
class _Text:
    """A docstring as sentences, in which a quotation can be placed."""

    docstring: str

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        return tuple(sentences(self.docstring))

    @cached_property
    def whole(self) -> str:
        return " ".join(self.sentences)

    def places(self, quotation: str) -> list[int]:
        """Return the numbers of the sentences that a quotation touches, wherever it occurs."""
        sought, places = " ".join(quotation.split()), []
        for match in re.finditer(re.escape(sought), self.whole):
            start = 0
            for number, sentence in enumerate(self.sentences):
                end = start + len(sentence)
                if start < match.end() and match.start() < end:
                    places.append(number)
                start = end + 1
        return places


def sentences(docstring: str) -> Iterator[str]:
    r"""Split a docstring into sentences, items, described names and examples, on one line each.

    >>> list(sentences("Args:\n    a: one. Default: 1\n    b: two\n\nA line\ngoes on."))
    ['Args:', 'a: one.', 'Default: 1', 'b: two', 'A line goes on.']
    """
    for block in _blocks(docstring.splitlines()):
        yield from _SENTENCE_ENDS.split(" ".join(block.split()))


def _blocks(lines: list[str]) -> Iterator[str]:
    """Join the lines that belong together."""
    block: list[str] = []
    for line in (*map(str.strip, lines), ""):
        goes_on = line.startswith(">>> ") and block and block[0].startswith(">>> ")
        if not line or (_BEGINS.match(line) and not goes_on):
            if block:
                yield " ".join(block)
            block = []
        block += [line] if line else []
