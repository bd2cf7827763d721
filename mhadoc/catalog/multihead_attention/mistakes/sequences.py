"""What forward demands of query, key and value, and what torch raises otherwise."""

from __future__ import annotations

from sympy import And, Basic, Eq, Ne, Not, Or

from mhadoc.catalog.breaking import features, other_rank, wider
from mhadoc.catalog.multihead_attention.mistakes.broken import form, nested, nested_reason, together
from mhadoc.catalog.multihead_attention.mistakes.given import (
    QUERY_EXPECTED,
    QUERY_OBSERVED,
    key,
    query,
    unturned,
    value,
)
from mhadoc.catalog.multihead_attention.paths import fast, slow, taken
from mhadoc.catalog.multihead_attention.symbols import (
    CHECK,
    FORWARD,
    E,
    attn_mask_rank,
    batch_first,
    batched,
    padding_mask,
)
from mhadoc.language import Measured, Requirement


def _tensor(name: str, looked_for: str) -> Requirement:
    return Requirement(
        f"{name}.tensor",
        f"the {name} is a tensor",
        "AttributeError",
        f"'{{type_{name}}}' object has no attribute '{looked_for}'",
        f"pass a tensor as the {name}",
        about=(name,),
        breaks=lambda seen: {name: None},
        fits=Measured(name).tensor,
        expected="must be a tensor",
        observed=f"is of type {{{name}.type}}",
        source=FORWARD,
    )


GIVEN = (
    Requirement(
        "forward.known_names",
        "forward is called with names that it knows",
        "TypeError",
        "MultiheadAttention.forward() got an unexpected keyword argument 'needs_weights'",
        "the flag is need_weights, and the masks are attn_mask and key_padding_mask",
        breaks=lambda seen: {"needs_weights": True},
        source=FORWARD,
    ),
    Requirement(
        "key.given",
        "key and value are given",
        "TypeError",
        "MultiheadAttention.forward() missing 2 required positional arguments: 'key' and 'value'",
        "for self-attention pass the query three times: module(x, x, x)",
        about=("key", "value"),
        breaks=lambda seen: {"key": ..., "value": ...},
        source=FORWARD,
    ),
    Requirement(
        "value.given",
        "the value is given",
        "TypeError",
        "MultiheadAttention.forward() missing 1 required positional argument: 'value'",
        "pass the key as the value as well, if both come from one sequence",
        about=("value",),
        breaks=lambda seen: {"value": ...},
        source=FORWARD,
    ),
)

QUERY = (_tensor("query", "dim"),)
TENSORS = (_tensor("key", "is_nested"), _tensor("value", "is_nested"))

FAST = (
    Requirement(
        "query.fast_features",
        "the query has `embed_dim` features, on the fast path",
        "RuntimeError",
        "passed-in embed_dim {embed_dim} didn't match last dim of query {features}",
        "project the query, or build with embed_dim=query.shape[-1]",
        about=("query",),
        breaks=lambda seen: together(seen, wider),
        when=fast,
        fits=Or(Not(taken), Eq(query.features, -1), Eq(query.features, E)),
        expected=QUERY_EXPECTED,
        observed=QUERY_OBSERVED,
        computes={"features": features("query")},
        source="torch: _native_multi_head_attention",
    ),
)

NESTED = (
    Requirement(
        "query.nested",
        "a nested query takes the fast path",
        "AssertionError",
        "MultiheadAttention does not support NestedTensor outside of its fast path. "
        "The fast path was not hit because {reason}",
        "meet every condition of the fast path, or pass query.to_padded_tensor(0) "
        "and a key_padding_mask",
        about=("query", "key", "value"),
        breaks=nested,
        when=And(batched, Or(Not(fast), attn_mask_rank > 0, padding_mask)),
        fits=Or(taken, Not(Or(query.nested, key.nested, value.nested))),
        expected="can be nested on the fast path alone",
        observed="does not take it",
        computes={"reason": nested_reason},
        source=FORWARD,
    ),
)


def _rank(id: str, demand: str, hint: str, other: str, misfit: Basic, *names: str) -> Requirement:
    name = id.partition(".")[0]
    return Requirement(
        id,
        demand,
        "AssertionError",
        "For {form} `query`, expected `key` and `value` to be {query.ndim}-D "
        "but found {key.ndim}-D and {value.ndim}-D tensors respectively",
        hint,
        about=names,
        breaks=lambda seen: {name: other_rank(seen.inputs[name]) for name in names},
        fits=Or(Not(_COMPARED), Not(misfit)),
        expected=f"must have as many axes as the {other}, which has {{{other}.rank}}",
        observed=f"has {{{name}.rank}}: {{{name}.shape}}",
        computes={"form": form},
        source=CHECK,
    )


_UNTOLD = And(slow, query.tensor, key.tensor, value.tensor)
_COMPARED = And(_UNTOLD, Or(Eq(query.rank, 2), Eq(query.rank, 3)), Not(unturned))

RANKS = (
    Requirement(
        "query.rank",
        "the query has two axes (one sequence) or three (a batch)",
        "AssertionError",
        "query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query "
        "tensor",
        "reshape the query: (L, embed_dim), (L, N, embed_dim), or (N, L, embed_dim) "
        "with batch_first=True",
        about=("query",),
        breaks=lambda seen: {"query": seen.inputs["query"][(None,) * seen.inputs["query"].dim()]},
        fits=Or(Not(query.tensor), query.nested, Eq(query.rank, 2), Eq(query.rank, 3)),
        expected="must have two axes (one sequence) or three (a batch)",
        observed="has {query.rank}: {query.shape}",
        source=CHECK,
    ),
    Requirement(
        "key.two_axes",
        "the key has at least two axes, where `batch_first=True` turns them",
        "IndexError",
        "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
        "give the key as many axes as the query",
        about=("key",),
        breaks=lambda seen: {"key": seen.inputs["key"].flatten()},
        when=And(batched, batch_first),
        fits=Not(unturned),
        expected="must have as many axes as the query, which has {query.rank}",
        observed="has {key.rank}: {key.shape}",
        source=FORWARD,
    ),
    _rank(
        "query.rank_of_others",
        "the query has as many axes as key and value",
        "add the batch axis that is missing, or take away the one that is too much",
        "key",
        And(Ne(key.rank, query.rank), Eq(key.rank, value.rank)),
        "query",
    ),
    _rank(
        "key.rank",
        "the key has as many axes as the query",
        "give the key the batch axis of the query, or take both away",
        "query",
        And(Ne(key.rank, query.rank), Ne(key.rank, value.rank)),
        "key",
    ),
    _rank(
        "value.rank",
        "the value has as many axes as the query",
        "give the value the batch axis of the query, or take both away",
        "query",
        And(Ne(value.rank, query.rank), Ne(value.rank, key.rank)),
        "value",
    ),
)
