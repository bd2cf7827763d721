"""What the constructor of nn.MultiheadAttention demands, and what torch raises otherwise."""

from __future__ import annotations

from typing import Any

from sympy import Eq, Expr, Mod, Ne, Symbol

from mhadoc.catalog.factory import (
    OVERLOADS,
    initialisable,
    later_size,
    learnable,
    objects,
    truth,
)
from mhadoc.catalog.multihead_attention.symbols import (
    INIT,
    RESET,
    E,
    H,
    given_kdim,
    given_vdim,
    packed,
)
from mhadoc.language import (
    INTEGER,
    NUMBER,
    SIZE,
    Requirement,
)

__all__ = ["REQUIREMENTS"]

_NO_ORDER = "'<=' not supported between instances of '{type_%s}' and 'int'"
_NO_QUOTIENT = "unsupported operand type(s) for //: '{type_embed_dim}' and '{type_num_heads}'"
_NO_SIZE = (
    "empty(): argument 'size' failed to unpack the object at pos 2 with error "
    '"type must be tuple of ints,but got {type_%s}"'
)
_NEGATIVE = "Trying to create tensor with negative dimension {%s}: [{embed_dim}, {%s}]"
_POSITIVE = (
    "embed_dim and num_heads must be greater than 0, "
    "got embed_dim={embed_dim} and num_heads={num_heads} instead"
)


#: The width as it is given, which may be negative.
given_width = Symbol("embed_dim", integer=True)

_GOOD = {"embed_dim": 10, "num_heads": 2}
_ROLES = {"kdim": "key", "vdim": "value"}


def _comparable(name: str) -> Requirement:
    return Requirement(
        f"{name}.number",
        f"{name} must be a number",
        "TypeError",
        _NO_ORDER % name,
        f"pass {name} as a positive int",
        about=(name,),
        accepts=NUMBER,
        example={**_GOOD, name: "5"},
        source=INIT,
        before={"2.1": {"message": _NO_QUOTIENT}},
    )


def _size(name: str) -> Requirement:
    return Requirement(
        f"{name}.int",
        f"{name} must be an int, or None for embed_dim",
        "TypeError",
        _NO_SIZE % name,
        f"pass {name} as an int, or leave it out",
        about=(name,),
        accepts=SIZE,
        unless=packed,
        example={**_GOOD, name: 11.0},
        source=INIT,
        before=later_size(f"type_{name}"),
    )


def _negative(name: str, given: Expr) -> Requirement:
    return Requirement(
        f"{name}.negative",
        f"{name} must not be negative",
        "RuntimeError",
        _NEGATIVE % (name, name),
        f"pass the number of features that the {_ROLES[name]} has, or leave {name} out",
        holds=given >= 0,
        unless=packed,
        about=(name,),
        example={**_GOOD, name: -1},
        source=INIT,
    )


def _positive(name: str, size: Expr, example: int, **before: Any) -> Requirement:
    return Requirement(
        f"{name}.positive",
        "embed_dim and num_heads must be greater than 0",
        "ValueError",
        _POSITIVE,
        "pass two positive ints",
        holds=size > 0,
        about=("embed_dim", "num_heads"),
        example={**_GOOD, name: example},
        source=INIT,
        before={"2.1": before},
    )


REQUIREMENTS = (
    _comparable("embed_dim"),
    _positive(
        "embed_dim",
        E,
        -10,
        error="RuntimeError",
        message="Trying to create tensor with negative dimension {rows}: [{rows}, {embed_dim}]",
        computes={"rows": 3 * E},
        holds=given_width >= 0,
    ),
    _comparable("num_heads"),
    _positive(
        "num_heads",
        H,
        0,
        error="ZeroDivisionError",
        message="integer division or modulo by zero",
        holds=Ne(H, 0),
    ),
    Requirement(
        "num_heads.divides",
        "num_heads must divide embed_dim",
        "AssertionError",
        "embed_dim must be divisible by num_heads",
        "choose num_heads from {divisors}, or an embed_dim that is a multiple of num_heads",
        holds=Eq(Mod(E, H), 0),
        about=("embed_dim", "num_heads"),
        example={"embed_dim": 10, "num_heads": 3},
        source=INIT,
    ),
    Requirement(
        "embed_dim.int",
        "embed_dim must be an int",
        "TypeError",
        "empty(): argument 'size' (position 1) must be tuple of ints, "
        "but found element of type {type_embed_dim} at pos 0",
        "pass embed_dim as an int",
        about=("embed_dim",),
        accepts=INTEGER,
        example={"embed_dim": 10.0, "num_heads": 2},
        source=INIT,
        before=OVERLOADS,
    ),
    *objects(_GOOD, INIT),
    learnable(_GOOD, INIT),
    _size("kdim"),
    _negative("kdim", given_kdim),
    _size("vdim"),
    _negative("vdim", given_vdim),
    truth("bias", INIT),
    truth("add_bias_kv", INIT),
    initialisable(RESET),
)
