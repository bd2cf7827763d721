"""Importing: what a name costs, and that nothing is loaded before it is asked for."""

import json
import subprocess
import sys

import pytest

import mhadoc

HEAVY = ["torch", "sympy", "sphinx", "numpy", "pytest", "hypothesis", "rich", "click", "matplotlib"]


def loaded(code: str) -> set[str]:
    """Run code in a child process and return the top-level modules that it loaded."""
    program = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(child.stdout.splitlines()[-1])}


def own(code: str) -> list[str]:
    """Return the modules of mhadoc that code loads in a child process."""
    program = (
        f"import sys\n{code}\nprint(*sorted(m for m in sys.modules if m.startswith('mhadoc')))"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return child.stdout.splitlines()[-1].split()


@pytest.fixture(scope="module")
def bare() -> set[str]:
    return loaded("import mhadoc")


@pytest.fixture(scope="module")
def predicting() -> set[str]:
    return loaded("import mhadoc; mhadoc.predict('MultiheadAttention', 512, 8, kdim=300)")


@pytest.mark.parametrize("name", HEAVY)
def test_importing_the_package_does_not_load(name: str, bare: set[str]):
    assert "mhadoc" in bare
    assert name not in bare


def test_importing_the_package_loads_no_other_module_of_its_own():
    assert own("import mhadoc") == ["mhadoc"]


def test_every_run_of_pytest_loads_the_plugin_alone():
    assert own("import mhadoc.pytest_plugin") == ["mhadoc", "mhadoc.pytest_plugin"]


@pytest.mark.parametrize("name", [name for name in HEAVY if name not in ("sympy", "numpy")])
def test_a_prediction_by_name_does_not_load(name: str, predicting: set[str]):
    assert "sympy" in predicting
    assert name not in predicting


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import mhadoc.language", {"torch", "sphinx"}),
        ("import mhadoc.errors", {"torch", "sphinx", "sympy"}),
        ("import mhadoc; mhadoc.specs()", {"torch", "sphinx", "sympy"}),
        ("import mhadoc; mhadoc.spec('MultiheadAttention')", {"torch", "sphinx"}),
        ("import mhadoc; mhadoc.RuleError; mhadoc.Report", {"torch", "sphinx", "sympy"}),
        ("import mhadoc; mhadoc.verify", {"sphinx", "pytest", "hypothesis"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_room_loads_only_what_it_needs(code: str, forbidden: set[str]):
    assert not loaded(code) & forbidden


def test_an_illegal_argument_is_refused_without_torch():
    code = (
        "import mhadoc\n"
        "try: mhadoc.predict('MultiheadAttention', 512, 7)\n"
        "except mhadoc.RuleError as error: print(error.hint)"
    )
    assert "torch" not in loaded(code)


class TestNames:
    def test_what_is_listed_is_what_there_is(self):
        assert dir(mhadoc) == sorted(mhadoc.__all__)
        assert list(mhadoc.__all__) == sorted(set(mhadoc.__all__))

    @pytest.mark.parametrize("name", mhadoc.__all__)
    def test_each_name_resolves(self, name: str):
        assert getattr(mhadoc, name) == getattr(mhadoc, name)

    @pytest.mark.parametrize("name", [name for name in mhadoc.__all__ if name != "__version__"])
    def test_each_public_thing_is_documented(self, name: str):
        first = (getattr(mhadoc, name).__doc__ or "").strip().splitlines()[0]
        assert first.endswith((".", ":"))

    def test_a_star_import_brings_them_all(self):
        namespace: dict[str, object] = {}
        exec("from mhadoc import *", namespace)
        assert set(mhadoc.__all__) <= namespace.keys()

    def test_a_name_that_is_not_there_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match=r"^module 'mhadoc' has no attribute 'predit'$"):
            _ = mhadoc.predit  # type: ignore[attr-defined]  # on purpose

    def test_the_version_is_that_of_the_package(self):
        from importlib.metadata import version

        assert mhadoc.__version__ == version("mhadoc")
