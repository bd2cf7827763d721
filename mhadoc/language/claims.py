"""Claims: sentences about behaviour, each with a doctest for the reader and a check for cases."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import sympy

from mhadoc.language.compiled import truth
from mhadoc.language.rules import Before

__all__ = ["Check", "Claim", "Mismatch", "Seen", "close", "said", "same"]

#: What Python adds to its words from 3.13 on, where a name is nearly right.
_SUGGESTION = re.compile(r"\. Did you mean '\w+'\?$")


@dataclass(frozen=True)
class Mismatch:
    """What a check expected and what it observed instead."""

    expected: str
    observed: str


class Seen(Protocol):
    """What a check may look at: one observation of a real module, and ways to observe again."""

    @property
    def spec(self) -> Any:
        """The spec that is being proved."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The value of every symbol in this case."""

    @property
    def module(self) -> Any:
        """The module that was called."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The arguments that forward was called with, by name."""

    @property
    def outputs(self) -> Mapping[str, Any]:
        """What forward returned, by the names of the spec's outputs."""

    @property
    def error(self) -> Exception | None:
        """What forward raised, or None."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What forward warned of."""

    def once(self, function: Callable[..., Any], *arguments: Hashable) -> Any:
        """Return what a function gives for this case, its inputs and its module, not its outputs.

        Worth it for what takes long and is the same for many cases.
        """

    def again(self, module: Any = None, **inputs: Any) -> Seen:
        """Call the module, or another one, once more with some inputs changed."""

    def operators(self, module: Any = None, **inputs: Any) -> tuple[str, ...]:
        """Call once more, and return the names of torch's operators that ran, in order."""

    def built(self, **arguments: Any) -> Any:
        """Build another module with some constructor arguments changed."""


Check = Callable[[Any], "Mismatch | None"]


@dataclass(frozen=True)
class Claim:
    """One sentence, one id, one doctest, one check.

    ``check`` gets a ``Seen`` and returns None where the sentence holds, or the mismatch.
    ``when`` says in which cases the sentence speaks; ``axes`` which choices can matter to it:
    every combination of those is tried, the other choices varying, and every case of the covering
    set where ``axes`` is None. ``twins`` are false sentences next to this one, each with the check
    that would show it: a proof that is worth something refutes every one of them. ``since`` and
    ``until`` are torch releases, the latter being the first in which it no longer holds;
    ``before`` says what was different before a release.
    """

    id: str
    sentence: str
    doctest: str
    check: Check
    source: str
    when: sympy.Basic = sympy.true
    axes: tuple[str, ...] | None = None
    twins: Mapping[str, Check] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    before: Before = field(default_factory=dict)

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the claim speaks of a case with these values."""
        return truth(self.when, values)


def same(expected: object, observed: object) -> Mismatch | None:
    """Compare two plain values; None when they are equal."""
    if type(expected) is type(observed) and expected == observed:
        return None
    return Mismatch(repr(expected), repr(observed))


def close(expected: Any, observed: Any, tolerance: float = 1e-9) -> Mismatch | None:
    """Compare two tensors of the same shape up to a tolerance; None when they agree.

    NaN agrees with NaN in the same place.
    """
    if tuple(expected.shape) != tuple(observed.shape):
        return Mismatch(f"shape {tuple(expected.shape)}", f"shape {tuple(observed.shape)}")
    if observed.allclose(expected.to(observed.dtype), atol=tolerance, rtol=0, equal_nan=True):
        return None
    worst = (observed - expected).detach().abs().max()
    return Mismatch("equal numbers", f"a difference of {float(worst):.3g}")


def said(error: BaseException | None) -> str:
    """Return what was raised, as ``Class: text``, or ``no error``: the same on every Python.

    >>> from mhadoc.language import said
    >>> said(TypeError("f() got an unexpected keyword argument 'qdim'. Did you mean 'kdim'?"))
    "TypeError: f() got an unexpected keyword argument 'qdim'"
    """
    if error is None:
        return "no error"
    return f"{type(error).__name__}: {_SUGGESTION.sub('', str(error))}"
