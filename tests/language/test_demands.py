"""Demands: what a call does not meet, in a module and in those inside it, and in whose words."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sympy import Eq, Integer, Symbol, false, true

from mhadoc.language import Child, Requirement, demands
from mhadoc.language.demands import Unmet, demands_of, inside, unmet
from mhadoc.language.kept import Legal
from mhadoc.language.measures import ABSENT, Call, Facts, Measured, Passed
from tests.language.blocks import (
    BARE,
    BOOLS,
    CHILD,
    CORE,
    FLOATS,
    NO_GRAD,
    NUMBERS,
    OF_FLOATS,
    QUICK,
    WIDE,
    WIDTH,
    Block,
    Core,
    Derived,
    Other,
    X,
    block,
    called,
    demand,
    tensor,
)
from tests.toy import LINEAR


@pytest.fixture(autouse=True)
def nothing_is_known_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep calls of a spec here apart from those of another one of its name."""
    monkeypatch.setattr(demands, "LEGAL", Legal())


def ids(found: tuple[Unmet, ...]) -> list[str]:
    return [problem.requirement.id for problem in found]


def one(demand: Requirement = WIDE, names: Any = (), hint: str = "", **facts: Facts) -> Unmet:
    values = {"in_features": 11, "x_mask": 3}
    call = Call(None, {}, {}, {"x": FLOATS, **facts})
    return Unmet("Core.x", demand, call, values, hint or demand.hint, dict(names))


class TestUnmet:
    """One demand that is not met speaks in the caller's words."""

    @pytest.mark.parametrize(
        ("names", "argument", "expected", "observed", "way_out"),
        [
            (
                {},
                "x",
                "x must have 11 features",
                "x has 7",
                "pass x with in_features numbers, or build one for 7",
            ),
            (
                {"x": "src", "in_features": "d_model"},
                "src",
                "src must have 11 features",
                "src has 7",
                "pass src with d_model numbers, or build one for 7",
            ),
        ],
        ids=["own words", "other words"],
    )
    def test_tells_what_was_expected_and_what_came(
        self, names, argument, expected, observed, way_out
    ):
        found = one(names=names)
        assert (found.argument, found.arguments) == (argument, (argument,))
        assert (found.expected, found.observed, found.way_out) == (expected, observed, way_out)

    def test_says_the_demand_where_no_more_is_said(self):
        assert one(OF_FLOATS).expected == "mask.floats is so"

    @pytest.mark.parametrize(
        ("names", "arguments"), [({}, ("mask", "x")), ({"x": "src"}, ("mask", "src"))]
    )
    def test_is_about_all_that_it_compares(self, names, arguments):
        assert one(OF_FLOATS, names).arguments == arguments

    @pytest.mark.parametrize(
        ("hint", "way_out"),
        [
            ("x.shape[-1] or src.shape[-1]", "7 or 7"),
            ("mask.shape[-1]", "mask.shape[-1]"),
            ("x, xs and x_mask", "src, xs and src_mask"),
            ("where x = None or x is", "where an input or src is"),
        ],
        ids=["both names", "not given", "whole words", "the longest"],
    )
    def test_a_way_out_has_the_numbers_of_what_is_given(self, hint, way_out):
        names = {"x": "src", "x_mask": "src_mask", "x = None": "an input"}
        assert one(names=names, hint=hint, mask=ABSENT).way_out == way_out


class TestDemands:
    """What is compared with a call, and what is only stated."""

    DEMANDS = demands_of(replace(CORE, call_requirements=(demand("x.told", true), WIDE, NO_GRAD)))

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            ({"in_features": 7, "grad": 0}, []),
            ({"in_features": 5, "grad": 0}, ["x.features"]),
            ({"in_features": 7, "grad": 1}, ["x.grad"]),
            ({"in_features": 5, "grad": 1}, ["x.features", "x.grad"]),
        ],
    )
    def test_those_are_found_that_do_not_hold(self, values, found):
        symbols = Call(None, {}, {}, {"x": FLOATS}).symbols
        symbols.update(values)
        assert [demand.id for demand in self.DEMANDS.unmet(symbols)] == found

    def test_each_has_its_name(self):
        assert list(self.DEMANDS.named) == ["x.told", "x.features", "x.grad"]
        assert self.DEMANDS.named["x.features"] is WIDE

    @pytest.mark.parametrize(("fits", "decides"), [(true, False), (Eq(X.rank, 2), True)])
    def test_what_only_is_stated_decides_nothing(self, fits, decides):
        found = demands_of(replace(CORE, call_requirements=(demand("x.so", fits),)))
        assert found.decides is decides


