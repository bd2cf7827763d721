"""Run the command line: ``mhadoc``, or ``python -m mhadoc``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; where its packages are missing, say in one line how to get them."""
    try:
        from mhadoc.cli import commands
    except ModuleNotFoundError as missing:
        if missing.name not in ("click", "rich"):
            raise
        sys.exit('the command line needs two more packages: pip install "mhadoc[cli]"')
    commands(prog_name="mhadoc")


if __name__ == "__main__":
    main()
