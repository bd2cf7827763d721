"""The data on MultiheadAttention: nothing of torch's class is left out, nothing is made up."""

import ast
import builtins
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc.language import Input, Output, Parameter, Requirement

SPEC = mhadoc.spec("MultiheadAttention")
TORCH = Path(torch.__file__).parent
STATEMENTS = [*SPEC.statements, *SPEC.fast_path]
NAMES = {symbol.name for symbol in SPEC.symbols}
HEADS = 6


def built(**arguments) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(**{"embed_dim": 30, "num_heads": HEADS, **arguments})


@cache
def functions(file: str) -> dict[str, str]:
    """Return the text of each function and class of a file of torch by its qualified name."""
    source = (TORCH.parent / file).read_text(encoding="utf-8")
    return dict(_functions(ast.parse(source), "", source.splitlines()))


def _functions(node: ast.AST, prefix: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield prefix + child.name, "\n".join(lines[child.lineno - 1 : child.end_lineno])
            yield from _functions(child, f"{prefix}{child.name}.", lines)
        elif isinstance(child, (ast.If, ast.Try)):
            yield from _functions(child, prefix, lines)


class TestArguments:
    def test_are_those_of_the_constructor_in_order_with_their_defaults(self):
        signature = inspect.signature(nn.MultiheadAttention).parameters.values()
        expected = [(p.name, p.default is p.empty, p.default) for p in signature]
        stated = [(a.name, a.required, a.default) for a in SPEC.arguments]
        assert [entry[:2] for entry in stated] == [entry[:2] for entry in expected]
        for (_, required, default), (*_, observed) in zip(stated, expected, strict=True):
            assert required or (default == observed and type(default) is type(observed))
        assert len(stated) == 11

    @pytest.mark.parametrize(
        "argument", [a for a in SPEC.arguments if a.becomes is not None], ids=lambda a: a.name
    )
    def test_none_stands_for_what_the_module_then_has(self, argument):
        module = built(**{argument.name: None})
        assert getattr(module, argument.name) == getattr(module, str(argument.becomes))

    @pytest.mark.parametrize("argument", SPEC.arguments, ids=lambda a: a.name)
    def test_each_says_its_effect_on_the_parameters(self, argument):
        named = set(re.findall(r"`([\w.]+)`", argument.effect)) - {a.name for a in SPEC.arguments}
        assert named <= {parameter.name for parameter in SPEC.parameters}
        assert argument.effect


class TestAttributes:
    def test_are_on_the_module(self):
        assert all(hasattr(built(), rule.name) for rule in SPEC.attributes)

    def test_none_that_the_constructor_sets_is_left_out(self):
        known = {rule.name for rule in SPEC.attributes} | {a.name for a in SPEC.arguments}
        known |= {name.partition(".")[0] for p in SPEC.parameters for name in [p.name]}
        source = functions("torch/nn/modules/activation.py")["MultiheadAttention.__init__"]
        assert set(re.findall(r"self\.(\w+) = ", source)) <= known


class TestParameters:
    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"bias": False},
            {"kdim": 7},
            {"vdim": 7, "bias": False},
            {"add_bias_kv": True, "add_zero_attn": True},
            {"kdim": 7, "vdim": 5, "add_bias_kv": True},
        ],
        ids=str,
    )
    def test_are_the_entries_of_the_state_dict_in_order(self, arguments):
        state = built(**arguments).state_dict()
        values = SPEC.values(SPEC.bind(embed_dim=30, num_heads=HEADS, **arguments))
        stated = [rule.name for rule in SPEC.parameters if rule.applies(values)]
        assert stated == list(state)

    def test_none_that_the_class_ever_registers_is_left_out(self):
        every = dict(built(add_bias_kv=True).named_parameters()) | dict(
            built(kdim=7).named_parameters()
        )
        assert {rule.name for rule in SPEC.parameters} == every.keys()

    @pytest.mark.parametrize("rule", SPEC.parameters, ids=lambda rule: rule.name)
    def test_blocks_are_slices_along_an_axis(self, rule: Parameter):
        assert all(0 <= block.axis < len(rule.shape) for block in rule.blocks)
        names = [block.name for block in rule.blocks]
        assert len(set(names)) == len(names)

    @given(st.integers(1, 6), st.integers(1, 6), st.data())
    def test_the_heads_blocks_cover_each_matrix_once(self, heads, width, data):
        sizes = {"embed_dim": heads * width, "num_heads": heads, "head_dim": width}
        rule = SPEC.rule(data.draw(st.sampled_from(["in_proj_weight", "in_proj_bias"])))
        rows = [
            row
            for block in rule.blocks
            if block.name.startswith("head h of ")
            for head in range(heads)
            for row in range(*block.bounds({**sizes, "h": head}))
        ]
        assert sorted(rows) == list(range(rule.shape.evaluate(sizes)[0]))


