"""False twins: each statement changed a little, so that the proof can be seen to refute it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import singledispatch
from itertools import chain, combinations, pairwise
from typing import Any

import sympy

from mhadoc.language import (
    Argument,
    Attribute,
    Block,
    Input,
    ModuleSpec,
    Output,
    Parameter,
    Requirement,
    Rule,
    Shape,
)
from mhadoc.proof.altered import Letters, altered, altered_condition, altered_shape, letters
from mhadoc.proof.elsewhere import Elsewhere
from mhadoc.proof.observe import RAISED, as_started
from mhadoc.proof.trial import Trial

__all__ = ["claim_twins", "rule_twins", "surviving_claims", "survivors", "table"]

Changes = Iterator[tuple[str, Any]]


#: What only numbers show: which block is whose.
_OWNERS = ("exchanged", "counted backwards")


def rule_twins(spec: ModuleSpec) -> Iterator[tuple[str, ModuleSpec]]:
    """Iterate over specs with one rule or requirement made false, each with a label.

    The label is the statement's address, a colon, and what was changed. A change that only says
    the same in other words, such as ``kdim`` for ``embed_dim`` where both are equal, is left out.
    """
    elsewhere, swaps = Elsewhere(spec), letters(spec)
    for rule in spec.rules:
        inherited = any(rule.name.startswith(f"{child.name}.") for child in spec.children)
        for words, other in changes(rule, swaps):
            if inherited and words.endswith(_OWNERS):
                continue  # shown by the claims of the module inside
            if elsewhere.differ(rule, other):
                yield f"{spec.address(rule)}: {words}", _exchanged(spec, rule, other)
    yield from _moved(spec)
    for requirement in (*spec.requirements, *spec.call_requirements):
        for words, wrong in _wrong(requirement):
            yield f"{spec.address(requirement)}: {words}", _exchanged(spec, requirement, wrong)


def claim_twins(spec: ModuleSpec) -> Iterator[tuple[str, ModuleSpec]]:
    """Iterate over specs in which one claim is a false sentence next to it, each with a label."""
    for claim in spec.claims:
        for sentence, check in claim.twins.items():
            twin = replace(claim, sentence=sentence, check=check, twins={})
            claims = tuple(twin if other is claim else other for other in spec.claims)
            yield f"{claim.id}: {sentence}", replace(spec, claims=claims)


@as_started()
def survivors(spec: ModuleSpec) -> list[str]:
    """Return the labels of the twins that the quick cases do not refute; there should be none."""
    return [label for label, refuted in _tried(spec) if not refuted]


def surviving_claims(spec: ModuleSpec) -> Iterator[tuple[str, str]]:
    """Iterate over claims whose check passes a false twin of theirs: its id, and the twin."""
    trial = Trial(spec)
    for label, twin in claim_twins(spec):
        claim, _, sentence = label.partition(": ")
        with suppress(*RAISED):  # what a check raises on the way refutes its claim
            if not trial.refutes(claim, twin):
                yield claim, sentence


@as_started()
def table(spec: ModuleSpec) -> dict[str, tuple[int, int]]:
    """Return for each statement how many twins it has, and how many of them were refuted.

    A statement without twins is in the table as well: nothing shows that its check can fail.
    """
    counts = {spec.address(statement): (0, 0) for statement in spec.statements}
    for label, refuted in _tried(spec):
        statement = _statement(label)
        twins, found = counts[statement]
        counts[statement] = (twins + 1, found + refuted)
    return counts


def _tried(spec: ModuleSpec) -> Iterator[tuple[str, bool]]:
    trial = Trial(spec)
    for label, twin in chain(rule_twins(spec), claim_twins(spec)):
        yield label, trial.refutes(_statement(label), twin)


def _statement(label: str) -> str:
    return label.partition(": ")[0]


def _exchanged(spec: ModuleSpec, old: Rule | Requirement, new: Rule | Requirement) -> ModuleSpec:
    fields = ("arguments", "attributes", "parameters", "inputs", "outputs")
    there: dict[str, Any] = {
        name: tuple(new if statement is old else statement for statement in getattr(spec, name))
        for name in (*fields, "requirements", "call_requirements")
    }
    return replace(spec, **there)


@singledispatch
def changes(rule: Rule, swaps: Letters) -> Changes:
    """Iterate over a rule's changed versions, each with the words for the change."""
    raise NotImplementedError(type(rule))


@changes.register
def _(rule: Argument, swaps: Letters) -> Changes:
    yield from _defaults(rule)
    if rule.becomes is not None:
        for words, other in altered(rule.becomes, swaps):
            yield f"None stands for: {words}", replace(rule, becomes=other)


@changes.register
def _(rule: Attribute, swaps: Letters) -> Changes:
    condition = not isinstance(rule.value, sympy.Expr) or rule.value in swaps.flags
    for words, other in (altered_condition if condition else altered)(rule.value, swaps):
        yield words, replace(rule, value=other)
    if not condition:
        yield "1 more", replace(rule, value=rule.value + 1)


@changes.register
def _(rule: Input, swaps: Letters) -> Changes:
    yield from _defaults(rule)
    if rule.shape is not None:
        yield from _where_and_what(rule, swaps)
    if rule.value is not None:
        for words, value in altered(rule.value, swaps):
            yield f"value: {words}", replace(rule, value=value)


@changes.register
def _(rule: Output, swaps: Letters) -> Changes:
    yield from _where_and_what(rule, swaps)
    yield "position 1 more", replace(rule, position=rule.position + 1)
    none = rule.shape is None
    text = "a tensor, not None" if none else "None, not a tensor"
    yield text, replace(rule, shape=Shape() if none else None)


