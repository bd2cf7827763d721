"""Children: the modules inside a module, whose rules become the parent's under another name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import sympy

from mhadoc.language.classes import derives
from mhadoc.language.compiled import number
from mhadoc.language.entries import State, prefixed
from mhadoc.language.parts import altered
from mhadoc.language.rules import Before, Block, Parameter, Requirement
from mhadoc.language.shapes import Shape
from mhadoc.language.usage import refuse_later
from mhadoc.language.values import Accepts

if TYPE_CHECKING:
    from mhadoc.language.specs import ModuleSpec

__all__ = ["MODULE", "Bound", "Child", "composed", "demanded", "is_module"]

_Expression = TypeVar("_Expression", bound=sympy.Basic)


@dataclass(frozen=True)
class Bound:
    """A module that is described and not built: its spec, its arguments and their values.

    It stands wherever torch wants the module itself: ``predict("TransformerEncoder", layer, 6)``.
    """

    spec: ModuleSpec
    arguments: Mapping[str, Any]
    values: Mapping[str, Any]

    def state(self) -> State:
        """Return the keys and shapes of the state_dict, in torch's order."""
        return self.spec.state(self.values)

    def __repr__(self) -> str:
        """Return the call that would build the module, defaults left out."""
        defaults = {argument.name: argument.default for argument in self.spec.arguments}
        given = [f"{n}={v!r}" for n, v in self.arguments.items() if not _is(v, defaults[n])]
        return f"{self.spec.name}({', '.join(given)})"


def _is(value: object, default: object) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def is_module(value: object) -> bool:
    """Tell whether a value is a module, described or real."""
    return isinstance(value, Bound) or (
        hasattr(value, "state_dict") and not isinstance(value, type)
    )


#: What may stand where torch wants a module; None stands for no module.
MODULE = Accepts("module", type(None), lambda value: value is None or is_module(value))


