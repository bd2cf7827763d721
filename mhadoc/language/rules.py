"""Rules: what is true of one named tensor or argument of a module, as data."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import sympy

from mhadoc.language.compiled import compiled, free_names, joined, number, truth
from mhadoc.language.printing import condition_text
from mhadoc.language.shapes import Shape
from mhadoc.language.values import ANYTHING, REFUSALS, Accepts, c_name

__all__ = [
    "Argument",
    "Attribute",
    "Before",
    "Block",
    "Distribution",
    "Input",
    "Output",
    "Parameter",
    "Requirement",
    "Rule",
]


#: A part of a message that is worked out from all that it may speak of.
Computes = Callable[[Mapping[str, Any]], object]

#: By release: what the fields that changed in it were before it.
Before = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Requirement:
    """A condition that a call has to meet, and exactly what torch raises when it does not.

    ``error`` is the name of torch's exception class and ``message`` a template of its text, in
    which ``{name}`` stands for a value. ``unless`` is a condition under which torch does not look.
    ``example`` are constructor arguments that break it and nothing else. For a demand of the call,
    ``breaks`` returns, for an observed legal call, the inputs to change so that just this demand
    is broken; ``when`` says in which cases torch then raises this text, in which ``{key.shape}``
    stands for a fact of an input and ``{module.dropout}`` for one of the module. ``computes``
    names expressions, and functions of everything that the text may speak of.

    ``fits`` is a demand of the call as a condition on what is measured of one, and ``expected`` and
    ``observed`` are templates of what is said where it does not hold: "must have {kdim} features"
    and "has {key.features}".

    ``accepts`` is the kind of value that each argument named in ``about`` has to be; ``{type_x}``
    in the message is the name of the type that came instead, ``{scalar_x}`` C's name of a dtype.

    ``since`` and ``until`` are torch releases, the latter being the first that no longer demands
    it; ``before={"2.13": {"message": ...}}`` says what was different before a release.
    """

    id: str
    demand: str
    error: str
    message: str
    hint: str
    holds: sympy.Basic = sympy.true
    about: tuple[str, ...] = ()
    accepts: Accepts | None = None
    unless: sympy.Basic = sympy.false
    example: Mapping[str, Any] | None = None
    breaks: Callable[[Any], Mapping[str, Any]] | None = None
    when: sympy.Basic = sympy.true
    fits: sympy.Basic = sympy.true
    expected: str = ""
    observed: str = ""
    computes: Mapping[str, sympy.Expr | Computes] = field(default_factory=dict)
    source: str = ""
    since: str | None = None
    until: str | None = None
    before: Before = field(default_factory=dict)

    def met(self, values: Mapping[str, Any]) -> bool:
        """Tell whether these values meet the requirement, or torch does not look.

        A condition that cannot be told of a value, such as the order of a text, is not met.
        """
        accepted = all(self.accepts(values[name]) for name in self.about if self.accepts)
        return (accepted and _told(self.holds, values)) or _told(self.unless, values)

    def filled(self, template: str, shown: Mapping[str, Any], values: Mapping[str, Any]) -> str:
        """Return a template with what it names: an input, a symbol or an expression of its own."""
        parts = {name: part for name, part in self.computes.items() if f"{{{name}}}" in template}
        computed = {
            name: number(part, values) if isinstance(part, sympy.Basic) else part(shown)
            for name, part in parts.items()
        }
        return template.format_map(_Shown(*joined(computed, shown).maps))

    def torch_error(self, values: Mapping[str, object]) -> str:
        """Return the exception torch raises for these values, as ``Class: text``."""
        return f"{self.error}: {self.filled(self.message, values, values)}"


def _told(condition: sympy.Basic, values: Mapping[str, Any]) -> bool:
    try:
        return truth(condition, values)
    except REFUSALS:
        return False


class _Shown(ChainMap[str, object]):
    """What a message may show: values, and on request the names of their types."""

    def __missing__(self, name: str) -> str:
        kind, _, of = name.partition("_")
        if kind == "type" and of in self:
            return c_name(type(self[of]))
        if kind == "scalar" and of in self:
            return str(self[of]).rpartition(".")[2].capitalize()
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One named tensor or argument: its shape, when it exists, why, and where torch says so.

    ``label`` tells rules of the same tensor apart (``attn_output.unbatched``). ``shape`` is None
    for what has no shape, or where torch returns None. ``source`` is ``file: function`` in torch;
    ``since`` and ``until`` are torch releases, the latter being the first in which it no longer
    holds; ``before`` says what was different before a release.
    """

    name: str
    why: str
    source: str
    shape: Shape | None = None
    when: sympy.Basic = sympy.true
    label: str = ""
    since: str | None = None
    until: str | None = None
    before: Before = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the rule's id inside its spec: the name, and the label where there is one."""
        return f"{self.name}.{self.label}" if self.label else self.name

    @property
    def sentence(self) -> str:
        """Return the rule in one line: its shape, its condition and why."""
        shape = self.shape.text() if self.shape is not None else ""
        when = "" if self.when == sympy.true else f"when {condition_text(self.when)}"
        return ": ".join(part for part in (" ".join((shape, when)).strip(), self.why) if part)

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the rule's condition is true of these values."""
        return truth(self.when, values)


