"""All that is wrong with a call, told before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mhadoc.answers.built import arguments_of, built_too_early
from mhadoc.answers.call.asked import called
from mhadoc.answers.call.binding import bound
from mhadoc.answers.call.formed import Formed
from mhadoc.answers.doubts import doubted, doubted_beside
from mhadoc.answers.problem import Problem
from mhadoc.answers.tensors import is_nested
from mhadoc.answers.undescribed import undescribed
from mhadoc.catalog import spec
from mhadoc.errors import RuleError
from mhadoc.language import Call, ModuleSpec
from mhadoc.language.demands import Unmet, known, unmet, unmet_before
from mhadoc.language.parts import Altered, altered, own_call

__all__ = ["diagnose", "diagnose_reached"]


def diagnose(
    module: Any, /, *args: Any, torch_version: str | None = None, **kwargs: Any
) -> list[Problem]:
    """Return every problem of a call, without running it; an empty list where there is none.

    ``module`` is one that is built, or a function, and the rest is what it would be called with. An
    error is a rule that torch enforces: the call would raise. The first is the one that torch
    meets first. A warning is something that torch accepts and that is probably not meant; one
    beside errors tells what may lie behind them.

    The answer is for a ``torch_version``, by default the one installed. For another one an argument
    that came later is an error, also one of the constructor.

    Raises UnknownNameError for a module that has no spec, also where it was altered, or where it or
    a part of it has a forward of its own: nothing is known of the call then, beyond the errors that
    a stack finds before it comes to its layers. Raises ReleaseError for a version of torch that is
    not known.

    >>> import mhadoc, torch
    >>> mha = torch.nn.MultiheadAttention(512, 8, batch_first=True)
    >>> query, key = torch.randn(2, 3, 300), torch.randn(2, 5, 512)
    >>> (problem,) = mhadoc.diagnose(mha, query, key, key)
    >>> problem.argument, problem.expected, problem.observed
    ('query', 'must have embed_dim = 512 features', 'has 300')
    >>> problem.rule, problem.hint
    ('MultiheadAttention.query.features', 'project the query, or build with embed_dim=300')
    """
    return _diagnosed(module, args, kwargs, torch_version)


def diagnose_reached(
    module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[Problem]:
    """Return every problem of a call that has come to torch's forward, whatever the class is."""
    return _diagnosed(module, args, kwargs, None, reached=True)


def _diagnosed(
    module: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    release: str | None,
    *,
    reached: bool = False,
) -> list[Problem]:
    found = spec(module, release)
    call = _measured(found, module, args, kwargs)
    if different := _different(found, module, call, reached):
        return _before(found, module, args, kwargs, different)
    early = list(built_too_early(found, module, release)) if release else []
    if call is None:
        return [*early, *_formed(found, module, args, kwargs)]
    if wrong := [*early, *map(_problem, unmet(found, call))]:
        return [*wrong, *doubted_beside(found, call, release)]
    return doubted(found, call, release)


def _different(found: ModuleSpec, module: Any, call: Call | None, reached: bool) -> Altered | None:
    """Return what of a module is not as its spec says; a legal call's is not looked at again."""
    if found.kind == "function":
        return None
    own = not reached and own_call(found, module)
    if not own and call is not None and known(found, call):
        return None
    return altered(found, module, reached=reached)


def _measured(
    found: ModuleSpec, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Call | None:
    """Return the call; None where its inputs cannot be bound, or nothing is measured of it."""
    if found.measured is None:
        return None
    try:
        return called(found, module, bound(found, args, kwargs))
    except (AttributeError, RuleError):  # it may be another module than it says
        return None


def _formed(
    found: ModuleSpec, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[Problem]:
    """Return what keeps inputs from being bound, or from the forms that a spec states."""
    try:
        inputs = bound(found, args, kwargs)
        if any(is_nested(inputs[name]) for name in found.tensors):
            return []  # of nested tensors nothing is stated there
        built = {} if found.kind == "function" else arguments_of(module, found)
        Formed(found, found.values(built), inputs).checked()
    except RuleError as refusal:
        return [_refused(refusal)]
    return []


def _before(
    found: ModuleSpec,
    module: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    different: Altered,
) -> list[Problem]:
    """Return what a stack demands itself, before it comes to the part that is different.

    Raises UndescribedError where that is nothing, or where the difference is not in a part.
    """
    if not (found.replaceable and different.place) or own_call(found, module):
        raise undescribed(found, different)
    try:
        call = called(found, module, bound(found, args, kwargs))
    except RuleError as refusal:
        return [_refused(refusal)]
    if not (wrong := unmet_before(found, call)):
        raise undescribed(found, different)
    return list(map(_problem, wrong))


def _problem(wrong: Unmet) -> Problem:
    return Problem(wrong.argument, wrong.address, wrong.expected, wrong.observed, wrong.way_out)


def _refused(refusal: RuleError) -> Problem:
    """Return the problem of inputs that cannot be bound, or that fit no form of the call."""
    parts = refusal.rule.split(".")
    about = parts[1] if parts[-1] == "given" else next(iter(refusal.values), parts[0])
    expected = refusal.expected.removeprefix(f"{about} ")
    if parts[-1] == "given":
        return Problem(about, refusal.rule, refusal.expected, "", refusal.hint)
    if parts[1:] == ["inputs"] or parts[-1] == "known_names":
        return Problem(about, refusal.rule, expected, "", refusal.hint)
    came = ", ".join(f"{name} has {value!r}" for name, value in refusal.values.items())
    return Problem(about, refusal.rule, expected, came, refusal.hint)
