"""The catalog: how a module is found by name, by class and by instance."""

import math
from functools import partial
from random import Random
from typing import Any

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc import strategies
from mhadoc.errors import UnknownNameError
from mhadoc.language import Claim, ModuleSpec
from mhadoc.language.compiled import free_names, number
from mhadoc.paths import imported
from mhadoc.proof.observe import Bench
from tests.toy import LINEAR

MHA = mhadoc.spec("MultiheadAttention")


class Mine(nn.MultiheadAttention):
    """A subclass that says no more of itself."""


class TestSpec:
    @pytest.mark.parametrize(
        "target",
        [
            "MultiheadAttention",
            "nn.MultiheadAttention",
            "torch.nn.MultiheadAttention",
            nn.MultiheadAttention,
            nn.MultiheadAttention(4, 2, device="meta"),
            Mine,
            Mine(4, 2, device="meta"),
            nn.Transformer(8, 2, 1, 1, 8, device="meta").encoder.layers[0].self_attn,
        ],
        ids=["name", "nn", "torch.nn", "class", "module", "subclass", "its module", "inside"],
    )
    def test_is_found_by_name_by_class_and_by_instance(self, target: object):
        assert mhadoc.spec(target) is MHA

    @pytest.mark.parametrize("found", [MHA, LINEAR], ids=lambda spec: spec.name)
    def test_a_spec_is_returned_as_it_is(self, found: ModuleSpec):
        assert mhadoc.spec(found) is found

    @pytest.mark.parametrize(
        ("target", "name"),
        [
            ("MultiHeadAttention", "MultiHeadAttention"),
            ("torch.nn.GRU", "GRU"),
            (nn.GRU, "GRU"),
            (nn.ReLU(), "ReLU"),
            (3, "int"),
            (None, "NoneType"),
        ],
        ids=str,
    )
    def test_another_target_is_refused_by_its_name(self, target: object, name: str):
        with pytest.raises(UnknownNameError, match=rf"^no spec is called '{name}'; closest: "):
            mhadoc.spec(target)

    def test_a_class_from_elsewhere_is_not_torchs(self):
        other = type("MultiHeadAttention", (nn.Module,), {})
        with pytest.raises(UnknownNameError, match="closest: MultiheadAttention"):
            mhadoc.spec(other)


class TestSpecs:
    def test_lists_what_can_be_asked_for(self):
        assert "MultiheadAttention" in mhadoc.specs()
        assert len(set(mhadoc.specs())) == len(mhadoc.specs())

    @pytest.mark.parametrize("name", mhadoc.specs())
    def test_each_has_the_name_and_the_path_of_its_module(self, name: str):
        found = mhadoc.spec(name)
        assert found.name == name
        cls = imported(found.path)
        assert cls.__name__ == name
        assert mhadoc.spec(cls) is found


class TestSize:
    @pytest.mark.parametrize("name", ["MultiheadAttention", "LayerNorm", "TransformerEncoder"])
    @settings(max_examples=10)
    @given(data=st.data())
    def test_is_a_formula_that_counts_what_there_is(self, name: str, data: st.DataObject):
        spec = mhadoc.spec(name)
        values = spec.values(spec.bind(**data.draw(strategies.arguments(name))))
        kinds = {symbol.name: symbol.kind for symbol in spec.symbols}
        flags = {k: bool(v) for k, v in values.items() if kinds.get(k) == "flag"}
        counted = number(spec.size, {**values, **flags})
        assert counted == sum(map(math.prod, spec.state(values).values()))

    def test_is_written_with_a_product_where_an_argument_is_a_shape(self):
        assert "elementwise_affine*prod(normalized_shape)" in str(mhadoc.spec("LayerNorm").size)


#: Functions take no module, and sizes of their own.
MODULES = [name for name in mhadoc.specs() if name[0].isupper()]


class TestSymbols:
    @pytest.mark.parametrize("name", MODULES)
    @settings(max_examples=5)
    @given(chance=st.randoms(use_true_random=False))
    def test_what_one_means_can_be_asked_of_the_call(self, name: str, chance: Random):
        spec = mhadoc.spec(name)
        seen = Bench(spec).observe(spec.cases.draw(sympy.true, chance, {}))
        inputs = {**dict.fromkeys(rule.name for rule in spec.inputs), **seen.inputs}
        names = {**inputs, **vars(seen.module), "module": seen.module, "torch": torch}
        for symbol in spec.symbols:
            for text, expected in zip(symbol.python, (True, False), strict=False):
                if _is_there(text, names) and symbol.name != "grad":
                    told = eval(text, dict(names))
                    value = seen.values[symbol.name]
                    assert told == (bool(value) is expected if symbol.kind == "flag" else value)

    @pytest.mark.parametrize("name", MODULES)
    def test_each_that_is_no_argument_is_told_in_python_where_a_shape_depends_on_it(self, name):
        spec = mhadoc.spec(name)
        parts = (spec, *(child.spec for child in spec.children if child.spec))
        told = {a.name for part in parts for a in (*part.arguments, *part.inputs)}
        told |= {symbol.name for symbol in spec.symbols if symbol.python}
        forms = (rule.when for rule in (*spec.inputs, *spec.outputs))
        assert told.issuperset(free_names(*forms))


CLAIMS = [claim for name in mhadoc.specs() for claim in mhadoc.spec(name).claims]


class TestTwins:
    """A check that always passes would be noticed by no twin that is checked by another one."""

    @pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
    def test_one_at_least_is_the_check_of_its_claim_told_otherwise(self, claim: Claim):
        checked = _plain(claim.check)
        assert any(_calls(twin, checked) for twin in claim.twins.values())

    def test_a_check_of_its_own_is_not_that(self):
        assert not _calls(lambda seen: None, _plain)


def _plain(check: Any) -> Any:
    return _plain(check.func) if isinstance(check, partial) else check


def _calls(twin: Any, checked: Any) -> bool:
    own = _plain(twin)
    return own is checked or checked.__name__ in own.__code__.co_names


def _is_there(text: str, names: dict[str, object]) -> bool:
    asked = text.partition(".")[0]
    return "None" in text or names.get(asked, text) is not None
