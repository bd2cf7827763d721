"""Derivation: torch's own code run on sizes that are symbols, and the expressions it comes to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import sympy
import torch

from mhadoc.language import Case
from mhadoc.language.releases import order
from mhadoc.proof.observe import RAISED, Bench
from mhadoc.proof.symbolic.plan import sized

__all__ = ["Derived", "Sizes", "derive", "unsupported"]

Sizes = tuple[sympy.Expr, ...]
#: The first release whose symbolic sizes are worked out as its code says.
_SOUND = "2.5"
_NUMBERS = (int, float, sympy.Basic)
Guards = Callable[[], list[sympy.Basic]]
Plain = Callable[[Any], Any]


@dataclass(frozen=True)
class Derived:
    """What torch's code derives for one case, in the symbols of the spec.

    ``values`` gives what each symbol stands for in this case: an expression in the free sizes, or
    a number. ``built`` and ``called`` are the conditions on sizes that torch's code asked for in
    the constructor and in forward: what is derived holds where they are met.
    """

    values: Mapping[str, sympy.Basic]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Sizes] = field(default_factory=dict)
    outputs: tuple[Sizes | None, ...] = ()
    built: tuple[sympy.Basic, ...] = ()
    called: tuple[sympy.Basic, ...] = ()
    error: Exception | None = None


def unsupported() -> str:
    """Return why this torch cannot run its code on symbolic sizes, or an empty text."""
    if order(torch.__version__) < order(_SOUND):
        return f"torch {torch.__version__} asks for more of symbolic sizes than its code needs"
    try:
        with _environment({"size": 3}) as (_, symbols, _):
            torch.empty(symbols["size"], 5)
    except (ImportError, AttributeError, TypeError) as missing:
        return f"torch {torch.__version__} has no symbolic sizes: {missing}"
    return ""


def derive(bench: Bench, case: Case, hints: Mapping[str, int]) -> Derived:
    """Run the module of a case with a symbol for every size that ``hints`` names.

    A hint is the number by which torch chooses where its code branches on a size; which way it
    went is then among the conditions.
    """
    with _environment(hints) as (guards, symbols, plain):
        work = _OnSymbols(sized(bench.spec, symbols), bench.subject)
        numbers = work.spec.cases.values(case)
        plainly = ((name, plain(value)) for name, value in numbers.items())
        found = Derived({n: sympy.sympify(v) for n, v in plainly if isinstance(v, _NUMBERS)})
        names = [rule.name for rule in bench.spec.attributes]
        try:
            module = work.build(work.arguments(case)).train(bool(numbers.get("training", True)))
            found = replace(
                found,
                attributes={name: plain(getattr(module, name, None)) for name in names},
                state={n: _shape(t, plain) for n, t in module.state_dict().items()},
                built=tuple(guards()),
            )
            seen = work.call(case, numbers, module, work.inputs(numbers))
        except RAISED as raised:
            return replace(found, error=raised)
        shapes = (t if t is None else _shape(t, plain) for t in seen.outputs.values())
        called = tuple(guards()[len(found.built) :])
        return replace(found, outputs=tuple(shapes), called=called, error=seen.error)


def _shape(tensor: torch.Tensor, plain: Plain) -> Sizes:
    return tuple(sympy.sympify(plain(size)) for size in tensor.shape)


class _OnSymbols(Bench):
    """A bench whose tensors have shapes and no numbers."""

    def build(self, arguments: Mapping[str, Any]) -> Any:
        """Build a module and leave its parameters as they are."""
        return self.placed(self.cls(**arguments))

    def draw(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return a tensor of a shape."""
        return torch.empty(shape, dtype=torch.float64)


@contextmanager
def _environment(hints: Mapping[str, int]) -> Iterator[tuple[Guards, dict[str, Any], Plain]]:
    """Open a place in which torch computes shapes only, and give it a symbol for each size.

    Initialisation is the one part of a constructor that needs numbers: the scale of the
    distribution. The place where torch works it out is given another while this is open.
    """
    from torch._dispatch.python import enable_python_dispatcher
    from torch._dynamo.source import ConstantSource
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

    with ExitStack() as stack:
        for name in _TALKATIVE:
            stack.enter_context(patch.object(logging.getLogger(name), "disabled", True))
        environment = ShapeEnv(duck_shape=False)
        mode = FakeTensorMode(shape_env=environment)
        mode.cache_enabled = False  # its keys hold symbols, and making them takes longer
        ours, symbols = {}, {}
        for name, hint in hints.items():
            theirs = environment.create_symbol(hint, ConstantSource(name), DimDynamic.DYNAMIC, None)
            ours[theirs] = sympy.Symbol(name, integer=True, nonnegative=True)
            symbols[name] = environment.create_symintnode(theirs, hint=hint)

        def plain(value: Any) -> Any:
            if isinstance(value, torch.SymBool):
                return bool(value)
            return _plain(value.node.expr, ours) if isinstance(value, torch.SymInt) else value

        fans = "_calculate_fan_in_and_fan_out"
        stack.enter_context(patch.object(torch.nn.init, fans, lambda tensor: (1, 1)))
        stack.enter_context(mode)
        stack.enter_context(enable_python_dispatcher())
        yield lambda: [_plain(guard.expr, ours) for guard in environment.guards], symbols, plain


#: Loggers to which torch reports each symbol, each condition and whatever is raised on the way.
_TALKATIVE = (
    "torch.__trace",
    "torch._subclasses.fake_tensor",
    "torch.fx.experimental.symbolic_shapes",
)

#: What torch's own functions of sizes mean in sympy.
_SYMPY: dict[str, Callable[..., sympy.Basic]] = {
    "CleanDiv": lambda top, bottom: top / bottom,
    "FloorDiv": lambda top, bottom: sympy.floor(top / bottom),
    "Max": sympy.Max,
    "Min": sympy.Min,
    "Mod": sympy.Mod,
    "PythonMod": sympy.Mod,
}


def _plain(expression: sympy.Basic, ours: Mapping[sympy.Symbol, sympy.Symbol]) -> sympy.Basic:
    """Return torch's expression in our symbols and in sympy's functions."""
    if not expression.args:
        return ours.get(expression, expression)
    parts = [_plain(part, ours) for part in expression.args]
    return _SYMPY.get(type(expression).__name__, expression.func)(*parts)
