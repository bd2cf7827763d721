"""The project's own files: what they promise holds, without a build."""

import os
import pickle
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from doctest import IGNORE_EXCEPTION_DETAIL
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from sphinx.config import Config
from sphinx.util.tags import Tags

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ["make lint", "make test", "make doctest", "make html"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [
    line
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line[:1] not in ("", "#")
]
TEXTS = [
    path
    for pattern in ("*.*", "Makefile", ".ci/run", "*/**/*.py", "docs/**/*.*", "gallery/*.rst")
    for path in ROOT.glob(pattern)
    if path.is_file()
    and path.suffix in {"", ".css", ".md", ".py", ".rst", ".svg", ".toml", ".txt"}
    and not {".venv", "build", "auto_gallery"} & set(path.relative_to(ROOT).parts)
]


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(
        ["make", *arguments], cwd=cwd, env=environment, text=True, capture_output=True, check=False
    )


def fake_program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


class TestMakefile:
    def test_help_is_the_default_and_lists_each_target_with_its_text(self):
        targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
        listed = re.findall(r"^  make (\S+) +(\S.*)$", make().stdout, re.MULTILINE)
        assert [name for name, _ in listed] == targets[0].split()[:-1]
        assert make("help").stdout == make().stdout

    @pytest.mark.parametrize("target", ["html", "test", "doctest", "lint"])
    def test_each_target_sets_up_first(self, target: str, tmp_path: Path):
        shutil.copy(ROOT / "Makefile", tmp_path)
        for name in ("requirements.txt", "pyproject.toml"):
            (tmp_path / name).touch()
        assert "-m venv .venv" in make("--dry-run", target, cwd=tmp_path).stdout

    def test_an_old_python_is_refused_with_the_way_out(self, tmp_path: Path):
        shutil.copy(ROOT / "Makefile", tmp_path)
        for name in ("requirements.txt", "pyproject.toml"):
            (tmp_path / name).touch()
        fake_program(
            tmp_path / "old", 'exec python3 -c "import sys; sys.version_info = (3, 10); $2"'
        )
        answer = make("setup", "PYTHON=./old", cwd=tmp_path)
        assert answer.returncode != 0
        assert "mhadoc needs Python 3.11 or newer: make PYTHON=" in answer.stderr


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A project of empty files, in which python writes down that it was called."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("mhadoc/rule.py", "docs/page.md", "docs/_ext/one.py", "gallery/plot_a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ("conf.py", "pyproject.toml", "requirements.txt", "LICENSE", "README.md"):
        (tmp_path / name).write_text(name)
    fake_program(
        tmp_path / ".venv/bin/python",
        "echo called >> calls; test ! -e broken || exit 1\n"
        "mkdir -p build/html docs/auto_gallery mhadoc/__pycache__\n"
        "date > docs/auto_gallery/result; date > mhadoc/__pycache__/rule.pyc",
    )
    (tmp_path / ".venv/.ready").touch()
    return tmp_path


def builds(sandbox: Path) -> bool:
    """Return whether `make html` called Sphinx."""
    calls = sandbox / "calls"
    calls.unlink(missing_ok=True)
    make("html", cwd=sandbox)
    return calls.exists()


def delete(path: Path) -> None:
    path.unlink()


def change_and_restore_time(path: Path) -> None:
    before = path.stat()
    path.write_text("changed")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class TestBuild:
    def test_runs_once(self, sandbox: Path):
        assert builds(sandbox)
        assert not builds(sandbox)

    def test_is_not_fooled_by_times_alone(self, sandbox: Path):
        assert builds(sandbox)
        (sandbox / "docs/page.md").touch()
        assert not builds(sandbox)

    @pytest.mark.parametrize(
        "name",
        ["mhadoc/rule.py", "docs/page.md", "docs/_ext/one.py", "gallery/plot_a.py", "README.md"],
    )
    @pytest.mark.parametrize("disturb", [delete, change_and_restore_time])
    def test_runs_again_for_a_file(self, sandbox: Path, name: str, disturb: Callable[[Path], None]):
        assert builds(sandbox)
        disturb(sandbox / name)
        assert builds(sandbox)
        assert not builds(sandbox)

    @pytest.mark.parametrize("name", ["conf.py", "pyproject.toml", "requirements.txt", "LICENSE"])
    def test_runs_again_for_a_changed_top_level_file(self, sandbox: Path, name: str):
        assert builds(sandbox)
        change_and_restore_time(sandbox / name)
        assert builds(sandbox)

    @pytest.mark.parametrize(
        "name", ["docs/new.md", "mhadoc/new.py", "gallery/plot_b.py", "NEW.md"]
    )
    def test_runs_again_for_a_new_file(self, sandbox: Path, name: str):
        assert builds(sandbox)
        (sandbox / name).write_text("new")
        assert builds(sandbox)

    def test_runs_again_after_a_failure_and_after_the_site_was_removed(self, sandbox: Path):
        (sandbox / "broken").touch()
        assert make("html", cwd=sandbox).returncode != 0
        (sandbox / "broken").unlink()
        assert builds(sandbox)
        shutil.rmtree(sandbox / "build/html")
        assert builds(sandbox)

    def test_a_page_without_source_does_not_stay(self, sandbox: Path):
        assert builds(sandbox)
        (sandbox / "build/html/gone.html").touch()
        (sandbox / "docs/page.md").write_text("changed")
        assert builds(sandbox)
        assert not (sandbox / "build/html/gone.html").exists()

    @pytest.mark.parametrize(
        ("name", "kept"), [("docs/page.md", True), ("mhadoc/rule.py", False), ("conf.py", False)]
    )
    def test_gallery_results_outlive_a_change_of_text_only(
        self, sandbox: Path, name: str, kept: bool
    ):
        assert builds(sandbox)
        mark = sandbox / "docs/auto_gallery/mark"
        mark.touch()
        (sandbox / name).write_text("changed")
        assert builds(sandbox)
        assert mark.exists() == kept


class TestContinuousIntegration:
    def run(self, tmp_path: Path, make_body: str) -> tuple[int, list[str]]:
        """Run .ci/run with another make, from another folder; return its status and the calls."""
        fake_program(tmp_path / "bin/make", f'echo "make $*" >> "{tmp_path}/calls"; {make_body}')
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            [ROOT / ".ci/run"], cwd=tmp_path, env={**os.environ, "PATH": path}, check=False
        )
        return done.returncode, (tmp_path / "calls").read_text().splitlines()

    def test_runs_the_four_commands(self, tmp_path: Path):
        assert self.run(tmp_path, "true") == (0, COMMANDS)

    def test_stops_at_the_first_failure(self, tmp_path: Path):
        status, calls = self.run(tmp_path, 'test "$1" != test')
        assert status != 0
        assert calls == COMMANDS[:2]

    @pytest.mark.parametrize("command", COMMANDS)
    def test_readme_states_the_same_commands(self, command: str):
        assert command in (ROOT / "README.md").read_text()


