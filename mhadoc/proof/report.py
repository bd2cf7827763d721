"""The report: how much was checked on which torch, and every refutation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Refutation", "Report"]


@dataclass(frozen=True)
class Refutation:
    """A rule or claim, the smallest case found in which it does not hold, and what happened.

    ``case`` holds only the choices that differ from the plainest ones, ``sizes`` the numbers;
    ``code`` reproduces the case on plain torch.
    """

    statement: str
    sentence: str
    case: Mapping[str, str]
    expected: str
    observed: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    code: str = ""

    def __str__(self) -> str:
        """Return the refutation as a few lines of text."""
        chosen = ", ".join(f"{axis}={label}" for axis, label in self.case.items())
        sizes = ", ".join(f"{name}={number}" for name, number in self.sizes.items())
        lines = (
            f"refuted: {self.statement}",
            f"  states:   {self.sentence}",
            f"  case:     {chosen or 'every choice at its default'}",
            f"  sizes:    {sizes}",
            f"  expected: {self.expected}",
            f"  observed: {self.observed}",
        )
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """How many rules and claims were checked, in how many cases, on which torch.

    ``held`` tells for each statement in how many cases it was checked and held, ``all_sizes`` for
    each rule proved on symbols for all of which it holds; ``seconds`` is the time taken. Where the
    release of torch has no ledger, ``nearest`` is the nearest one that has, and ``otherwise`` tells
    the verdicts of each statement that came out otherwise there.
    """

    torch_version: str
    device: str
    rules: int
    claims: int
    cases: int
    refutations: tuple[Refutation, ...] = ()
    seconds: float = 0.0
    held: Mapping[str, int] = field(default_factory=dict)
    all_sizes: Mapping[str, str] = field(default_factory=dict)
    nearest: str = ""
    otherwise: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether nothing was refuted."""
        return not self.refutations

    def __str__(self) -> str:
        """Return the refutations, if any, what differs from the nearest release, and one line."""
        return "\n".join([*map(str, self.refutations), *self.compared(), self.line()])

    def __rich__(self) -> object:
        """Return the report as rich prints it in a terminal."""
        from mhadoc.proof.formats import table

        return table(self)

    def line(self) -> str:
        """Return one line: how much was checked, where, how long it took, and the verdict."""
        from mhadoc.language import counted

        verdict = "all hold" if self.ok else f"{len(self.refutations)} refuted"
        return (
            f"{counted(self.rules, 'rule')} and {counted(self.claims, 'claim')} checked in "
            f"{counted(self.cases, 'case')} on torch {self.torch_version} ({self.device}) in "
            f"{self.seconds:.1f} s: {verdict}"
        )

    def compared(self) -> list[str]:
        """Return lines on what the nearest release with a ledger tells otherwise; none with one."""
        from mhadoc.language import counted

        if not self.nearest:
            return []
        begin = f"torch {self.torch_version} has no ledger; nearest: {self.nearest}; "
        if not self.otherwise:
            return [f"{begin}every statement came out as there"]
        count = counted(len(self.otherwise), "statement")
        found = (f"  {address}: {verdicts}" for address, verdicts in self.otherwise.items())
        return [f"{begin}{count} came out otherwise:", *found]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {"ok": self.ok, **asdict(self)}

    def to_json(self) -> str:
        """Return the report as JSON, keys sorted, as ``report.schema.json`` beside it says."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """Return the report that plain data describes."""
        parts = {name: value for name, value in data.items() if name != "ok"}
        refutations = tuple(Refutation(**entry) for entry in parts.pop("refutations"))
        return cls(refutations=refutations, **parts)
