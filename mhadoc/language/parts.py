"""Parts: whether a module that is built is still what its spec says, inside and out.

Modules are altered after they are built: a part is replaced, a parameter cut, a forward overridden.
What is stated of a class is then not true of them, and no answer is better than a wrong one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sympy

from mhadoc.language.classes import derives, full_name, own_method
from mhadoc.language.kept import Legal

if TYPE_CHECKING:
    from mhadoc.language.children import Child
    from mhadoc.language.specs import ModuleSpec

__all__ = [
    "Altered",
    "altered",
    "as_built",
    "further_in",
    "misshapen",
    "own_call",
    "shapes_in",
    "shapes_of",
]

#: Modules that have the tensors that they should have, known again by all that decides it.
_FITTING = Legal()


class Altered(NamedTuple):
    """What is not as a spec says: a module or tensor inside, or the module itself, and how."""

    place: str
    said: str

    def __str__(self) -> str:
        """Return both as a sentence."""
        return f"{self.place or 'it'} {self.said}"

    def inside(self, place: str) -> Altered:
        """Return this as it is told of the module around."""
        return Altered(".".join(filter(None, (place, self.place))), self.said)


def altered(spec: ModuleSpec, module: Any, *, reached: bool = False) -> Altered | None:
    """Return what of a module that is built is not as its spec says; None where all is.

    ``reached`` says that the call has come to the forward that the spec speaks of.
    """
    own = None if reached else own_call(spec, module)
    return own or _replaced(spec, module) or _misshapen(spec, module)


def as_built(spec: ModuleSpec, module: Any) -> list[Any]:
    """Return all that ``altered`` looks at, so that what is as it was is known again."""
    found: list[Any] = []
    _note(found, spec, module, shaped=False)
    return found


def _note(found: list[Any], spec: ModuleSpec, module: Any, *, shaped: bool) -> None:
    """Note what is built; ``shaped`` says that the module around has told the shapes already."""
    found += (type(module), "forward" in module.__dict__)
    if not (shaped or spec.replaceable):
        found += shapes_of(spec, module).values()
        shaped = True
    for name, several, inner, called in _stated(spec):
        part = module._modules.get(name)
        for one in part or () if several else (part,):
            if called:
                found += inner.read(one).values() if inner.read else ()
                _note(found, inner, one, shaped=shaped)
            elif one is not None:
                found += (type(one), "forward" in one.__dict__)


@cache
def _stated(spec: ModuleSpec) -> tuple[tuple[str, bool, ModuleSpec, bool], ...]:
    """Return where modules inside are, whether there are several, their spec, and if it is called.

    They are read from their place at once: asking the child of each takes a quarter of the time.
    """
    return tuple(
        (child.name.partition(".")[0], "." in child.name, child.spec, bool(child.inputs))
        for child in spec.children
        if child.spec is not None
    )


def own_call(spec: ModuleSpec, module: Any) -> Altered | None:
    """Return that a module is called in its own way; None where it is as its spec says."""
    if "forward" in module.__dict__:
        return Altered("", "was given another forward after it was built")
    kind: Any = type(module)
    return _own_call(kind, spec)


@lru_cache(maxsize=1024)
def _own_call(kind: type, spec: ModuleSpec) -> Altered | None:
    if method := own_method(kind, spec.name, spec.path):
        return Altered("", f"has its own {method}: {full_name(kind)}.{method}")
    return None


def _replaced(spec: ModuleSpec, module: Any) -> Altered | None:
    """Return which of the modules inside is another one than the spec says."""
    for child in spec.children:
        if child.spec is None:
            continue
        inside = child.inside(module)
        if not inside and child.when == sympy.true and child.count == 1:
            return Altered(child.name, "is not there")
        for number, part in enumerate(inside):
            if found := _of_part(child, child.spec, part):
                return found.inside(child.name.replace("{i}", str(number)))
    return None


def _of_part(child: Child, spec: ModuleSpec, part: Any) -> Altered | None:
    kind: Any = type(part)
    if other := _another(kind, spec):
        return other
    return altered(spec, part) if child.inputs else own_call(spec, part)


@lru_cache(maxsize=1024)
def _another(kind: type, spec: ModuleSpec) -> Altered | None:
    """Return that a class is another one than that of a spec."""
    if derives(kind, spec.name, spec.path):
        return None
    name = full_name(kind) if kind.__name__ == spec.name else kind.__name__
    article = "an" if name[0] in "AEIOU" else "a"
    return Altered("", f"is {article} {name}, not {spec.path}")


def _misshapen(spec: ModuleSpec, module: Any) -> Altered | None:
    """Return which tensor has another shape than follows from what the module says of itself.

    Of a stack of layers nothing is asked here: each of them is asked itself.
    """
    if spec.read is None or not spec.parameters or spec.replaceable:
        return None
    try:
        values, shapes = spec.read(module), shapes_of(spec, module)
        known: Hashable = (spec, *values.values(), *shapes.values())
        if known in _FITTING:
            return None
    except AttributeError as missing:
        return Altered(str(missing.name), "is not there")
    except TypeError:  # what a constructor was given need not be hashable
        known = None
    found = _difference(spec, values, shapes)
    if found is None and known is not None:
        _FITTING.add(known)
    return found


def _difference(
    spec: ModuleSpec, values: Mapping[str, Any], shapes: Mapping[str, Any]
) -> Altered | None:
    plain = {a.name: a.accepts.plainly(values[a.name]) for a in spec.arguments if a.name in values}
    for name, expected in spec.state({**values, **plain}).items():
        if name not in shapes or shapes[name] == expected:
            continue
        return misshapen(name, shapes[name], expected)
    return None


def misshapen(name: str, found: Any, expected: Any) -> Altered:
    """Return what is said of a tensor that has another shape, or none."""
    came = "has no shape, or is not there" if found is None else f"has shape {tuple(found)}"
    return Altered(name, f"{came}, where {expected} is expected")


def further_in(module: Any, known: Set[str]) -> dict[str, tuple[int, ...]]:
    """Return the parameters of a module beside those that are known, with their shapes.

    A weight that is pruned or parametrized is kept by another name, and is no further one.
    """
    shapes = {name: _shape(parameter) for name, parameter in module.named_parameters()}
    return {
        name: tuple(shape)
        for name, shape in shapes.items()
        if shape is not None and _plain_name(name) not in known
    }


def _plain_name(name: str) -> str:
    return name.removesuffix("_orig").removesuffix(".original").replace("parametrizations.", "")


def shapes_of(spec: ModuleSpec, module: Any) -> dict[str, Any]:
    """Return the shape of each tensor that a spec names, also of one that is no parameter.

    That of one that is not there, or has no shape yet, is None.
    """
    found: dict[str, Any] = {}
    for place, names in _places(spec):
        inner = _inner(module, place) if place else module
        parameters = {} if inner is None else inner._parameters
        for full, name in names:
            there = name in parameters  # others are worked out before each call
            tensor = parameters[name] if there else getattr(inner, name, None)
            try:
                found[full] = None if tensor is None else tensor.shape
            except (AttributeError, RuntimeError):  # it waits for the first call
                found[full] = None
    return found


def shapes_in(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shape of each tensor; None for one that has no shape yet."""
    return {name: _shape(tensor) for name, tensor in tensors.items()}


@cache
def _places(spec: ModuleSpec) -> tuple[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], ...]:
    """Return where a module has its tensors: the way to each module inside, and their names."""
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for rule in spec.parameters:
        *way, name = rule.name.split(".")
        if rule.count == 1:
            found.setdefault(tuple(way), []).append((rule.name, name))
    return tuple((way, tuple(names)) for way, names in found.items())


def _inner(module: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        module = None if module is None else module._modules.get(name)
    return module


def _shape(tensor: Any) -> Any:
    """Return the shape of a tensor; None where there is none, or it has none yet."""
    try:
        return tensor.shape
    except (AttributeError, RuntimeError):  # so says a parameter that waits for the first call
        return None
