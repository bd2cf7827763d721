"""A report is kept for what it was made from, and for nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mhadoc
from mhadoc.proof import cache
from mhadoc.proof.cache import key, proved, sources, twin_counts
from mhadoc.proof.report import Refutation, Report
from tests.toy import LINEAR

SPEC = mhadoc.spec("MultiheadAttention")
PACKAGE = Path(mhadoc.__file__).parent
HOLDS = Report("2.13.0", "cpu", 53, 70, 99, held={"mha.scale": 3}, seconds=1.5)
REFUTED = replace(HOLDS, refutations=(Refutation("mha.scale", "x", {}, "3", "2"),))


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """Return the reports that proofs are going to give, one after the other."""
    reports = [HOLDS]
    monkeypatch.setattr("mhadoc.proof.verify.verify", lambda spec: reports.pop(0))
    return reports


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the package, whose files count instead of the package's own."""
    copy = tmp_path / "mhadoc"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "_PACKAGE", copy)
    return copy


class TestReports:
    def test_the_second_time_nothing_is_proved(self, tmp_path: Path, proofs: list[Report]):
        assert proved(SPEC, tmp_path / "new") == HOLDS
        assert proved("MultiheadAttention", tmp_path / "new") == HOLDS
        assert proofs == []

    def test_it_is_kept_under_its_key_and_nothing_else_is_left(
        self, tmp_path: Path, proofs: list[Report]
    ):
        proved(SPEC, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [f"{key(SPEC)}.json"]
        assert json.loads(next(tmp_path.iterdir()).read_text())["cases"] == 99

    def test_a_refuted_one_is_not_kept(self, tmp_path: Path, proofs: list[Report]):
        proofs[:] = [REFUTED, HOLDS]
        assert proved(SPEC, tmp_path) == REFUTED
        assert list(tmp_path.iterdir()) == []
        assert proved(SPEC, tmp_path) == HOLDS

    @pytest.mark.parametrize("damaged", ["", "{", "[]", '{"ok": true}', '"text"', "\0"])
    def test_a_damaged_one_is_made_again(self, tmp_path: Path, proofs: list[Report], damaged: str):
        (tmp_path / f"{key(SPEC)}.json").write_text(damaged)
        assert proved(SPEC, tmp_path) == HOLDS
        assert proved(SPEC, tmp_path) == HOLDS

    def test_it_is_written_whole(
        self, tmp_path: Path, proofs: list[Report], monkeypatch: pytest.MonkeyPatch
    ):
        seen: list[str] = []

        def watched(draft: str, path: Path) -> None:
            seen.append(Path(draft).read_text())
            assert not path.exists()

        monkeypatch.setattr(cache.os, "replace", watched)
        proved(SPEC, tmp_path)
        assert Report.from_dict(json.loads(seen[0])) == HOLDS


class TestTwins:
    """How many twins were refuted is kept where all of them were."""

    @pytest.fixture
    def counts(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, tuple[int, int]]]:
        """Return what trials of twins are going to give, one after the other."""
        counts = [{"mha.scale": (3, 3), "mha.softmax": (2, 2)}]
        monkeypatch.setattr("mhadoc.proof.twins.table", lambda spec: counts.pop(0))
        return counts

    def test_the_second_time_none_is_tried(self, tmp_path: Path, counts: list[Any]):
        known = dict(counts[0])
        assert twin_counts(SPEC, tmp_path) == known
        assert twin_counts("MultiheadAttention", tmp_path) == known
        assert [path.name for path in tmp_path.iterdir()] == [f"{key(SPEC)}.twins.json"]

    def test_where_one_survived_they_are_tried_again(self, tmp_path: Path, counts: list[Any]):
        counts.insert(0, {"mha.scale": (3, 3), "mha.softmax": (2, 1)})
        assert twin_counts(SPEC, tmp_path)["mha.softmax"] == (2, 1)
        assert twin_counts(SPEC, tmp_path)["mha.softmax"] == (2, 2)

    @pytest.mark.parametrize("damaged", ["", "{", "[]"])
    def test_what_is_damaged_is_made_again(self, tmp_path: Path, counts: list[Any], damaged: str):
        (tmp_path / f"{key(SPEC)}.twins.json").write_text(damaged)
        assert twin_counts(SPEC, tmp_path)["mha.scale"] == (3, 3)