class TestInside:
    """The call of a module inside, as the parent makes it."""

    @pytest.mark.parametrize(
        ("changes", "inputs"),
        [
            ({}, {"hint": 0, "kept": False}),
            ({"decided": ("quick",), "inputs": {"x": "src", "hint": "quick"}}, {"hint": True}),
            ({"calls": {}}, {"hint": 0, "kept": True}),
        ],
        ids=["passed on", "decided", "default"],
    )
    def test_gets_flags_from_the_call_the_parent_and_its_defaults(self, changes, inputs):
        call = called(quick=5)
        found = inside(replace(CHILD, **changes), CORE, call, call.values, None, {})
        assert {name: found.inputs[name] for name in inputs} == inputs
        assert [type(found.inputs[name]) for name in inputs] == list(map(type, inputs.values()))
        assert found.inputs["x"] is call.inputs["src"]

    @pytest.mark.parametrize(
        ("twice", "known", "replaced"),
        [(False, {}, False), (True, {}, True), (False, {"dtype": "float64"}, True)],
        ids=["as it is", "also passed elsewhere", "changed"],
    )
    def test_gets_the_first_input_itself_unless_it_is_changed(self, twice, known, replaced):
        call = called()
        if twice:
            call.inputs["src_mask"] = call.inputs["src"]
        found = inside(CHILD, CORE, call, call.values, None, known).inputs["x"]
        assert isinstance(found, Passed) is replaced
        assert (found.dtype, found.requires_grad) == (known.get("dtype", "float32"), False)

    @pytest.mark.parametrize(
        ("module", "read", "settles", "width"),
        [
            (None, True, {}, 7),
            (Core(11), True, {}, 11),
            (Core(11), False, {}, 7),
            (Core(11), True, {"in_features": 2 * WIDTH}, 14),
        ],
        ids=["described", "read", "not read", "settled"],
    )
    def test_has_the_sizes_of_the_module_or_the_parents(self, module, read, settles, width):
        call, core = called(), CORE if read else replace(CORE, read=None)
        found = inside(replace(CHILD, settles=settles), core, call, call.values, module, {})
        assert found.values["in_features"] == width
        assert found.module is module

    @pytest.mark.parametrize(
        ("floats", "dtype"),
        [(None, "bool"), (true, "float32"), (false, "bool"), (Eq(QUICK, 0), "float32")],
    )
    @pytest.mark.parametrize("given", [True, False])
    def test_gets_a_mask_as_floats_or_bools(self, floats, dtype, given):
        call = called(mask=BOOLS if given else ABSENT)
        found = inside(replace(CHILD, floats=floats), CORE, call, call.values, None, {}).facts
        assert found["mask"] == (BOOLS.to(dtype) if given else ABSENT)
        assert found["x"] == FLOATS

    def test_gets_a_mask_of_floats_as_bools(self):
        call = called(mask=FLOATS)
        found = inside(replace(CHILD, floats=false), CORE, call, call.values, None, {}).facts
        assert found == {"x": FLOATS, "mask": FLOATS.to("bool")}

    @pytest.mark.parametrize(
        ("nested", "arrives"), [(false, False), (Eq(QUICK, 1), False), (Eq(QUICK, 0), True)]
    )
    def test_gets_a_nested_tensor_without_masks(self, nested, arrives):
        call = called(mask=BOOLS)
        found = inside(replace(CHILD, nested=nested), CORE, call, call.values, None, {}).facts
        alone = {"x": FLOATS._replace(nested=1), "mask": ABSENT}
        assert found == (alone if arrives else {"x": FLOATS, "mask": BOOLS})


class TestDescribed:
    """A call of a module that is only described."""

    @pytest.mark.parametrize(
        ("changes", "values", "found"),
        [
            ({}, {}, ["x.features"]),
            ({"count": Integer(1)}, {"depth": 0}, ["x.features"]),
            ({}, {"depth": 0}, []),
            ({}, {"depth": -1}, []),
            ({"when": Eq(QUICK, 0)}, {}, ["x.features"]),
            ({"when": Eq(QUICK, 1)}, {}, []),
            ({"when": Eq(QUICK, 1)}, {"depth": 0}, []),
            ({}, {"core": CORE.bound(11, 3)}, ["x.features"]),
            ({}, {"core": LINEAR.bound(11, 3)}, []),
        ],
        ids=["one", "always", "none", "fewer", "there", "away", "neither", "given", "other"],
    )
    def test_comes_to_those_that_are_there(self, changes, values, found):
        assert ids(unmet(block(**changes), called(**{"width": 11, **values}))) == found

    def test_is_told_where_it_is_legal(self):
        assert unmet(block(), called()) == ()

    @pytest.mark.parametrize(
        ("merely", "quick", "found"),
        [
            (("merge",), 0, ["x.features", "mask.floats"]),
            (("merge",), 1, ["x.features"]),
            ((), 0, ["x.features", "mask.floats"]),
            ((), 1, []),
        ],
    )
    def test_an_idle_parent_asks_only_what_functions_of_torch_ask(self, merely, quick, found):
        core = replace(CORE, call_requirements=(WIDE, replace(OF_FLOATS, about=())))
        spec = block(spec=core, idle=Eq(QUICK, 1), merely=merely)
        assert ids(unmet(spec, called(mask=BOOLS, width=11, quick=quick))) == found


