"""Reports kept on disk: a proof is made once for each torch and each content of a spec."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_paths
from types import FunctionType, ModuleType
from typing import Any

from mhadoc.catalog import spec as catalogued
from mhadoc.catalog import specs
from mhadoc.language import ModuleSpec
from mhadoc.proof.report import Report

__all__ = ["is_ours", "key", "proved", "sources", "twin_counts"]

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOMS = ("language", "catalog", "proof")


def proved(target: object, folder: Path) -> Report:
    """Return the report on a spec: from the folder where it is known, else from a new proof.

    Only a report without a refutation is kept, and only under the key of what it was made from.
    """
    found = catalogued(target)
    path = folder / f"{key(found)}.json"
    known = _report(path)
    if known is not None:
        return known
    from mhadoc.proof.verify import verify

    report = verify(found)
    if report.ok:
        _write(path, report.to_json())
    return report


def twin_counts(target: object, folder: Path) -> dict[str, tuple[int, int]]:
    """Return for each statement of a spec how many false twins it has and how many were refuted.

    They are tried once for each content of the spec, and kept where none survived.
    """
    found = catalogued(target)
    path = folder / f"{key(found)}.twins.json"
    known = _read(path)
    if known is not None:
        return {statement: (twins, refuted) for statement, (twins, refuted) in known.items()}
    from mhadoc.proof.twins import table

    counts = table(found)
    if all(twins == refuted for twins, refuted in counts.values()):
        _write(path, json.dumps(counts))
    return counts


def key(spec: ModuleSpec, *subjects: type) -> str:
    """Return a name for everything a spec's proof depends on: versions and file contents.

    It is the same wherever the files lie. The packages of subjects, that is of classes that claim
    to be drop-ins, count as well.
    """
    parts = [spec.name, sys.version, version("torch"), version("sympy")]
    files = sources(spec, *subjects)
    digests = ((path.parts[-2:], sha256(path.read_bytes()).hexdigest()) for path in files)
    parts += sorted(f"{'/'.join(names)} {digest}" for names, digest in digests)
    return sha256("\0".join(parts).encode()).hexdigest()


def sources(spec: ModuleSpec, *subjects: type) -> tuple[Path, ...]:
    """Return the files that a spec's proof depends on, sorted.

    These are the rooms of this package, the files of torch that the statements cite, and, for a
    spec from outside, the packages that define it, its checks and its module; and the packages of
    subjects.
    """
    found = {_PACKAGE / "errors.py"}
    for room in _ROOMS:
        found.update((_PACKAGE / room).rglob("*.py"))
    found.update(_cited(spec))
    names = {subject.__module__.partition(".")[0] for subject in subjects}
    for name in (names if is_ours(spec) else names | _packages(spec)) - {"mhadoc", "torch"}:
        found.update(_files(name))
    return tuple(sorted(found))


def is_ours(spec: ModuleSpec) -> bool:
    """Tell whether a spec is one of this package's, as it is stated."""
    return spec.name in specs() and catalogued(spec.name) is spec


def _cited(spec: ModuleSpec) -> Iterator[Path]:
    """Iterate over the files that the statements name as their source, and torch's version."""
    root = _origin("torch").parent.parent
    demands = (*spec.requirements, *spec.call_requirements, *spec.fast_path)
    cited = [rule.source for rule in spec.rules] + [demand.source for demand in demands]
    cited += [claim.source for claim in spec.claims]
    for name in {source.partition(":")[0] for source in cited} | {"torch/version.py"}:
        if name and (root / name).is_file():
            yield root / name


def _packages(spec: ModuleSpec) -> set[str]:
    """Return the top-level names of the modules that a spec from outside is made of."""
    checks = [check for claim in spec.claims for check in (claim.check, *claim.twins.values())]
    modules = [_module(check) for check in checks]
    modules += [name for name, module in sys.modules.copy().items() if _holds(module, spec)]
    return _reached({name.partition(".")[0] for name in (*modules, spec.path.partition(":")[0])})


def _reached(names: set[str]) -> set[str]:
    """Return these top-level modules, and those that they use and that are not installed."""
    found: set[str] = set()
    while names:
        found |= names
        within = {name for name in names - {"mhadoc", "torch"} if not _installed(name)}
        loaded = [m for n, m in sys.modules.copy().items() if n.partition(".")[0] in within]
        used = {_home(value) for module in loaded for value in list(module.__dict__.values())}
        names = {name for name in used - found if not _installed(name)}
    return found


def _home(value: object) -> str:
    """Return the top-level module of a module, function or class."""
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0]
    return value.__module__.partition(".")[0] if isinstance(value, (FunctionType, type)) else ""


def _installed(name: str) -> bool:
    """Tell whether a module is Python's or was installed, so that a version says what it is."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is None or any(map(Path(file).is_relative_to, set(get_paths().values())))


def _module(check: Callable[..., Any]) -> str:
    while isinstance(check, partial):
        check = check.func
    return check.__module__


def _holds(module: object, spec: ModuleSpec) -> bool:
    return any(value is spec for value in list(getattr(module, "__dict__", {}).values()))


def _files(name: str) -> Iterator[Path]:
    """Iterate over the source files of a top-level package or module."""
    origin = _origin(name)
    yield from origin.parent.rglob("*.py") if origin.name == "__init__.py" else (origin,)


def _origin(name: str) -> Path:
    """Return the file a top-level module comes from, without importing it."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None) if module else getattr(find_spec(name), "origin", None)
    return Path(file if file and Path(file).is_file() else __file__)


def _report(path: Path) -> Report | None:
    try:
        data = _read(path)
        return None if data is None else Report.from_dict(data)
    except (KeyError, TypeError):
        return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _write(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, suffix=".tmp", delete=False
    ) as draft:
        draft.write(text)
    os.replace(draft.name, path)
