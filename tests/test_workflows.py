"""The workflows, the action, the hook and the wheel: what others run of this project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
parametrize_workflows = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    # YAML reads the bare word "on" as a truth value.
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


class TestWorkflows:
    def test_there_are_those_that_are_needed(self):
        assert {path.stem for path in WORKFLOWS} == {"ci", "matrix", "pages", "publish", "weekly"}

    @parametrize_workflows
    def test_what_they_use_is_pinned_by_hash_and_says_its_version(self, path: Path):
        uses = re.findall(r"uses: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert uses
        assert [u for u in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", u)] == []

    def test_one_action_has_one_version(self):
        texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
        found = {use for text in texts for use in re.findall(r"uses: (\S+@\S+)", text)}
        assert len({use.partition("@")[0] for use in found}) == len(found)

    @parametrize_workflows
    def test_they_may_read_and_a_job_little_more(self, path: Path):
        flow = read(path)
        assert flow["permissions"] == {"contents": "read"}
        more = {key for job in flow["jobs"].values() for key in job.get("permissions", ())}
        assert more <= {"pages", "id-token", *(["issues"] if path.stem == "matrix" else [])}

    @parametrize_workflows
    def test_no_job_runs_for_ever_and_no_token_is_left_behind(self, path: Path):
        assert all(job["timeout-minutes"] <= 30 for job in read(path)["jobs"].values())
        checkouts = [step for step in steps(path) if "checkout" in step.get("uses", "")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)

    @parametrize_workflows
    def test_what_they_make_the_makefile_knows(self, path: Path):
        runs = "\n".join(step.get("run", "") for step in steps(path))
        asked = {word for line in re.findall(r"\bmake ([a-z ]+)", runs) for word in line.split()}
        known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert asked <= set(known)

    def test_every_python_that_is_promised_is_tested(self):
        strategy = read(ROOT / ".github/workflows/ci.yml")["jobs"]["test"]["strategy"]
        assert strategy["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
        classifiers = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert all(f":: {version}" in classifiers for version in strategy["matrix"]["python"])


def ran(line: str, folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run a step's line as GitHub does, with programs of these lines in the place of others."""
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    own = {"PATH": f"{folder}:{os.environ['PATH']}", "RELEASE": "2.16.0", "RUN": "https://run"}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", line],
        cwd=folder,
        env={**os.environ, **own},
        text=True,
        capture_output=True,
        check=False,
    )


class TestMatrix:
    JOBS = read(ROOT / ".github/workflows/matrix.yml")["jobs"]
    #: Answers what is open, and writes down what is to be created.
    GH = (
        """[ "$2" = list ] && cat titles.txt || { echo "$4" >> created.txt; cp body.md "$4.md"; }"""
    )

    def test_each_release_has_a_job_that_goes_on_without_the_others(self):
        verify = self.JOBS["verify"]
        found = verify["strategy"]["matrix"]["release"]
        assert found == "${{ fromJSON(needs.releases.outputs.found) }}"
        assert verify["strategy"]["fail-fast"] is False

    def test_issues_are_written_by_one_job_alone(self):
        assert [n for n, job in self.JOBS.items() if "permissions" in job] == ["report"]
        assert self.JOBS["report"]["permissions"] == {"issues": "write"}

    @pytest.mark.parametrize("status", [0, 1])
    def test_a_release_is_tried_and_what_is_said_is_kept(self, tmp_path: Path, status: int):
        (step,) = (step for step in self.JOBS["verify"]["steps"] if step.get("id") == "tried")
        assert step["shell"] == "bash"
        done = ran(step["run"], tmp_path, make=f'echo "$@"; exit {status}')
        assert bool(done.returncode) == bool(status)
        said = (tmp_path / "torch-2.16.0.txt").read_text()
        assert said == "--silent matrix TORCH=2.16.0\n"

    @pytest.mark.parametrize(
        ("open_issues", "created"),
        [
            ("", "torch 2.15.0: N\ntorch 2.16.0: N\n"),
            ("something else\ntorch 2.15.0: N\n", "torch 2.16.0: N\n"),
            ("torch 2.16.0: N, and more\ntorch 2.15.0: N\n", "torch 2.16.0: N\n"),
            ("torch 2.15.0: N\ntorch 2.16.0: N\n", ""),
        ],
    )
    def test_each_release_has_one_open_issue(self, tmp_path: Path, open_issues: str, created: str):
        whole = "not everything that is stated holds"
        (tmp_path / "refuted").mkdir()
        for release in ("2.15.0", "2.16.0"):
            (tmp_path / f"refuted/torch-{release}.txt").write_text(f"refuted: x on {release}\n")
        (tmp_path / "titles.txt").write_text(open_issues.replace(": N", f": {whole}"))
        (tmp_path / "created.txt").touch()
        done = ran(self.JOBS["report"]["steps"][-1]["run"], tmp_path, gh=self.GH)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "created.txt").read_text() == created.replace(": N", f": {whole}")
        for title in (tmp_path / "created.txt").read_text().splitlines():
            body = (tmp_path / f"{title}.md").read_text()
            assert f"refuted: x on {title.split()[1][:-1]}" in body
            assert "[this run](https://run)" in body

    def test_there_is_no_issue_where_nothing_was_told(self, tmp_path: Path):
        (tmp_path / "titles.txt").touch()
        done = ran(self.JOBS["report"]["steps"][-1]["run"], tmp_path, gh=self.GH)
        assert (done.returncode, (tmp_path / "created.txt").exists()) == (0, False)


