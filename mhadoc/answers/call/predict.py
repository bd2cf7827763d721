"""From the shapes of a call to the shapes of what it returns, without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mhadoc.answers.built import described
from mhadoc.answers.call.asked import described_call
from mhadoc.answers.call.binding import bound
from mhadoc.answers.call.formed import Formed
from mhadoc.answers.tensors import is_nested, shape_of, shown
from mhadoc.answers.undescribed import refuse_own
from mhadoc.catalog import spec
from mhadoc.errors import RuleError
from mhadoc.language import Bound, ModuleSpec
from mhadoc.language.demands import Unmet, unmet

__all__ = ["outputs", "predict_call"]


def predict_call(
    target: object,
    arguments: Mapping[str, Any],
    /,
    *inputs: Any,
    torch_version: str | None = None,
    **named: Any,
) -> dict[str, tuple[int, ...] | None]:
    """Return the shape of each output of a call, by the output's name; None where it is None.

    ``arguments`` are those of the constructor. The inputs are those of forward, in its order or
    by name: a shape, anything that has one (its dtype counts, too), or None; flags are as they
    are. A shape stands for a tensor of the ``dtype`` that the constructor is given; without one
    the parameters have that of the inputs. Nothing runs. The module is taken to be in training
    mode, as it is when it is new. A function has no constructor: its ``arguments`` are ``{}``.
    The answer is for a ``torch_version``, by default the one installed.

    Raises RuleError, with the rule, the shape and the way out, where torch raises; UnknownNameError
    for a target that has no spec, or a constructor or forward of its own; and
    ReleaseError for a version of torch that is not known or lacks the target.

    >>> import mhadoc
    >>> built = {"embed_dim": 512, "num_heads": 8, "batch_first": True}
    >>> query, key = (2, 3, 512), (2, 5, 512)
    >>> mhadoc.predict_call("MultiheadAttention", built, query, key, key)
    {'attn_output': (2, 3, 512), 'attn_output_weights': (2, 3, 5)}
    >>> mhadoc.predict_call("MultiheadAttention", built, query, key, key, need_weights=False)
    {'attn_output': (2, 3, 512), 'attn_output_weights': None}
    """
    found = spec(target, torch_version)
    refuse_own(found, target, "__init__")
    refuse_own(found, target)
    if not isinstance(arguments, Mapping):
        raise _no_arguments(found, arguments)
    built = found.bind(**{name: described(value) for name, value in arguments.items()})
    given, values = bound(found, inputs, named), found.values(built)
    return outputs(found, _symbols(found, values, given))


def _no_arguments(found: ModuleSpec, given: object) -> RuleError:
    return RuleError(
        f"{found.name}.arguments",
        values={"arguments": shown(given)},
        expected="the constructor's arguments come first, as a dict",
        hint=f"predict_call({found.name!r}, {{}}, ...), without an argument to build with",
    )


def _symbols(found: ModuleSpec, values: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Return the value of each symbol in a call; raise RuleError for one that torch refuses."""
    _whole(found, given)
    if found.measured is None:
        _padded(found, given)
        return Formed(found, values, given).checked()
    _known_inside(found, values)
    call = described_call(found, values, given)
    if wrong := unmet(found, call):
        raise _refusal(wrong[0])
    _padded(found, given)
    return found.symbols_of(call)


def _whole(found: ModuleSpec, given: Mapping[str, Any]) -> None:
    """Raise RuleError where a shape has a negative size."""
    for name in found.tensors:
        if min(shape_of(given[name]) or (0,)) < 0:
            raise RuleError(
                f"{found.name}.{name}",
                values={name: shown(given[name])},
                expected=f"{name} must have sizes of zero or more",
                hint="pass the shape as it is: here -1 stands for nothing",
            )


def _padded(found: ModuleSpec, given: Mapping[str, Any]) -> None:
    """Raise RuleError for a nested tensor in a call that may well be legal."""
    for name in filter(lambda name: is_nested(given[name]), found.tensors):
        raise RuleError(
            f"{found.name}.{name}",
            values={name: shown(given[name])},
            expected=f"{name} must have a shape for that of the output to be told",
            hint=f"ask for each of its tensors, or pass {name}.to_padded_tensor(0)",
        )


def _known_inside(found: ModuleSpec, values: Mapping[str, Any]) -> None:
    """Raise RuleError where the layers are of a class of which nothing is known."""
    needed = {argument.name for argument in found.arguments if argument.required}
    for child, inner in found.called_children:
        given = values.get(child.given)
        if child.given in needed and not child.is_here(given):
            name = given.spec.name if isinstance(given, Bound) else type(given).__name__
            raise RuleError(
                f"{found.name}.{child.given}",
                values={child.given: name},
                expected=f"{child.given} must be an nn.{inner.name} for the shapes to be known",
                hint="build it with device='meta', and call it with tensors there",
            )


def outputs(found: ModuleSpec, values: Mapping[str, Any]) -> dict[str, tuple[int, ...] | None]:
    """Return the outputs' shapes, by name, in the order of their places."""
    rules = sorted(found.outputs, key=lambda rule: rule.position)
    return {
        rule.name: rule.shape.evaluate(values) if rule.shape else None
        for rule in rules
        if rule.applies(values)
    }


def _refusal(wrong: Unmet) -> RuleError:
    """Return the error for a demand that is not met."""
    name = wrong.argument
    return RuleError(
        wrong.address,
        values={name: shown(wrong.call.inputs.get(name))},
        expected=f"{name} {wrong.expected}",
        hint=wrong.way_out,
    )
