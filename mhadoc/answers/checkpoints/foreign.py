"""Attentions of other libraries in a state_dict's keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mhadoc.answers.checkpoints.reading import Entries, numbered
from mhadoc.answers.predict import predict
from mhadoc.catalog.layouts import LAYOUTS, Layout
from mhadoc.language.compiled import truth

__all__ = ["Foreign", "foreign", "paired"]

_NAME = "MultiheadAttention"


@dataclass(frozen=True)
class Foreign:
    """An attention in another library's layout: where its keys start, and what they are called.

    ``keys`` maps each key of the layout to the whole key, and ``sizes`` is what the shapes say.
    ``into`` is the name of the module inside that takes it, None where there is none yet; ``bias``
    tells that this one has biases whatever the file has.
    """

    prefix: str
    layout: Layout
    keys: Mapping[str, str]
    sizes: Mapping[str, int]
    into: str | None = None
    bias: bool = False
    heads: str = "num_heads"

    @property
    def start(self) -> str:
        """Return what its keys start with, as they are spelled."""
        return next(iter(self.keys.values()))[: len(self.prefix)]

    @property
    def taken(self) -> frozenset[str]:
        """Return the whole keys that the code speaks for, used or not."""
        unused = (f"{self.start}{key}" for key in self.layout.unused)
        return frozenset((*self.keys.values(), *unused))

    @property
    def fits(self) -> bool:
        """Tell whether ours could be it."""
        return truth(self.layout.fits, self.sizes)

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the constructor arguments of ours, but for the number of heads."""
        biases = (key for key, _ in self.layout.biases.values())
        biased = self.bias or any(key in self.keys for key in biases)
        more = {"add_bias_kv": True} if "bias_k" in self.keys else {}
        width = self.sizes["embed_dim"]
        own = {n: self.sizes[n] for n in ("kdim", "vdim") if self.sizes.get(n, width) != width}
        return {"embed_dim": width, "bias": biased, **more, **own}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the keys and shapes of ours."""
        return predict(_NAME, num_heads=1, **self.arguments)

    @property
    def alike(self) -> tuple[object, ...]:
        """Return what two have in common that the same code converts."""
        ends = tuple(key[len(self.prefix) :] for key in self.keys.values())
        sizes = tuple(sorted(self.sizes.items()))
        return self.layout.library, ends, sizes, self.into is None, self.bias, self.heads


def foreign(shapes: Entries) -> Iterator[Foreign]:
    """Iterate over the attentions that are stored as another library stores them."""
    plain = {key.replace("/", ".").removesuffix(":0"): key for key in shapes}
    for layout in LAYOUTS:
        first = layout.entries[0].key
        for key in plain:
            prefix = key.removesuffix(first)
            if prefix != key and prefix[-1:] in ("", "."):
                names = {name: prefix + name for name in layout.keys}
                keys = {name: plain[whole] for name, whole in names.items() if whole in plain}
                sizes = _sizes(layout, keys, shapes)
                if sizes is not None:
                    heads = str(sizes.get("num_heads", "num_heads"))
                    yield Foreign(prefix, layout, keys, sizes, heads=heads)


def _sizes(layout: Layout, keys: Mapping[str, str], shapes: Entries) -> Mapping[str, int] | None:
    """Return what the shapes of a layout's weights say; None where they are not such weights."""
    sizes: Mapping[str, int] = {}
    for entry in layout.entries:
        if entry.key not in keys:
            return None
        match = entry.shape.match(shapes[keys[entry.key]], sizes)
        if not match:
            return None
        sizes = match.sizes
    return sizes


def paired(theirs: list[str], ours: list[str]) -> dict[str, str] | None:
    """Return which of our places each of theirs is; None where the names do not tell.

    Layers belong together by their numbers, since a file may hold them in another order. Where a
    layer has several attentions, those of one name do, and then the only one that is left.
    """
    there, here = _by_pattern(theirs), _by_pattern(ours)
    pairs = _by_name(list(there), list(here))
    alike = pairs.keys() == there.keys() and {*pairs.values()} == here.keys()
    if not alike or any(len(there[p]) != len(here[q]) for p, q in pairs.items()):
        return None
    return {p: q for one, two in pairs.items() for p, q in zip(there[one], here[two], strict=True)}


def _by_name(there: list[str], here: list[str]) -> dict[str, str]:
    """Return which pattern of ours has the last name of each of theirs, or is the only one left."""
    names = {_name(pattern): pattern for pattern in here}
    pairs = {p: names[_name(p)] for p in there if _name(p) in names}
    left = [p for p in there if p not in pairs], [p for p in here if p not in pairs.values()]
    if len(left[0]) == len(left[1]) == 1:
        pairs[left[0][0]] = left[1][0]
    return pairs


def _by_pattern(prefixes: list[str]) -> dict[str, list[str]]:
    """Return prefixes in the order of their numbers, by what they are without them."""
    found: dict[str, list[str]] = {}
    for prefix in sorted(prefixes, key=lambda p: [int(n) for n in p.split(".") if n.isdecimal()]):
        found.setdefault(numbered(prefix), []).append(prefix)
    return found


def _name(pattern: str) -> str:
    """Return the last name in a prefix: ``self_attn``."""
    return pattern.removesuffix(".").rpartition(".")[2]
