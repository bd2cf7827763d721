"""The code that makes our parameters of another library's, whichever of its biases are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mhadoc.answers.checkpoints.foreign import Foreign
from mhadoc.answers.checkpoints.reading import Entries
from mhadoc.answers.problem import Problem
from mhadoc.language import condition_text

__all__ = ["foreign_problems"]

_FEW = 3


def foreign_problems(found: Iterable[Foreign], expected: str, shapes: Entries) -> Iterator[Problem]:
    """Iterate over one problem for all that the same code converts, with this code.

    ``shapes`` are all entries: what stands beside the keys of an attention, and is not converted,
    is told where no module says what it expects.
    """
    alike: dict[tuple[object, ...], list[Foreign]] = {}
    for other in found:
        alike.setdefault(other.alike, []).append(other)
    for first, *more in alike.values():
        note = f"; {first.layout.note}" if first.layout.note else ""
        observed = f"it has the keys of {first.layout.library}{note}"
        hint = "\n".join(_code([first, *more], shapes)) if first.fits else _unfit(first)
        others = f" and {len(more)} more" if more else ""
        place = f"{first.prefix or 'state_dict'}{others}"
        yield Problem(place, "layouts", expected, observed, hint)


def _unfit(other: Foreign) -> str:
    names = sorted(symbol.name for symbol in other.layout.fits.free_symbols)
    sizes = ", ".join(f"{name}={other.sizes[name]}" for name in names)
    return f"it fits where {condition_text(other.layout.fits)}, and here {sizes}"


def _code(alike: list[Foreign], shapes: Entries) -> Iterator[str]:
    """Iterate over the lines that make ours of a ``state``, and load them."""
    first = alike[0]
    many, known = bool(alike[1:]), first.into is not None
    if many and known:
        yield f"for start, place in { ({other.start: other.into for other in alike}) }.items():"
    elif many:
        yield "modules = {}"
        yield f"for start in {[other.start for other in alike]}:"
    for line in _one(first, "start" if many else "", _target(first, many)):
        yield f"    {line}" if many else line
    if not known and (left := _left(first, shapes)):
        yield f"# MultiheadAttention has nothing like {left}"


def _one(other: Foreign, start: str, target: str) -> Iterator[str]:
    yield "ours = {}  # state is the state_dict that was given"
    for name, expression in _converted(other, start).items():
        yield f"ours[{name!r}] = {expression}"
    if other.into is None:
        width, *flags = other.arguments.items()
        given = [str(width[1]), other.heads, *(f"{name}={value}" for name, value in flags)]
        yield f"{target} = torch.nn.MultiheadAttention({', '.join(given)})"
    yield f"{target}.load_state_dict(ours)"


def _target(other: Foreign, many: bool) -> str:
    if other.into is None:
        return "modules[start]" if many else "module"
    inside = f"module.get_submodule({'place' if many else repr(other.into)})"
    return inside if many or other.into else "module"


def _left(other: Foreign, shapes: Entries) -> str:
    """Return the keys beside those of the layout, which the code leaves out."""
    start, known = other.start, {*other.keys.values()}
    names = (key[len(start) :] for key in shapes if key.startswith(start) and key not in known)
    left = [name for name in names if name not in other.layout.unused]
    more = [f"{len(left) - _FEW} more"] if left[_FEW:] else []
    return ", ".join([*left[:_FEW], *more])


def _converted(other: Foreign, start: str) -> dict[str, str]:
    """Return what each of ours is in Python; ``start`` is the name of what keys start with."""
    layout, width = other.layout, other.sizes["embed_dim"]
    weights = dict(_parts(other, layout.weights, start))
    apart = not other.arguments.keys().isdisjoint(("kdim", "vdim"))
    inner = {f"{role}_proj_weight": weights[role] for role in "qkv"} if apart else {}
    made = inner or {"in_proj_weight": _rows(weights)}
    made["out_proj.weight"] = weights["out"]
    if other.arguments["bias"]:
        biases = dict(_parts(other, layout.biases, start))
        zeros = f"{_state(other, layout.entries[0].key, start)}.new_zeros"
        filled = dict.fromkeys("qkv", f"{zeros}({width})") | biases
        some = not biases.keys().isdisjoint(("qkv", *"qkv"))
        made["in_proj_bias"] = _rows(filled) if some else f"{zeros}({3 * width})"
        made["out_proj.bias"] = biases.get("out", f"{zeros}({width})")
    same = (key for key in layout.same if key in other.keys)
    return made | {key: _state(other, key, start) for key in same}


def _parts(
    other: Foreign, entries: Mapping[str, tuple[str, str]], start: str
) -> Iterator[tuple[str, str]]:
    """Iterate over what there are keys for, and the expression of each."""
    numbers = {"width": other.sizes["embed_dim"], "heads": other.heads}
    for holds, (key, becomes) in entries.items():
        if key in other.keys:
            yield holds, becomes.format(w=_state(other, key, start), **numbers)


def _state(other: Foreign, key: str, start: str) -> str:
    whole = other.keys[key]
    return f"state[{start} + {whole[len(other.prefix) :]!r}]" if start else f"state[{whole!r}]"


def _rows(parts: Mapping[str, str]) -> str:
    return parts.get("qkv") or f"torch.cat([{parts['q']}, {parts['k']}, {parts['v']}])"
