"""What a parameter holds when it is fresh: its distribution, and the blocks it is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mhadoc.language import Block, Case, Mismatch, Parameter, same
from mhadoc.language.compiled import free_names, number
from mhadoc.proof.observe import Bench

__all__ = ["check_blocks", "check_initial", "widened"]

Bounds = tuple[int, int]


def widened(bench: Bench, rule: Parameter) -> tuple[Bench, Case] | None:
    """Return a bench with sizes that show a distribution, and a case in which a parameter exists.

    In the case as many numbers as possible differ.
    """
    cases = bench.wide.spec.cases
    found = map(cases.completed, cases.where(rule.when))
    case = max(found, key=lambda case: len({*cases.values(case).values()}), default=None)
    return None if case is None else (bench.wide, case)


def check_initial(rule: Parameter, bench: Bench, case: Case) -> Mismatch | None:
    """Compare fresh numbers with the distribution stated."""
    values = bench.spec.cases.values(case)
    state = bench.initial(case)
    found = [state.get(name) for name in rule.names(values)]
    if any(tensor is None for tensor in found):
        return Mismatch("a parameter", "none")
    scale = float(number(rule.init.scale, values))
    looks = (_distributed(rule.init.family, scale, tensor) for tensor in found)
    return next(filter(None, looks), None)


def _distributed(family: str, scale: float, numbers: Any) -> Mismatch | None:
    """Tell whether numbers look like a distribution: by their spread and their largest."""
    many = numbers.numel()
    spread, largest = float(numbers.std(unbiased=False)), float(numbers.abs().max())
    spreads = {"uniform": scale / math.sqrt(3), "normal": scale, "zeros": 0.0, "ones": 0.0}
    limits = {
        "uniform": (scale * (1 - 8 / many), scale * (1 + 1e-6)),
        "normal": (scale * 0.6 * math.sqrt(2 * math.log(many)), scale * 6),
        "zeros": (0.0, 0.0),
        "ones": (1.0, 1.0),
    }
    least, most = limits[family]
    near = math.isclose(spread, spreads[family], rel_tol=min(0.5, 3 / math.sqrt(many)))
    if near and least <= largest <= most:
        return None
    observed = f"a standard deviation of {spread:.4f}, {largest:.4f} at most"
    return Mismatch(f"{family}, scale {scale:.4f}", observed)


def check_blocks(rule: Parameter, values: Mapping[str, Any]) -> Mismatch | None:
    """Compare a parameter's blocks with its shape and with each other.

    The blocks of an axis fill it, and the blocks that have an index, such as those of the heads,
    fill the block they are of, or the axis.
    """
    shape = rule.shape.evaluate(values) if rule.shape else ()
    whole = {b.name: b for b in rule.blocks if not _indices(b, values)}
    for axis in {block.axis for block in whole.values()}:
        pieces = [block.bounds(values) for block in whole.values() if block.axis == axis]
        if wrong := _filled(pieces, (0, shape[axis])):
            return wrong
    parts = (_check_part(block, whole, shape, values) for block in rule.blocks)
    return next(filter(None, parts), None)


def _check_part(
    block: Block, whole: Mapping[str, Block], shape: tuple[int, ...], values: Mapping[str, Any]
) -> Mismatch | None:
    """Compare the blocks of one index, if it has one, with what they have to fill."""
    index = _indices(block, values)
    if not index:
        return None
    owner = whole.get(block.name.partition(" of ")[2])
    bounds = owner.bounds(values) if owner else (0, shape[block.axis])
    return _filled(_pieces(block, index[0], bounds, values), bounds)


def _indices(block: Block, values: Mapping[str, Any]) -> list[str]:
    """Return what a block's bounds ask for that no case gives."""
    return [name for name in free_names(block.start, block.stop) if name not in values]


def _pieces(block: Block, index: str, whole: Bounds, values: Mapping[str, Any]) -> Iterator[Bounds]:
    """Iterate over the bounds for each value of an index, up to where the whole ends."""
    start = -1
    for place in range(whole[1] - whole[0]):
        previous = start
        start, stop = block.bounds({**values, index: place})
        if start >= whole[1] or start == previous:
            return
        yield start, stop


def _filled(pieces: Iterable[Bounds], whole: Bounds) -> Mismatch | None:
    found = sorted(pieces)
    edges = [*(start for start, _ in found), whole[1]]
    wrong = same([whole[0], *(stop for _, stop in found)], edges)
    return wrong and Mismatch(f"blocks that fill {whole}", str(found))
