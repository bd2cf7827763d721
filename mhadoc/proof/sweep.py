"""The sweep: every case of a spec, hardly slower than torch can be called.

Modules, modes and inputs are made once and serve many cases. A call is compared with what such a
call came to before; only where that is new do the checks run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import torch

from mhadoc.language import Case, Input, ModuleSpec, Rule
from mhadoc.language.compiled import free_names
from mhadoc.proof.look import look_at_module
from mhadoc.proof.memory import Memory, Outcome, Page, Sight, Verdict, outcome_of
from mhadoc.proof.observe import RAISED, Bench, Observation
from mhadoc.proof.reading import Held
from mhadoc.proof.tally import Tally

__all__ = ["Chunk", "SharedBench", "chunks", "sweep_chunk"]

#: So many outcomes of one question are remembered: the same numbers in different roundings.
_ROUNDINGS = 16

#: The positions that a case chooses on the axes of the constructor, by the axes' places.
Constructor = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Chunk:
    """Constructors that are alike in all that a rule speaks of, so that their calls are the same.

    It is the piece of a sweep that is done by one worker and written down when it is finished.
    """

    constructors: tuple[Constructor, ...]
    cases: int

    @property
    def name(self) -> str:
        """Return a name that no other chunk has."""
        return "-".join(str(position) for _, position in self.constructors[0])


def chunks(spec: ModuleSpec) -> tuple[Chunk, ...]:
    """Return the pieces of a sweep, the largest first; together they are all cases."""
    cases, names = spec.cases, _mentioned(spec)
    places = [place for place, axis in enumerate(cases.axes) if axis.part == "constructor"]
    alike: dict[tuple[object, ...], list[tuple[Any, Constructor]]] = {}
    for at in product(*(range(len(cases.axes[place].choices)) for place in places)):
        constructor = tuple(zip(places, at, strict=True))
        values = cases.values(cases.completed(dict(constructor)))
        group = alike.setdefault(tuple(values[name] for name in names), [])
        group.append((tuple(values.items()), constructor))
    found = []
    for group in alike.values():
        constructors = tuple(constructor for _, constructor in sorted(group))
        calls = sum(1 for _ in cases.having(dict(constructors[0])))
        if calls:
            found.append(Chunk(constructors, calls * len(constructors)))
    return tuple(sorted(found, key=lambda chunk: -chunk.cases))


def _mentioned(spec: ModuleSpec) -> tuple[str, ...]:
    """Return the names of the symbols that any rule or demand of the call mentions."""
    parts = [attribute.value for attribute in spec.attributes]
    for demand in spec.call_requirements:
        parts += [demand.when, demand.holds, demand.unless]
    rules = (*spec.parameters, *spec.inputs, *spec.outputs)
    return tuple(sorted({*_symbols(rules), *free_names(*parts, spec.cases.consistent)}))


def _symbols(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """Return the names of the symbols that some rules mention."""
    parts = [rule.when for rule in rules]
    parts += [axis for rule in rules for axis in rule.shape or ()]
    for rule in rules:
        if isinstance(rule, Input):
            parts += [rule.floating, *(rule.alias or ())[1:]]
    return free_names(*parts)


@dataclass(frozen=True)
class SharedBench(Bench):
    """A bench that makes each input once, for all cases."""

    def inputs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return forward's arguments, the same objects for cases that agree in all they need."""
        key = tuple([values[name] for name in self._needed])
        if key not in self._inputs:
            self._inputs[key] = super().inputs(values)
        return self._inputs[key]

    def tensor(self, name: str, shape: tuple[int, ...], floating: bool) -> torch.Tensor:
        """Return the input that belongs to a name and a shape, the same object each time."""
        key = (name, shape, floating)
        if key not in self._tensors:
            self._tensors[key] = super().tensor(name, shape, floating)
        return self._tensors[key]

    @cached_property
    def _needed(self) -> tuple[str, ...]:
        flags = {rule.name for rule in self.spec.inputs if rule.shape is None}
        return tuple(sorted({*_symbols(self.spec.inputs), *flags}))

    @cached_property
    def _inputs(self) -> dict[Any, dict[str, Any]]:
        return {}

    @cached_property
    def _tensors(self) -> dict[Any, torch.Tensor]:
        return {}


