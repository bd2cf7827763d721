"""Errors: their parts, their text, and their way across a process boundary."""

import pickle
import re
import tomllib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mhadoc
from mhadoc import errors
from mhadoc.errors import (
    BrokenModuleError,
    DeviceError,
    FunctionError,
    MhadocError,
    MissingExtraError,
    PathError,
    ReleaseError,
    RuleError,
    ShapeError,
    SpecError,
    StateDictError,
    SubjectError,
    UndescribedError,
    UnknownNameError,
    WorkersLostError,
)

names = st.text("abcdefgh_.", min_size=1, max_size=12)

RULE = RuleError(
    "MultiheadAttention.num_heads.divides",
    values={"embed_dim": 10, "num_heads": 3},
    expected="num_heads must divide embed_dim",
    hint="choose num_heads from 1, 2, 5, 10",
    torch_error="AssertionError: embed_dim must be divisible by num_heads",
)
ERRORS = [
    RULE,
    UnknownNameError("rule", "in_proj_wieght", ["in_proj_weight", "bias_k"]),
    UndescribedError("own.Linear", "it only has the name of torch.nn.Linear", "write a spec"),
    ShapeError("(L, S) needs a value for L"),
    SpecError("Linear", ["the sizes N and L are both 3"]),
    StateDictError("a state_dict is a mapping"),
    ReleaseError("two", "write it as 2.13"),
    DeviceError("cuda:7", "there is none"),
    FunctionError("softmax"),
    PathError("./a:B", "package.module:SPEC"),
    BrokenModuleError("a", "SystemExit: 7"),
    SubjectError("a:b is a function"),
    MissingExtraError("cli", "the command line"),
    WorkersLostError(3, "killed"),
    MhadocError("so"),
]
parametrize_errors = pytest.mark.parametrize(
    "error", ERRORS, ids=lambda error: type(error).__name__
)


def raise_from_a_prediction():
    mhadoc.predict("MultiheadAttention", 10, 3)


class TestEach:
    @parametrize_errors
    def test_is_caught_as_one_of_ours(self, error: Exception):
        assert isinstance(error, MhadocError)

    @parametrize_errors
    def test_comes_back_from_pickle_with_its_parts(self, error: Exception):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)

    def test_no_error_is_forgotten_here(self):
        assert {type(error).__name__ for error in ERRORS} == set(errors.__all__)

    @pytest.mark.parametrize(
        ("kind", "base"),
        [
            (RuleError, ValueError),
            (ShapeError, ValueError),
            (UnknownNameError, LookupError),
            (DeviceError, ValueError),
            (ReleaseError, ValueError),
            (MissingExtraError, ImportError),
            (StateDictError, TypeError),
            (PathError, ValueError),
            (BrokenModuleError, ImportError),
            (SubjectError, TypeError),
            (WorkersLostError, RuntimeError),
        ],
    )
    def test_is_the_kind_of_error_that_python_would_raise(self, kind: type, base: type):
        assert issubclass(kind, base)

    def test_crosses_a_process_boundary(self):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            future = pool.submit(raise_from_a_prediction)
            with pytest.raises(
                RuleError, match=r"^MultiheadAttention\.num_heads\.divides: "
            ) as caught:
                future.result()
        assert caught.value.values == {"embed_dim": 10, "num_heads": 3}


class TestRuleError:
    def test_says_the_rule_what_came_the_way_out_and_what_torch_says(self):
        assert str(RULE).splitlines() == [
            "MultiheadAttention.num_heads.divides: num_heads must divide embed_dim, "
            "but got embed_dim=10, num_heads=3.",
            "  way out: choose num_heads from 1, 2, 5, 10",
            "  torch raises: AssertionError: embed_dim must be divisible by num_heads",
        ]

    @given(names, st.dictionaries(names, st.integers() | st.text()), names, names, names)
    def test_each_part_is_in_the_text(self, rule, values, expected, hint, torch_error):
        error = RuleError(
            rule, values=values, expected=expected, hint=hint, torch_error=torch_error
        )
        text = str(error)
        assert all(part in text for part in (rule, expected, hint, torch_error))
        assert all(f"{name}={value!r}" in text for name, value in values.items())
        assert str(pickle.loads(pickle.dumps(error))) == text

    def test_keeps_quiet_about_torch_where_torch_would_not_raise(self):
        error = RuleError("a.b", values={}, expected="so", hint="do so")
        assert str(error) == "a.b: so, but got nothing.\n  way out: do so"

    def test_does_not_follow_the_values_that_change_later(self):
        values = {"kdim": 3}
        error = RuleError("a.b", values=values, expected="so", hint="do so")
        values["kdim"] = 4
        assert error.values == {"kdim": 3}


class TestExtras:
    def test_each_package_is_in_the_extra_that_is_named(self):
        text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
        brought = tomllib.loads(text)["project"]["optional-dependencies"]
        for package, extra in errors._EXTRAS.items():
            assert any(re.match(rf"\w*\[?{package}\b", line) for line in brought[extra]), package

    def test_what_is_missing_for_another_reason_is_said_as_it_is(self):
        with pytest.raises(ModuleNotFoundError, match=r"^no such$"), errors.extras("nothing"):
            raise ModuleNotFoundError("no such", name="mhadoc.nowhere")


class TestUnknownName:
    @pytest.mark.parametrize(
        ("name", "known", "closest"),
        [
            ("in_proj_wieght", ["bias_k", "in_proj_weight", "in_proj_bias"], "in_proj_weight, in_"),
            ("xyz", ["b", "a"], "a, b"),
            ("xyz", [], "none"),
            ("q", [f"rule{n}" for n in range(20)], "rule0, rule1, rule10, rule11"),
        ],
    )
    def test_names_the_closest_known_ones(self, name, known, closest):
        error = UnknownNameError("rule", name, known)
        assert str(error).startswith(f"no rule is called {name!r}; closest: {closest}")

    @given(names, st.lists(names, min_size=1, unique=True))
    def test_what_it_names_is_known(self, name, known):
        text = str(UnknownNameError("rule", name, known))
        shown = text.partition("closest: ")[2].split(", ")
        assert set(shown) <= set(known)
        assert len(shown) <= 8
