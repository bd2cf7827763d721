"""How the Transformer classes are called: their tensors, masks and hints, and the cases of each."""

from sympy import And, Basic, Eq, Expr, Not

from mhadoc.catalog.transformer_terms import N, batch_first, batched, d_model, nhead
from mhadoc.language import Axis, Choice, Input, Output, Shape, Symbol


def mask_symbols(name: str, *, padding: bool = False) -> tuple[Symbol, ...]:
    """Return the symbols of a mask: whether it is there, with how many axes, and of which kind."""
    kinds = (f"{name}.is_floating_point()", f"{name}.dtype == torch.bool")
    floating = Symbol(f"{name}_float", f"whether `{name}` is one of floats", "flag", python=kinds)
    if padding:
        there = (f"{name} is not None", f"{name} is None")
        return Symbol(name, f"whether there is a `{name}`", "flag", python=there), floating
    axes = f"axes of `{name}`, or 0 where there is none"
    return Symbol(f"{name}_rank", axes, python=(f"{name}.ndim",)), floating


_SEQUENCE_FIRST = And(batched, Not(batch_first))
_BATCH_FIRST = And(batched, batch_first)
_UNBATCHED = Not(batched)


def _forms(length: Expr) -> tuple[tuple[str, Shape, Basic], ...]:
    return (
        ("sequence_first", Shape(length, N, d_model), _SEQUENCE_FIRST),
        ("batch_first", Shape(N, length, d_model), _BATCH_FIRST),
        ("unbatched", Shape(length, d_model), _UNBATCHED),
    )


def sequence(name: str, length: Expr, why: str, source: str) -> tuple[Input, ...]:
    """Return the rules of a sequence of vectors: one for each way to lay it out."""
    return tuple(
        Input(
            name=name,
            label=label,
            shape=shape,
            when=when,
            type="Tensor",
            required=True,
            why=why,
            source=source,
        )
        for label, shape, when in _forms(length)
    )


def result(length: Expr, why: str, source: str) -> tuple[Output, ...]:
    """Return the rules of the one tensor that comes out."""
    return tuple(
        Output(name="output", label=label, shape=shape, when=when, why=why, source=source)
        for label, shape, when in _forms(length)
    )


def mask(name: str, rows: Expr, columns: Expr, source: str) -> tuple[Input, ...]:
    """Return the rules of a mask over pairs of positions."""
    rank, floating = (symbol.expr for symbol in mask_symbols(name))
    forms = (
        ("matrix", Shape(rows, columns), Eq(rank, 2), "one mask for every element and head"),
        (
            "per_head",
            Shape(N * nhead, rows, columns),
            And(Eq(rank, 3), batched),
            "one mask for each batch element and head, at index `n * nhead + h`",
        ),
        (
            "per_head_unbatched",
            Shape(nhead, rows, columns),
            And(Eq(rank, 3), Not(batched)),
            "one mask for each head",
        ),
    )
    return tuple(
        Input(
            name=name,
            label=label,
            shape=shape,
            when=when,
            type="bool or float Tensor",
            floating=floating,
            why=f"{why}; True hides.",
            source=source,
        )
        for label, shape, when, why in forms
    )


def padding(name: str, length: Expr, source: str) -> tuple[Input, ...]:
    """Return the rules of a padding mask: True hides a position from every other one."""
    present, floating = (symbol.expr for symbol in mask_symbols(name, padding=True))
    forms = (("batched", Shape(N, length), batched), ("unbatched", Shape(length), Not(batched)))
    return tuple(
        Input(
            name=name,
            label=label,
            shape=shape,
            when=And(present, when),
            type="bool or float Tensor",
            floating=floating,
            why="True hides a position as a key; batch first whatever `batch_first` is.",
            source=source,
        )
        for label, shape, when in forms
    )


def flag(
    name: str, default: bool | None, why: str, source: str, since: str | None = "2.0"
) -> Input:
    """Return the rule of a flag of forward."""
    kind = "bool" if default is not None else "bool or None"
    return Input(name=name, type=kind, default=default, why=why, source=source, since=since)


# Cases


def mask_axis(name: str, *ranks: int, floats: bool = True) -> Axis:
    """Return the axis of a mask: none, or one of bools or floats with so many axes."""
    kinds = (("bool", 0), ("float", 1)) if floats else (("bool", 0),)
    choices = [Choice("None", {f"{name}_rank": 0, f"{name}_float": 0})]
    for rank in ranks:
        for kind, floating in kinds:
            settings = {f"{name}_rank": rank, f"{name}_float": floating}
            choices.append(Choice(f"{rank}-D {kind}", settings))
    return Axis(name, "call", tuple(choices))


def padding_axis(name: str, *, floats: bool = True) -> Axis:
    """Return the axis of a padding mask: none, or one of bools or floats."""
    choices = (
        Choice("None", {name: 0, f"{name}_float": 0}),
        Choice("bool", {name: 1, f"{name}_float": 0}),
        Choice("float", {name: 1, f"{name}_float": 1}),
    )
    return Axis(name, "call", choices if floats else choices[:2])


def hint_axis(name: str) -> Axis:
    """Return the axis of a hint that may be left to torch."""
    choices = (Choice("None", {name: None}), Choice("False", {name: 0}), Choice("True", {name: 1}))
    return Axis(name, "call", choices)


LAYER_AXES = (
    Axis.flag("bias", "constructor", plain=True),
    Axis.flag("batch_first", "constructor", plain=False),
    Axis.flag("norm_first", "constructor", plain=False),
    Axis(
        "activation",
        "constructor",
        (
            Choice("relu", {"activation_relu_or_gelu": 1}, "relu"),
            Choice("gelu", {"activation_relu_or_gelu": 2}, "gelu"),
            Choice("other", {"activation_relu_or_gelu": 0}, abs),
        ),
    ),
    Axis(
        "dropout",
        "constructor",
        (Choice("0", {"dropout": 0}, 0.0), Choice("p", {"dropout": 1}, 0.25)),
    ),
)
CALL_AXES = (
    Axis("rank", "call", (Choice("3-D", {"batched": 1}), Choice("2-D", {"batched": 0}))),
    Axis.flag("training", "call", plain=True),
    Axis.flag("grad", "call", plain=True),
)
