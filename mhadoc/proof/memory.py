"""What was seen before: a verdict stands as long as nothing has changed that was read for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sympy
import torch

from mhadoc.language import Claim, Mismatch
from mhadoc.language.claims import Check
from mhadoc.language.compiled import compiled, free_names, picker, truth
from mhadoc.proof.look import look_at_call, tried
from mhadoc.proof.observe import Observation
from mhadoc.proof.reading import Held, Reading, Watched
from mhadoc.proof.tally import Tally

__all__ = ["Memory", "Outcome", "Page", "Sight", "Verdict", "of_every_call", "outcome_of"]

#: How a call went or the form of what it returned; its numbers; whether it has gradients.
Outcome = tuple[Hashable, Hashable, Hashable]
Arguments = tuple[Hashable, ...]
#: Statements, each with its mismatch, or None where it held.
Found = tuple[tuple[str, Mismatch | None], ...]


def outcome_of(returned: Any, caught: list[Any], numbers: bool, gradient: bool) -> Outcome:
    """Return all that tells what a call came to from something else, as far as it is read.

    ``returned`` is what it returned or raised, ``caught`` the warnings.
    """
    form: list[Hashable] = [str(warning.message) for warning in caught] if caught else []
    if isinstance(returned, Exception):
        return (type(returned).__name__, str(returned), *form), (), ()
    content: list[bytes] = []
    elements = returned if type(returned) is tuple else (returned,)
    for element in elements:
        if not isinstance(element, torch.Tensor):
            form.append(repr(element))
            continue
        form.append((element.shape, element.stride(), element.dtype, element.device))
        if numbers:
            content.append(element.numpy(force=True).tobytes())
    if not gradient:
        return tuple(form), tuple(content), ()
    return tuple(form), tuple(content), tuple(getattr(e, "requires_grad", None) for e in elements)


@dataclass(frozen=True)
class Sight:
    """A call, what its module held, and what it came to."""

    seen: Observation
    held: Held
    outcome: Outcome = ((), (), ())

    def key(self, reading: Reading) -> Hashable:
        """Return all of it that is read."""
        form, numbers, gradient = self.outcome
        return (
            reading.of_module(self.held),
            reading.of_call(self.seen.values, self.seen.inputs),
            form,
            numbers if reading.numbers else (),
            gradient if reading.gradient else (),
        )


@dataclass(slots=True)
class Verdict:
    """What a call came to, which statements held of it and which did not, and how often."""

    outcome: Outcome
    held: tuple[str, ...]
    refuted: tuple[tuple[str, Mismatch], ...]
    times: int = 0


Page = list[Verdict]


class Memory:
    """The verdicts on the calls seen so far, found again by what was read to come to them.

    A check is a function of what it reads. So what it reads is noted, and where all of that is as
    it was, and the call's outcome as well, to the last bit, the verdict is what it was.
    """

    def __init__(self, claims: tuple[Claim, ...]) -> None:
        """Remember nothing yet; the claims are those to be checked on every call."""
        self._claims: dict[Check, list[Claim]] = {}
        for claim in claims:
            self._claims.setdefault(claim.check, []).append(claim)
        self._reading = Reading()
        self._pages: dict[Hashable, Page] = {}
        self._results: dict[tuple[Any, Arguments], tuple[Reading, dict[Hashable, Any]]] = {}
        self._exact: sympy.Basic = sympy.false
        whens = tuple(claim.when for group in self._claims.values() for claim in group)
        self._reading.values.update(dict.fromkeys(whens))
        self._needs = picker(names := free_names(*whens))
        self._speaks = compiled(whens, names)

    def __len__(self) -> int:
        """Return how much is known of what checks read."""
        return len(self._reading)

    def exact(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a claim reads the numbers that a call with these values comes to."""
        return truth(self._exact, values)

    @property
    def lonely(self) -> tuple[Claim, ...]:
        """Return the claims for which, as far as is known, torch is not called once more."""
        again = {key[1] for key, (reading, _) in self._results.items() if reading.everything}
        kept = (claims for check, claims in self._claims.items() if (check,) not in again)
        return tuple(claim for claims in kept for claim in claims)

    @property
    def gradient(self) -> bool:
        """Tell whether a claim reads anything of gradients."""
        return self._reading.gradient

    def of_module(self, held: Held) -> Hashable:
        """Return what is read of a module."""
        return self._reading.of_module(held)

    def page(
        self, of_module: Hashable, values: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> Page:
        """Return the verdicts on calls that agree in everything that is read."""
        key = of_module, self._reading.of_call(values, inputs)
        return self._pages.setdefault(key, [])

    def look(self, sight: Sight) -> Verdict:
        """Check the rules and claims that speak of a call, and learn what they read."""
        held, refuted = [], []
        with torch.enable_grad():  # as after any other observation
            for statement, mismatch in self._found(sight):
                if mismatch is None:
                    held.append(statement)
                else:
                    refuted.append((statement, mismatch))
        return Verdict(sight.outcome, tuple(held), tuple(refuted))

    def _found(self, sight: Sight) -> Iterator[tuple[str, Mismatch | None]]:
        known, speaks = len(self._reading), iter(self._speaks(*self._needs(sight.seen.values)))
        yield from self._recall(self._reading, sight, _rules, ())
        for check, claims in self._claims.items():
            if speaking := [claim for claim in claims if next(speaks)]:
                mismatch = self._recall(self._reading, sight, _checked, (check,))
                yield from ((claim.id, mismatch) for claim in speaking)
        if len(self._reading) > known:
            self._exact = sympy.Or(*self._where_numbers_are_read())

    def _where_numbers_are_read(self) -> set[sympy.Basic]:
        known = {arguments: reading for (_, arguments), (reading, _) in self._results.items()}
        return {
            claim.when
            for check, claims in self._claims.items()
            for claim in claims
            if (check,) in known and known[check,].numbers
        }

    def _recall(
        self, reader: Reading, sight: Sight, function: Callable[..., Any], arguments: Arguments
    ) -> Any:
        """Return what a function gives for an observation, from memory where that is sound."""
        reading, results = self._results.setdefault((function, arguments), (Reading(), {}))
        key = sight.key(reading)
        if key not in results:
            known, once = len(reading), partial(self._once, sight.held)
            result = function(Watched.of(sight.seen, reading, once), *arguments)
            if len(reading) > known:
                results.clear()
                key = sight.key(reading)
            results[key] = result
        reader.include(reading)
        return results[key]

    def _once(
        self, held: Held, seen: Watched, function: Callable[..., Any], arguments: Arguments
    ) -> Any:
        before = replace(seen.plain, outputs={}, error=None, warnings=())
        with torch.no_grad():
            return self._recall(seen.reading, Sight(before, held), function, arguments)

    def forget(self, tally: Tally) -> None:
        """Count what held, and forget all that is about these modules; what is read stays known."""
        for page in self._pages.values():
            for verdict in page:
                for statement in verdict.held:
                    tally.held[statement] += verdict.times
        self._pages.clear()
        for reading, results in self._results.values():
            if reading.facts or reading.numbers or reading.everything:
                results.clear()


def _rules(seen: Observation) -> Found:
    """Look at what rules and demands say of a call."""
    tally = Tally()
    look_at_call(seen, tally)
    refuted = ((statement, mismatch) for statement, (_, mismatch) in tally.refuted.items())
    return (*((statement, None) for statement in tally.held), *refuted)


def _checked(seen: Observation, check: Check) -> Mismatch | None:
    return tried(check, seen)


def of_every_call(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """Return the claims on no axis in particular, and those that are checked like one of them."""
    checks = {claim.check for claim in claims if claim.axes is None}
    return tuple(claim for claim in claims if claim.check in checks)
