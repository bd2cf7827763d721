"""A module with others inside, described from outside the package, and what stands for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sympy import Eq, Integer, Or, Symbol

from mhadoc.language import Child, Input, ModuleSpec, Requirement, Shape
from mhadoc.language.measures import ABSENT, Call, Facts, Measured
from tests.toy import LINEAR, N, rows

WIDTH, DEPTH, QUICK, GRAD = (Symbol(n, integer=True) for n in ("width", "depth", "quick", "grad"))
X, MASK = Measured("x"), Measured("mask")
NUMBERS = {"dtype": "float32", "requires_grad": False}
FLOATS, BOOLS = Facts.shaped((3, 7), "float32"), Facts.shaped((3, 5), "bool")


def demand(id: str, fits: Any, **parts: Any) -> Requirement:
    given = {"message": "", "hint": f"change {id}", "source": "own", **parts}
    return Requirement(id, f"{id} is so", "RuntimeError", fits=fits, **given)


def tensor(name: str) -> Input:
    return Input(name=name, shape=Shape(N, rows), type="Tensor", why="", source="")


def flag(name: str, default: Any = False) -> Input:
    return Input(name=name, type="bool", default=default, why="", source="")


WIDE = demand(
    "x.features",
    Eq(X.features, rows),
    hint="pass x with in_features numbers, or build one for x.shape[-1]",
    expected="x must have {in_features} features",
    observed="x has {x.features}",
    source="merge",
)
OF_FLOATS = demand("mask.floats", Or(Eq(MASK.given, 0), Eq(MASK.floating, 1)), about=("x",))
NO_GRAD = demand("x.grad", Eq(GRAD, 0))


class Core:
    """What stands for a real module inside another."""

    def __init__(self, width: int = 7, grad: int = 0) -> None:
        self.width, self.grad = width, grad

    def parameters(self) -> Iterator[Any]:
        yield SimpleNamespace(dtype="float64")


class Derived(Core):
    """A Core by another name."""


class Other:
    """A module of another class."""


class Block:
    """What stands for a real module with others inside."""

    def __init__(self, *cores: object) -> None:
        self._modules = {"cores": cores}


BARE = replace(
    LINEAR,
    path="tests.language.blocks",
    **dict.fromkeys(("parameters", "outputs", "claims", "requirements", "attributes"), ()),
)
CORE = replace(
    BARE,
    name="Core",
    inputs=(tensor("x"), tensor("mask"), flag("hint"), flag("kept", True)),
    call_requirements=(WIDE, OF_FLOATS),
    read=lambda module: {"in_features": module.width},
    surroundings=lambda module, first: {"grad": module.grad},
)
CHILD = Child(
    name="cores.{i}",
    why="",
    source="",
    spec=CORE,
    sets={"in_features": WIDTH},
    calls={"kept": Integer(0), "grad": GRAD},
    inputs={"x": "src", "mask": "src_mask", "hint": "hint"},
    count=DEPTH,
    given="core",
)


def block(
    call_requirements: tuple[Requirement, ...] = (), spec: ModuleSpec = CORE, **changes: Any
) -> ModuleSpec:
    """Return the spec of a module that holds some cores."""
    return replace(
        BARE,
        name="Block",
        inputs=(tensor("src"), tensor("src_mask"), flag("hint")),
        call_requirements=call_requirements,
        children=(replace(CHILD, spec=spec, **changes),),
        surroundings=lambda module, first: {},
    )


def called(
    module: Any = None,
    src: Facts = FLOATS,
    mask: Facts = ABSENT,
    numbers: Any = None,
    **values: Any,
) -> Call:
    """Return a call of a block."""
    given = {"width": 7, "depth": 1, "quick": 0, "grad": 0, **values}
    inputs = {"src": numbers or SimpleNamespace(**NUMBERS), "src_mask": None, "hint": 0}
    return Call(module, given, inputs, {"src": src, "src_mask": mask})
