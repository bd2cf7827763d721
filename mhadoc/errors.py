"""The errors that mhadoc raises: each one names the rule, the values and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

__all__ = [
    "BrokenModuleError",
    "DeviceError",
    "FunctionError",
    "MhadocError",
    "MissingExtraError",
    "PathError",
    "ReleaseError",
    "RuleError",
    "ShapeError",
    "SpecError",
    "StateDictError",
    "SubjectError",
    "UndescribedError",
    "UnknownNameError",
    "WorkersLostError",
]

#: The extra that brings a package.
_EXTRAS = {
    "click": "cli",
    "distributed": "distributed",
    "numpy": "torch",
    "rich": "cli",
    "safetensors": "files",
    "torch": "torch",
}


class MhadocError(Exception):
    """Base of every error that mhadoc raises on purpose.

    ``parts`` are the attributes that its constructor takes, in order: with them it crosses a
    process boundary. Without any it is made of its text.
    """

    parts: ClassVar[tuple[str, ...]] = ()

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Return what makes the error again."""
        if not self.parts:
            return super().__reduce__()
        return type(self), tuple(getattr(self, name) for name in self.parts)


class RuleError(MhadocError, ValueError):
    """An argument breaks a rule of the module, so torch would raise as well.

    ``rule`` is the rule's id, ``values`` the arguments it speaks of, ``expected`` what the
    rule demands, ``hint`` the way out and ``torch_error`` what torch raises for the same call.
    """

    def __init__(
        self,
        rule: str,
        *,
        values: Mapping[str, object],
        expected: str,
        hint: str,
        torch_error: str = "",
    ) -> None:
        """Keep the parts as attributes and make the text from them."""
        self.rule = rule
        self.values = dict(values)
        self.expected = expected
        self.hint = hint
        self.torch_error = torch_error
        super().__init__(self.text())

    def text(self) -> str:
        """Return the message: the rule, what was expected, what came, and what to do."""
        came = ", ".join(f"{name}={value!r}" for name, value in self.values.items()) or "nothing"
        lines = [f"{self.rule}: {self.expected}, but got {came}.", f"  way out: {self.hint}"]
        if self.torch_error:
            lines.append(f"  torch raises: {self.torch_error}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Let the error cross a process boundary with its parts."""
        return _rebuild, (self.rule, self.values, self.expected, self.hint, self.torch_error)


def _rebuild(
    rule: str, values: Mapping[str, object], expected: str, hint: str, torch_error: str
) -> RuleError:
    return RuleError(rule, values=values, expected=expected, hint=hint, torch_error=torch_error)


class ShapeError(MhadocError, ValueError):
    """A shape cannot be evaluated or matched with the numbers given."""


class SpecError(MhadocError, ValueError):
    """A spec contradicts itself, so that it cannot be tried in its own cases."""

    parts = ("spec", "problems")

    def __init__(self, spec: str, problems: Iterable[str]) -> None:
        """Say which spec, and everything that is wrong with it."""
        self.spec, self.problems = spec, tuple(problems)
        super().__init__("\n  ".join((f"the spec of {spec} cannot be tried:", *self.problems)))


class UnknownNameError(MhadocError, LookupError):
    """A spec, rule or claim is asked for by a name that does not exist."""

    parts = ("kind", "name", "known")

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say what was looked for and which known names are closest."""
        from difflib import get_close_matches

        self.kind, self.name, self.known = kind, name, tuple(known)
        near = get_close_matches(name, self.known, n=3) or sorted(self.known)[:8]
        super().__init__(f"no {kind} is called {name!r}; closest: {', '.join(near) or 'none'}")


class UndescribedError(UnknownNameError):
    """A class or a module looks like one of torch's and is another, so that no spec is true of it.

    ``name`` is the class that is asked about, or the one of torch that the module is built from;
    ``reason`` is what is different, and ``hint`` the way out.
    """

    parts = ("name", "reason", "hint")

    def __init__(self, name: str, reason: str, hint: str) -> None:
        """Say what is different and the way out."""
        super().__init__("spec", name, ())
        self.reason, self.hint = reason, hint
        said = f"is called {name!r}" if "." in name else f"describes this {name}"
        self.args = (f"no spec {said}: {reason}.\n  way out: {hint}",)


class PathError(MhadocError, ValueError):
    """What is asked for is no path in Python, so that nothing can be found by it."""

    parts = ("path", "form")

    def __init__(self, path: str, form: str) -> None:
        """Say what was given, and how such a path is written."""
        self.path, self.form = path, form
        super().__init__(f"{path!r} is no path in Python: write it as {form}")


class BrokenModuleError(MhadocError, ImportError):
    """A module is there, and raises while it is imported."""

    parts = ("module", "reason")

    def __init__(self, module: str, reason: str) -> None:
        """Say which module, and what it raised."""
        self.module, self.reason = module, reason
        super().__init__(f"{module} cannot be imported: {reason}")


class SubjectError(MhadocError, TypeError):
    """What claims to be a drop-in for something cannot be one."""


class ReleaseError(MhadocError, ValueError):
    """What is no version of torch is taken for one, or a release lacks what is asked for."""

    parts = ("release", "reason")

    def __init__(self, release: object, reason: str = "write it as '2.13' or '2.13.0'") -> None:
        """Say which release, and what is wrong with it."""
        self.release, self.reason = release, reason
        super().__init__(f"torch {release!r}: {reason}")


class StateDictError(MhadocError, TypeError):
    """What is passed as a state_dict is none, or what should take it is no module."""

    def __init__(self, problem: str) -> None:
        """Say what was expected and what came."""
        self.problem = problem
        super().__init__(problem)


class DeviceError(MhadocError, ValueError):
    """A device is unknown to torch, or there is none of its kind here."""

    parts = ("device", "reason")

    def __init__(self, device: str, reason: str) -> None:
        """Say which device and torch's reason."""
        self.device, self.reason = device, reason
        super().__init__(f"the device {device!r} cannot be used: {reason}")


class FunctionError(MhadocError, TypeError):
    """A function is asked for the parameters that only a module has."""

    parts = ("name",)

    def __init__(self, name: str) -> None:
        """Say which function, and what can be asked of it."""
        self.name = name
        super().__init__(
            f"{name} is a function: it has no parameters, what it needs are its inputs; "
            f"for the shapes that it returns ask predict_call({name!r}, {{}}, ...)"
        )


class MissingExtraError(MhadocError, ImportError):
    """A package is needed that only an extra of mhadoc brings."""

    parts = ("extra", "purpose")

    def __init__(self, extra: str, purpose: str) -> None:
        """Say what it is needed for and how to get it."""
        self.extra, self.purpose = extra, purpose
        super().__init__(f'{purpose} needs more packages: pip install "mhadoc[{extra}]"')


@contextmanager
def extras(purpose: str) -> Iterator[None]:
    """Tell how to get a package of an extra where an import in this context does not find it.

    >>> with extras("reading it"):
    ...     raise ModuleNotFoundError("No module named 'safetensors'", name="safetensors")
    Traceback (most recent call last):
        ...
    mhadoc.errors.MissingExtraError: reading it needs more packages: pip install "mhadoc[files]"
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name not in _EXTRAS:
            raise
        raise MissingExtraError(_EXTRAS[missing.name], purpose) from missing


class WorkersLostError(MhadocError, RuntimeError):
    """The workers of an executor are gone, or fail at the same work again and again."""

    parts = ("left", "problem")

    def __init__(self, left: int, problem: str) -> None:
        """Say how many pieces of work are left and what happened last."""
        self.left, self.problem = left, problem
        super().__init__(f"{left} pieces of work are left: the workers are lost ({problem})")