class TestCall:
    def test_inputs_are_those_of_forward_in_order_with_their_defaults(self):
        signature = [*inspect.signature(nn.MultiheadAttention.forward).parameters.values()][1:]
        rules = list({rule.name: rule for rule in SPEC.inputs}.values())
        assert [rule.name for rule in rules] == [p.name for p in signature]
        stated = [(rule.required, None if rule.required else rule.default) for rule in rules]
        observed = [
            (p.default is p.empty, None if p.default is p.empty else p.default) for p in signature
        ]
        assert stated == observed
        assert len(rules) == 8

    def test_rules_of_one_input_agree_but_for_the_shape(self):
        for rule in SPEC.inputs:
            others = [other for other in SPEC.named(rule.name) if isinstance(other, Input)]
            assert {(o.required, o.default, o.type) for o in others} == {
                (rule.required, rule.default, rule.type)
            }

    @pytest.mark.parametrize("kind", [Input, Output])
    def test_at_most_one_rule_of_a_name_applies_in_a_case(self, kind):
        rules = [rule for rule in SPEC.rules if isinstance(rule, kind)]
        names = {rule.name for rule in rules}
        for name in names:
            own = [rule.when for rule in rules if rule.name == name]
            pairs = [(a, b) for place, a in enumerate(own) for b in own[:place]]
            assert not any(SPEC.cases.where(sympy.And(a, b)) for a, b in pairs)

    def test_exactly_one_rule_of_each_output_applies_in_each_case(self):
        for name in ("attn_output", "attn_output_weights"):
            either = sympy.Or(*(rule.when for rule in SPEC.outputs if rule.name == name))
            assert not SPEC.cases.where(sympy.Not(either))


class TestSymbols:
    def test_are_named_once(self):
        assert len(NAMES) == len(SPEC.symbols)

    def test_every_symbol_that_is_used_is_listed(self):
        used = set()
        for rule in SPEC.rules:
            used |= rule.when.free_symbols | set().union(
                *(a.free_symbols for a in rule.shape or ())
            )
        for demand in (*SPEC.requirements, *SPEC.call_requirements):
            used |= demand.holds.free_symbols | demand.when.free_symbols
        used |= set().union(*(claim.when.free_symbols for claim in SPEC.claims))
        assert {symbol.name for symbol in used} <= NAMES

    @pytest.mark.parametrize("symbol", SPEC.symbols, ids=lambda symbol: symbol.name)
    def test_each_is_used_or_is_an_index(self, symbol):
        values = SPEC.cases.values(SPEC.cases.plainest())
        assert (symbol.name in values) is (symbol.name not in ("h", "n"))

    def test_sizes_all_differ_in_a_case(self):
        numbers = SPEC.cases.numbers
        assert len(set(numbers.values())) == len(numbers)
        assert min(numbers.values()) > 1


class TestSources:
    @pytest.mark.parametrize("source", sorted({s.source for s in STATEMENTS}))
    def test_exist_in_the_installed_torch(self, source: str):
        place, _, name = source.partition(": ")
        if place.endswith(".py"):
            assert name in functions(place)
        else:
            assert place == "torch"
            assert hasattr(torch, name) or hasattr(nn.functional, name)

    def test_every_statement_has_one(self):
        assert [s.id for s in STATEMENTS if not s.source] == []

    @pytest.mark.parametrize(
        "rule", [*SPEC.arguments, *SPEC.parameters, *SPEC.attributes], ids=lambda rule: rule.id
    )
    def test_the_function_named_speaks_of_the_rule(self, rule):
        place, _, name = rule.source.partition(": ")
        words = set(re.findall(r"\w+", functions(place)[name]))
        assert rule.name.partition(".")[0] in words


class TestWording:
    @pytest.mark.parametrize("rule", SPEC.rules, ids=lambda rule: rule.id)
    def test_each_rule_says_why_in_a_sentence(self, rule):
        assert rule.why.endswith(".")
        assert len(rule.why) < 200

    @pytest.mark.parametrize("demand", SPEC.requirements, ids=lambda demand: demand.id)
    def test_each_requirement_names_an_exception_and_the_way_out(self, demand: Requirement):
        assert issubclass(getattr(builtins, demand.error), Exception)
        assert demand.hint
        assert not demand.demand.endswith(".")
