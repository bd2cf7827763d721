"""Hypothesis strategies: legal and illegal calls of whatever a spec describes.

They need the package hypothesis (``pip install "mhadoc[test]"``) and torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sympy
from hypothesis import assume
from hypothesis import strategies as st

from mhadoc.catalog import spec as catalogued
from mhadoc.errors import MhadocError
from mhadoc.language import Case, ModuleSpec, Requirement
from mhadoc.language.compiled import truth
from mhadoc.proof.observe import Bench, Observation

__all__ = ["DrawnCall", "arguments", "calls"]

#: The sizes of a drawn call: no two are equal, and none is 1, which torch might broadcast.
SIZES = st.integers(2, 12)


@dataclass(frozen=True, repr=False)
class DrawnCall:
    """A module's constructor arguments and the inputs of one call, legal but for ``broken``.

    ``broken`` is the one demand of torch that the call does not meet; None for a legal call.
    Tensors are float64 on the CPU, masks boolean or float as their rule says. ``training`` and
    ``grad`` say in which mode to call.
    """

    spec: ModuleSpec
    bench: Bench = field(compare=False)
    case: Case
    broken: Requirement | None = None

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """Return the number of every size and flag."""
        return self.bench.spec.cases.values(self.case)

    @property
    def training(self) -> bool:
        """Tell whether the module is in training mode."""
        return bool(self.values.get("training", True))

    @property
    def grad(self) -> bool:
        """Tell whether gradients are enabled."""
        return bool(self.values.get("grad", True))

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return self.bench.arguments(self.case)

    @property
    def module(self) -> Any:
        """Return the module, built when first asked for, with random numbers for parameters."""
        return self._parts[0]

    @property
    def inputs(self) -> dict[str, Any]:
        """Return the inputs of the call by name."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[Any, dict[str, Any]]:
        module = self.bench.build(self.arguments).train(self.training)
        inputs = self.bench.inputs(self.values)
        if self.broken is None or self.broken.breaks is None:
            return module, inputs
        legal = Observation(self.bench, self.case, self.values, module, inputs)
        changed = {"module": module, **inputs, **self.broken.breaks(legal)}
        module = changed.pop("module")
        return module, {name: value for name, value in changed.items() if value is not ...}

    def run(self) -> dict[str, Any]:
        """Call the module in the mode drawn and return the outputs by name.

        Raises what the module raises.
        """
        seen = self.bench.call(self.case, self.values, self.module, self.inputs)
        if seen.error is not None:
            raise seen.error
        return dict(seen.outputs)

    def __repr__(self) -> str:
        """Return the call as a line of Python, a shape standing for each tensor."""
        defaults = {rule.name: rule.default for rule in self.spec.arguments}
        built = _listed(_constructed(self), defaults)
        mode = f"{'train' if self.training else 'eval'}, grad {'on' if self.grad else 'off'}"
        broken = "" if self.broken is None else f", breaks {self.spec.address(self.broken)}"
        made = f"{self.spec.name}({built})" if self.spec.arguments else self.spec.name
        return f"{made}({_listed(self.inputs, self.spec.defaults)})  # {mode}{broken}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print the same in hypothesis's reports, which would show every field of a spec."""
        printer.text(repr(self))


def _listed(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return the values that are not the defaults, as a call lists them."""
    shown = {k: tuple(v.shape) if hasattr(v, "shape") else v for k, v in values.items()}
    told = {k: v for k, v in shown.items() if k not in defaults or v != defaults[k]}
    return ", ".join(f"{name}={value!r}" for name, value in told.items())


def arguments(
    target: object,
    *,
    legal: bool = True,
    sizes: st.SearchStrategy[int] = SIZES,
) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for constructor arguments that torch accepts, or refuses.

    ``target`` is what ``mhadoc.spec`` takes, or a spec. Illegal arguments break one demand of
    the constructor, each as its requirement gives an example of it. Raises UnknownNameError for a
    target that has no spec.
    """
    spec = catalogued(target)
    if legal:
        return calls(spec, legal=True, sizes=sizes).map(_constructed)
    examples = [r.example for r in spec.requirements if r.example is not None]
    return st.sampled_from(examples).map(dict) if examples else st.nothing()


def _constructed(call: DrawnCall) -> dict[str, Any]:
    return {k: v for k, v in call.arguments.items() if k not in ("device", "dtype")}


def calls(
    target: object,
    *,
    legal: bool | None = None,
    subject: Callable[..., Any] | None = None,
    sizes: st.SearchStrategy[int] = SIZES,
) -> st.SearchStrategy[DrawnCall]:
    """Return a strategy for calls: legal ones, illegal ones, or both where ``legal`` is None.

    ``target`` is what ``mhadoc.spec`` takes, or a spec; ``subject`` another class that claims
    to be a drop-in for it. ``sizes`` draws every size (L, S, N, embed_dim, ...); in one call all
    differ. What fails shrinks towards the plainest choices and the smallest sizes. Raises
    UnknownNameError for a target that has no spec, and MhadocError where only illegal calls are
    asked for and the spec demands nothing of one.
    """
    spec = catalogued(target)
    if not spec.call_requirements:
        if legal is False:
            raise MhadocError(f"{spec.name} demands nothing of a call: draw with legal=True")
        legal = True
    kinds = (True, False) if legal is None else (legal,)
    return st.one_of(*(_called(spec, kind, subject, sizes) for kind in kinds))


def _called(
    spec: ModuleSpec,
    legal: bool,
    subject: Callable[..., Any] | None,
    sizes: st.SearchStrategy[int],
) -> st.SearchStrategy[DrawnCall]:
    free = [name for name, size in spec.cases.sizes.items() if isinstance(size, int)]
    free = [name for name in free if name not in spec.counts]
    several = st.lists(sizes, min_size=len(free), max_size=len(free), unique=True)

    @st.composite
    def drawn(draw: st.DrawFn) -> DrawnCall:
        numbers = dict(zip(free, draw(several), strict=True))
        case = spec.cases.draw(sympy.true, draw(st.randoms(use_true_random=False)), {})
        assert case is not None
        cases = replace(spec.cases, sizes={**spec.cases.sizes, **numbers})
        call = DrawnCall(spec, Bench(replace(spec, cases=cases), subject), case)
        demands = _refused(spec, call.values)
        if legal:
            assume(not demands)
            return call
        demands = demands or _breakable(spec, call.values)
        assume(demands)
        return replace(call, broken=demands[draw(st.integers(0, len(demands) - 1))])

    return drawn()


def _refused(spec: ModuleSpec, values: Mapping[str, Any]) -> list[Requirement]:
    """Return the demands that a choice of flags alone breaks."""
    return [
        demand
        for demand in spec.call_requirements
        if demand.breaks is None and truth(demand.when, values) and not truth(demand.holds, values)
    ]


def _breakable(spec: ModuleSpec, values: Mapping[str, Any]) -> list[Requirement]:
    return [
        demand for demand in spec.call_requirements if demand.breaks and truth(demand.when, values)
    ]