@dataclass(frozen=True, kw_only=True)
class Argument(Rule):
    """A constructor argument: what it accepts, its default and what it does to the parameters.

    ``becomes`` is the expression that None stands for (``embed_dim`` for ``kdim``); ``effect``
    says what the argument adds to or removes from the parameters, where their own rules do not
    say it by naming the argument. An argument without a default is required.
    """

    accepts: Accepts = ANYTHING
    required: bool = False
    default: object = None
    becomes: sympy.Expr | None = None
    effect: str = ""


@dataclass(frozen=True, kw_only=True)
class Attribute(Rule):
    """A public fact on the built module: its name and its value as an expression."""

    value: sympy.Basic


@dataclass(frozen=True)
class Block:
    """A named slice of a parameter along one axis: which rows are q, which columns head h's."""

    name: str
    axis: int
    start: sympy.Expr
    stop: sympy.Expr

    def bounds(self, sizes: Mapping[str, Any]) -> tuple[int, int]:
        """Return start and stop in numbers."""
        names, bounds = self._compiled
        start, stop = bounds(*(sizes[name] for name in names))
        return int(start), int(stop)

    @cached_property
    def _compiled(self) -> tuple[tuple[str, ...], Callable[..., Any]]:
        names = free_names(self.start, self.stop)
        return names, compiled((self.start, self.stop), names)


@dataclass(frozen=True)
class Distribution:
    """How a parameter starts: ``uniform`` on (-scale, scale), ``normal``, ``zeros`` or ``ones``."""

    family: Literal["uniform", "normal", "zeros", "ones"]
    scale: sympy.Expr = sympy.S.Zero
    how: str = ""


@dataclass(frozen=True, kw_only=True)
class Parameter(Rule):
    """A learned parameter: an entry of the state_dict.

    Where it occurs ``count`` times, once in each layer, ``{i}`` in its name is the layer's number.
    """

    init: Distribution
    blocks: tuple[Block, ...] = ()
    count: sympy.Expr = sympy.S.One

    def names(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the state_dict that the rule speaks of."""
        if self.count == 1:
            return (self.name,)
        return tuple(self.name.replace("{i}", str(i)) for i in range(number(self.count, values)))


@dataclass(frozen=True, kw_only=True)
class Input(Rule):
    """An argument of a call: a tensor of some shape, a number or a flag.

    ``value`` is what a number has to be, as an expression; what has neither shape nor value is a
    flag. ``type`` is what torch takes; ``floating`` says in which cases the tensor drawn is one of
    floats, being boolean otherwise; ``alias`` names another input and the condition under which
    both are the same object; ``unmeasured`` says in which cases torch looks at the number of axes
    alone, so that any sizes pass;
    ``broadcasts`` says that any shape will do that broadcasts to the one stated, and ``nullable``
    that None is passed where no rule of the name applies.
    """

    type: str
    default: object = None
    required: bool = False
    floating: sympy.Basic = sympy.true
    alias: tuple[str, sympy.Basic] | None = None
    unmeasured: sympy.Basic = sympy.false
    value: sympy.Expr | None = None
    broadcasts: bool = False
    nullable: bool = False

    @property
    def is_flag(self) -> bool:
        """Tell whether this is neither a tensor nor a number."""
        return self.shape is None and self.value is None


@dataclass(frozen=True, kw_only=True)
class Output(Rule):
    """One element of what forward returns; a rule without a shape says that it is None."""

    position: int = 0
