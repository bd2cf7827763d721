"""The learned parameters of nn.MultiheadAttention, in the order of its state_dict."""

from sympy import Expr, Not, sqrt

from mhadoc.catalog.multihead_attention.symbols import (
    ACTIVATION,
    INIT,
    D,
    E,
    add_bias_kv,
    bias,
    h,
    kdim,
    packed,
    vdim,
)
from mhadoc.language import Block, Distribution, Parameter, Shape

_XAVIER = "xavier_uniform_: the square root of 6 / (rows + columns)"
_ZERO = Distribution("zeros", how="constant_(0)")
_NORMAL = Distribution("normal", 1 / sqrt(E), how="xavier_normal_ on (1, 1, embed_dim)")
_LINEAR = "nn.Linear's own kaiming_uniform_(a=sqrt(5)), not Xavier"

_Q = Block("q", 0, 0 * E, E)
_K = Block("k", 0, E, 2 * E)
_V = Block("v", 0, 2 * E, 3 * E)
_HEADS = tuple(
    Block(f"head h of {block.name}", 0, block.start + h * D, block.start + (h + 1) * D)
    for block in (_Q, _K, _V)
)


def _head(axis: int) -> tuple[Block, ...]:
    return (Block("head h", axis, h * D, (h + 1) * D),)


def _uniform(rows: Expr, columns: Expr) -> Distribution:
    return Distribution("uniform", sqrt(6 / (rows + columns)), how=_XAVIER)


PARAMETERS = (
    Parameter(
        name="in_proj_weight",
        shape=Shape(3 * E, E),
        when=packed,
        init=_uniform(3 * E, E),
        blocks=(_Q, _K, _V, *_HEADS),
        why="q, k and v are stored in one matrix, one block of `embed_dim` rows each, "
        "because all three have `embed_dim` features.",
        source=INIT,
    ),
    Parameter(
        name="q_proj_weight",
        shape=Shape(E, E),
        when=Not(packed),
        init=_uniform(E, E),
        blocks=_head(0),
        why="the separate layout has one weight for each of q, k and v; "
        "the query always has `embed_dim` features.",
        source=INIT,
    ),
    Parameter(
        name="k_proj_weight",
        shape=Shape(E, kdim),
        when=Not(packed),
        init=_uniform(E, kdim),
        blocks=_head(0),
        why="projects the key's `kdim` features to `embed_dim`.",
        source=INIT,
    ),
    Parameter(
        name="v_proj_weight",
        shape=Shape(E, vdim),
        when=Not(packed),
        init=_uniform(E, vdim),
        blocks=_head(0),
        why="projects the value's `vdim` features to `embed_dim`.",
        source=INIT,
    ),
    Parameter(
        name="in_proj_bias",
        shape=Shape(3 * E),
        when=bias,
        init=_ZERO,
        blocks=(_Q, _K, _V, *_HEADS),
        why="one vector for q, k and v in both layouts, since every projection "
        "ends in `embed_dim` features.",
        source=INIT,
    ),
    Parameter(
        name="bias_k",
        shape=Shape(1, 1, E),
        when=add_bias_kv,
        init=_NORMAL,
        blocks=_head(2),
        why="one extra key, already projected: it has `embed_dim` features whatever `kdim` is.",
        source=INIT,
    ),
    Parameter(
        name="bias_v",
        shape=Shape(1, 1, E),
        when=add_bias_kv,
        init=_NORMAL,
        blocks=_head(2),
        why="one extra value, already projected: it has `embed_dim` features whatever `vdim` is.",
        source=INIT,
    ),
    Parameter(
        name="out_proj.weight",
        shape=Shape(E, E),
        init=Distribution("uniform", 1 / sqrt(E), how=_LINEAR),
        blocks=_head(1),
        why="maps the heads' concatenated outputs back to `embed_dim`; head h enters by columns.",
        source=INIT,
    ),
    Parameter(
        name="out_proj.bias",
        shape=Shape(E),
        when=bias,
        init=_ZERO,
        why="added once after the heads were mixed, so no part of it belongs to one head.",
        source=f"{ACTIVATION}: MultiheadAttention._reset_parameters",
    ),
)
