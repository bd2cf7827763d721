"""Shape rules are proved for all sizes, and one that is false for some is refuted."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch
from sympy import Max, Min, Piecewise, Symbol
from torch import nn

import mhadoc
from mhadoc.catalog.multihead_attention.symbols import (
    E,
    L,
    N,
    S,
    add_bias_kv,
    add_zero_attn,
    kdim,
    keys,
)
from mhadoc.language import ModuleSpec, Shape
from mhadoc.proof.covering import covering
from mhadoc.proof.look import look
from mhadoc.proof.observe import Bench
from mhadoc.proof.report import Refutation
from mhadoc.proof.symbolic import AllSizes, prove_all_sizes

pytestmark = pytest.mark.xdist_group("symbolic")  # so that each spec is proved once

SPEC = mhadoc.spec("MultiheadAttention")
EVERY = {"num_heads", "kdim", "vdim", "L", "S", "N"}

OUTPUTS = [rule.id for rule in SPEC.outputs]
PARAMETERS = [rule.id for rule in SPEC.parameters]
INPUTS = [rule.id for rule in SPEC.inputs if rule.shape is not None]
ATTRIBUTES = [rule.id for rule in SPEC.attributes]

#: Rules that are false, each in its own way, and the rule of torch that they stand for.
FALSE = {
    "in_proj_bias": Shape(2 * E + kdim),
    "bias_k": Shape(1, 1, Max(E, 4)),
    "out_proj.bias": Shape(Piecewise((E, E < 100), (100, True))),
    "attn_output.unbatched": Shape(Min(L, 4096), E),
    "attn_output.batch_first": Shape(N, S, E),
    "attn_output.sequence_first": Shape(L, Piecewise((N, N <= 1000), (N + 1, True)), E),
    "attn_output_weights.per_head_unbatched": Shape(L, S + add_bias_kv + add_zero_attn),
    "attn_output_weights.per_head": Shape(N, Symbol("num_heads"), L, S + add_bias_kv),
    "attn_output_weights.averaged": Shape(N, L, Max(S, L) + add_bias_kv + add_zero_attn),
    "attn_output_weights.averaged_unbatched": Shape(Max(L, 2), keys),
}
#: Those that no case of the covering set shows: they hold for its sizes.
UNSEEN = {
    "out_proj.bias": {"embed_dim": 100},
    "attn_output.unbatched": {"L": 4096},
    "attn_output.sequence_first": {"N": 1000},
    "attn_output_weights.averaged_unbatched": {},
}


def changed(shapes: dict[str, Shape]) -> ModuleSpec:
    """Return the spec without its claims, with other shapes in some rules."""

    def swap(rules: tuple) -> tuple:
        return tuple(replace(r, shape=shapes.get(r.id, r.shape)) for r in rules)

    return replace(
        SPEC,
        claims=(),
        parameters=swap(SPEC.parameters),
        inputs=swap(SPEC.inputs),
        outputs=swap(SPEC.outputs),
    )


def address(name: str) -> str:
    return f"MultiheadAttention.{name}"


@pytest.fixture(scope="module")
def proved() -> AllSizes:
    return prove_all_sizes(SPEC)


@pytest.fixture(scope="module")
def refuted() -> dict[str, Refutation]:
    return {r.statement: r for r in prove_all_sizes(changed(FALSE)).refutations}


def test_the_spec_holds_for_all_sizes(proved: AllSizes) -> None:
    assert proved.supported
    assert proved.ok
    assert proved.torch_version == torch.__version__
    assert proved.configurations >= 10
    assert proved.least == 2


@pytest.mark.parametrize("name", [*PARAMETERS, *ATTRIBUTES, *INPUTS, *OUTPUTS])
def test_every_rule_with_a_size_is_proved(proved: AllSizes, name: str) -> None:
    proof = proved.proofs[address(name)]
    assert proof.proved, proof.reason
    assert proof.configurations > 1
    assert proof.edges > 0


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_proved_for_every_head_dim(proved: AllSizes, name: str) -> None:
    assert proved.texts[address(name)] == "embed_dim, num_heads, head_dim, kdim, vdim"


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_are_proved_for_all_their_sizes(proved: AllSizes, name: str) -> None:
    proof = proved.proofs[address(name)]
    assert EVERY - ({"N"} if "unbatched" in name else set()) <= {*proof.symbols}
    assert "head_dim" in proof.symbols or len(proof.numbers["head_dim"]) > 1


def test_the_scale_alone_turns_a_size_into_a_number(proved: AllSizes) -> None:
    turned = {name for proof in proved.proofs.values() for name in proof.numbers}
    assert turned == {"head_dim"}
    assert "head_dim" in proved.proofs[address("attn_output_weights.none")].symbols


def test_the_fused_kernel_is_left_to_the_cases(proved: AllSizes) -> None:
    limited = {name for name, proof in proved.proofs.items() if proof.only_where}
    assert address("attn_output.batch_first") in limited
    assert address("attn_output.sequence_first") not in limited
    proof = proved.proofs[address("attn_output.batch_first")]
    assert proof.only_where == {"num_heads % 2 != 0": 1}
    configurations = f"in 1 of {proof.configurations} configurations"
    assert proof.text.endswith(f"; only where num_heads % 2 != 0 {configurations}")


def test_what_cannot_be_proved_says_why(proved: AllSizes) -> None:
    left = {name: proof.reason for name, proof in proved.proofs.items() if not proof.proved}
    flags = {rule.id for rule in SPEC.inputs if rule.shape is None}
    assert left.keys() == {address(name) for name in flags | {a.id for a in SPEC.arguments}}
    assert set(left.values()) == {"it states no size"}


def test_the_result_is_plain_data(proved: AllSizes) -> None:
    data = json.loads(json.dumps(asdict(proved)))
    assert data["proofs"][address("in_proj_weight")]["symbols"][0] == "embed_dim"


@pytest.mark.parametrize("name", FALSE)
def test_a_false_shape_is_refuted(refuted: dict[str, Refutation], name: str) -> None:
    found = refuted[address(name)]
    assert found.expected != found.observed
    assert found.expected.startswith("(")
    assert "import torch" in found.code


def test_only_false_shapes_are_refuted(refuted: dict[str, Refutation]) -> None:
    assert refuted.keys() == {address(name) for name in FALSE}


@pytest.fixture(scope="module")
def seen_in_cases() -> set[str]:
    spec = changed({name: FALSE[name] for name in UNSEEN})
    return set(look(Bench(spec), covering(spec)).refuted)


@pytest.mark.parametrize("name", UNSEEN)
def test_what_is_false_for_other_sizes_only_needs_symbols(
    refuted: dict[str, Refutation], seen_in_cases: set[str], name: str
) -> None:
    assert address(name) not in seen_in_cases
    sizes = refuted[address(name)].sizes
    assert all(sizes[size] > bound for size, bound in UNSEEN[name].items())


def test_an_input_of_another_shape_is_refuted() -> None:
    found = prove_all_sizes(changed({"key.unbatched": Shape(L, kdim)})).refutations
    (key_rule,) = (r for r in found if r.statement == address("key.unbatched"))
    assert key_rule.expected == "a call that torch accepts"
    assert "key shape torch.Size" in key_rule.observed


def test_verification_includes_the_proof_on_symbols() -> None:
    name = address("attn_output.unbatched")
    report = mhadoc.verify(changed({"attn_output.unbatched": FALSE["attn_output.unbatched"]}))
    (found,) = report.refutations
    assert found.statement == name
    assert name not in report.all_sizes
    assert report.all_sizes[address("bias_k")] == "embed_dim, num_heads, head_dim, kdim, vdim"
    assert json.loads(report.to_json())["all_sizes"] == report.all_sizes


class Limited(nn.MultiheadAttention):
    """Refuses what torch accepts: a long query."""

    def forward(self, query, key, value, **given):
        if query.shape[-2] > 512:
            raise ValueError("the query is too long")
        return super().forward(query, key, value, **given)


def test_a_limit_is_found_though_no_case_is_so_long() -> None:
    found = prove_all_sizes(SPEC, subject=Limited)
    refuted = {refutation.statement: refutation for refutation in found.refutations}
    query = refuted[address("query.unbatched")]
    assert query.sizes["L"] == 513
    assert query.observed == "ValueError: the query is too long"
    assert {r.statement for r in found.missing} == {address("forward.guard")}


def test_without_symbolic_sizes_the_cases_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("torch.fx.experimental.symbolic_shapes.ShapeEnv")
    found = prove_all_sizes(SPEC)
    assert not found.supported
    assert found.ok
    assert found.texts == {}
    assert "cannot import name 'ShapeEnv'" in found.reason
    assert {proof.reason for proof in found.proofs.values()} == {found.reason}
