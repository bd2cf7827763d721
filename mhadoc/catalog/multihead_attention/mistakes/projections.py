"""What the projections of query, key and value demand, and what torch raises otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import And, Basic, Eq, Not, Or

from mhadoc.catalog.breaking import features, longer, wider
from mhadoc.catalog.multihead_attention.mistakes.broken import (
    UNHINTED,
    Inputs,
    batch_axis,
    leading,
    multiplies,
    sizes,
)
from mhadoc.catalog.multihead_attention.mistakes.given import (
    QUERY_EXPECTED,
    QUERY_OBSERVED,
    key,
    key_batch,
    key_is_query,
    query,
    ranked,
    unturned,
    value,
)
from mhadoc.catalog.multihead_attention.paths import slow
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    PROJECT,
    D,
    E,
    H,
    N,
    S,
    add_bias_kv,
    batched,
    kdim,
    packed,
    tensors,
    vdim,
)
from mhadoc.language import Measured, Requirement, Seen

SEPARATE = PROJECT.replace("_packed", "")
_TURNED_KEY = And(slow, key.tensor, Not(unturned))
_LENGTHS = "give key and value the same length and batch size"


def _more_sources(seen: Seen) -> Inputs:
    return {name: longer(seen.inputs[name], batch_axis(seen)) for name in ("key", "value")}


def _later_value(seen: Seen) -> Inputs:
    axis = 1 - batch_axis(seen) if seen.values["batched"] else 0
    return {"value": longer(seen.inputs["value"], axis)}


def _one_wide_key(seen: Seen) -> Inputs:
    key = wider(seen.inputs["key"])
    return {"key": key, "value": key}


def _unlike(
    id: str,
    demand: str,
    hint: str,
    breaks: Callable[[Seen], Inputs],
    fits: Basic,
    expected: str,
    observed: str,
) -> Requirement:
    return Requirement(
        id,
        demand,
        "AssertionError",
        "key shape torch.Size({key}) does not match value shape torch.Size({value})",
        hint,
        about=("key", "value"),
        breaks=breaks,
        when=And(packed, UNHINTED),
        fits=Or(Not(And(slow, packed)), fits),
        expected=expected,
        observed=observed,
        computes={"key": sizes("key"), "value": sizes("value")},
        source=ATTEND,
    )


_MATRICES = (
    "mat1 and mat2 shapes cannot be multiplied ({rows}x{features} and {embed_dim}x{columns})"
)


def _packed_features(
    id: str, where: str, when: Basic, rows: Basic, columns: Basic, breaks: Any
) -> Requirement:
    return Requirement(
        id,
        f"key and value have `embed_dim` features, in the packed layout{where}",
        "RuntimeError",
        f"{{operator}}: {_MATRICES}",
        "build with kdim=key.shape[-1] and vdim=value.shape[-1], or project key and value",
        about=("key", "value"),
        breaks=breaks,
        when=And(packed, UNHINTED, when),
        fits=Or(Not(And(_TURNED_KEY, packed, when)), key_is_query, Eq(key.features, E)),
        expected="must have kdim = embed_dim = {embed_dim} features",
        observed="has {key.features}",
        computes={
            "rows": rows,
            "columns": columns,
            "features": features("key"),
            "operator": multiplies,
        },
        source=PROJECT,
        before={"2.15": {"message": _MATRICES}},
    )


def _separate_features(name: str, size: Basic) -> Requirement:
    return Requirement(
        f"{name}.separate_features",
        f"the {name} has `{name[0]}dim` features, in the separate layout",
        "AssertionError",
        f"expecting {name} weights shape of ({{embed_dim}}, {{features}}), "
        f"but got torch.Size([{{embed_dim}}, {{{name[0]}dim}}])",
        f"the {name} does not fit, not the weight: build with {name[0]}dim={name}.shape[-1], "
        f"or project the {name}",
        about=(name,),
        breaks=lambda seen: {name: wider(seen.inputs[name])},
        when=And(Not(packed), UNHINTED),
        fits=Or(
            Not(And(_TURNED_KEY, Measured(name).tensor)), packed, Eq(Measured(name).features, size)
        ),
        expected=f"must have {name[0]}dim = {{{name[0]}dim}} features",
        observed=f"has {{{name}.features}}",
        computes={"features": features(name)},
        source=SEPARATE,
    )


#: Key and value have the same length and batch size; what has other axes is refused before.
_PAIRED = Or(
    Not(ranked),
    And(Eq(key.axis_0, value.axis_0), Or(Not(batched), Eq(key.axis_1, value.axis_1))),
)
_AS_LONG = (
    "must be as long as the key, in as many batch elements: {key.shape} up to the features",
    "has shape {value.shape}",
)

AGREEMENT = (
    Requirement(
        "query.features",
        "the query has `embed_dim` features",
        "AssertionError",
        "was expecting embedding dimension of {embed_dim}, but got {features}",
        "project the query, or build with embed_dim=query.shape[-1]",
        about=("query",),
        breaks=lambda seen: {"query": wider(seen.inputs["query"])},
        when=UNHINTED,
        fits=Or(Not(And(slow, query.tensor)), Eq(query.features, E)),
        expected=QUERY_EXPECTED,
        observed=QUERY_OBSERVED,
        computes={"features": features("query")},
        source=ATTEND,
    ),
    _unlike(
        "value.length",
        "key and value have the same length",
        _LENGTHS,
        _later_value,
        _PAIRED,
        *_AS_LONG,
    ),
    _unlike(
        "value.features",
        "the value has as many features as the key, in the packed layout",
        "build with vdim=value.shape[-1], or project the value",
        lambda seen: {"value": wider(seen.inputs["value"])},
        Or(
            Not(value.tensor),
            Eq(value.features, key.features),
            Eq(value.features, E),
        ),
        "must have vdim = embed_dim = {embed_dim} features",
        "has {value.features}",
    ),
    Requirement(
        "value.separate_length",
        "key and value have the same length and batch size, in the separate layout",
        "AssertionError",
        "key's sequence and batch dims torch.Size({key}) do not match value's torch.Size({value})",
        _LENGTHS,
        about=("key", "value"),
        breaks=_later_value,
        when=And(Not(packed), UNHINTED),
        fits=Or(Not(slow), packed, _PAIRED),
        expected=_AS_LONG[0],
        observed=_AS_LONG[1],
        computes={"key": leading("key"), "value": leading("value")},
        source=ATTEND,
    ),
    _separate_features("key", kdim),
    _separate_features("value", vdim),
)

FEATURES = (
    _packed_features("key.features", "", And(batched, tensors <= 2), S * N, 2 * E, _one_wide_key),
    _packed_features(
        "key.features_apart",
        ", where all three tensors differ",
        And(batched, tensors > 2),
        S * N,
        1 * E,
        lambda seen: {name: wider(seen.inputs[name]) for name in ("key", "value")},
    ),
    _packed_features(
        "key.features_unbatched", ", unbatched", Not(batched), 1 * S, 1 * E, _one_wide_key
    ),
)


def _batch(id: str, where: str, message: str, when: Basic) -> Requirement:
    return Requirement(
        id,
        f"query and key have the same batch size{where}",
        "RuntimeError",
        message,
        "check batch_first: a batch of (N, L, embed_dim) needs batch_first=True",
        about=("query", "key"),
        breaks=_more_sources,
        when=And(batched, when, UNHINTED),
        fits=Or(
            Not(And(slow, ranked, batched, when)),
            Eq(key_batch, N),
            And(Eq(S, 0), Not(add_bias_kv)),
        ),
        expected="must have the batch size of the query: {N}",
        observed="has {key_batch}, its shape being {key.shape}",
        computes={
            "batch": lambda shown: sizes("key")(shown)[1],
            "elements": lambda shown: sizes("key")(shown)[1] * shown["S"] * shown["embed_dim"],
            "rows": N * H,
            "size": 1 * D,
        },
        source=ATTEND,
    )


BATCHES = (
    _batch(
        "key.batch_extended",
        ", with `add_bias_kv`",
        "Sizes of tensors must match except in dimension 0. "
        "Expected size {batch} but got size {N} for tensor number 1 in the list.",
        add_bias_kv,
    ),
    _batch(
        "key.batch",
        "",
        "shape '[{S}, {rows}, {size}]' is invalid for input of size {elements}",
        Not(add_bias_kv),
    ),
)
