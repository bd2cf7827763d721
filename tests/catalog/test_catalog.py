"""The catalog: how a module is found by name, by class and by instance."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc import strategies
from mhadoc.errors import UnknownNameError
from mhadoc.language import ModuleSpec
from mhadoc.language.compiled import number
from mhadoc.proof.observe import imported
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
