"""The call of nn.MultiheadAttention: forward's arguments, its outputs and what it demands."""

from sympy import And, Eq, Expr, Not

from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    CHECK,
    FORWARD,
    E,
    H,
    L,
    N,
    S,
    attn_mask_float,
    attn_mask_rank,
    average_attn_weights,
    batch_first,
    batched,
    kdim,
    keys,
    need_weights,
    padding_mask,
    padding_mask_float,
    tensors,
    vdim,
)
from mhadoc.language import Input, Output, Shape

_BATCH_FIRST = And(batched, batch_first)
_SEQUENCE_FIRST = And(batched, Not(batch_first))
_UNBATCHED = Not(batched)


def _tensor(
    name: str, length: Expr, features: Expr, why: str, alias: tuple[str, Expr] | None = None
) -> tuple[Input, ...]:
    """Return the three rules of a sequence of vectors: one for each way to lay it out."""
    forms = (
        ("sequence_first", Shape(length, N, features), _SEQUENCE_FIRST),
        ("batch_first", Shape(N, length, features), _BATCH_FIRST),
        ("unbatched", Shape(length, features), _UNBATCHED),
    )
    return tuple(
        Input(
            name=name,
            label=label,
            shape=shape,
            when=when,
            type="Tensor",
            required=True,
            alias=alias,
            why=why,
            source=FORWARD,
        )
        for label, shape, when in forms
    )


INPUTS = (
    *_tensor("query", L, E, "one vector for each target position; always `embed_dim` features."),
    *_tensor(
        "key",
        S,
        kdim,
        "one vector for each source position, of `kdim` features.",
        ("query", Eq(tensors, 1)),
    ),
    *_tensor(
        "value",
        S,
        vdim,
        "one vector for each source position, of `vdim` features; as long as the key.",
        ("key", tensors <= 2),
    ),
    Input(
        name="key_padding_mask",
        label="batched",
        shape=Shape(N, S),
        when=And(padding_mask, batched),
        type="bool or float Tensor",
        floating=padding_mask_float,
        why="True hides a key from every query and head of that batch element; "
        "batch first whatever `batch_first` is. Floats are added to the scores.",
        source=ATTEND,
    ),
    Input(
        name="key_padding_mask",
        label="unbatched",
        shape=Shape(S),
        when=And(padding_mask, _UNBATCHED),
        type="bool or float Tensor",
        floating=padding_mask_float,
        why="one entry for each key.",
        source=CHECK,
    ),
    Input(
        name="need_weights",
        type="bool",
        default=True,
        why="whether the attention weights are returned; without them the faster "
        "scaled_dot_product_attention is used.",
        source=ATTEND,
    ),
    Input(
        name="attn_mask",
        label="matrix",
        shape=Shape(L, S),
        when=Eq(attn_mask_rank, 2),
        type="bool or float Tensor",
        floating=attn_mask_float,
        why="one mask for every batch element and head; True hides, floats are added to the scores."
        " It keeps width `S` also where extra keys are appended.",
        source=ATTEND,
    ),
    Input(
        name="attn_mask",
        label="per_head",
        shape=Shape(N * H, L, S),
        when=And(Eq(attn_mask_rank, 3), batched),
        type="bool or float Tensor",
        floating=attn_mask_float,
        why="one mask for each batch element and head, at index `n * num_heads + h`.",
        source=ATTEND,
    ),
    Input(
        name="attn_mask",
        label="per_head_unbatched",
        shape=Shape(H, L, S),
        when=And(Eq(attn_mask_rank, 3), _UNBATCHED),
        type="bool or float Tensor",
        floating=attn_mask_float,
        why="one mask for each head.",
        source=CHECK,
    ),
    Input(
        name="average_attn_weights",
        type="bool",
        default=True,
        why="whether the weights returned are averaged over the heads; no effect on the output.",
        source=ATTEND,
    ),
    Input(
        name="is_causal",
        type="bool",
        default=False,
        why="a hint that `attn_mask` is the causal mask; it never makes a mask by itself.",
        source=ATTEND,
        since="2.0",
    ),
)

_PER_HEAD = And(need_weights, Not(average_attn_weights))
_AVERAGED = And(need_weights, average_attn_weights)
_OUTPUT = "one vector for each target position, laid out as the query is."
_WEIGHTS = "one weight for each key position, the extra ones last; never batch second."

OUTPUTS = (
    Output(
        name="attn_output",
        label="sequence_first",
        shape=Shape(L, N, E),
        when=_SEQUENCE_FIRST,
        why=_OUTPUT,
        source=ATTEND,
    ),
    Output(
        name="attn_output",
        label="batch_first",
        shape=Shape(N, L, E),
        when=_BATCH_FIRST,
        why=_OUTPUT,
        source=FORWARD,
    ),
    Output(
        name="attn_output",
        label="unbatched",
        shape=Shape(L, E),
        when=_UNBATCHED,
        why="`batch_first` is ignored for a query of two axes.",
        source=ATTEND,
    ),
    Output(
        name="attn_output_weights",
        label="averaged",
        position=1,
        shape=Shape(N, L, keys),
        when=And(_AVERAGED, batched),
        why=_WEIGHTS,
        source=ATTEND,
    ),
    Output(
        name="attn_output_weights",
        label="averaged_unbatched",
        position=1,
        shape=Shape(L, keys),
        when=And(_AVERAGED, _UNBATCHED),
        why=_WEIGHTS,
        source=ATTEND,
    ),
    Output(
        name="attn_output_weights",
        label="per_head",
        position=1,
        shape=Shape(N, H, L, keys),
        when=And(_PER_HEAD, batched),
        why="`average_attn_weights=False` keeps the heads apart.",
        source=ATTEND,
    ),
    Output(
        name="attn_output_weights",
        label="per_head_unbatched",
        position=1,
        shape=Shape(H, L, keys),
        when=And(_PER_HEAD, _UNBATCHED),
        why="`average_attn_weights=False` keeps the heads apart.",
        source=ATTEND,
    ),
    Output(
        name="attn_output_weights",
        label="none",
        position=1,
        when=Not(need_weights),
        why="with `need_weights=False` the second element is None; the pair stays a pair.",
        source=ATTEND,
    ),
)
