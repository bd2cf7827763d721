"""All that is wrong with a call, told before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mhadoc.answers.call.asked import asked
from mhadoc.answers.problem import Problem
from mhadoc.errors import RuleError
from mhadoc.language import Call, ModuleSpec
from mhadoc.language.demands import unmet

__all__ = ["diagnose"]


def diagnose(module: Any, /, *args: Any, **kwargs: Any) -> list[Problem]:
    """Return every problem of a call, without running it; an empty list where there is none.

    ``module`` is one that is built, and the rest is what its forward would be called with. An
    error is a rule that torch enforces: the call would raise. The first is the one that torch
    meets first.

    Raises UnknownNameError for a module that has no spec.

    >>> import mhadoc, torch
    >>> mha = torch.nn.MultiheadAttention(512, 8, batch_first=True)
    >>> query, key = torch.randn(2, 3, 300), torch.randn(2, 5, 512)
    >>> (problem,) = mhadoc.diagnose(mha, query, key, key)
    >>> problem.argument, problem.expected, problem.observed
    ('query', 'must have embed_dim = 512 features', 'has 300')
    >>> problem.rule, problem.hint
    ('MultiheadAttention.query.features', 'project the query, or build with embed_dim=300')
    """
    try:
        found, call = asked(module, *args, **kwargs)
    except RuleError as refusal:
        return [_usage(refusal)]
    return list(_errors(found, call))


def _usage(refusal: RuleError) -> Problem:
    """Return the problem of inputs that cannot be bound to forward's arguments."""
    argument = refusal.rule.split(".")[1]
    if argument in ("forward", "inputs"):
        argument = next(iter(refusal.values), argument)
    return Problem(argument, refusal.rule, refusal.expected, "", refusal.hint)


def _errors(found: ModuleSpec, call: Call) -> Iterator[Problem]:
    for wrong in unmet(found, call):
        yield Problem(wrong.argument, wrong.address, wrong.expected, wrong.observed, wrong.way_out)
