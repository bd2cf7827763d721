"""Problems: what is wrong with a call or a checkpoint, argument by argument."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Problem", "Severity"]

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, what was expected, what came, and the way out.

    ``argument`` is what it is about: an argument, an input or a key of a state_dict. ``rule`` is
    the id of the rule that it breaks. ``severity`` is ``error`` where torch raises, and
    ``warning`` where torch accepts what is probably not meant.
    """

    argument: str
    rule: str
    expected: str
    observed: str
    hint: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """Return the message: what, the rule, what was expected, what came, and what to do.

        A hint of several lines is code: it starts at the margin, to be copied as it stands.
        """
        said = f"{self.expected}, but {self.observed}" if self.observed else self.expected
        hint = f"\n{self.hint}" if "\n" in self.hint else f" {self.hint}"
        return f"{self.severity}: {self.argument}: {said} [{self.rule}].\n  way out:{hint}"

    def to_json(self) -> dict[str, str]:
        """Return the parts as plain data."""
        return asdict(self)
