"""Why a call does not take torch's fast path: every reason, not only the first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mhadoc.answers.call.asked import called
from mhadoc.answers.call.binding import bound
from mhadoc.answers.problem import Problem
from mhadoc.answers.undescribed import refuse_altered, refuse_own
from mhadoc.catalog import spec
from mhadoc.errors import RuleError, UnknownNameError
from mhadoc.language import ModuleSpec
from mhadoc.language.compiled import truth

__all__ = ["why_not_fast_path"]

_LAYER = "TransformerEncoderLayer"
_STACK = "TransformerEncoder"
_WHOLE = "Transformer"


def why_not_fast_path(
    module: Any, *args: Any, torch_version: str | None = None, **kwargs: Any
) -> list[Problem]:
    """Return every reason why a call of a module does not take torch's fast path; nothing runs.

    An empty list means that it is taken. Each reason is a warning: its ``rule`` is the condition
    that is not met, ``observed`` has torch's own words, and ``hint`` is the mend. In a
    TransformerEncoder, also that of a Transformer, every layer has to take its own, and padding,
    where a mask tells of some, has to be left out; ``argument`` says where it is not so. The
    answer is for a ``torch_version``, by default the one installed.

    Raises UnknownNameError for a module that has no spec, also where it was altered, or where it or
    a part of it that has a fast path has a forward of its own; RuleError for inputs that forward
    does not take, and ReleaseError for a version of torch that is not known.

    >>> import mhadoc, torch
    >>> mha, x = torch.nn.MultiheadAttention(6, 3, batch_first=True).eval(), torch.zeros(2, 5, 6)
    >>> with torch.no_grad():
    ...     [reason.hint for reason in mhadoc.why_not_fast_path(mha, x, x, x)]
    ['choose an even num_heads']
    """
    found = spec(module, torch_version)
    refuse_own(found, module)
    inputs = bound(found, args, kwargs)
    first = next(iter(inputs))
    if not hasattr(inputs[first], "is_nested"):
        values = {first: type(inputs[first]).__name__}
        expected, hint = f"{first} must be a tensor", "pass the tensor of the call"
        raise RuleError(f"{found.name}.{first}", values=values, expected=expected, hint=hint)
    return list(_reasons(found, module, inputs, torch_version))


def _reasons(
    found: ModuleSpec, module: Any, inputs: Mapping[str, Any], release: str | None
) -> Iterator[Problem]:
    if found.name == _WHOLE:
        encoder = next(child for child in found.children if child.name == "encoder")
        passed = {name: inputs.get(outer) for name, outer in encoder.inputs.items()}
        yield from _stack(module.encoder, passed, "encoder", release)
    elif found.name == _STACK:
        yield from _stack(module, inputs, "", release)
    elif found.fast_path:
        yield from _alone(found, module, inputs, found.name)
    else:
        yield _without(found.name, f"nn.{found.name}")


def _without(place: str, what: str) -> Problem:
    """Return the reason for a module that torch has no fused kernel for."""
    expected, observed = "a fast path is asked for", f"torch has none for {what}"
    hint = "use nn.MultiheadAttention, nn.TransformerEncoderLayer, or a stack of those layers"
    return Problem(place, "fast_path", expected, observed, hint, "warning")


def _alone(
    found: ModuleSpec, module: Any, inputs: Mapping[str, Any], place: str, **known: int
) -> Iterator[Problem]:
    """Iterate over the reasons of one attention or layer; some symbols may be known already."""
    refuse_altered(found, module, "" if place == found.name else place)
    call = called(found, module, inputs)
    values = {**found.symbols_of(call), **known}
    yield from _unmet(found, values, {**values, **inputs, "module": module}, place)


def _unmet(
    found: ModuleSpec, values: Mapping[str, Any], shown: Mapping[str, Any], place: str
) -> Iterator[Problem]:
    for condition in found.fast_path:
        if truth(condition.holds, values):
            continue
        said = condition.message.format_map(shown)
        yield Problem(
            place,
            f"{found.name}.{condition.id}",
            f"the fast path needs that {condition.demand.replace('`', '')}",
            f"torch says: {said}" if said else "torch gives no reason",
            condition.hint,
            "warning",
        )


def _stack(
    stack: Any, inputs: Mapping[str, Any], place: str, release: str | None
) -> Iterator[Problem]:
    """Iterate over the reasons of a stack: its own, where there is padding, and its layers'."""
    if not _stacks_layers(stack):
        yield _without(place or _STACK, "anything but a stack of nn.TransformerEncoderLayer")
        return
    refuse_altered(spec(_STACK, release), stack, place)
    padding, known = inputs["src_key_padding_mask"], {}
    if padding is not None:
        own = list(_alone(spec(_STACK, release), stack, inputs, place or _STACK))
        yield from own
        if not own:
            padding, known = None, {"nested": 1}
    given = {
        "src": inputs["src"],
        "src_mask": inputs["mask"],
        "src_key_padding_mask": padding,
        "is_causal": False,
    }
    for number, layer in enumerate(stack.layers):
        here = ".".join(filter(None, (place, "layers", str(number))))
        reasons = list(_alone(spec(_LAYER, release), layer, given, here, **known))
        yield from reasons
        if any(reason.rule.endswith(".no_grad") for reason in reasons):
            known["grad"] = 1  # what a layer returns requires a gradient if anything in it does


def _stacks_layers(stack: Any) -> bool:
    """Tell whether this is torch's stack, and has layers, all of which are torch's."""
    return _is(stack, _STACK) and bool(stack.layers) and all(_is(n, _LAYER) for n in stack.layers)


def _is(module: Any, name: str) -> bool:
    """Tell whether a module is of this class of torch, or derives from it."""
    try:
        return spec(module).name == name
    except UnknownNameError:
        return False