@dataclass(slots=True)
class Call:
    """One way to call the modules of a chunk, and the verdicts on such calls so far.

    ``exact`` tells whether a claim speaks of its numbers: they are compared only then.
    """

    at: tuple[int, ...]
    inputs: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    exact: bool = False
    page: Page = field(default_factory=list)


@dataclass
class Group:
    """The calls of a chunk in one mode: training or not, with gradients or without."""

    training: bool
    grad: bool
    calls: list[Call]
    ready: object = None


def groups(bench: Bench, chunk: Chunk) -> list[Group]:
    """Return the calls of a chunk, mode by mode."""
    cases = bench.spec.cases
    found: dict[tuple[bool, bool], list[Call]] = {}
    for case in cases.having(dict(chunk.constructors[0])):
        values = cases.values(case)
        mode = bool(values.get("training", True)), bool(values.get("grad", True))
        found.setdefault(mode, []).append(Call(case.at, bench.inputs(values), values))
    return [Group(training, grad, calls) for (training, grad), calls in found.items()]


def sweep_chunk(
    bench: Bench, chunk: Chunk, memory: Memory, progress: Callable[[int], None] = lambda n: None
) -> Tally:
    """Try every case of a chunk; ``progress`` is told how many more are done."""
    tally = Tally()
    with _alone() as caught:
        modes = groups(bench, chunk)
        for constructor in chunk.constructors:
            torch.manual_seed(0)
            case = bench.spec.cases.completed(dict(constructor))
            module = bench.build(bench.arguments(case))
            for group in modes:
                run = _Run(bench, constructor, module, group, memory, tally, caught)
                run.all()
            run.look_at_module()
            progress(sum(len(group.calls) for group in modes))
        memory.forget(tally)
    return tally


@contextmanager
def _alone() -> Iterator[list[Any]]:
    """Use one thread, hear every warning, and leave torch's modes as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("always")
            yield caught
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class _Run:
    """The calls of one module in one mode."""

    bench: Bench
    constructor: Constructor
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
        self.tally.cases += len(self.group.calls)

    def look_at_module(self) -> None:
        """Check the module's parameters and attributes, which no call should have changed."""
        look_at_module(self._seen(self.group.calls[0], ()), self.tally)

    @cached_property
    def _held(self) -> Held:
        return Held(self.module)

    def _case(self, call: Call) -> Case:
        at = list(call.at)
        for place, position in self.constructor:
            at[place] = position
        return Case(tuple(at))

    def _prepare(self) -> None:
        """Find the page of each call, unless those of the constructor before will do."""
        values, memory, group = self.bench.spec.cases.values, self.memory, self.group
        of_module = memory.of_module(self._held)
        ready = len(memory), of_module, values(self._case(group.calls[0]))
        if group.ready == ready:
            return
        for call in group.calls:
            call.values = values(self._case(call))
            call.exact = memory.exact(call.values)
            call.page = memory.page(of_module, call.values, call.inputs)
        group.ready = ready

    def _call(self) -> None:
        """Make every call; this loop is what a sweep's time is spent in."""
        module, caught = self.module, self.caught
        for call in self.group.calls:
            try:
                returned = module(**call.inputs)
            except RAISED as error:
                returned = error
            outcome = self._outcome(call, returned)
            for verdict in call.page:
                if verdict.outcome == outcome:
                    break
            else:
                verdict = self._look(call, returned)
            verdict.times += 1
            for statement, mismatch in verdict.refuted:
                self.tally.note(statement, self._case(call), mismatch)
            caught.clear()

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
            case=self._case(call),
            values=call.values,
            module=self.module,
            inputs=call.inputs,
            outputs={} if failed else self.bench.named(returned),
            error=returned if failed else None,
            warnings=tuple(str(warning.message) for warning in self.caught),
        )