class TestOwn:
    """What a module demands, and those inside, is told once, by the caller's rule."""

    SRC = Measured("src")

    @pytest.mark.parametrize(
        ("own", "found"),
        [
            ((), [("Core.x.features", "src"), ("Core.mask.floats", "src_mask")]),
            ((demand("src.rank", Eq(SRC.rank, 3)),), [("Block.src.rank", "src")]),
            (
                (demand("hint.so", Eq(SRC.rank, 3)),),
                [
                    ("Block.hint.so", "hint"),
                    ("Core.x.features", "src"),
                    ("Core.mask.floats", "src_mask"),
                ],
            ),
            (
                (demand("src.features", true),),
                [("Block.src.features", "src"), ("Core.mask.floats", "src_mask")],
            ),
        ],
        ids=["inside", "told already", "of another input", "the caller's"],
    )
    def test_addresses_and_arguments_are_the_callers(self, own, found):
        core = replace(CORE, call_requirements=(WIDE, OF_FLOATS))
        problems = unmet(block(own, core), called(mask=BOOLS, width=11))
        assert [(problem.address, problem.argument) for problem in problems] == found

    @pytest.mark.parametrize(
        ("own", "way_out"),
        [
            ((), "pass src with width numbers, or build one for 7"),
            ((demand("src.features", true, hint="widen src"),), "widen src"),
        ],
    )
    def test_words_and_hints_are_the_callers(self, own, way_out):
        (problem,) = unmet(block(own), called(width=11))
        assert problem.expected == "src must have 11 features"
        assert problem.way_out == way_out

    def test_words_go_through_every_module_between(self):
        outer = Child(
            name="block",
            why="",
            source="",
            spec=block(),
            sets={"width": Symbol("d_model", integer=True), "depth": Integer(1)},
            inputs={"src": "tgt"},
        )
        tower = replace(BARE, name="Tower", inputs=(tensor("tgt"),), children=(outer,))
        values = {"d_model": 11}
        (problem,) = unmet(tower, Call(None, values, {"tgt": None}, {"tgt": FLOATS}))
        assert (problem.address, problem.argument) == ("Core.x.features", "tgt")
        assert problem.way_out == "pass tgt with d_model numbers, or build one for 7"


def noted(module: Block, fact: str, times: int = 1, **changes: Any) -> list[Any]:
    """Return what each module inside is told of the tensor that comes to it."""
    seen = list[Any]()

    def measured(call: Call) -> dict[str, Any]:
        seen.append(getattr(call.inputs["x"], fact))
        return {}

    core, numbers = replace(CORE, measured=measured), SimpleNamespace(**NUMBERS)
    for _ in range(times):
        unmet(block(spec=core, **changes), called(module, numbers=numbers))
    return seen


class TestBuilt:
    """A call of a module that is built, with others inside."""

    @pytest.mark.parametrize(
        ("cores", "found"),
        [
            ((), []),
            ((Core(),), []),
            ((Core(11),), ["x.features"]),
            ((Core(), Core(11)), ["x.features"]),
            ((Core(11), Core(5)), ["x.features"]),
            ((Derived(11),), ["x.features"]),
            ((Core(11), Other()), []),
            ((Other(),), []),
        ],
        ids=["none", "legal", "wrong", "second", "told once", "derived", "mixed", "other"],
    )
    def test_comes_to_each_module_of_the_class(self, cores, found):
        assert ids(unmet(block(), called(Block(*cores)))) == found

    @pytest.mark.parametrize(
        ("grads", "seen"),
        [
            ((0, 0, 0), [False, False, False]),
            ((1, 0, 0), [False, True, True]),
            ((0, 1, 0, 0), [False, False, True, True]),
        ],
    )
    def test_a_gradient_is_required_from_the_module_on_that_requires_one(self, grads, seen):
        assert noted(Block(*(Core(grad=grad) for grad in grads)), "requires_grad") == seen

    @pytest.mark.parametrize(("idle", "dtype"), [(false, "float32"), (true, "float64")])
    def test_nobody_compares_dtypes_where_the_parent_is_idle(self, idle, dtype):
        assert noted(Block(Core(), Core()), "dtype", idle=idle) == [dtype, dtype]

    @pytest.mark.parametrize(("width", "looked_at"), [(7, 1), (11, 2)])
    def test_a_legal_call_is_looked_at_once(self, width, looked_at):
        assert len(noted(Block(Core(width)), "dtype", times=2)) == looked_at

    def test_a_call_that_is_not_legal_is_told_again(self):
        numbers, module = SimpleNamespace(**NUMBERS), Block(Core(11))
        calls = [called(module, numbers=numbers) for _ in range(2)]
        assert [ids(unmet(block(), call)) for call in calls] == [["x.features"]] * 2

    def test_nothing_is_kept_of_a_call_that_is_described(self):
        unmet(block(), called())
        assert None not in demands.LEGAL