def entries_of(module: Any) -> State:
    """Return the entries of a module, described or real."""
    if isinstance(module, Bound):
        return module.state()
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@dataclass(frozen=True, kw_only=True)
class Child:
    """One module inside another: its name there, its spec, and what sets its symbols.

    ``sets`` gives the child's symbols as expressions in the parent's, those of its constructor;
    what it leaves out has the child's own default. ``calls`` does so for the call, and ``inputs``
    names the parent's input that each of the child's is made from; masks arrive as floats where
    ``floats`` holds, and as bools elsewhere, unless they are passed on as they are. ``decided``
    are flags that the parent works out itself, and passes on as bools; ``settles`` gives symbols
    of the child's that count otherwise in a call than its constructor decided. Where ``nested``
    holds, the first input arrives as a nested tensor, and the masks not at all. Where ``idle``
    holds, the parent has nothing to work out and only what ``merely`` names, functions of torch,
    is asked of the inputs. A child that occurs ``count`` times has ``{i}`` in its name. ``given``
    names the argument that may hold another module instead; a child without a spec is there only
    where that argument holds one. ``before`` says what was different before a release.
    """

    name: str
    why: str
    source: str
    spec: ModuleSpec | None = None
    sets: Mapping[str, sympy.Basic] = field(default_factory=dict)
    calls: Mapping[str, sympy.Basic] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    floats: sympy.Basic | None = None
    decided: tuple[str, ...] = ()
    settles: Mapping[str, sympy.Basic] = field(default_factory=dict)
    nested: sympy.Basic = sympy.false
    idle: sympy.Basic = sympy.false
    merely: tuple[str, ...] = ()
    count: sympy.Expr = sympy.S.One
    when: sympy.Basic = sympy.true
    given: str = ""
    before: Before = field(default_factory=dict)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Return the child's parameters as the parent's: renamed, in the parent's symbols."""
        found = map(self._parameter, self.spec.parameters if self.spec else ())
        return tuple(rule for rule in found if rule.when != sympy.false)

    def _parameter(self, rule: Parameter) -> Parameter:
        if self.count != 1 and rule.count != 1:
            raise ValueError(f"{self.name}.{rule.name} would have two numbers in its name")
        return replace(
            rule,
            name=f"{self.name}.{rule.name}",
            label="",
            why=self._words(rule.why),
            shape=Shape(*map(self.here, rule.shape)) if rule.shape is not None else None,
            when=sympy.And(self.when, self.here(rule.when)),
            count=self.count * self.here(rule.count),
            init=replace(rule.init, scale=self.here(rule.init.scale)),
            blocks=tuple(map(self._block, rule.blocks)),
        )

    def _block(self, block: Block) -> Block:
        return replace(block, start=self.here(block.start), stop=self.here(block.stop))

    def here(self, expression: _Expression) -> _Expression:
        """Return an expression in the child's symbols as one in the parent's."""
        found = expression.free_symbols
        replaced: _Expression = expression.xreplace({s: self._set(s) for s in found})
        return replaced

    def _set(self, symbol: sympy.Symbol) -> sympy.Basic:
        value = self.calls.get(symbol.name, self._settings.get(symbol.name, symbol))
        if isinstance(value, sympy.Symbol) and not symbol.is_nonnegative:
            return sympy.Symbol(value.name, **symbol.assumptions0)
        return value

    @cached_property
    def _settings(self) -> dict[str, sympy.Basic]:
        """Return what each of the child's symbols is, those with a default included."""
        settings = dict(self.sets)
        for argument in self.spec.arguments if self.spec else ():
            if argument.name in settings:
                continue
            if argument.becomes is not None:
                settings[argument.name] = settings[str(argument.becomes)]
            elif isinstance(argument.default, int):
                settings[argument.name] = sympy.Integer(argument.default)
        return settings

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """Return what the child demands of those of its arguments that the parent's decide."""
        demands = self.spec.requirements if self.spec else ()
        return tuple(self._requirement(r) for r in demands if set(r.about) & self._renamed.keys())

    @cached_property
    def _renamed(self) -> dict[str, str]:
        """Return the names of the child's arguments, and what they are called here."""
        renamed = {n: e.name for n, e in self.sets.items() if isinstance(e, sympy.Symbol)}
        shared = {argument.name for argument in self.spec.arguments} if self.spec else set()
        return renamed | {name: name for name in ("device", "dtype") if name in shared}

    @cached_property
    def words(self) -> dict[str, str]:
        """Return the names of the child's symbols and inputs, and what they are called here."""
        both = {**self.sets, **self.calls}
        symbols = {n: e.name for n, e in both.items() if isinstance(e, sympy.Symbol)}
        arguments = self.spec.arguments if self.spec else ()
        unset = {
            f"{a.name} = {a.becomes}": self._renamed[str(a.becomes)]
            for a in arguments
            if a.becomes is not None and str(a.becomes) in self._renamed
        }
        return symbols | dict(self.inputs) | unset

    @cached_property
    def constants(self) -> dict[str, bool]:
        """Return the flags that the parent's forward always passes."""
        flags = self.spec.defaults.keys() - set(self.spec.tensors) if self.spec else ()
        fixed = ((name, value) for name, value in self.calls.items() if name in flags)
        return {name: bool(value) for name, value in fixed if value.is_Integer}

    def demands(self, *names: str) -> tuple[Requirement, ...]:
        """Return the requirements that speak of these arguments of the parent."""
        return tuple(r for r in self.requirements if set(r.about) & set(names))

    def _requirement(self, demand: Requirement) -> Requirement:
        before = {release: self._translated(was) for release, was in demand.before.items()}
        names = {"id": f"{self.name}.{demand.id}", "before": before}
        return replace(demand, **(self._translated(vars(demand)) | names))

    def _translated(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields of a requirement in the parent's words and symbols."""
        translate: dict[str, Callable[[Any], Any]] = {
            "demand": self._words,
            "message": self._places,
            "hint": lambda hint: self._words(self._places(hint)),
            "holds": self.here,
            "unless": self.here,
            "about": lambda about: tuple(dict.fromkeys(self._renamed.get(n, n) for n in about)),
            "computes": lambda parts: {name: self._computed(part) for name, part in parts.items()},
            "example": lambda example: None if example is None else self._example(example),
        }
        return {n: translate[n](was) if n in translate else was for n, was in fields.items()}

    def _computed(self, part: Any) -> Any:
        return self.here(part) if isinstance(part, sympy.Basic) else part

    def _example(self, example: Mapping[str, Any]) -> dict[str, Any] | None:
        if not example.keys() <= self._renamed.keys():
            return None
        return {self._renamed[name]: value for name, value in example.items()}

    def _places(self, template: str) -> str:
        """Return a message's template with the parent's names in its places."""
        names = "|".join(self._renamed)
        pattern = rf"\{{(type_|scalar_)?({names})\}}"
        return re.sub(pattern, lambda m: f"{{{m[1] or ''}{self._renamed[m[2]]}}}", template)

    def _words(self, text: str) -> str:
        """Return a sentence with the parent's names in it, each with its own article."""
        pattern = rf"(?<![{{\w])(an? )?({'|'.join(self._renamed)})\b"
        return re.sub(pattern, lambda m: _with_article(m[1], self._renamed[m[2]]), text)

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of each of the child's symbols, for the parent's values.

        A symbol that is the parent's as it stands keeps any value, a module for example.
        """
        return {
            name: values.get(e.name) if isinstance(e, sympy.Symbol) else number(e, values)
            for name, e in self._settings.items()
        }

    def told(self, module: object) -> dict[str, Any]:
        """Return the parent's symbols that a module of this kind in this child's place sets.

        Raises RuleError for one that the release cannot build.
        """
        if self.spec is None:
            return {}
        found: Mapping[str, Any] = {}
        if isinstance(module, Bound) and module.spec.name == self.spec.name:
            found = module.values
        elif self.spec.read is not None and self._is_plain(self.spec, module):
            found = self.spec.read(module)
        if self.spec.later:
            refuse_later(self.spec, found)
        symbols = {n: e.name for n, e in self.sets.items() if isinstance(e, sympy.Symbol)}
        return {symbols[name]: found[name] for name in symbols.keys() & found.keys()}

    def _is_plain(self, spec: ModuleSpec, module: Any) -> bool:
        """Tell whether a module is of the class itself, and nothing in it has been altered."""
        same = type(module).__name__ == spec.name and self.is_here(module)
        return same and altered(spec, module) is None

    def state(self, values: Mapping[str, Any]) -> State:
        """Return the entries of this child in the parent, for the parent's values."""
        if is_module(module := values.get(self.given)):
            inside = entries_of(module)
        elif self.spec is not None and number(self.when, values):
            inside = self.spec.state(self.values(values))
        else:
            return {}
        return prefixed(self.name, number(self.count, values), inside)

    @cached_property
    def _place(self) -> tuple[str, bool]:
        """Return the first part of the name, and whether there are several modules in it."""
        name, _, several = self.name.partition(".")
        return name, bool(several)

    def inside(self, module: Any) -> tuple[Any, ...]:
        """Return the modules in this child's place in one that is built, in order."""
        name, several = self._place
        found = module._modules.get(name)
        if several:
            return tuple(found or ())
        return () if found is None else (found,)

    def is_here(self, module: object) -> bool:
        """Tell whether a module, built or described, is what this child's spec speaks of."""
        if self.spec is None:
            return False
        if isinstance(module, Bound):
            return module.spec.name == self.spec.name
        kind: Any = type(module)
        return derives(kind, self.spec.name, self.spec.path)

    def holders(self) -> Iterator[str]:
        """Iterate over the parent's arguments that may hold a module for this child or in it."""
        if self.given:
            yield self.given
        for inner in self.spec.holders if self.spec else ():
            if isinstance(outer := self.sets.get(inner), sympy.Symbol):
                yield outer.name


def _with_article(article: str | None, name: str) -> str:
    if article is None:
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def composed(children: Iterable[Child]) -> tuple[Parameter, ...]:
    """Return the parameters of all children, in torch's order."""
    return tuple(parameter for child in children for parameter in child.parameters)


def demanded(
    *requirements: Requirement, plain: Mapping[str, Any] | None = None
) -> tuple[Requirement, ...]:
    """Return requirements without those that an earlier one already makes.

    ``plain`` are arguments that each example lacks to be complete.
    """
    found: dict[object, Requirement] = {}
    for demand in requirements:
        found.setdefault((demand.about, demand.accepts, demand.holds), demand)
    return tuple(
        r if r.example is None else replace(r, example={**(plain or {}), **r.example})
        for r in found.values()
    )