class TestDependencies:
    def test_every_installed_package_is_pinned(self):
        assert [pin for pin in PINS if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []
        assert "torch==2.13.0" in PINS

    def test_the_package_itself_needs_only_sympy(self):
        assert [Requirement(text).name for text in PROJECT["dependencies"]] == ["sympy"]

    @pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
    def test_the_package_accepts_a_range(self, extra: str):
        for text in PROJECT["optional-dependencies"][extra] + PROJECT["dependencies"]:
            assert [clause.operator for clause in Requirement(text).specifier] == [">="]

    @pytest.mark.parametrize("extra", ["torch", "cli", "docs", "test", "dev"])
    def test_each_range_admits_the_pinned_version(self, extra: str):
        pinned = dict(pin.lower().replace("_", "-").split("==") for pin in PINS)
        for text in PROJECT["optional-dependencies"][extra] + PROJECT["dependencies"]:
            requirement = Requirement(text)
            assert requirement.specifier.contains(pinned[requirement.name])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_names_the_host_of_a_registry(path: Path):
    host = re.compile(r"(pypi|pythonhosted|anaconda|conda|(download|data)\.pytorch)\.(org|io|com)")
    assert host.search(path.read_text(encoding="utf-8")) is None


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """What conf.py sets."""
    return Config.read(ROOT, overrides={}, tags=Tags())._raw_config


class TestSiteConfiguration:
    def test_name_and_version_are_the_package_s(self, settings: dict[str, Any]):
        assert (settings["project"], settings["release"]) == (PROJECT["name"], PROJECT["version"])

    def test_files_it_names_exist(self, settings: dict[str, Any]):
        static = [
            f"{settings['html_static_path'][0]}/{name}" for name in settings["html_css_files"]
        ]
        for name in [*static, settings["html_logo"], settings["html_favicon"]]:
            assert (ROOT / name).is_file()

    def test_the_gallery_configuration_can_be_stored(self, settings: dict[str, Any]):
        gallery = settings["sphinx_gallery_conf"]
        assert pickle.loads(pickle.dumps(gallery)) == gallery
        assert Path(gallery["examples_dirs"]).is_dir()

    def test_the_text_of_an_exception_counts_in_doctests(self, settings: dict[str, Any]):
        assert not settings["doctest_default_flags"] & IGNORE_EXCEPTION_DETAIL

    def test_without_gallery_its_pages_are_left_out(self):
        raw = Config.read(ROOT, overrides={}, tags=Tags(["without_gallery"]))._raw_config
        assert "sphinx_gallery.gen_gallery" not in raw["extensions"]
        assert "auto_gallery" in raw["exclude_patterns"]
