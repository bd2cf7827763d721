"""Run the command line: ``mhadoc``, or ``python -m mhadoc``."""

from __future__ import annotations

import sys

from mhadoc.errors import MissingExtraError, extras


def main() -> None:
    """Run the command line; where its packages are missing, say in one line how to get them."""
    try:
        with extras("the command line"):
            from mhadoc.cli import commands
    except MissingExtraError as missing:
        sys.exit(str(missing))
    commands(prog_name="mhadoc")


if __name__ == "__main__":
    main()
