"""Legal calls that are known again: by everything that the verdict depends on."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from mhadoc.language.kept import Legal
from mhadoc.language.parts import as_built

if TYPE_CHECKING:
    from mhadoc.language.measures import Call
    from mhadoc.language.specs import ModuleSpec

__all__ = ["LEGAL", "signature"]


LEGAL = Legal()


def signature(spec: ModuleSpec, call: Call) -> Hashable | None:
    """Return all that the verdict on a call depends on; None where that is not known or too much.

    It is found once for a call.
    """
    if not call.signed:
        call.signed.append(_signature(spec, call))
    return call.signed[0]


def _signature(spec: ModuleSpec, call: Call) -> Hashable | None:
    """Return the signature of a call.

    It is what is known of each tensor, which of them are one object, the flags with their types,
    what is read of the module, of those inside it, and around them, and how they are built. Of an
    empty call it is not known: less of it is looked at. Where nothing is inside, looking takes no
    longer.
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
            *as_built(spec, call.module),
        )
        hash(found)
    except (AttributeError, LookupError, TypeError):
        return None
    return found


def _inside(spec: ModuleSpec, call: Call) -> Iterator[Any]:
    """Iterate over what is read around the modules inside.

    Raises LookupError for one of another class, or of which it is not known.
    """
    for child, inner in spec.called_children:
        first = call.inputs[next(iter(child.inputs.values()))]
        for module in child.inside(call.module):
            if inner.read is None or inner.surroundings is None or not child.is_here(module):
                raise LookupError(child.name)
            yield from inner.surroundings(module, first).values()
