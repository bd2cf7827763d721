"""The build of the site, next to sphinx-gallery alone on the same scripts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.promises import Promise

ROOT = Path(__file__).resolve().parents[1]

#: A site of the gallery's scripts and nothing else.
ALONE = """
extensions = ["sphinx_gallery.gen_gallery"]
html_theme = "furo"
sphinx_gallery_conf = {"examples_dirs": "gallery", "gallery_dirs": "auto_gallery"}
"""


def built(source: Path, *options: str) -> float:
    """Return the seconds that a build of everything takes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sphinx", "-q", "-E", *options, str(source), folder]
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        return time.perf_counter() - begun


def alone() -> float:
    """Return the seconds of the gallery without mhadoc."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        shutil.copytree(ROOT / "gallery", source / "gallery")
        (source / "conf.py").write_text(ALONE, encoding="utf-8")
        index = "Gallery\n=======\n\n.. toctree::\n\n   auto_gallery/index\n"
        (source / "index.rst").write_text(index, encoding="utf-8")
        return built(source)


def whole() -> float:
    """Return the seconds of the site: every rule proved, every script run, every page written."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mhadoc"
        left = shutil.ignore_patterns(".*", "build", "dist", "auto_gallery", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=left)
        return built(copy / "docs", "-c", str(copy))


def measured() -> Iterator[Promise]:
    """Measure the promise."""
    peer = "sphinx-gallery alone, the same scripts"
    yield Promise("the site, proof included", peer, whole() / alone(), 4)
