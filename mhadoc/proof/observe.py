"""The one door to torch: build the real module for a case, call it, and keep what it did."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any
from zlib import crc32

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mhadoc.catalog.surroundings import asked
from mhadoc.errors import DeviceError
from mhadoc.language import Case, Child, Choice, Input, ModuleSpec
from mhadoc.language.compiled import number, truth
from mhadoc.language.releases import without_later
from mhadoc.paths import imported
from mhadoc.proof.functions import as_class

__all__ = ["RAISED", "Bench", "Observation", "as_started", "usable"]

#: What torch raises for a wrong call. Anything else is a fault of ours and is not caught.
RAISED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    torch.jit.frontend.FrontendError,
)


class _Recorder(TorchDispatchMode):
    """Notes each operator that torch runs in this thread while the context is open."""

    @cached_property
    def names(self) -> list[str]:
        return []

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.names.append(operator.name().removeprefix("aten::"))
        return operator(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Observation:
    """What a real module did with a case: its outputs, or its exception, and its warnings."""

    bench: Bench
    case: Case
    values: Mapping[str, Any]
    module: Any
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error: Exception | None = None
    warnings: tuple[str, ...] = ()

    @property
    def spec(self) -> ModuleSpec:
        """Return the spec that is being proved."""
        return self.bench.spec

    @cached_property
    def state(self) -> dict[str, Any]:
        """Return the module's state_dict."""
        return dict(self.module.state_dict())

    def once(self, function: Callable[..., Any], *arguments: Hashable) -> Any:
        """Return what a function gives for this case, its inputs and its module.

        A sweep works it out once for all cases that agree in what the function reads of them. What
        the call came to is none of it: the function sees no outputs. It runs without gradients.
        """
        with torch.no_grad():
            return function(replace(self, outputs={}, error=None, warnings=()), *arguments)

    def again(self, module: Any = None, **inputs: Any) -> Observation:
        """Call the module, or another one, once more with some inputs changed.

        An input that is given as ``...`` is left out of the call.
        """
        changed = {name: i for name, i in {**self.inputs, **inputs}.items() if i is not ...}
        given = without_later(self.spec, changed)
        called = self.module if module is None else module
        return self.bench.call(self.case, self.values, called, given)

    def operators(self, module: Any = None, **inputs: Any) -> tuple[str, ...]:
        """Call once more, and return the names of torch's operators that ran, in order."""
        with _Recorder() as recorder:  # type: ignore[no-untyped-call]  # torch gives it no types
            self.again(module, **inputs)
        return tuple(recorder.names)

    def built(self, **arguments: Any) -> Any:
        """Build another module with some constructor arguments changed, and the same weights.

        A parameter that both modules have in the same shape gets the same numbers.
        """
        module = self.bench.build({**self.bench.arguments(self.case), **arguments})
        return module.train(bool(self.values.get("training", True)))