class TestAction:
    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({"TARGET": "Linear"}, "::notice"),
            ({"TARGET": "Linear", "SUBJECT": "torch.nn:Linear"}, "::notice"),
            ({"TARGET": "Linear", "SUBJECT": "torch.nn:Bilinear"}, "::error"),
        ],
    )
    def test_its_line_runs(self, environment: dict[str, str], said: str):
        line = read(ROOT / "action.yml")["runs"]["steps"][1]["run"]
        own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environment}
        found = subprocess.run(
            ["bash", "-c", line],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **own},
            text=True,
            capture_output=True,
            check=False,
        )
        assert said in found.stdout, found.stdout + found.stderr
        assert (found.returncode != 0) == (said == "::error")

    def test_a_subject_needs_a_target(self):
        line = read(ROOT / "action.yml")["runs"]["steps"][1]["run"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=ROOT,
            env={**os.environ, "PATH": path, "TARGET": "", "SUBJECT": "torch.nn:Linear"},
            text=True,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Error: a subject needs a target: ")

    @pytest.mark.parametrize(
        ("package", "installed"),
        [
            (None, "/actions/of us & me[cli]"),
            ("mhadoc==0.1", "mhadoc==0.1"),
            ("./a[cli]", "./a[cli]"),
        ],
    )
    def test_it_installs_its_own_commit(self, tmp_path: Path, package: str | None, installed: str):
        found = read(ROOT / "action.yml")
        (step, _) = found["runs"]["steps"]
        asked = found["inputs"]["package"]["default"] if package is None else package
        line = f"export PACKAGE='{asked}' GITHUB_ACTION_PATH='/actions/of us & me'\n{step['run']}"
        done = ran(line, tmp_path, python='printf "%s|" "$@"')
        assert done.stdout == f"-m|pip|install|{installed}|"

    def test_its_inputs_are_those_that_it_reads(self):
        text = (ROOT / "action.yml").read_text(encoding="utf-8")
        assert set(re.findall(r"inputs\.(\w+)", text)) == set(read(ROOT / "action.yml")["inputs"])

    def test_the_hook_runs_a_command_that_exists(self):
        (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
        assert hook["entry"] == "mhadoc verify"
        assert hook["pass_filenames"] is False


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = ["build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    return folder


class TestWheel:
    def test_it_holds_the_package_and_its_data_alone(self, built: Path):
        (wheel,) = built.glob("*.whl")
        names = set(zipfile.ZipFile(wheel).namelist())
        package = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "mhadoc").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert package <= names
        assert {"mhadoc/py.typed", "mhadoc/proof/report.schema.json"} <= names
        assert {name.split("/")[0].partition("-")[0] for name in names} == {"mhadoc"}

    def test_it_works_away_from_the_checkout(self, built: Path, tmp_path: Path):
        (wheel,) = built.glob("*.whl")
        zipfile.ZipFile(wheel).extractall(tmp_path)
        program = (
            f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import mhadoc; "
            "print(mhadoc.__file__, mhadoc.verify('Linear').ok)"
        )
        found = subprocess.run(
            [sys.executable, "-I", "-c", program],
            cwd=tmp_path,
            text=True,
            capture_output=True,
            check=True,
        )
        assert found.stdout.split() == [str(tmp_path / "mhadoc" / "__init__.py"), "True"]

    def test_the_source_distribution_can_test_itself(self, built: Path):
        (source,) = built.glob("*.tar.gz")
        with tarfile.open(source) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        wanted = {"Makefile", "requirements.txt", "tests/test_workflows.py", "docs/index.md"}
        assert wanted <= names
        assert not any(name.startswith(("build/", "docs/auto_gallery", ".venv")) for name in names)
