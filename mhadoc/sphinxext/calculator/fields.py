"""The fields of a calculator: what a reader can set, read off a spec's arguments and cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sympy.core.relational import GreaterThan, LessThan, Relational

from mhadoc.errors import MhadocError, UnknownNameError
from mhadoc.language import DEVICE, DTYPE, TRUTH

if TYPE_CHECKING:
    from mhadoc.language import Accepts, Argument, Axis, ModuleSpec

__all__ = ["Field", "fields", "sizes"]

Part = Literal["constructor", "sizes", "call"]
Kind = Literal["int", "number", "flag", "choice"]

#: What can be chosen where an argument is an object of torch.
_OFFERED: dict[Accepts, tuple[str, ...]] = {
    DTYPE: ("torch.float32", "torch.bfloat16", "torch.float16", "torch.float64"),
    DEVICE: ("cpu", "cuda", "meta"),
}


@dataclass(frozen=True)
class Field:
    """One thing that the reader sets: how it is asked for, and how it starts.

    ``plain`` is the text of what it is where nothing is said, as Python writes it, and ``start``
    what the page begins with; ``empty`` is what an empty field stands for, and ``limits`` is
    between what a number has to be where torch looks at it in the call, and the way out.
    """

    name: str
    part: Part
    kind: Kind
    plain: str
    help: str
    choices: tuple[str, ...] = ()
    empty: str = ""
    start: str = ""
    limits: tuple[int, int, str] | None = None


def fields(spec: ModuleSpec, given: Mapping[str, str]) -> tuple[Field, ...]:
    """Return the fields of a spec; ``given`` is what those start with that have no default.

    Raises MhadocError for a spec that has modules inside, and UnknownNameError for a start that
    no field has.
    """
    if spec.children or spec.derived:
        raise MhadocError(f"there is no calculator of {spec.name}: it has modules inside")
    found = [replace(_argument(a), limits=_limits(spec, a.name)) for a in spec.arguments]
    found += [_size(spec, name, size) for name, size in sizes(spec).items()]
    found += [_axis(spec, axis) for axis in spec.cases.part("call")]
    names = [field.name for field in found]
    if unknown := [name for name in given if name not in names]:
        raise UnknownNameError(f"field of {spec.name}", unknown[0], names)
    return tuple(_starting(field, given) for field in found)


def sizes(spec: ModuleSpec) -> dict[str, int]:
    """Return the sizes that a call decides, as they are in the cases."""
    decided = {rule.name for rule in (*spec.arguments, *spec.attributes)}
    return {name: n for name, n in spec.cases.numbers.items() if name not in decided}


def _starting(field: Field, given: Mapping[str, str]) -> Field:
    decided = field.start or field.plain
    return replace(field, start=given.get(field.name, decided))


def _argument(argument: Argument) -> Field:
    offered = _OFFERED.get(argument.accepts, ())
    choices = ("None", *offered) if offered else ()
    plain = "" if argument.default is None and not offered else repr(argument.default)
    empty = "" if argument.becomes is None else str(argument.becomes)
    kind = _kind(argument, bool(offered))
    return Field(argument.name, "constructor", kind, plain, argument.why, choices, empty)


def _limits(spec: ModuleSpec, name: str) -> tuple[int, int, str] | None:
    """Return between what the call demands an argument to be: the bounds of what it measures."""
    demands = [demand for demand in spec.call_requirements if demand.about == (name,)]
    atoms = [atom for demand in demands for atom in demand.fits.atoms(Relational)]
    own = [atom for atom in atoms if str(atom.lhs).startswith(f"{name}.") and atom.rhs.is_Integer]
    least = {int(atom.rhs) for atom in own if isinstance(atom, GreaterThan)}
    most = {int(atom.rhs) for atom in own if isinstance(atom, LessThan)}
    return (max(least), min(most), demands[0].hint) if least and most else None


def _kind(argument: Argument, offered: bool) -> Kind:
    if offered:
        return "choice"
    if argument.accepts is TRUTH:
        return "flag"
    return "int" if argument.accepts.plain is int else "number"


def _size(spec: ModuleSpec, name: str, size: int) -> Field:
    meaning = next(symbol.meaning for symbol in spec.symbols if symbol.name == name)
    return Field(name, "sizes", "int", "", f"{meaning}.", start=str(size))


def _axis(spec: ModuleSpec, axis: Axis) -> Field:
    labels = tuple(choice.label for choice in axis.choices)
    said = [rule.why for rule in spec.inputs if rule.name == axis.name]
    asked = axis.symbols - sizes(spec).keys()
    meant = [symbol.meaning for symbol in spec.symbols if symbol.name in asked]
    help = (said or [f"{'; '.join(meant)}."])[0]
    if set(labels) == {"True", "False"}:
        return Field(axis.name, "call", "flag", labels[0], help)
    return Field(axis.name, "call", "choice", labels[0], help, labels)