class TestKey:
    def test_the_same_content_in_another_place_has_the_same_key(self, copied: Path):
        there = key(SPEC)
        cache._PACKAGE = PACKAGE
        assert key(SPEC) == there

    @pytest.mark.parametrize(
        "name",
        [
            "catalog/multihead_attention/parameters.py",
            "catalog/multihead_attention/claims/storage.py",
            "language/shapes.py",
            "proof/checks.py",
            "proof/new.py",
            "errors.py",
        ],
    )
    def test_a_change_in_a_file_changes_it(self, copied: Path, name: str):
        before = key(SPEC)
        with (copied / name).open("a") as file:
            file.write("# a change\n")
        changed = key(SPEC)
        assert changed != before

    def test_two_files_that_change_places_change_it(self, copied: Path):
        before = key(SPEC)
        one, other = (copied / room / "__init__.py" for room in ("language", "catalog"))
        contents = one.read_bytes(), other.read_bytes()
        other.write_bytes(contents[0])
        one.write_bytes(contents[1])
        assert key(SPEC) != before

    @pytest.mark.parametrize("name", ["sphinxext/text.py", "py.typed", "cli.py"])
    def test_what_proves_nothing_does_not_count(self, copied: Path, name: str):
        before = key(SPEC)
        (copied / name).write_text("# a change\n")
        assert key(SPEC) == before

    @pytest.mark.parametrize("package", ["torch", "sympy"])
    def test_another_release_changes_it(self, monkeypatch: pytest.MonkeyPatch, package: str):
        before, real = key(SPEC), cache.version
        monkeypatch.setattr(cache, "version", lambda name: "9.9" if name == package else real(name))
        assert key(SPEC) != before

    def test_another_name_changes_it(self):
        assert key(replace(SPEC, name="Other")) != key(SPEC)

    def test_it_covers_the_files_of_torch_that_are_cited(self):
        found = {path.name for path in sources(SPEC) if "torch" in path.parts}
        assert {"version.py", "activation.py", "functional.py"} <= found

    def test_it_needs_no_torch(self):
        program = (
            "import sys, mhadoc\nfrom mhadoc.proof.cache import key\n"
            "key(mhadoc.spec('MultiheadAttention'))\nprint('torch' in sys.modules)"
        )
        answer = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout == "False\n"


class TestSpecsFromOutside:
    @pytest.fixture
    def outside(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
        """Return a function that loads a spec from a package with a module of its own."""
        package = tmp_path / "ours"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "checks.py").write_text("from beside import holds\nheld = holds\n")
        (tmp_path / "beside.py").write_text("def holds(seen):\n    return None\n")
        (package / "rules.py").write_text(
            "from dataclasses import replace\nfrom functools import partial\nimport mhadoc\n"
            "from ours.checks import holds\n"
            "_SPEC = mhadoc.spec('MultiheadAttention')\n"
            "_CLAIM = replace(_SPEC.claims[0], check=partial(holds), twins={})\n"
            "SPEC = replace(_SPEC, name='Ours', claims=(_CLAIM,))\n"
        )
        monkeypatch.syspath_prepend(tmp_path)

        def load() -> object:
            from importlib import import_module

            return import_module("ours.rules").SPEC

        yield load
        for name in [name for name in sys.modules if name.partition(".")[0] in ("ours", "beside")]:
            del sys.modules[name]

    def test_their_package_counts(self, outside: Callable[[], object], tmp_path: Path):
        spec = outside()
        files = {*(tmp_path / "ours").glob("*.py"), tmp_path / "beside.py"}
        assert len(files) == 4
        assert files < set(sources(spec))
        assert not files & set(sources(SPEC))

    @pytest.mark.parametrize("path", ["sys.intern", "itertools.chain", "no_such_package.Class"])
    def test_what_has_no_file_counts_for_none(self, path: str):
        assert all(file.is_file() for file in sources(replace(LINEAR, path=path)))

    def test_a_change_in_it_changes_the_key(self, outside: Callable[[], object], tmp_path: Path):
        spec = outside()
        before = key(spec)
        (tmp_path / "beside.py").write_text("def holds(seen):\n    return 1\n")
        assert key(spec) != before
