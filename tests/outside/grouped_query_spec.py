"""What is true of grouped-query attention: its spec."""

from sympy import Eq, Mod, false

from mhadoc import spec
from mhadoc.language import (
    SIZE,
    Argument,
    Axis,
    Cases,
    Child,
    Choice,
    Claim,
    Input,
    ModuleSpec,
    Output,
    Requirement,
    Shape,
    Symbol,
    close,
    composed,
)

SOURCE = "grouped_query.py: GroupedQueryAttention"
SYMBOLS = (
    Symbol("embed_dim", "features of a vector", least=1),
    Symbol("num_heads", "heads of the query", least=1),
    Symbol("num_kv_heads", "heads of key and value", least=1),
    Symbol("shared", "heads of the query for each head of the key", least=1),
    Symbol("head_dim", "features of one head", least=1),
    Symbol("L", "length of the sequence"),
    Symbol("N", "batch size"),
    Symbol("batched", "whether the input has three axes", "flag"),
)
E, H, G, shared, D, L, N, batched = (symbol.expr for symbol in SYMBOLS)


def derived(values):
    """Return the symbols that the arguments settle without having their names."""
    width, heads, kv_heads = (values[n] for n in ("embed_dim", "num_heads", "num_kv_heads"))
    return {"head_dim": width // heads, "shared": heads // kv_heads}


def projection(name, rows, columns, why):
    sets = {"in_features": columns, "out_features": rows, "bias": false}
    return Child(name=name, why=why, source=SOURCE, spec=spec("Linear"), sets=sets)


CHILDREN = (
    projection("q_proj", E, E, "the query of each head, one head after the other."),
    projection("kv_proj", 2 * G * D, E, "all keys, then all values."),
    projection("out_proj", E, E, "mixes the heads."),
)


def in_order(seen, tiled=False):
    """Compare with attention in which each head of key and value is repeated as often as used."""
    module, values, x = seen.module, seen.values, seen.inputs["x"]
    q = module.q_proj(x).unflatten(-1, (values["num_heads"], -1)).transpose(-3, -2)
    k, v = module.kv_proj(x).unflatten(-1, (2, values["num_kv_heads"], -1)).unbind(-3)
    heads = range(values["num_heads"])
    of = [h % values["num_kv_heads"] if tiled else h // values["shared"] for h in heads]
    k, v = k[..., of, :].transpose(-3, -2), v[..., of, :].transpose(-3, -2)
    scores = q @ k.transpose(-2, -1) / values["head_dim"] ** 0.5
    attended = scores.softmax(-1) @ v
    return close(module.out_proj(attended.transpose(-3, -2).flatten(-2)), seen.outputs["output"])


def forms(kind, name, why, **more):
    return tuple(
        kind(
            name=name, label=label, shape=Shape(*axes, E), when=when, why=why, source=SOURCE, **more
        )
        for label, axes, when in (("batched", (N, L), batched), ("single", (L,), ~batched))
    )


SPEC = ModuleSpec(
    name="GroupedQueryAttention",
    path="grouped_query.GroupedQueryAttention",
    summary="attention of a sequence over itself, with fewer heads for key and value",
    symbols=SYMBOLS,
    arguments=(
        Argument(name="embed_dim", accepts=SIZE, required=True, why="the width", source=SOURCE),
        Argument(name="num_heads", accepts=SIZE, required=True, why="of queries", source=SOURCE),
        Argument(name="num_kv_heads", accepts=SIZE, required=True, why="of keys", source=SOURCE),
    ),
    requirements=(
        Requirement(
            "num_heads.divides",
            "`num_heads` must divide `embed_dim`",
            "ValueError",
            "{num_heads} heads do not divide {embed_dim} features",
            "choose an embed_dim that is a multiple of num_heads",
            holds=Eq(Mod(E, H), 0),
            about=("embed_dim", "num_heads"),
            example={"embed_dim": 31, "num_heads": 6, "num_kv_heads": 2},
            source=SOURCE,
        ),
        Requirement(
            "num_kv_heads.divides",
            "`num_kv_heads` must divide `num_heads`",
            "ValueError",
            "{num_kv_heads} heads of keys do not divide {num_heads} of queries",
            "choose a divisor of num_heads",
            holds=Eq(Mod(H, G), 0),
            about=("num_heads", "num_kv_heads"),
            example={"embed_dim": 30, "num_heads": 6, "num_kv_heads": 4},
            source=SOURCE,
        ),
    ),
    attributes=(),
    children=CHILDREN,
    derived=derived,
    parameters=composed(CHILDREN),
    inputs=forms(Input, "x", "one vector for each position.", type="Tensor", required=True),
    outputs=forms(Output, "output", "the input's shape."),
    cases=Cases(
        sizes={
            "num_kv_heads": 2,
            "shared": 3,
            "num_heads": G * shared,
            "head_dim": 5,
            "embed_dim": H * D,
            "L": 7,
            "N": 4,
        },
        axes=(
            Axis("rank", "call", (Choice("3-D", {"batched": 1}), Choice("2-D", {"batched": 0}))),
        ),
    ),
    claims=(
        Claim(
            id="gqa.order",
            sentence="Head h of the query attends with head `h // shared` of key and value.",
            doctest="""
            >>> import torch
            >>> from grouped_query import GroupedQueryAttention
            >>> module = GroupedQueryAttention(embed_dim=30, num_heads=6, num_kv_heads=2)
            >>> module.out_proj.weight.data = torch.eye(30)
            >>> with torch.no_grad():
            ...     _ = module.kv_proj.weight[30 - 15 :].zero_()  # the values of the second head
            ...     module(torch.randn(7, 30)).any(0).unflatten(0, (6, 5)).any(1).tolist()
            [True, True, True, False, False, False]
            """,
            check=in_order,
            twins={
                "it attends with head h % num_kv_heads": lambda seen: in_order(seen, tiled=True)
            },
            source=SOURCE,
        ),
    ),
)
