"""Legal calls that are known again: by everything that the verdict depends on."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mhadoc.language.measures import Call
    from mhadoc.language.specs import ModuleSpec

__all__ = ["LEGAL", "Legal", "signature"]


class Legal:
    """Signatures of calls that leave no demand unmet; so many are kept, and then none."""

    def __init__(self, most: int = 4096) -> None:
        """Take how many are kept."""
        self._most = most
        self._known: set[Hashable] = set()

    def __contains__(self, found: Hashable) -> bool:
        """Tell whether a call of this signature was legal."""
        return found in self._known

    def add(self, found: Hashable) -> None:
        """Keep the signature of a legal call."""
        if len(self._known) >= self._most:
            self._known.clear()
        self._known.add(found)


LEGAL = Legal()


def signature(spec: ModuleSpec, call: Call) -> Hashable | None:
    """Return all that the verdict on a call depends on; None where that is not known or too much.

    It is what is known of each tensor, which of them are one object, the flags with their types,
    and what is read of the module, of those inside it, and around them. Of an empty call it is
    not known: less of it is looked at. Where nothing is inside, looking takes no longer.
    """
    if call.module is None or spec.surroundings is None or not spec.called_children:
        return None
    if not next(iter(call.facts.values())).numel:
        return None
    ids = [id(call.inputs[name]) for name in call.facts]
    flags = [(type(v), v) for name, v in call.inputs.items() if name not in call.facts]
    try:
        found = (
            spec.name,
            spec.release,
            *call.facts.values(),
            *map(ids.index, ids),
            *flags,
            *call.values.values(),
            *spec.around(call).values(),
            *_inside(spec, call),
        )
        hash(found)
    except (LookupError, TypeError):
        return None
    return found


def _inside(spec: ModuleSpec, call: Call) -> Iterator[Any]:
    """Iterate over what is read of the modules inside, and around them.

    Raises LookupError for one of another class, or of which it is not known.
    """
    for child, inner in spec.called_children:
        first = call.inputs[next(iter(child.inputs.values()))]
        for module in child.inside(call.module):
            if inner.read is None or inner.surroundings is None or not child.is_here(module):
                raise LookupError(child.name)
            yield from inner.read(module).values()
            yield from inner.surroundings(module, first).values()
