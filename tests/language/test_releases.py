"""Releases: their order, and a spec as it is stated of one of them."""

from dataclasses import replace

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import mhadoc
from mhadoc import RuleError
from mhadoc.errors import ReleaseError
from mhadoc.language import Argument, Axis, Child, Claim, ModuleSpec, Symbol
from mhadoc.language.releases import (
    NEWEST,
    flags,
    installed,
    newer,
    order,
    settled,
    stated,
    there,
    without_later,
)
from tests.toy import LINEAR, bias, columns, rows

numbers = st.tuples(*[st.integers(0, 99)] * 3)
AGES = ["1.13", "2.0", "2.1", "2.13"]


def written(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))


def dated(**dates: str) -> Claim:
    return replace(LINEAR.claims[0], **dates)


def with_late_bias(since: str = "2.1") -> ModuleSpec:
    """A Linear whose bias came with a release, and a claim that speaks of its absence."""
    late = tuple(replace(a, since=since) if a.name == "bias" else a for a in LINEAR.arguments)
    without = replace(LINEAR.claims[0], id="lin.without", when=sympy.Not(bias))
    return replace(LINEAR, arguments=late, claims=(*LINEAR.claims, without))


class TestOrder:
    @given(numbers, numbers)
    def test_is_that_of_the_numbers(self, one, other):
        assert (order(written(one)) < order(written(other))) == (one < other)

    @pytest.mark.parametrize(
        "text", ["2.13", "2.13.0", "2.13.0+cpu", "2.13.0a0+git1f2e3d4", "2.13.0.dev20260101"]
    )
    def test_what_is_built_from_a_release_counts_as_it(self, text: str):
        assert order(text) == (2, 13, 0)

    @pytest.mark.parametrize("text", ["", "two", "2", "v2.13", "2."])
    def test_what_is_no_release_is_refused(self, text: str):
        with pytest.raises(ReleaseError, match=r"write it as '2\.13' or '2\.13\.0'$"):
            order(text)

    @pytest.mark.parametrize(
        ("release", "turned"), [("2.0.1", 0), ("2.1", 1), ("2.1.2", 1), (NEWEST, 1)]
    )
    def test_a_condition_may_ask_for_one_or_newer(self, release: str, turned: int):
        turn = newer("2.1")
        assert flags(release)[turn.name] == turned
        assert turn.is_nonnegative
        assert turn.is_integer

    def test_the_installed_one_is_torchs_own(self):
        torch = pytest.importorskip("torch")
        assert installed() == torch.__version__


class TestRecord:
    @pytest.mark.parametrize(
        ("since", "until", "expected"),
        [
            (None, None, AGES),
            ("2.0", None, AGES[1:]),
            (None, "2.1", AGES[:2]),
            ("2.0", "2.1.0", ["2.0"]),
        ],
    )
    def test_is_there_from_one_release_to_another(self, since, until, expected):
        record = dated(since=since, until=until)
        assert [release for release in AGES if there(record, release)] == expected

    def test_was_stated_otherwise_before(self):
        claim = dated(before={"2.1": {"sentence": "old"}, "2.0": {"sentence": "older"}})
        said = [stated(claim, release).sentence for release in AGES]
        assert said == ["older", "old", claim.sentence, claim.sentence]
        assert stated(claim, "2.13") is claim

    @pytest.mark.parametrize(("release", "holds"), [("2.0", False), ("2.1", True), ("2.2", True)])
    def test_a_condition_of_one_release_asks_no_more(self, release, holds):
        claim = replace(LINEAR.claims[0], when=sympy.And(newer("2.1"), bias))
        assert settled(claim, release).when == (bias if holds else sympy.false)
        assert settled(LINEAR.claims[0], release) is LINEAR.claims[0]


