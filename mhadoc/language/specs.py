"""Specs: everything that is stated of one module or function, and how its arguments bind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar

import sympy

from mhadoc.errors import MhadocError, UnknownNameError
from mhadoc.language.cases import Cases
from mhadoc.language.children import Bound, Child, is_module
from mhadoc.language.claims import Claim
from mhadoc.language.compiled import compiled, free_names, picker
from mhadoc.language.doubts import Doubt
from mhadoc.language.entries import Entries, State, numbers
from mhadoc.language.measures import Call, Symbols
from mhadoc.language.releases import NEWEST, flags, of_release
from mhadoc.language.rules import (
    Argument,
    Attribute,
    Before,
    Input,
    Output,
    Parameter,
    Requirement,
    Rule,
)
from mhadoc.language.steps import Step
from mhadoc.language.symbols import Symbol
from mhadoc.language.tables import OutcomeTable
from mhadoc.language.usage import bind_with_care, refused
from mhadoc.language.values import ANYTHING

__all__ = ["ModuleSpec"]

Named = TypeVar("Named", Rule, Claim, OutcomeTable)


@dataclass(frozen=True, kw_only=True, eq=False)
class ModuleSpec:
    """All rules and claims of one torch module; each spec is equal to itself alone.

    A function is described as well: of ``kind`` "function", it has no constructor and no
    parameters, and its arguments are ``inputs``. ``path`` is where it is imported from;
    ``requirements`` are what the constructor demands and ``call_requirements`` what the call
    demands, each in the order in which torch looks; ``fast_path`` lists what has to hold for
    torch's fused inference kernel, and ``doubts`` the calls that are accepted and probably not
    meant. ``children`` are the modules inside, whose parameters are
    among ``parameters``, after the module's own. ``derived`` gives the symbols that arguments
    decide without having their names, ``read`` those of a real module, ``measured`` those of a
    call, and ``surroundings`` those that a real module and its first input find around them, where
    ``measured`` does not tell them as well; ``shaped`` those that the values of the others, the
    shapes of all inputs and the call decide. ``steps`` are the tensors on the way through a call,
    and ``flops`` is what it costs, two for each multiplication and addition.

    A spec is of every release of torch: records have their ``since`` and ``until``, and ``before``
    tells what other fields were before a release. What ``at`` returns is of one ``release``, in
    which the arguments that are ``later`` did not exist, and comes from the ``whole`` spec.
    """

    name: str
    path: str
    summary: str
    symbols: tuple[Symbol, ...]
    arguments: tuple[Argument, ...]
    requirements: tuple[Requirement, ...]
    attributes: tuple[Attribute, ...]
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    cases: Cases
    claims: tuple[Claim, ...] = ()
    call_requirements: tuple[Requirement, ...] = ()
    fast_path: tuple[Requirement, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    tables: tuple[OutcomeTable, ...] = ()
    children: tuple[Child, ...] = ()
    steps: tuple[Step, ...] = ()
    flops: sympy.Expr | None = None
    derived: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    read: Callable[[Any], Mapping[str, Any]] | None = None
    measured: Callable[[Call], Mapping[str, Any]] | None = None
    surroundings: Callable[[Any, Any], Mapping[str, Any]] | None = None
    shaped: Callable[[Mapping[str, Any], Mapping[str, Any], Call], Mapping[str, Any]] | None = None
    kind: Literal["module", "function"] = "module"
    since: str | None = None
    before: Before = field(default_factory=dict)
    later: Mapping[str, Argument | Input] = field(default_factory=dict)
    release: str = ""
    whole: ModuleSpec | None = None

    def __post_init__(self) -> None:
        """Refuse two statements of one address, which could not be told apart.

        Raises MhadocError: a label tells rules of the same name apart.
        """
        counts = Counter(map(self.address, self.statements))
        if twice := [address for address, count in counts.items() if count > 1]:
            raise MhadocError(f"two statements have the address {twice[0]}: give one a label")

    def at(self, release: str) -> ModuleSpec:
        """Return what is stated of one release of torch, or of the newest for an empty text.

        Raises ReleaseError for what is no release, or for one that lacks the module.
        """
        return of_release(self, release or NEWEST)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return every rule, in the order of the page."""
        return (
            *self.arguments,
            *self.attributes,
            *self.parameters,
            *self.inputs,
            *self.outputs,
        )

    @property
    def statements(self) -> tuple[Rule | Requirement | Claim, ...]:
        """Return everything that is proved: rules, what torch demands, and claims."""
        return (*self.rules, *self.requirements, *self.call_requirements, *self.claims)

    def rule(self, name: str) -> Rule:
        """Return the rule with this id (``attn_output.unbatched``)."""
        return _find("rule", name, self._rules)

    def named(self, name: str) -> tuple[Rule, ...]:
        """Return every rule of one tensor or argument, or the one rule with this id.

        Raises UnknownNameError, with the closest names, where there is none.
        """
        found = tuple(rule for rule in self.rules if name in (rule.name, rule.id))
        if not found:
            raise UnknownNameError(f"rule of {self.name}", name, self._names)
        return found

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(n for rule in self.rules for n in (rule.name, rule.id)))

    def claim(self, name: str) -> Claim:
        """Return the claim with this id."""
        return _find("claim", name, {claim.id: claim for claim in self.claims})

    def address(self, statement: Rule | Requirement | Claim) -> str:
        """Return the id that names a rule, requirement or claim everywhere."""
        return statement.id if isinstance(statement, Claim) else f"{self.name}.{statement.id}"

    def sentence(self, address: str) -> str:
        """Return the sentence that stands at an address."""
        return self._sentences[address]

    @cached_property
    def _sentences(self) -> dict[str, str]:
        rules = {self.address(rule): rule.sentence for rule in self.rules}
        demands = (*self.requirements, *self.call_requirements, *self.fast_path)
        return {
            f"{self.name}.state_dict": "these keys, in this order",
            f"{self.name}.inputs": "one rule for each input that is required",
            f"{self.name}.outputs": "one rule for each element that is returned",
            **rules,
            **{self.address(requirement): requirement.demand for requirement in demands},
            **{claim.id: claim.sentence for claim in self.claims},
        }

    def table(self, name: str) -> OutcomeTable:
        """Return the table of outcomes with this id."""
        return _find("table", name, {table.id: table for table in self.tables})

    def __repr__(self) -> str:
        """Return the name and how much is stated: all of it would fill many pages."""
        return f"<spec of {self.path}: {len(self.rules)} rules, {len(self.claims)} claims>"

    def __iter__(self) -> Iterator[Rule]:
        """Iterate over the rules."""
        return iter(self.rules)

    def bind(self, *positional: object, **named: object) -> dict[str, Any]:
        """Return the constructor's arguments by name, defaults filled in, as torch would bind them.

        Raises RuleError for an unknown, missing or doubly given argument, or too many.
        """
        bound = {**self._defaults, **named}
        if positional or len(bound) > len(self._defaults) or not named.keys() >= self._required:
            return bind_with_care(self, positional, named)
        return bound

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {argument.name: argument.default for argument in self.arguments}

    @cached_property
    def _required(self) -> frozenset[str]:
        return frozenset(argument.name for argument in self.arguments if argument.required)

    @cached_property
    def _turns(self) -> Mapping[str, int]:
        return flags(self.release or NEWEST)

    @cached_property
    def constants(self) -> dict[str, Any]:
        """Return what arguments that came with a later release would be."""
        return {name: rule.default for name, rule in self.later.items()}

    def values(self, bound: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every constructor symbol for bound arguments, checked and plain.

        Raises RuleError with the first requirement that torch would find broken.
        """
        values = {**self.constants, **bound}
        for name, becomes in self._nones:
            if values[name] is None:
                values[name] = values[becomes]
        for child in self.replaceable:
            values = child.told(bound[child.given]) | values
        if self.derived is not None:
            values |= self.derived(values)
        if self._plainly_met(values):
            return values
        for requirement in self.requirements:
            if not requirement.met(values):
                raise refused(self, requirement, bound)
        return values | {a.name: a.accepts.plainly(values[a.name]) for a in self.arguments}

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """Return the names of the inputs that are tensors, in order."""
        return tuple(dict.fromkeys(rule.name for rule in self.inputs if rule.shape is not None))

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Return what forward takes each input to be that is left out, in forward's order."""
        return {rule.name: rule.default for rule in self.inputs}

    def called(self, module: Any, values: Mapping[str, Any], inputs: Mapping[str, Any]) -> Call:
        """Return a call of a real module; ``values`` are the symbols of its constructor."""
        given = {**self.constants, **self.defaults, **inputs}
        return Call.of(module, values, given, *self.tensors)

    def symbols_of(self, call: Call) -> Symbols:
        """Return the value of every symbol and of every measure in a call."""
        if not call.symbols:
            call.symbols.update(self._turns)
            call.symbols.update(call.values)
            if self.measured is not None:
                call.symbols.update(self.measured(call))
            call.symbols.update(self.around(call))
        return call.symbols

    def around(self, call: Call) -> Mapping[str, Any]:
        """Return the symbols of what surrounds a call of a real module, read once."""
        if not call.around and call.module is not None and self.surroundings is not None:
            first = call.inputs[next(iter(call.facts))]
            call.around.update(self.surroundings(call.module, first))
        return call.around

    def _plainly_met(self, values: Mapping[str, Any]) -> bool:
        """Tell whether values of the plain types meet every condition: the quick way."""
        pick, plain = self._plain
        if tuple(map(type, pick(values))) != plain:
            return False
        pick, test = self._conditions
        try:
            return all(test(*pick(values)))
        except ZeroDivisionError:
            return False

    @cached_property
    def size(self) -> sympy.Expr:
        """Return how many learned numbers there are, as an expression in the symbols.

        A flag is 1 or 0 in it.
        """
        return sympy.expand(sympy.Add(*map(numbers, self.parameters)))

    def bound(self, *positional: object, **named: object) -> Bound:
        """Return the module with these constructor arguments, described and not built.

        Raises RuleError where torch raises.
        """
        bound = self.bind(*positional, **named)
        return Bound(self, bound, self.values(bound))

    def state(self, values: Mapping[str, Any]) -> State:
        """Return the state_dict's keys and shapes, in torch's order, for checked values."""
        if self.holders and any(is_module(values.get(name)) for name in self.holders):
            own = self._own(values)
            return own | {k: v for child in self.children for k, v in child.state(values).items()}
        return self._entries(values)

    @cached_property
    def counts(self) -> frozenset[str]:
        """Return the symbols that say how often a parameter occurs, such as a number of layers."""
        return frozenset(name for rule in self.parameters for name in free_names(rule.count))

    @cached_property
    def called_children(self) -> tuple[tuple[Child, ModuleSpec], ...]:
        """Return the children that forward's inputs come to, each with its spec."""
        return tuple((child, child.spec) for child in self.children if child.spec and child.inputs)

    @cached_property
    def holders(self) -> tuple[str, ...]:
        """Return the arguments that may hold a module, for a child or for one inside it."""
        return tuple(dict.fromkeys(name for child in self.children for name in child.holders()))

    @cached_property
    def replaceable(self) -> tuple[Child, ...]:
        """Return the children that arguments may hold, as the layers of a stack."""
        return tuple(child for child in self.children if child.given and child.spec)

    @cached_property
    def _entries(self) -> Entries:
        return Entries(self.parameters)

    @cached_property
    def _own(self) -> Entries:
        """Return the entries that come from no child."""
        inside = sum(len(child.parameters) for child in self.children)
        return Entries(self.parameters[: len(self.parameters) - inside])

    @cached_property
    def _nones(self) -> tuple[tuple[str, str], ...]:
        return tuple((a.name, str(a.becomes)) for a in self.arguments if a.becomes is not None)

    @cached_property
    def _plain(self) -> tuple[Callable[[Any], Any], tuple[type, ...]]:
        asked = {a.name: a.accepts.plain for a in self.arguments if a.accepts is not ANYTHING}
        return picker(tuple(asked)), tuple(asked.values())

    @cached_property
    def _conditions(self) -> tuple[Callable[[Any], Any], Callable[..., Any]]:
        stated = (sympy.Or(r.holds, r.unless) for r in self.requirements)
        conditions = tuple(condition for condition in stated if condition != sympy.true)
        names = free_names(*conditions)
        return picker(names), compiled(conditions, names)


def _find(kind: str, name: str, known: Mapping[str, Named]) -> Named:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]
