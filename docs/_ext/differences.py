"""How two forms of a statement differ, told as a reader tells a change: before, and now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from doctest import DocTestParser, Example
from itertools import zip_longest
from typing import Any

import sympy

from mhadoc.language import (
    Claim,
    ModuleSpec,
    Requirement,
    Shape,
    condition_text,
    expression_text,
)
from mhadoc.proof.standing import changed
from mhadoc.sphinxext.text import capitalised, spelled

#: What a change is one of: of what happens, or of the text of an error alone.
BEHAVIOUR, TEXT = "behaviour", "text"

#: A message that has no words of its own.
_BLANK = "{said}"


@dataclass(frozen=True)
class Difference:
    """A change: its kind, what it is a change of, and how that read before and reads now."""

    kind: str
    of: str
    before: str
    now: str
    then: str = "Before"

    @property
    def text(self) -> str:
        """Return it as lines, in which backticks mark code."""
        lines = (self.of, f"{self.then}: {self.before}", f"Now: {self.now}")
        return "\n".join(filter(None, lines))


def differences(spec: ModuleSpec, before: Any, after: Any) -> Iterator[Difference]:
    """Iterate over what a reader sees change from one form of a statement to the other."""
    fields = changed(before, after)
    if isinstance(after, Claim):
        yield from _of_claim(before, after, fields)
    elif isinstance(after, Requirement):
        yield from _of_demand(before, after, fields)
    else:
        for name in fields:
            was, is_ = (_shown(spec, getattr(form, name)) for form in (before, after))
            yield Difference(
                BEHAVIOUR, f"`{after.name}` of {spec.name}, its {name}.", f"`{was}`.", f"`{is_}`."
            )


def _of_claim(before: Claim, after: Claim, fields: tuple[str, ...]) -> Iterator[Difference]:
    """Iterate over the changes of a claim; an example that is only written otherwise is none."""
    if "sentence" in fields:
        yield Difference(BEHAVIOUR, "", before.sentence, after.sentence)
    elif printed := _printed(before.doctest, after.doctest):
        yield Difference(TEXT, after.sentence, *(f"`{_code(text)}`." for text in printed))


def _printed(before: str, after: str) -> tuple[str, str] | None:
    """Return what an example printed before and prints now, where the same lines print both."""
    parse = DocTestParser().get_examples
    pairs = list(zip_longest(parse(before), parse(after)))
    if any(then is None or now is None or then.source != now.source for then, now in pairs):
        return None
    return next(((_said(then), _said(now)) for then, now in pairs if then.want != now.want), None)


def _said(example: Example) -> str:
    return (example.exc_msg or example.want).strip()


def _of_demand(
    before: Requirement, after: Requirement, fields: tuple[str, ...]
) -> Iterator[Difference]:
    if "demand" in fields:
        yield Difference(BEHAVIOUR, "", demanded(before), demanded(after), "Demanded before")
    if {"error", "message"} & {*fields}:
        yield Difference(TEXT, demanded(after), f"{raised(before)}.", f"{raised(after)}.")


def demanded(demand: Requirement) -> str:
    """Return a demand as a sentence, in which an argument that it begins with is code."""
    first, space, rest = demand.demand.partition(" ")
    named = first in (*demand.about, *demand.id.split(".")) or "_" in first.strip("`")
    if named and first.isidentifier():
        return f"`{first}`{space}{rest}."
    return f"{capitalised(demand.demand)}."


def raised(demand: Requirement) -> str:
    """Return what is raised where a demand is not met."""
    if demand.message == _BLANK:
        return f"`{demand.error}` with a text that varies"
    return f"`{demand.error}" + (f": {_code(demand.message)}`" if demand.message else "`")


def _code(text: str) -> str:
    """Return a text that can stand between backticks."""
    return text.replace("`", "'")


def _shown(spec: ModuleSpec, value: Any) -> str:
    """Return the value of a rule's field as Python that a caller could write."""
    if isinstance(value, Shape):
        return value.text()
    flags = {symbol.expr for symbol in spec.symbols if symbol.kind == "flag"}
    if isinstance(value, sympy.Expr) and value not in flags:
        return expression_text(value)
    if isinstance(value, sympy.Basic):
        return spelled(spec, condition_text(value))
    return str(value)
