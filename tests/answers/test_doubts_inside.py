"""What is in doubt in a module inside, by toys: what is asked there, and in whose words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sympy import Eq, Integer, Symbol

from mhadoc.answers.doubts import doubted, doubted_beside
from mhadoc.language import Child, Doubt, ModuleSpec
from mhadoc.language.measures import Call
from tests.language.blocks import BARE, BOOLS, CORE, FLOATS, Block, Core, Other, X, block, tensor

NEVER, ALWAYS = Eq(X.rank, 3), Eq(X.rank, 2)


def doubt(id: str, **parts: Any) -> Doubt:
    told = {"title": "", "example": "", "expected": "", "observed": "", "hint": "", **parts}
    return Doubt(**{"id": id, "claim": f"toy.{id}", "argument": "x", **told})


def stack(*doubts: Doubt, own: tuple[Doubt, ...] = ()) -> ModuleSpec:
    return replace(block(spec=replace(CORE, doubts=doubts)), doubts=own)


def called(module: Any, mask: Any = "a mask") -> Call:
    inputs = {"src": "numbers", "src_mask": mask, "hint": True}
    values = {"width": 7, "grad": 0, "depth": 2}
    return Call(module, values, inputs, {"src": FLOATS, "src_mask": BOOLS})


def told(spec: ModuleSpec, call: Call) -> list[tuple[str, str]]:
    return [(problem.argument, problem.rule) for problem in doubted(spec, call, None)]


TWO = Block(Core(), Core())


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ({}, ["src"]),
        ({"when": ALWAYS}, ["src"]),
        ({"when": NEVER}, []),
        ({"inside": False}, []),
        ({"beside_errors": True}, []),
        ({"argument": "mask"}, ["src_mask"]),
        ({"argument": "kept"}, ["kept"]),
        ({"argument": "part"}, ["cores.0.part"]),
        ({"finds": lambda look: None}, []),
        ({"finds": lambda look: {}}, ["src"]),
        ({"finds": lambda look: {"argument": "mask"}}, ["src_mask"]),
        ({"finds": lambda look: {"argument": "part"}}, ["cores.0.part"]),
    ],
)
def test_is_told_of_the_first_layer_as_the_caller_knows_it(
    parts: dict[str, Any], found: list[str]
) -> None:
    assert told(stack(doubt("a", **parts)), called(TWO)) == [(name, "toy.a") for name in found]


@pytest.mark.parametrize(
    ("mask", "names"),
    [("a mask", ["src", "b"]), (0, ["src", "b"]), (None, ["b"]), (False, ["b"])],
)
def test_is_asked_of_the_module_alone_where_no_mask_is_given(mask: Any, names: list[str]) -> None:
    spec = stack(doubt("a", when=ALWAYS), doubt("b", argument="b"))
    expected = [name.replace("b", "cores.0.b") for name in names]
    assert [name for name, _ in told(spec, called(TWO, mask))] == expected


def test_what_is_not_asked_inside_hides_nothing_else() -> None:
    spec = stack(doubt("a", inside=False), doubt("b"), own=(doubt("c", argument="src"),))
    assert told(spec, called(TWO)) == [("src", "toy.c"), ("src", "toy.b")]


@pytest.mark.parametrize(
    ("grads", "found"),
    [
        ((0, 0), []),
        ((1, 0), ["cores.0.part"]),
        ((0, 1), ["cores.1.part"]),
        ((1, 1), ["cores.0.part"]),
    ],
)
def test_each_module_inside_is_asked_of_itself(grads: tuple[int, ...], found: list[str]) -> None:
    one = doubt("a", argument="part", finds=lambda look: {} if look.module.grad else None)
    module = Block(*(Core(grad=grad) for grad in grads))
    assert [name for name, _ in told(stack(one), called(module))] == found


@pytest.mark.parametrize(
    ("cores", "found"), [((Core(),), 1), ((Core(), Other()), 0), ((Other(),), 0), ((), 0)]
)
def test_a_module_of_another_class_is_not_looked_into(cores: tuple[Any, ...], found: int) -> None:
    assert len(told(stack(doubt("a")), called(Block(*cores)))) == found


def test_texts_have_the_callers_words_for_names_of_several() -> None:
    text = {"expected": "in_features of x: {in_features}", "observed": "{x.rank}", "hint": "x_mask"}
    (problem,) = doubted(stack(doubt("a", **text)), called(TWO), None)
    assert (problem.expected, problem.observed) == ("width of x: 7", "2")
    assert (problem.hint, problem.severity) == ("x_mask", "warning")


@pytest.mark.parametrize(("beside", "found"), [(True, ["toy.a"]), (False, [])])
def test_what_lies_beside_errors_is_asked_apart(beside: bool, found: list[str]) -> None:
    core = replace(CORE, doubts=(doubt("a", beside_errors=beside),))
    call = Call(Core(), {"in_features": 7}, {"x": None}, {"x": FLOATS})
    assert [problem.rule for problem in doubted_beside(core, call, None)] == found


def test_a_place_is_told_through_every_module_between() -> None:
    sets = {"width": Symbol("d_model", integer=True), "depth": Integer(1)}
    inputs = {"src": "tgt", "src_mask": "tgt_mask"}
    inner = stack(doubt("a", argument="part"), doubt("b"))
    outer = Child(name="block", why="", source="", spec=inner, sets=sets, inputs=inputs)
    tower = replace(
        BARE, name="Tower", inputs=(tensor("tgt"), tensor("tgt_mask")), children=(outer,)
    )
    module = Other()
    module._modules = {"block": TWO}
    call = Call(module, {"d_model": 7}, {"tgt": 1, "tgt_mask": 2}, {"tgt": FLOATS})
    assert told(tower, call) == [("block.cores.0.part", "toy.a"), ("tgt", "toy.b")]
