"""Functions in the place of modules: built without arguments, called alike, empty inside."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

__all__ = ["as_class"]


def as_class(function: Callable[..., Any]) -> type[torch.nn.Module]:
    """Return a class of modules without parameters that do what a function does.

    Their forward has the signature of the function.
    """

    def forward(self: torch.nn.Module, *arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([own, *_parameters(function)])
    forward.__signature__ = signature  # type: ignore[attr-defined]  # inspect looks for it
    about = {"forward": forward, "__module__": function.__module__}
    return type(function.__name__, (torch.nn.Module,), about)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return a function's parameters; one written in C is asked for as torch's operator."""
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:
        operator = getattr(torch.ops.aten, function.__name__)
    return [_parameter(argument) for argument in operator.default._schema.arguments]


def _parameter(argument: Any) -> inspect.Parameter:
    anyhow, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    kind = named if argument.kwarg_only else anyhow
    given = argument.has_default_value()
    default = argument.default_value if given else inspect.Parameter.empty
    return inspect.Parameter(argument.name, kind, default=default)
