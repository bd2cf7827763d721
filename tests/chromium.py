"""A Chromium for the tests: found, or installed, and said so. ``python tests/chromium.py``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def found() -> str | None:
    """Return the path of a Chromium or Chrome, or None where there is none.

    ``CHROMIUM`` in the environment names another one.
    """
    if given := os.environ.get("CHROMIUM"):
        return given
    paths = [shutil.which(name) for name in NAMES]
    return next(filter(None, [*paths, *(str(p) for p in (MAC, own()) if p.exists())]), None)


def own() -> Path:
    """Return where Playwright keeps the Chromium that it downloads."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def install() -> None:
    """Install Chromium: from Debian's packages as root, and by Playwright elsewhere."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in ("update -qq", "install -y -qq --no-install-recommends chromium"):
            subprocess.run(["apt-get", *command.split()], env=quiet, check=True)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def main() -> None:
    """Say which Chromium the tests use, after installing one where there is none."""
    if found() is None:
        print("No Chromium or Chrome: installing Chromium for the tests in a browser.", flush=True)
        install()
    if (path := found()) is None:
        sys.exit("No Chromium or Chrome: install one, or name it in CHROMIUM.")
    print(f"Tests in a browser use {path}")


if __name__ == "__main__":
    main()