@changes.register
def _(rule: Parameter, swaps: Letters) -> Changes:
    yield from _where_and_what(rule, swaps)
    for words, scale in altered(rule.init.scale, swaps):
        yield f"scale: {words}", replace(rule, init=replace(rule.init, scale=scale))
    yield "scale doubled", replace(rule, init=replace(rule.init, scale=2 * rule.init.scale))
    for family in ("uniform", "normal", "zeros", "ones"):
        if family != rule.init.family:
            init = replace(rule.init, family=family, scale=rule.init.scale or sympy.S.One)
            yield f"{family}, not {rule.init.family}", replace(rule, init=init)
    for words, count in altered(rule.count, swaps) if rule.count != 1 else ():
        yield f"occurs: {words}", replace(rule, count=count)
    for words, blocks in _blocks(rule, swaps):
        yield words, replace(rule, blocks=blocks)


def _where_and_what(rule: Rule, swaps: Letters) -> Changes:
    for words, when in altered_condition(rule.when, swaps):
        yield words, replace(rule, when=when)
    if rule.shape is not None:
        for words, shape in altered_shape(rule.shape, swaps):
            yield words, replace(rule, shape=shape)


def _defaults(rule: Argument | Input) -> Changes:
    if rule.required:
        yield "not required", replace(rule, required=False)
        return
    yield "required", replace(rule, required=True)
    old = rule.default
    new = not old if isinstance(old, bool) else old + 1 if isinstance(old, (int, float)) else False
    yield f"default {old!r} -> {new!r}", replace(rule, default=new)


def _blocks(rule: Parameter, swaps: Letters) -> Changes:
    """Iterate over changed blocks: bounds altered, owners exchanged, an index counted backwards."""
    for block in rule.blocks:
        for edge in ("start", "stop"):
            for words, other in altered(getattr(block, edge), swaps):
                new = replace(block, **{edge: other})
                yield f"{block.name}: {edge}: {words}", _with_block(rule, block, new)
        for index in _indices(block, swaps):
            backwards = _backwards(rule, block, index)
            yield f"{block.name}: counted backwards", _with_block(rule, block, backwards)
    whole = [block for block in rule.blocks if not _indices(block, swaps)]
    for one, other in combinations(whole, 2):
        blocks = tuple(_renamed(block, one.name, other.name) for block in rule.blocks)
        yield f"{one.name} and {other.name} exchanged", blocks


def _with_block(rule: Parameter, old: Block, new: Block) -> tuple[Block, ...]:
    return tuple(new if block is old else block for block in rule.blocks)


def _indices(block: Block, swaps: Letters) -> list[sympy.Symbol]:
    """Return the symbols of a block's bounds that count something, such as heads."""
    free = block.start.free_symbols | block.stop.free_symbols
    return sorted(free.difference(*swaps), key=str)


def _backwards(rule: Parameter, block: Block, index: sympy.Symbol) -> Block:
    extent = rule.shape.axes[block.axis] if rule.shape else sympy.S.One
    for owner in rule.blocks:
        if block.name.endswith(f" of {owner.name}"):
            extent = owner.stop - owner.start
    other = extent / (block.stop - block.start) - 1 - index
    return replace(block, start=block.start.subs(index, other), stop=block.stop.subs(index, other))


def _renamed(block: Block, one: str, other: str) -> Block:
    """Return a block with one owner's name in the place of the other's."""
    *rest, owner = block.name.split(" of ")
    owner = {one: other, other: one}.get(owner, owner)
    return replace(block, name=" of ".join([*rest, owner]))


def _moved(spec: ModuleSpec) -> Iterator[tuple[str, ModuleSpec]]:
    """Iterate over specs with two neighbours exchanged where the order can be seen."""
    for one, other in pairwise(spec.arguments):
        moved = replace(spec, arguments=_swapped(spec.arguments, one, other))
        yield f"{spec.address(one)}: after {other.name}", moved
    for first, second in combinations(spec.parameters, 2):
        if spec.cases.where(sympy.And(first.when, second.when)):
            moved = replace(spec, parameters=_swapped(spec.parameters, first, second))
            yield f"{spec.address(first)}: exchanged with {second.name}", moved
    yield from _inputs_moved(spec)


def _inputs_moved(spec: ModuleSpec) -> Iterator[tuple[str, ModuleSpec]]:
    names = list(dict.fromkeys(rule.name for rule in spec.inputs))
    for name, after in pairwise(names):
        order = tuple(rule for rule in spec.inputs if rule.name == after)
        (first, *_) = found = [rule for rule in spec.inputs if rule.name == name]
        rest = tuple(rule for rule in spec.inputs if rule.name not in (name, after))
        place = spec.inputs.index(first)
        inputs = (*rest[:place], *order, *found, *rest[place:])
        yield f"{spec.address(first)}: after {after}", replace(spec, inputs=inputs)


def _swapped(rules: tuple[Any, ...], one: Rule, other: Rule) -> tuple[Any, ...]:
    return tuple(other if r is one else one if r is other else r for r in rules)


def _wrong(requirement: Requirement) -> Iterator[tuple[str, Requirement]]:
    """Iterate over requirements that say of a refusal what is not so."""
    conditional = requirement.holds != sympy.true
    if requirement.example is None and requirement.breaks is None and not conditional:
        return
    yield "another class", replace(requirement, error="OverflowError")
    yield "another text", replace(requirement, message=f"{requirement.message} Or not.")
    if conditional:
        yield "negated", replace(requirement, holds=sympy.Not(requirement.holds))
