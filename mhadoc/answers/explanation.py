"""Explanations: the rows of an answer, as text, in a terminal and in a notebook."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

__all__ = ["Explanation", "Row", "Slice"]

_WIDTH = 88


@dataclass(frozen=True)
class Slice:
    """A named part of a parameter along one axis: which rows are q, which columns head h's.

    ``indexed`` tells whether its bounds depend on an index, such as that of a head.
    """

    name: str
    axis: int
    rank: int
    start: str
    stop: str
    indexed: bool = False

    def __str__(self) -> str:
        """Return the slice in words: ``rows 0:512 are q``."""
        names = ("entries",) if self.rank == 1 else ("rows", "columns")
        place = names[self.axis] if self.rank < 3 else f"places of axis {self.axis}"
        return f"{place} {self.start}:{self.stop} are {self.name}"


@dataclass(frozen=True)
class Row:
    """One parameter: its shape in symbols and in numbers, when it exists, why, and its slices.

    ``shape`` is None in an explanation without numbers. A parameter that each layer has occurs
    several ``times``.
    """

    name: str
    symbols: str
    shape: tuple[int, ...] | None
    when: str
    why: str
    blocks: tuple[Slice, ...]
    times: int

    @property
    def count(self) -> int:
        """Return the number of elements, in every layer; 0 where there are no numbers."""
        return 0 if self.shape is None else self.times * math.prod(self.shape)

    @property
    def notes(self) -> Iterator[str]:
        """Iterate over the sentences that go below the shape."""
        if self.shape is None and self.when != "always":
            yield f"exists when {self.when}."
        yield self.why
        for indexed in (False, True):
            if blocks := [block for block in self.blocks if block.indexed is indexed]:
                yield ", ".join(map(str, blocks)) + "."


@dataclass(frozen=True)
class Explanation:
    """What the parameters of a module are, or of each attention in a model.

    ``rows`` are the parameters in torch's order and ``absent`` those that do not exist here, with
    the condition under which they would; ``plain`` names arguments that have their default.
    ``parts`` are the explanations of a model's attentions, each with its ``prefix``; ``whole`` is
    the number of elements of all parameters of that model and ``inside`` of those in its
    attentions, a parameter that several modules share counted once. ``further`` are the shapes of
    parameters of a built module that torch's class has not, and of which nothing is known.
    ``is_model`` tells whether its attentions are explained, and not its own parameters.
    """

    target: str
    prefix: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    plain: tuple[str, ...] = ()
    parts: tuple[Explanation, ...] = ()
    whole: int = 0
    inside: int = 0
    further: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    is_model: bool = False

    @cached_property
    def total(self) -> int:
        """Return the number of elements of all parameters, 0 where there are no numbers."""
        return sum(row.count for row in self.rows)

    def share(self, row: Row) -> float:
        """Return a parameter's part of all elements, from 0 to 1."""
        return row.count / self.total if self.total else 0.0

    @property
    def _found(self) -> str:
        """Return how many attentions a model has, and how much of its parameters is theirs."""
        if not self.parts:
            return f"{self.target} has no attention"
        found = f"{self.target} has {len(self.parts)} times MultiheadAttention"
        if not self.whole:
            return found
        share = _percent(self.inside / self.whole)
        return f"{found}: {self.inside:,} of its {self.whole:,} parameters, {share}"

    @property
    def title(self) -> str:
        """Return the call that builds the module, where it is, and how many elements it has."""
        given = [f"{n}={v!r}" for n, v in self.arguments.items() if n not in self.plain]
        call = f"{self.target}({', '.join(given)})" if self.arguments else self.target
        if not self.rows:
            return f"{call}: no parameters"
        return f"{call}: {self.total:,} parameters" if self.total else call

    def __str__(self) -> str:
        """Return the whole explanation as plain text."""
        if self.is_model:
            parts = [f"{', '.join(names)}: {part}" for names, part in self._alike()]
            return "\n\n".join([self._found, *parts])
        width = max((len(row.name) for row in self.rows), default=0)
        blocks = ["\n".join(self._lines(row, width)) for row in self.rows]
        return "\n".join([self.title, *blocks, *self._missing()])

    def __repr__(self) -> str:
        """Return the text, so that a prompt shows it."""
        return str(self)

    def _alike(self) -> list[tuple[list[str], Explanation]]:
        """Return the parts, those that read the same together, with their prefixes."""
        found: dict[str, tuple[list[str], Explanation]] = {}
        for part in self.parts:
            found.setdefault(str(part), ([], part))[0].append(part.prefix)
        return list(found.values())

    def _lines(self, row: Row, width: int) -> Iterator[str]:
        numbers = f" = {row.shape}  {_percent(self.share(row))}" if row.shape is not None else ""
        yield f"  {row.name:<{width}}  {row.symbols}{numbers}"
        for note in row.notes:
            yield textwrap.fill(note, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)

    def _missing(self) -> Iterator[str]:
        """Iterate over what does not exist here, by its condition, and what is not described."""
        for when in dict.fromkeys(self.absent.values()):
            names = [name for name, other in self.absent.items() if other == when]
            verb = "exist" if names[1:] else "exists"
            yield f"  not here: {', '.join(names)} ({verb} when {when})"
        if self.further:
            shown = ", ".join(f"{name} {shape}" for name, shape in self.further.items())
            yield f"  not described, and not counted: {shown}"

    def __rich__(self) -> Any:
        """Return tables for a terminal."""
        from rich.console import Group
        from rich.text import Text

        if self.is_model:
            tables = [part._table(names) for names, part in self._alike()]
            return Group(Text(self._found), *tables)
        return Group(self._table([]), *map(Text, self._missing()))

    def _table(self, places: list[str]) -> Any:
        from rich.table import Table
        from rich.text import Text

        title = Text(": ".join(filter(None, (", ".join(places), self.title))), style="bold")
        table = Table(title=title, title_justify="left")
        for heading in ("parameter", "shape", "in numbers", "share", "why"):
            table.add_column(heading)
        for row in self.rows:
            table.add_row(*map(Text, self._cells(row)))
        return table

    def _cells(self, row: Row) -> tuple[str, ...]:
        numbers = "" if row.shape is None else str(row.shape)
        share = _percent(self.share(row)) if self.total else ""
        return row.name, row.symbols, numbers, share, "\n".join(row.notes)

    def _repr_html_(self) -> str:
        """Return tables for a notebook, with every text escaped."""
        if self.is_model:
            heading = f"<p>{escape(self._found)}</p>"
            return heading + "".join(part._html(names) for names, part in self._alike())
        return self._html([])

    def _html(self, places: list[str]) -> str:
        title = ": ".join(filter(None, (", ".join(places), self.title)))
        head = "".join(
            f'<th scope="col">{name}</th>'
            for name in ("parameter", "shape", "in numbers", "share", "why")
        )
        rows = "".join(f"<tr>{''.join(map(_cell, self._cells(row)))}</tr>" for row in self.rows)
        caption = f"<caption>{escape(title)}</caption>"
        absent = "".join(f"<p>{escape(line.strip())}</p>" for line in self._missing())
        return (
            f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{absent}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as plain data."""
        return {
            "target": self.target,
            "prefix": self.prefix,
            "arguments": {name: _plain(value) for name, value in self.arguments.items()},
            "total": self.total,
            "whole": self.whole,
            "inside": self.inside,
            "rows": [
                {
                    "name": row.name,
                    "symbols": row.symbols,
                    "shape": None if row.shape is None else list(row.shape),
                    "share": self.share(row),
                    "when": row.when,
                    "why": row.why,
                    "blocks": [str(block) for block in row.blocks],
                }
                for row in self.rows
            ],
            "absent": dict(self.absent),
            "further": {name: list(shape) for name, shape in self.further.items()},
            "parts": [part.to_json() for part in self.parts],
        }


def _percent(share: float) -> str:
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _cell(text: str) -> str:
    return f"<td>{escape(text).replace(chr(10), '<br>')}</td>"


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