class TestSpec:
    @pytest.mark.parametrize("release", AGES)
    def test_without_dates_is_itself(self, release: str):
        assert LINEAR.at(release) is LINEAR

    def test_is_made_once(self):
        late = with_late_bias()
        assert late.at("2.0") is late.at("2.0")
        assert late.at("2.0").at("2.0") is late.at("2.0")
        assert late.at("2.0").at("2.13") is late is late.at("")

    def test_an_argument_that_came_later_has_its_default(self):
        old = with_late_bias().at("2.0.1")
        assert [a.name for a in old.arguments] == ["in_features", "out_features", "device", "dtype"]
        assert list(old.state(old.values(old.bind(3, 5)))) == ["weight", "bias"]
        assert {old.cases.values(case)["bias"] for case in old.cases} == {1}

    def test_an_argument_that_came_later_is_refused_with_its_release(self):
        message = r"^Linear\.arguments: bias came with torch 2\.1, and torch 2\.0 lacks it"
        with pytest.raises(RuleError, match=message):
            with_late_bias().at("2.0").bind(3, 5, bias=False)

    def test_a_claim_of_which_no_case_is_left_is_left_out(self):
        late = with_late_bias()
        assert [claim.id for claim in late.at("2.1").claims][-1] == "lin.without"
        assert "lin.without" not in [claim.id for claim in late.at("2.0").claims]

    @pytest.mark.parametrize(
        ("id", "about", "stays"),
        [
            ("in_features.so", (), True),
            ("in_features.so", ("in_features",), True),
            ("in_features.so", ("in_features", "bias"), True),
            ("in_features.so", ("bias",), False),
            ("in_features.bias", (), True),
            ("bias.so", (), False),
            ("bias.so", ("in_features",), False),
        ],
    )
    def test_a_demand_on_an_argument_that_came_later_is_left_out(self, id, about, stays):
        demand = replace(LINEAR.requirements[0], id=id, about=about)
        found = replace(with_late_bias(), requirements=(demand,))
        assert [r.id for r in found.at("2.0").requirements] == [id] * stays
        assert [r.id for r in found.at("2.1").requirements] == [id]

    @pytest.mark.parametrize(
        ("given", "left"),
        [
            ({"bias": True, "in_features": 3}, {"in_features": 3}),
            ({"bias": 1}, {"bias": 1}),
            ({"bias": False}, {"bias": False}),
            ({"in_features": None}, {"in_features": None}),
        ],
    )
    def test_the_default_of_what_came_later_need_not_be_passed(self, given, left):
        assert without_later(with_late_bias().at("2.0"), given) == left
        assert without_later(with_late_bias(), given) == given

    @pytest.mark.parametrize(("release", "symbols"), [("2.0", {"width"}), ("2.1", set())])
    def test_an_argument_of_a_module_inside_came_as_late(self, release, symbols):
        """A flag of the parent that only sets a later one of the child has its default."""
        flag = Symbol("width", "", "flag").expr
        axis = Axis.flag("width", "constructor", plain=True)
        sets = {"in_features": rows, "out_features": rows, "bias": flag}
        child = Child(name="map", why="", source="", spec=with_late_bias(), sets=sets)
        cases = replace(LINEAR.cases, axes=(axis, *LINEAR.cases.axes))
        found = replace(LINEAR, children=(child,), cases=cases).at(release)
        plain = {axis.name for axis in found.cases.axes if len(axis.choices) == 1}
        assert plain == symbols

    @pytest.mark.parametrize(
        ("release", "given", "refused"),
        [
            ("2.0", (3, 5), False),
            ("2.0", (3, 5, True), False),
            ("2.0", (3, 5, False), True),
            ("2.1", (3, 5, False), False),
        ],
    )
    def test_a_module_that_needs_a_later_argument_is_refused(self, release, given, refused):
        late = with_late_bias()
        sets = {"in_features": rows, "out_features": columns, "bias": bias}
        child = Child(name="map", why="", source="", spec=late, sets=sets, given="map")
        own = (Argument(name="map", why="", source=""),)
        outer = replace(LINEAR, arguments=own, requirements=(), children=(child,)).at(release)
        bound = outer.bind(late.bound(*given))
        if refused:
            message = (
                r"^Linear\.arguments: bias came with torch 2\.1, and torch 2\.0 lacks it, but "
            )
            with pytest.raises(RuleError, match=f"{message}got bias=False"):
                outer.values(bound)
        else:
            assert outer.values(bound)["in_features"] == 3

    def test_that_was_changed_for_a_release_is_of_no_other(self):
        changed = replace(with_late_bias().at("2.0"), claims=())
        assert changed.at("2.0") is changed
        with pytest.raises(ReleaseError, match=r"Linear was changed for torch 2\.0 alone"):
            changed.at("2.1")

    def test_is_the_same_however_many_were_asked_for(self):
        late = with_late_bias()
        first = late.at("2.0")
        for patch in range(300):
            assert late.at(f"2.0.{patch}").at("2.0") is first

    def test_of_what_came_later_is_refused(self):
        with pytest.raises(ReleaseError, match=r"^torch '1\.13': Linear came with torch 2\.0$"):
            replace(LINEAR, since="2.0").at("1.13")
        assert replace(LINEAR, since="2.0").at("2.0").name == "Linear"

    def test_of_a_module_inside_is_of_the_same_release(self):
        layer = mhadoc.spec("TransformerEncoderLayer", torch_version="1.13")
        for child in layer.children:
            assert child.spec is None or child.spec is child.spec.at("1.13")

    def test_the_newest_is_later_than_all(self):
        assert order(NEWEST) > order(mhadoc.spec("Linear").release or "2.13")
