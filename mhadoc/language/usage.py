"""Python's own words for arguments that cannot be bound."""

from __future__ import annotations

__all__ = ["misses", "takes"]


def takes(given: int, most: int, least: int) -> str:
    """Return what is said of too many positional arguments, in which self counts."""
    count = f"from {least + 1} to {most + 1}" if least < most else f"{most + 1}"
    plural = "" if count == "1" else "s"
    return f"takes {count} positional argument{plural} but {given + 1} were given"


def misses(names: list[str]) -> str:
    """Return what is said of positional arguments that are missing."""
    quoted = [repr(name) for name in names]
    comma = "," if len(names) > 2 else ""
    listed = f"{', '.join(quoted[:-1])}{comma} and {quoted[-1]}" if quoted[1:] else quoted[0]
    plural = "s" if quoted[1:] else ""
    return f"missing {len(names)} required positional argument{plural}: {listed}"
