"""``python -m benchmarks``: measure every promise, or those of the parts named.

The exit status is 1 where a promise is missed. Measure on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

PARTS = ("answers", "diagnose", "predict", "plugin", "sweep", "site")


def machine() -> dict[str, Any]:
    """Return what the figures were taken on."""
    told = (
        Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    )
    models = [line.partition(": ")[2] for line in told.splitlines() if "model name" in line]
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{
            name: version(name) for name in ("torch", "sympy", "torchinfo", "jaxtyping", "beartype")
        },
    }


def main() -> int:
    """Measure, print a line for each promise, and tell whether one is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[[], *PARTS], help="which; all where none is named"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file as well")
    asked = parser.parse_args()
    promises = []
    for part in asked.parts or PARTS:
        for promise in import_module(f"benchmarks.{part}").measured():
            print(promise, flush=True)
            promises.append(promise)
    if asked.json:
        found = {"machine": machine(), "promises": [promise.to_json() for promise in promises]}
        asked.json.write_text(
            json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    missed = sum(not promise.kept for promise in promises)
    print(f"{len(promises)} promises, {missed or 'none'} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
