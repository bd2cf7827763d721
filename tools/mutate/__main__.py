"""The command: ``python -m tools.mutate``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue

import tools.mutate
from tools.mutate.mutants import Mutant, places, sample
from tools.mutate.trials import Known, copied, finished, noticed, record

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "mutate"
#: The one whose tests take longest last.
ROOMS = ("language", "answers", "proof")
LEAST = 85.0


class Room:
    """A room of the project, and what was found of it, which stays until a file changes."""

    def __init__(self, name: str) -> None:
        self.name = name
        files = [*ROOT.glob("mhadoc/**/*.py"), *ROOT.glob("tests/*.py")]
        files += ROOT.glob(f"tests/{name}/**/*.py")
        found = sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:12]
        self.known = HOME / f"{name}-{found}.known.json"
        self.results = HOME / f"{name}-{found}.results.json"

    def recorded(self, place: Path) -> Known:
        """Return what is known of the room's tests; learn it where it is not."""
        if not self.known.exists():
            for old in HOME.glob(f"{self.name}-*"):
                old.unlink()
            if finished(record, place, self.name, self.known):
                sys.exit(f"The tests of {self.name} fail where nothing is broken: see {place}")
        return Known(**json.loads(self.known.read_text(encoding="utf-8")))

    def tried(self) -> dict[str, str]:
        """Return how each mutant that was tried is noticed, by its name."""
        if not self.results.exists():
            return {}
        lines = self.results.read_text(encoding="utf-8").splitlines()
        return dict(json.loads(line) for line in lines)

    def keep(self, mutant: Mutant, how: str) -> None:
        """Write down how a mutant is noticed."""
        with self.results.open("a", encoding="utf-8") as file:
            print(json.dumps([str(mutant), how]), file=file)


def chosen(room: str, asked: argparse.Namespace) -> list[Mutant]:
    """Return the mutants of a room to try."""
    if not asked.mutants:
        return sample(ROOT, room, asked.sample, asked.seed)
    named = (place for place in places(ROOT, room) if str(place) in asked.mutants)
    return [mutant for place in named if (mutant := place.mutant(ROOT))]


def tried(asked: argparse.Namespace) -> Iterator[tuple[Mutant, str]]:
    """Try the chosen mutants of each room, two at a time; iterate over how each is noticed."""
    copies = SimpleQueue[Path]()
    for number in range(2):
        copies.put(copied(ROOT, HOME / str(number)))
    rooms = {name: Room(name) for name in asked.rooms}

    def one(mutant: Mutant) -> tuple[Mutant, str]:
        room, place = rooms[mutant.room], copies.get()
        try:
            if str(mutant) not in results:
                room.keep(mutant, noticed(place, mutant, known[mutant.room].result()))
        finally:
            copies.put(place)
        return mutant, room.tried()[str(mutant)]

    taken = [mutant for name in rooms for mutant in chosen(name, asked)]
    with ThreadPoolExecutor(2) as pool:
        known = {name: pool.submit(rooms[name].recorded, HOME / "0") for name in reversed(rooms)}
        results = {name for room in rooms.values() for name in room.tried()}
        yield from pool.map(one, taken)


def score(room: str, found: Sequence[tuple[Mutant, str]]) -> float:
    """Print and return how many in a hundred mutants of a room are noticed."""
    hows = [how for mutant, how in found if mutant.room == room]
    share = 100 * sum(map(bool, hows)) / max(len(hows), 1)
    late = hows.count("time")
    print(f"{room}: {share:.1f} % of {len(hows)} mutants are noticed, {late} by their time alone")
    return share


def main() -> int:
    """Try a sample of each room; print what is not noticed, and the scores."""
    parser = argparse.ArgumentParser(prog="make mutate", description=tools.mutate.__doc__)
    parser.add_argument("--rooms", nargs="+", default=ROOMS, choices=ROOMS)
    parser.add_argument("--sample", type=int, default=80, help="how many mutants of each room")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("mutants", nargs="*", help="the names of these mutants alone")
    asked = parser.parse_args()
    HOME.mkdir(parents=True, exist_ok=True)
    found = list[tuple[Mutant, str]]()
    for mutant, how in tried(asked):
        found.append((mutant, how))
        print("." if how else f"\nNot noticed: {mutant}\n{mutant.diff}\n", end="", flush=True)
    print()
    for place in range(2):
        shutil.rmtree(HOME / str(place))
    return 0 if min([score(room, found) for room in asked.rooms]) >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