@dataclass(frozen=True)
class Bench:
    """A place to try one spec on one device: it builds modules and calls them.

    ``subject`` is another class, or function, that claims to be a drop-in for the spec's. Numbers
    are float64 and drawn from a fixed seed, so that a case gives the same numbers each time.
    ``known`` holds the initial numbers seen so far, for this bench and those made from it.
    """

    spec: ModuleSpec
    subject: Callable[..., Any] | None = None
    device: str = "cpu"
    known: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def cls(self) -> Any:
        """Return the class that is tried; a function is made one."""
        found = self.subject or imported(self.spec.path)
        return found if isinstance(found, type) else as_class(found)

    def observe(self, case: Case) -> Observation:
        """Build the module of a case, call it and return what it did."""
        values = self.spec.cases.values(case)
        module = self.build(self.arguments(case)).train(bool(values.get("training", True)))
        return self.call(case, values, module, self.inputs(values))

    def arguments(self, case: Case) -> dict[str, Any]:
        """Return the constructor's arguments for a case."""
        cases = self.spec.cases
        return self._arguments(self.spec, cases.values(case), cases.choices(case))

    def _arguments(
        self, spec: ModuleSpec, values: Mapping[str, Any], choices: Mapping[str, Choice]
    ) -> dict[str, Any]:
        """Return the arguments of a spec; a module among them is built first."""
        inside = {child.given: child for child in spec.children if child.spec}
        given = {"device": self.device, "dtype": torch.float64}
        arguments: dict[str, Any] = {}
        for argument in spec.arguments:
            name = argument.name
            if name in inside:
                if argument.required or name in choices:
                    arguments[name] = self._inside(inside[name], values, choices)
            elif name in choices and choices[name].passes is not ...:
                arguments[name] = choices[name].passes
            elif name in values or name in given:
                arguments[name] = values.get(name, given.get(name))
        return arguments

    def _inside(
        self, child: Child, values: Mapping[str, Any], choices: Mapping[str, Choice]
    ) -> Any:
        """Return the module that is an argument, or None where the case leaves it out."""
        if child.spec is None or not truth(child.when, values):
            return None
        arguments = self._arguments(child.spec, child.values(values), choices)
        return imported(child.spec.path)(**arguments)

    def build(self, arguments: Mapping[str, Any]) -> Any:
        """Build a module and give each parameter random numbers, biases too.

        What torch warns of meanwhile is not heard.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = self.placed(self.cls(**arguments))
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter.copy_(self.draw(name, tuple(parameter.shape)) / 3)
        return module

    def placed(self, module: Any) -> Any:
        """Return a module with its numbers where and of what kind the inputs' are.

        What takes a device and a dtype was built so.
        """
        if any(argument.name == "dtype" for argument in self.spec.arguments):
            return module
        return module.to(self.device, torch.float64)

    @cached_property
    def wide(self) -> Bench:
        """Return the same bench with larger sizes, each grown by a factor of its own.

        How often something occurs is no size in this sense.
        """
        cases = self.spec.cases
        sizes = {**cases.sizes, **dict(_wider(cases.sizes, self.spec.counts))}
        return replace(self, spec=replace(self.spec, cases=replace(cases, sizes=sizes)))

    def fresh(self, arguments: Mapping[str, Any]) -> Any:
        """Build a module with the initial numbers that torch gives it, from a fixed seed."""
        self._seed()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.cls(**arguments)

    def initial(self, case: Case) -> Mapping[str, torch.Tensor]:
        """Return the initial numbers of a case's module, as its state_dict."""
        about = (self.cls, case, *self.spec.cases.numbers.values())
        if about not in self.known:
            self.known[about] = self.fresh(self.arguments(case)).state_dict()
        state: Mapping[str, torch.Tensor] = self.known[about]
        return state

    def inputs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return forward's arguments for a case, tensors in the shapes that the rules give."""
        inputs: dict[str, Any] = {}
        for rule in self.spec.inputs:
            if rule.is_flag:
                flag = values[rule.name]
                inputs[rule.name] = None if flag is None else bool(flag)
            elif rule.applies(values):
                inputs[rule.name] = self._given(rule, values, inputs)
            elif rule.nullable and rule.required:
                inputs.setdefault(rule.name, None)
        return inputs

    def _given(self, rule: Input, values: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
        if rule.value is not None:
            return number(rule.value, values)
        if rule.alias and rule.alias[0] in inputs and truth(rule.alias[1], values):
            return inputs[rule.alias[0]]
        shape = rule.shape.evaluate(values) if rule.shape else ()
        return self.tensor(rule.name, shape, truth(rule.floating, values))

    def tensor(self, name: str, shape: tuple[int, ...], floating: bool) -> torch.Tensor:
        """Return the input that belongs to a name and a shape: of floats, or a boolean mask."""
        drawn = self.draw(name, shape)
        if floating or not shape:
            return drawn
        hidden = drawn > 0
        hidden[..., :1] = False  # a row with every key hidden is a case of its own
        return hidden

    def draw(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return the normal numbers that belong to a name and a shape, always the same."""
        generator = torch.Generator().manual_seed(crc32(f"{name}{shape}".encode()))
        numbers = torch.randn(shape, generator=generator, dtype=torch.float64)
        return numbers.to(self.device)

    def call(
        self, case: Case, values: Mapping[str, Any], module: Any, inputs: Mapping[str, Any]
    ) -> Observation:
        """Call a module and return what it did; what torch raises is kept, not raised."""
        outputs, error = {}, None
        with warnings.catch_warnings(record=True) as caught, self._mode(values):
            warnings.simplefilter("always")
            try:
                outputs = self.named(module(**inputs))
            except RAISED as raised:
                error = raised
        heard = tuple(str(warning.message) for warning in caught)
        return Observation(self, case, values, module, inputs, outputs, error, heard)

    @contextmanager
    def _mode(self, values: Mapping[str, Any]) -> Iterator[None]:
        with torch.set_grad_enabled(bool(values.get("grad", True))):
            self._seed()
            yield

    def _seed(self) -> None:
        """Seed what dropout draws from; torch.manual_seed would ask every backend there is."""
        if self.device == "cpu":
            torch.default_generator.manual_seed(0)
        else:
            torch.manual_seed(0)

    def named(self, returned: Any) -> dict[str, Any]:
        """Return what forward returned by the names of the spec's outputs."""
        names = {rule.position: rule.name for rule in self.spec.outputs}
        elements = returned if isinstance(returned, tuple) else (returned,)
        return {
            names.get(position, f"element {position}"): element
            for position, element in enumerate(elements)
        }


def _wider(sizes: Mapping[str, Any], counts: Set[str]) -> Iterator[tuple[str, int]]:
    """Iterate over larger sizes, all different."""
    used = {sizes[name] for name in counts}
    for factor, (name, size) in enumerate(sizes.items(), 3):
        if isinstance(size, int) and name not in counts:
            larger = next(n for n in count(size * factor) if n not in used)
            used.add(larger)
            yield name, larger


@contextmanager
def as_started() -> Iterator[None]:
    """Let torch be as it starts meanwhile, which every statement is about, and use one thread.

    Tensors this small only make further threads wait.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    fast = asked("backends.mha.get_fastpath_enabled", True)
    _set(1, torch.float32, True)
    try:
        yield
    finally:
        _set(threads, dtype, fast)


def _set(threads: int, dtype: torch.dtype, fast: bool) -> None:
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    if hasattr(torch.backends, "mha"):  # since torch 2.3
        torch.backends.mha.set_fastpath_enabled(fast)


def usable(device: str) -> str:
    """Return the device, on which a module of float64 can be made here.

    Raises DeviceError with torch's reason otherwise.
    """
    try:
        torch.empty((), dtype=torch.float64, device=device)
    except (AssertionError, RuntimeError, TypeError) as refused:
        raise DeviceError(device, str(refused).splitlines()[0]) from refused
    return device
