"""What is read of a call to come to a result: where that is the same, so is the result."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from types import MethodType
from typing import Any

import sympy
import torch

from mhadoc.language.compiled import Noted, compiled, free_names, picker
from mhadoc.proof.observe import Observation

__all__ = ["Held", "Reading", "Watched"]

#: Read by who calls torch once more: what comes of it holds for this case alone.
_EVERYTHING = "*"
#: Methods that give away no more of a module than what it holds, which is always compared.
_CONTENT = ("named_parameters", "parameters", "state_dict")
#: What can be asked of a tensor without a look at its numbers.
_FORM = {
    *(torch.Tensor.dim, torch.Tensor.is_contiguous, torch.Tensor.size, torch.Tensor.stride),
    *(vars(torch.Tensor.__base__)[name].__get__ for name in ("device", "dtype", "shape")),
}
#: What comes out differently for a tensor with a gradient.
_GRADIENT = {
    *(torch.autograd.backward, torch.autograd.grad, torch.Tensor.backward),
    *(torch.Tensor.__array__, torch.Tensor.numpy, torch.Tensor.register_hook),
    *(
        getattr(vars(owner).get(name), "__get__", None)
        for owner in (torch.Tensor, torch.Tensor.__base__)
        for name in ("_grad_fn", "grad", "grad_fn", "is_leaf", "requires_grad", "retains_grad")
    ),
}


@dataclass
class Reading:
    """The names of what is read: values and conditions, inputs, facts of the module.

    Also, of what a call returns, whether its numbers are read, and whether it has a gradient.
    """

    values: dict[str | sympy.Basic, None] = field(default_factory=dict)
    inputs: dict[str | sympy.Basic, None] = field(default_factory=dict)
    facts: dict[str, None] = field(default_factory=dict)
    numbers: bool = False
    gradient: bool = False

    def __len__(self) -> int:
        """Return how much is read."""
        names = len(self.values) + len(self.inputs) + len(self.facts)
        return names + self.numbers + self.gradient

    @property
    def everything(self) -> bool:
        """Tell whether torch is called once more, which reads everything there is."""
        return _EVERYTHING in self.values

    def include(self, other: Reading) -> None:
        """Read also all that another result was made from."""
        self.values |= other.values
        self.inputs |= other.inputs
        self.facts |= other.facts
        self.numbers |= other.numbers
        self.gradient |= other.gradient

    def of_module(self, held: Held) -> Hashable:
        """Return what is read of a module."""
        return (held.digest, *[held.fact(name) for name in self.facts]) if self.facts else None

    def of_call(self, values: Mapping[str, Any], inputs: Mapping[str, Any]) -> Hashable:
        """Return what is read of a call before it is made."""
        if self._compiled_for != len(self.values):
            self._compile()
        given = [id(inputs.get(name)) for name in self.inputs]
        unique = object() if self.everything else None
        asked = self._conditions(*self._needs(values))
        return (unique, *[values.get(name) for name in self._plain], *asked, *given)

    def _compile(self) -> None:
        self._plain = [n for n in self.values if isinstance(n, str) and n != _EVERYTHING]
        conditions = tuple(n for n in self.values if isinstance(n, sympy.Basic))
        names = free_names(*conditions)
        self._needs, self._conditions = picker(names), compiled(conditions, names)
        self._compiled_for = len(self.values)

    _compiled_for: int = -1

    @cached_property
    def output(self) -> type[torch.Tensor]:
        """Return a class of tensors that note here what is asked of them."""
        reading = self

        class Output(torch.Tensor):
            @classmethod
            def __torch_function__(
                cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                if function in _FORM:
                    with torch._C.DisableTorchFunctionSubclass():
                        return function(*args, **(kwargs or {}))
                reading.numbers = True
                reading.gradient |= function in _GRADIENT
                return super().__torch_function__(function, types, args, kwargs)  # type: ignore[no-untyped-call]  # torch gives it none

        return Output


class Held:
    """What a module holds in one mode: its numbers, as a digest, and plain facts as text."""

    def __init__(self, module: Any) -> None:
        """Take the module as it is now."""
        self._module = module
        self._facts: dict[str, str] = {}

    @cached_property
    def digest(self) -> bytes:
        """Return a digest of all numbers."""
        digest = blake2b()
        for name, tensor in self._module.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.digest()

    def fact(self, name: str) -> str:
        """Return an attribute as text, or its kind where the digest speaks of it."""
        if name not in self._facts:
            fact = getattr(self._module, name, None)
            numbers = isinstance(fact, torch.Tensor | torch.nn.Module | MethodType)
            self._facts[name] = type(fact).__name__ if numbers else repr(fact)
        return self._facts[name]


@dataclass(frozen=True, kw_only=True)
class Watched(Observation):
    """An observation that notes what is read of it.

    ``plain`` is the same without notes; ``recall`` works something out, or finds it in memory.
    """

    reading: Reading
    plain: Observation
    recall: Callable[[Watched, Callable[..., Any], tuple[Hashable, ...]], Any]

    @classmethod
    def of(cls, seen: Observation, reading: Reading, recall: Callable[..., Any]) -> Watched:
        """Return an observation that notes what is read of another."""
        return cls(
            bench=seen.bench,
            case=seen.case,
            values=Noted(seen.values, reading.values),
            module=_Facts(seen.module, reading),
            inputs=Noted(seen.inputs, reading.inputs),
            outputs={
                name: output.as_subclass(reading.output)
                if isinstance(output, torch.Tensor)
                else output
                for name, output in seen.outputs.items()
            },
            error=seen.error,
            warnings=seen.warnings,
            reading=reading,
            plain=seen,
            recall=recall,
        )

    def once(self, function: Callable[..., Any], *arguments: Hashable) -> Any:
        """Return what a function gives for this case, from memory where that is sound."""
        return self.recall(self, function, arguments)

    def again(self, module: Any = None, **inputs: Any) -> Observation:
        """Call torch once more, and note that what comes of it is for this case alone."""
        self.reading.values[_EVERYTHING] = None
        return self.plain.again(module and _unwatched(module), **inputs)

    def built(self, **arguments: Any) -> Any:
        """Build another module, and note that what comes of it is for this case alone."""
        self.reading.values[_EVERYTHING] = None
        return self.plain.built(**arguments)


def _unwatched(module: Any) -> Any:
    return module._module if isinstance(module, _Facts) else module


class _Facts:
    """A module that notes which of its attributes are read."""

    def __init__(self, module: Any, reading: Reading) -> None:
        self._module, self._reading = module, reading

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        fact = getattr(self._module, name)
        if isinstance(fact, MethodType) and name not in _CONTENT:
            self._reading.values[_EVERYTHING] = None
        self._reading.facts[name] = None
        return fact

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        self._reading.values[_EVERYTHING] = None
        return self._module(*args, **inputs)
