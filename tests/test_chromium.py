"""There is always a Chromium for the tests in a browser, or it is said that there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import chromium


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A machine without a browser; the commands that install one are kept, and do nothing."""
    calls: list[list[str]] = []
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "MAC", tmp_path / "none")
    monkeypatch.setattr(chromium, "own", lambda: tmp_path / "none")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: calls.append(command))
    return calls


def test_one_on_the_path_is_found(bare: list[list[str]], tmp_path: Path) -> None:
    assert chromium.found() is None
    (tmp_path / "chromium").touch(mode=0o755)
    assert chromium.found() == str(tmp_path / "chromium")


def test_another_can_be_named(bare: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/opt/mine")
    assert chromium.found() == "/opt/mine"


def test_root_on_debian_installs_the_package(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "apt-get").touch(mode=0o755)
    chromium.install()
    assert [command[:2] for command in bare] == [["apt-get", "update"], ["apt-get", "install"]]
    assert bare[1][-1] == "chromium"


def test_others_get_playwright_s_own(bare: list[list[str]]) -> None:
    chromium.install()
    assert [command[1:] for command in bare] == [["-m", "playwright", "install", "chromium"]]


def test_without_one_the_tests_stop(bare: list[list[str]]) -> None:
    with pytest.raises(SystemExit, match="No Chromium or Chrome: install one, or name it"):
        chromium.main()
