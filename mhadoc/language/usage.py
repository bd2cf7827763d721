"""Arguments that are refused: which is wrong, and Python's own words where one cannot be bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mhadoc.errors import RuleError
from mhadoc.language.rules import Argument

if TYPE_CHECKING:
    from mhadoc.language.rules import Requirement
    from mhadoc.language.specs import ModuleSpec

__all__ = ["bind_with_care", "misses", "refuse_later", "refused", "takes", "too_early"]

_UNKNOWN = "got an unexpected keyword argument"


def bind_with_care(
    spec: ModuleSpec, positional: tuple[object, ...], named: Mapping[str, object]
) -> dict[str, Any]:
    """Return a constructor's arguments by name, defaults filled in, each looked at.

    Raises RuleError for the first that Python would find wrong.
    """
    defaults = {argument.name: argument.default for argument in spec.arguments}
    required = [argument.name for argument in spec.arguments if argument.required]
    names = list(defaults)
    for name, value in named.items():
        if name not in defaults:
            text = f"{_UNKNOWN} {name!r}"
            early = isinstance(spec.later.get(name), Argument)
            unknown = f"there is no argument {name!r}"
            problem = f"{name} {too_early(spec, name)}" if early else unknown
            raise _usage(spec, problem, {name: value}, text)
        if name in names[: len(positional)]:
            text = f"got multiple values for argument {name!r}"
            raise _usage(spec, f"{name} is given twice", {name: value}, text)
    if len(positional) > len(names):
        text = takes(len(positional), len(names), len(required))
        raise _usage(spec, "too many positional arguments", {"count": len(positional)}, text)
    given = dict(zip(names, positional, strict=False)) | dict(named)
    missing = [name for name in required if name not in given]
    if missing:
        raise _usage(spec, f"{' and '.join(missing)} must be given", given, misses(missing))
    return defaults | given


def too_early(spec: ModuleSpec, name: str) -> str:
    """Return what is said of an argument that a later release brought."""
    return f"came with torch {spec.later[name].since}, and torch {spec.release} lacks it"


def refuse_later(spec: ModuleSpec, values: Mapping[str, Any]) -> None:
    """Raise RuleError for a module that needs an argument which came with a later release."""
    for name, rule in spec.later.items():
        if isinstance(rule, Argument) and values.get(name, rule.default) != rule.default:
            shown = {name: rule.accepts.plainly(values[name])}
            raise _usage(spec, f"{name} {too_early(spec, name)}", shown, f"{_UNKNOWN} {name!r}")


def _usage(spec: ModuleSpec, problem: str, values: Mapping[str, object], text: str) -> RuleError:
    return RuleError(
        f"{spec.name}.arguments",
        values=values,
        expected=problem,
        hint=f"the arguments are {', '.join(argument.name for argument in spec.arguments)}",
        torch_error=f"TypeError: {spec.name}.__init__() {text}",
    )


def takes(given: int, most: int, least: int) -> str:
    """Return what is said of too many positional arguments, in which self counts."""
    count = f"from {least + 1} to {most + 1}" if least < most else f"{most + 1}"
    plural = "" if count == "1" else "s"
    return f"takes {count} positional argument{plural} but {given + 1} were given"


def misses(names: list[str]) -> str:
    """Return what is said of positional arguments that are missing."""
    quoted = [repr(name) for name in names]
    comma = "," if len(names) > 2 else ""
    listed = f"{', '.join(quoted[:-1])}{comma} and {quoted[-1]}" if quoted[1:] else quoted[0]
    plural = "s" if quoted[1:] else ""
    return f"missing {len(names)} required positional argument{plural}: {listed}"


def refused(spec: ModuleSpec, requirement: Requirement, bound: Mapping[str, Any]) -> RuleError:
    """Return the error for a requirement that bound arguments break."""
    return RuleError(
        f"{spec.name}.{requirement.id}",
        values={name: bound[name] for name in requirement.about},
        expected=requirement.demand,
        hint=requirement.hint.format(**bound, **_hints(bound)),
        torch_error=requirement.torch_error(bound),
    )


def _hints(bound: Mapping[str, Any]) -> dict[str, str]:
    """Return texts that a hint may ask for: the numbers of heads that would do."""
    name = "embed_dim" if "embed_dim" in bound else "d_model"
    width = bound.get(name)
    if not isinstance(width, int) or not 0 < width <= 1 << 20:
        return {"divisors": f"a divisor of {name}"}
    divisors = [str(n) for n in range(1, width + 1) if width % n == 0]
    return {"divisors": ", ".join(divisors)}
