"""What a module's parameters are: their shapes in symbols and in numbers, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy

from mhadoc.answers.built import arguments_of, is_built
from mhadoc.answers.explanation import Explanation, Row, Slice
from mhadoc.answers.undescribed import refuse_own, undescribed
from mhadoc.catalog import module_spec, spec
from mhadoc.errors import RuleError, UndescribedError, UnknownNameError
from mhadoc.language import Block, ModuleSpec, Parameter, bound_text, condition_text
from mhadoc.language.compiled import free_names, number
from mhadoc.language.parts import further_in, misshapen, shapes_of

__all__ = ["explain"]

_ATTENTION = "MultiheadAttention"


def explain(
    target: object, *args: object, torch_version: str | None = None, **arguments: object
) -> Explanation:
    """Return a printable account of a module's parameters: what, how large, and why.

    ``target`` is a name or a class, with the constructor's arguments or without (then in symbols
    alone), or a module that is built; in a model that has no spec every attention is explained.
    The answer is text when it is printed, a table in a notebook, and ``.rows`` as data. It is for
    a ``torch_version``, by default the one installed, also where a module is built already.

    Raises RuleError where torch raises for the arguments, UnknownNameError for a target that has
    no spec and is no module, or has a constructor of its own, and for a module in which a parameter
    is not as it should be, FunctionError for a function, which has no parameters, and ReleaseError
    for a version of torch that is not known.

    >>> import mhadoc
    >>> answer = mhadoc.explain("MultiheadAttention", embed_dim=4, num_heads=2, bias=False)
    >>> print(answer.rows[0].shape, answer.rows[0].blocks[1])
    (12, 4) rows 4:8 are k
    """
    if not is_built(target):
        found = module_spec(target, torch_version)
        refuse_own(found, target, "__init__")
        return _explained(found, found.bind(*args, **arguments) if args or arguments else None)
    if args or arguments:
        raise _too_much(target, arguments)
    try:
        found = spec(target, torch_version)
    except UnknownNameError as unknown:
        whole = _model(target, torch_version)
        if isinstance(unknown, UndescribedError) and not whole.parts:
            raise
        return whole
    if found.children:
        return _model(target, torch_version)
    return _built(found, target)


def _too_much(target: object, arguments: Mapping[str, object]) -> RuleError:
    name = type(target).__name__
    return RuleError(
        f"{name}.arguments",
        values=arguments,
        expected="a module that is built has its arguments",
        hint=f"pass the module alone, or its name: explain({name!r}, ...)",
    )


def _model(model: Any, release: str | None) -> Explanation:
    parts: list[Explanation] = []
    inside: dict[int, int] = {}
    for prefix, module in model.named_modules():
        try:
            found = spec(module, release)
        except UnknownNameError:
            continue
        if found.name == _ATTENTION:
            parts.append(_built(found, module, prefix))
            inside |= {id(parameter): parameter.numel() for parameter in module.parameters()}
    whole = sum(parameter.numel() for parameter in model.parameters())
    name, counted = type(model).__name__, sum(inside.values())
    return Explanation(name, parts=tuple(parts), whole=whole, inside=counted, is_model=True)


def _built(found: ModuleSpec, module: Any, prefix: str = "") -> Explanation:
    """Return the account of a module that is built: of what is there, and nothing else.

    Raises UndescribedError where a parameter is not there, or has a shape that none of torch's has.
    """
    told = _explained(found, arguments_of(module, found), prefix)
    shapes = shapes_of(found, module)
    for row in told.rows:
        if (shape := shapes[row.name]) != row.shape:
            raise undescribed(found, misshapen(row.name, shape, row.shape), prefix)
    return replace(told, further=further_in(module, {row.name for row in told.rows}))


def _explained(found: ModuleSpec, bound: Mapping[str, Any] | None, prefix: str = "") -> Explanation:
    if bound is None:
        rows = (_row(found, rule, {}) for rule in found.parameters)
        return Explanation(found.name, prefix, rows=tuple(rows))
    values = _with_attributes(found, found.values(bound))
    there = [rule for rule in found.parameters if rule.applies(values)]
    absent = [rule for rule in found.parameters if rule not in there]
    return Explanation(
        found.name,
        prefix,
        dict(bound),
        tuple(_row(found, rule, values) for rule in there),
        {rule.name: _condition(found, rule) for rule in absent},
        tuple(name for name, default in _defaults(found).items() if _same(bound[name], default)),
    )


def _defaults(found: ModuleSpec) -> dict[str, Any]:
    return {argument.name: argument.default for argument in found.arguments}


def _same(value: object, default: object) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _with_attributes(found: ModuleSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values and, by name, the attributes that they decide, ``head_dim`` for example."""
    more = {
        rule.name: number(rule.value, values)
        for rule in found.attributes
        if rule.name not in values and set(free_names(rule.value)) <= values.keys()
    }
    whole = {n: int(v) if isinstance(v, float) and v == int(v) else v for n, v in more.items()}
    return {**values, **whole}


def _row(found: ModuleSpec, rule: Parameter, values: Mapping[str, Any]) -> Row:
    shape = rule.shape.evaluate(values) if values and rule.shape is not None else None
    return Row(
        rule.name,
        rule.shape.text() if rule.shape is not None else "",
        shape,
        _condition(found, rule),
        rule.why,
        tuple(_slice(found, block, len(rule.shape or ()), values) for block in rule.blocks),
        number(rule.count, values) if values else 1,
    )


def _condition(found: ModuleSpec, rule: Parameter) -> str:
    """Return when a parameter exists, without arguments that came with a later release."""
    asked = {symbol: found.constants.get(symbol.name) for symbol in rule.when.free_symbols}
    known = {symbol: sympy.S(value) for symbol, value in asked.items() if value is not None}
    return condition_text(rule.when.xreplace(known))


def _slice(found: ModuleSpec, block: Block, rank: int, values: Mapping[str, Any]) -> Slice:
    start, stop = (_partly(bound, values) for bound in (block.start, block.stop))
    decided = {rule.name for rule in (*found.arguments, *found.attributes)}
    indexed = not decided.issuperset(free_names(block.start, block.stop))
    return Slice(block.name, block.axis, rank, start, stop, indexed)


def _partly(expression: sympy.Expr, values: Mapping[str, Any]) -> str:
    """Return an expression as text, with the values that are known in numbers."""
    known = {s: values[s.name] for s in expression.free_symbols if s.name in values}
    return bound_text(sympy.expand(expression.subs(known)))
