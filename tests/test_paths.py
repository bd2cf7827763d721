"""What others wrote: it is found by its path, and what is wrong with a path is said in a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import nn

import mhadoc
from mhadoc.catalog import specs_in
from mhadoc.errors import BrokenModuleError, MhadocError, PathError, UnknownNameError
from mhadoc.paths import imported, look_here, module_at

BROKEN = {
    "raises": ("\n1 / 0", "ZeroDivisionError: division by zero (raises.py, line 2)"),
    "unwritten": ("def", "SyntaxError: invalid syntax (unwritten.py, line 1)"),
    "lacks": ("import nothing_such", "ModuleNotFoundError: No module named 'nothing_such' (lacks"),
    "ends": ("import sys; sys.exit(7)", "SystemExit: 7 (ends.py, line 1)"),
    "unruly": (
        "import mhadoc; mhadoc.predict('MultiheadAttention', 5, 2)",
        "RuleError: MultiheadAttention.num_heads.divides: num_heads must divide embed_dim, but",
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the current folder, in which some modules lie."""
    for name, (text, _) in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "our_specs").mkdir()
    (tmp_path / "our_specs" / "__init__.py").touch()
    (tmp_path / "our_specs" / "linear.py").write_text("import mhadoc; SPEC = mhadoc.spec('Linear')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    look_here()
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "our_specs"]:
        del sys.modules[name]


def test_the_current_folder_comes_first_and_once(folder: Path) -> None:
    look_here()
    assert sys.path[0] == str(folder)
    assert sys.path.count(str(folder)) == 1
    assert mhadoc.spec("our_specs.linear:SPEC").name == "Linear"


class TestImported:
    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("torch.nn.Linear", nn.Linear),
            ("torch.nn:Linear", nn.Linear),
            ("torch.nn.modules.activation.MultiheadAttention", nn.MultiheadAttention),
        ],
    )
    def test_finds_what_a_path_names(self, path, found):
        assert imported(path) is found

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("torch.nn.Linea", r"^no part of torch\.nn is called 'Linea'; closest: Linear"),
            ("torch:Nope", r"^no part of torch is called 'Nope'; closest: "),
            ("nothing.Here", r"^no importable module is called 'nothing'; closest: "),
        ],
    )
    def test_the_part_that_is_not_there_is_named(self, path, message):
        with pytest.raises(UnknownNameError, match=message):
            imported(path)


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("asked", [module_at, specs_in, lambda name: mhadoc.spec(f"{name}:SPEC")])
def test_a_module_that_raises_is_told_in_one_line(name: str, asked) -> None:
    with pytest.raises(BrokenModuleError) as raised:
        asked(name)
    assert str(raised.value).startswith(f"{name} cannot be imported: {BROKEN[name][1]}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "path", ["./raises:SPEC", "..:SPEC", ":SPEC", ":", "raises:", "a b:SPEC", "raises:a.b", "r/:S"]
)
def test_what_is_no_path_is_refused(path: str) -> None:
    for asked in (mhadoc.spec, imported, specs_in):
        with pytest.raises(PathError, match=r"is no path in Python: write it as package\.module:"):
            asked(path)


@pytest.mark.parametrize(
    ("path", "closest"),
    [
        ("our_spec:SPEC", "importable module is called 'our_spec'; closest: our_specs"),
        ("our_specs.liner:SPEC", "importable module is called 'our_specs.liner'; closest: our_spe"),
        ("raises.py:SPEC", "cannot be imported: ZeroDivisionError"),
        ("our_specs.linear:SPEX", "spec in our_specs.linear is called 'SPEX'; closest: SPEC"),
        ("our_specs.linear.py:SPEC", "'our_specs.linear.py'; closest: our_specs.linear"),
        ("nowhere:SPEC", "closest: ends, lacks, our_specs, raises, unruly, unwritten"),
        ("our_spec", "spec is called 'our_spec'; closest: our_specs"),
        ("our_specs.liner", "closest: our_specs.linear"),
        ("./raises", "'./raises' is no path in Python: write it as package.module"),
        ("", "'' is no path in Python: write it as package.module"),
    ],
)
def test_a_name_that_is_not_there_is_compared_with_what_lies_nearby(
    path: str, closest: str
) -> None:
    with pytest.raises(MhadocError) as raised:
        specs_in(path)
    assert closest in str(raised.value)
