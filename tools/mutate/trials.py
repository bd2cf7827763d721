"""Trials: the tests of a room, run in a copy of the project that holds a mutant."""

from __future__ import annotations

import compileall
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.mutate.mutants import Mutant

#: Seconds of processor time that a round of tests takes where nothing is broken: the tests that
#: reach the change and take least come first, and what is left after the last one is not asked.
ROUNDS = (2.0, 60.0)
#: Seconds of processor time, and of any time, after which a mutant that goes on is a broken one.
PROCESSOR, CLOCK = 180, 900

FORKS = multiprocessing.get_context("forkserver")
#: What takes long to import, and is never broken.
FORKS.set_forkserver_preload(["numpy", "pytest", "sympy", "torch"])


@dataclass(frozen=True)
class Known:
    """What is known of a room's tests: how long each takes, and which lines it reaches.

    Attributes:
        seconds: Of each test, by its id in pytest.
        reached: By file and line the places in ``seconds`` of the tests that come by.
    """

    seconds: dict[str, float]
    reached: dict[str, dict[str, list[int]]]

    def rounds(self, mutant: Mutant) -> Iterator[list[str]]:
        """Iterate over the tests to ask, a round after the other."""
        tests, near = list(self.seconds), self.near(mutant)
        spent, asked = 0.0, list[str]()
        ordered = iter(sorted(tests, key=lambda test: (test not in near, self.seconds[test])))
        for limit in ROUNDS:
            for test in ordered:
                asked.append(test)
                spent += self.seconds[test]
                if spent > limit:
                    break
            yield asked
            asked = []

    def near(self, mutant: Mutant) -> set[str]:
        """Return the tests that reach a change; where that runs at import, those of its module."""
        tests, lines = list(self.seconds), self.reached.get(mutant.place.path, {})
        here = {place for line in mutant.lines for place in lines.get(str(line), ())}
        return {tests[place] for place in here or set[int]().union(*lines.values())}


class Recorder:
    """A plugin of pytest that notes what each test reaches, and how long it takes."""

    def __init__(self, measured: Any) -> None:
        self.measured, self.seconds, self.begun = measured, dict[str, float](), 0.0

    def pytest_runtest_setup(self, item: Any) -> None:
        """Count what is made for several tests of a file as reached by each of them."""
        self.begun = _worked()
        self.measured.switch_context(item.nodeid.partition("::")[0])

    def pytest_runtest_call(self, item: Any) -> None:
        """Count what follows as reached by this test."""
        self.measured.switch_context(item.nodeid)

    def pytest_runtest_teardown(self) -> None:
        """Count what follows as reached by none."""
        self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note the time of a test, without what other programs of this machine took meanwhile."""
        self.seconds[report.nodeid] = _worked() - self.begun


def _worked() -> float:
    """Return for how long the processors have worked for this process and those it started."""
    return sum(os.times()[:4])


class Chosen:
    """A plugin of pytest that runs these tests alone, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave out and order what was collected."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self.places),
            key=lambda item: self.places[item.nodeid],
        )


def copied(root: Path, place: Path) -> Path:
    """Copy what git knows of the project, and what it does not ignore."""
    shutil.rmtree(place, ignore_errors=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, place / name)
    compileall.compile_dir(place / "mhadoc", quiet=1)
    return place


def record(place: Path, room: str, told: Path) -> None:
    """Run the tests of a room where nothing is broken, and write down what is known of them."""
    import coverage

    _enter(place)
    source = str(place / "mhadoc" / room)
    measured = coverage.Coverage(data_file=None, source=[source], config_file=False)
    measured.start()
    recorder = Recorder(measured)
    status = _pytest([f"tests/{room}"], recorder)
    measured.stop()
    if status:
        sys.exit(status)
    told.write_text(json.dumps(_known(recorder, measured.get_data(), place)), encoding="utf-8")


def _known(recorder: Recorder, data: Any, root: Path) -> dict[str, Any]:
    tests = list(recorder.seconds)
    places = defaultdict[str, set[int]](set)
    for place, test in enumerate(tests):
        places[test].add(place)
        places[test.partition("::")[0]].add(place)
    reached = {
        Path(file).relative_to(root).as_posix(): {
            line: sorted(set[int]().union(*(places.get(context, ()) for context in contexts)))
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    return {"seconds": recorder.seconds, "reached": reached}


def ask(place: Path, tests: Sequence[str]) -> None:
    """Run these tests; the status of the process is 0 where all pass."""
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR + 5))
    _enter(place)
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    sys.exit(_pytest([*files, "--exitfirst"], Chosen(tests)))


def _enter(place: Path) -> None:
    os.setsid()
    os.chdir(place)
    sys.path.insert(0, str(place))
    # What is compiled from a broken module must not be taken for the module's own.
    sys.dont_write_bytecode = True
    told = {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ.update(told, MHADOC_CACHE=str(place / "cache"))
    heard = os.open(place / f"heard-{os.getpid()}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(heard, 1)
    os.dup2(heard, 2)


def _pytest(asked: Sequence[str], plugin: object) -> int:
    import pytest

    options = ["--quiet", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return int(pytest.main([*asked, *options], plugins=[plugin]))


def noticed(place: Path, mutant: Mutant, known: Known) -> str:
    """Return how a mutant is noticed in a copy of the project; "" where it is not."""
    with _broken(place, mutant):
        for tests in known.rounds(mutant):
            status = finished(ask, place, tests, limit=CLOCK) if tests else 0
            if status:
                return "time" if status in {-signal.SIGXCPU, -signal.SIGKILL} else "tests"
    return ""


@contextmanager
def _broken(place: Path, mutant: Mutant) -> Iterator[None]:
    path = place / mutant.place.path
    found = path.stat()
    path.write_text(mutant.mutated, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(mutant.source, encoding="utf-8")
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def finished(what: Any, *told: Any, limit: float | None = None) -> int:
    """Run a function in a process of its own and return its status, below 0 where it was ended."""
    process = FORKS.Process(target=what, args=told)
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
    with suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    return process.exitcode or 0
