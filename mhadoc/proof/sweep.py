"""The sweep: every case of a spec, hardly slower than torch can be called.

Modules, modes and inputs are made once and serve many cases. A call is compared with what such a
call came to before; only where that is new do the checks run.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from threading import Lock
from typing import Any

import torch

from mhadoc.catalog import spec as catalogued
from mhadoc.catalog import specs
from mhadoc.errors import UnknownNameError
from mhadoc.language import Case, Claim, ModuleSpec
from mhadoc.proof.chunks import Call, Chunk, Group, Part, SharedBench, chunks, groups
from mhadoc.proof.covering import covering
from mhadoc.proof.executors import gather, go_on
from mhadoc.proof.journal import Journal
from mhadoc.proof.look import look, look_at_cases, look_at_module, note_unbuilt
from mhadoc.proof.memory import Memory, Outcome, Sight, Verdict, of_every_call, outcome_of
from mhadoc.proof.observe import RAISED, Bench, Observation, as_started
from mhadoc.proof.reading import Held
from mhadoc.proof.tally import Tally

__all__ = ["Progress", "claims_on_calls", "exhaust", "silent", "sweep", "sweep_chunk"]

#: So many outcomes of one question are remembered: the same numbers in different roundings.
_ROUNDINGS = 16
#: One chunk at a time in one process: modes, warnings and memory are the process's own.
_ALONE = Lock()

#: Is told how many cases are done, and how many there are.
Progress = Callable[[int, int], None]


def silent(done: int, cases: int) -> None:
    """Tell nobody."""


def exhaust(
    bench: Bench,
    *,
    executor: Executor | None = None,
    fresh: bool = False,
    progress: Progress = silent,
) -> Tally:
    """Check everything that is stated: in every case, or in every combination that can matter.

    Where axes are apart, the quick cases that cross them are tried as well.
    Where a run was cut off it goes on from there, unless it is to begin ``fresh``.
    """
    journal = Journal.of(bench)
    if fresh:
        journal.remove()
    plan, every = covering(bench.spec), bench.spec.cases
    claims = claims_on_calls(bench, plan)
    total = sweep(bench, claims, executor=executor, journal=journal, progress=progress)
    swept = {claim.id for claim in claims}
    left = {
        case: tuple(stated for stated in statements if stated.id not in swept)
        for case, statements in plan.items()
        if case in every
    }
    rest = look(bench, {case: stated for case, stated in left.items() if stated}, rules=False)
    total.add(replace(rest, cases=0))
    crossed = {case: statements for case, statements in plan.items() if case not in every}
    look_at_cases(bench, crossed, total)
    journal.remove()
    return total


def claims_on_calls(bench: Bench, cases: Iterable[Case]) -> tuple[Claim, ...]:
    """Return the claims on every call for which, in some cases, torch is not called once more."""
    memory = Memory(of_every_call(bench.spec.claims))
    for case in cases:
        seen = bench.observe(case)
        returned = seen.error or tuple(seen.outputs.values())
        memory.look(Sight(seen, Held(seen.module), outcome_of(returned, [], True, True)))
    return memory.lonely


def sweep(
    bench: Bench,
    claims: tuple[Claim, ...] | None = None,
    *,
    executor: Executor | None = None,
    journal: Journal | None = None,
    progress: Progress = silent,
) -> Tally:
    """Try every case of a spec, in this process or where an executor says.

    The claims are checked on every call; they are those on no axis in particular if none are given.
    What the journal holds already is not done again, and what is finished is written there.
    ``progress`` is told how many cases of how many are done.
    """
    total, known, cases = Tally(), journal.read() if journal else {}, len(bench.spec.cases)
    for tally in known.values():
        total.add(tally)
    waiting = [chunk for chunk in chunks(bench.spec) if chunk.name not in known]
    more = partial(_more, total, cases, progress)
    more(0)
    claims = of_every_call(bench.spec.claims) if claims is None else claims
    if executor is None:
        done = _here(bench, claims, waiting, more)
    else:
        done = _there(executor, bench, claims, waiting)
    for chunk, tally in done:
        total.add(tally)
        if journal:
            journal.write(chunk.name, tally)
        more(0)
    return total


def _more(total: Tally, cases: int, progress: Progress, number: int) -> None:
    progress(total.cases + number, cases)


def _here(
    bench: Bench, claims: tuple[Claim, ...], waiting: list[Chunk], more: Callable[[int], None]
) -> Iterator[tuple[Chunk, Tally]]:
    """Do chunks one after the other in this process."""
    shared, memory = SharedBench(bench.spec, bench.subject, bench.device), Memory(claims)
    for chunk in waiting:
        yield chunk, sweep_chunk(shared, chunk, memory, more)


def _there(
    executor: Executor, bench: Bench, claims: tuple[Claim, ...], waiting: list[Chunk]
) -> Iterator[tuple[Chunk, Tally]]:
    """Give chunks to an executor."""
    names = tuple(claim.id for claim in claims)
    place = _Place(_name(bench.spec), bench.subject, bench.device, names)
    tasks = [_Task(place, chunk) for chunk in waiting]
    for task, tally in gather(executor, _do, tasks):
        yield task.chunk, tally


@dataclass(frozen=True)
class _Place:
    """What a bench and its claims are made from in another process: names of what is there too."""

    spec: str
    subject: Callable[..., Any] | None
    device: str
    claims: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """A chunk for another process."""

    place: _Place
    chunk: Chunk


def _do(task: _Task) -> Tally:
    """Do a chunk in the process of a worker."""
    go_on()
    bench, memory = _made(task.place)
    return sweep_chunk(bench, task.chunk, memory, lambda number: go_on())


@lru_cache(maxsize=1)
def _made(place: _Place) -> tuple[SharedBench, Memory]:
    spec = catalogued(place.spec)
    memory = Memory(tuple(spec.claim(name) for name in place.claims))
    return SharedBench(spec, place.subject, place.device), memory


def _name(spec: ModuleSpec) -> str:
    """Return how another process finds a spec: its name, or ``module:NAME``.

    Raises UnknownNameError for a spec that no module holds.
    """
    if spec.name in specs() and catalogued(spec.name) is spec:
        return spec.name
    for name, module in list(sys.modules.items()):
        for attribute, value in list(vars(module).items()):
            if value is spec:
                return f"{name}:{attribute}"
    raise UnknownNameError("spec in a module that workers can import", spec.name, specs())


def sweep_chunk(
    bench: Bench, chunk: Chunk, memory: Memory, more: Callable[[int], None] = lambda number: None
) -> Tally:
    """Try every case of a chunk; ``more`` is told how many are done."""
    tally = Tally()
    with _alone() as caught:
        modes = groups(bench, chunk)
        for constructor in chunk.constructors:
            case = modes[0].calls[0].case(constructor)
            torch.manual_seed(0)
            try:
                module = bench.build(bench.arguments(case))
            except RAISED as raised:
                note_unbuilt(bench, case, raised, tally)
            else:
                for group in modes:
                    run = _Run(bench, constructor, module, group, memory, tally, caught)
                    run.all()
                run.look_at_module()
            tally.cases += chunk.cases // len(chunk.constructors)
            more(tally.cases)
        memory.forget(tally)
    return tally


@contextmanager
def _alone() -> Iterator[list[Any]]:
    """Use one thread, hear every warning, and leave torch's modes as they were."""
    with (
        _ALONE,
        as_started(),
        torch.random.fork_rng(devices=[]),
        torch.enable_grad(),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        yield caught


@dataclass(frozen=True)
class _Run:
    """The calls of one module in one mode."""

    bench: Bench
    constructor: Part
    module: Any
    group: Group
    memory: Memory
    tally: Tally
    caught: list[Any]

    def all(self) -> None:
        """Make every call and compare what it came to with what such calls came to before."""
        self.module.train(self.group.training)
        torch.set_grad_enabled(self.group.grad)
        self._prepare()
        self._call()

    def look_at_module(self) -> None:
        """Check the module's parameters and attributes, which no call should have changed."""
        look_at_module(self._seen(self.group.calls[0], ()), self.tally)

    @cached_property
    def _held(self) -> Held:
        return Held(self.module)

    def _prepare(self) -> None:
        """Find the page of each call, unless those of the constructor before will do."""
        values, memory, group = self.bench.spec.cases.values, self.memory, self.group
        of_module = memory.of_module(self._held)
        ready = len(memory), of_module, values(group.calls[0].case(self.constructor))
        if group.ready == ready:
            return
        for call in group.calls:
            call.values = values(call.case(self.constructor))
            call.exact = memory.exact(call.values)
            call.page = memory.page(of_module, call.values, call.inputs)
        group.ready = ready

    def _call(self) -> None:
        """Make every call; this loop is what a sweep's time is spent in."""
        module, caught, memory = self.module, self.caught, self.memory
        for call in self.group.calls:
            try:
                returned = module(**call.inputs)
            except RAISED as error:
                returned = error
            outcome = outcome_of(returned, caught, call.exact, memory.gradient)
            for verdict in call.page:
                if verdict.outcome == outcome:
                    break
            else:
                verdict = self._look(call, returned)
            verdict.times += 1
            if verdict.refuted:
                self._refute(call, verdict)
            if caught:
                caught.clear()

    def _refute(self, call: Call, verdict: Verdict) -> None:
        for statement, mismatch in verdict.refuted:
            self.tally.note(statement, call.case(self.constructor), mismatch)

    def _outcome(self, call: Call, returned: Any) -> Outcome:
        return outcome_of(returned, self.caught, call.exact, self.memory.gradient)

    def _look(self, call: Call, returned: Any) -> Verdict:
        """Run the checks on what a call came to, and write the verdict on its page."""
        seen, known = self._seen(call, returned), len(self.memory)
        verdict = self.memory.look(Sight(seen, self._held, self._outcome(call, returned)))
        if len(self.memory) > known:
            self._prepare()
            verdict.outcome = self._outcome(call, returned)
        if len(call.page) < _ROUNDINGS:
            call.page.append(verdict)
        else:
            self.tally.held.update(verdict.held)
        return verdict

    def _seen(self, call: Call, returned: Any) -> Observation:
        """Return what a call came to as the observation that checks look at."""
        failed = isinstance(returned, Exception)
        return Observation(
            bench=self.bench,
            case=call.case(self.constructor),
            values=call.values,
            module=self.module,
            inputs=call.inputs,
            outputs={} if failed else self.bench.named(returned),
            error=returned if failed else None,
            warnings=tuple(str(warning.message) for warning in self.caught),
        )
