"""The constructor of nn.MultiheadAttention: arguments, what it demands, and attributes."""

from sympy import Eq, floor

from mhadoc.catalog.multihead_attention.symbols import (
    INIT,
    E,
    H,
    add_zero_attn,
    batch_first,
    kdim,
    packed,
    vdim,
)
from mhadoc.language import (
    DTYPE,
    INTEGER,
    NUMBER,
    SIZE,
    TRUTH,
    Argument,
    Attribute,
    Requirement,
)

ARGUMENTS = (
    Argument(
        name="embed_dim",
        accepts=INTEGER,
        required=True,
        effect="is the size of every parameter: each has `embed_dim` on at least one axis",
        why="the width of the query and of the output; the heads share it between them.",
        source=INIT,
    ),
    Argument(
        name="num_heads",
        accepts=NUMBER,
        required=True,
        effect="none: no parameter's shape depends on it, and the state_dict does not hold it",
        why="heads divide the width between them, so it must divide `embed_dim`.",
        source=INIT,
    ),
    Argument(
        name="dropout",
        default=0.0,
        effect="none",
        why="the probability of dropping an attention weight in training; "
        "stored as it is given, and first looked at in forward.",
        source=INIT,
    ),
    Argument(
        name="bias",
        accepts=TRUTH,
        default=True,
        effect="adds `in_proj_bias` and `out_proj.bias`",
        why="one switch for both biases; anything with a truth value is taken.",
        source=INIT,
    ),
    Argument(
        name="add_bias_kv",
        accepts=TRUTH,
        default=False,
        effect="adds `bias_k` and `bias_v`",
        why="appends one learned key and value position after the source sequence.",
        source=INIT,
    ),
    Argument(
        name="add_zero_attn",
        accepts=TRUTH,
        default=False,
        effect="none",
        why="appends one key and value position of zeros after all others.",
        source=INIT,
    ),
    Argument(
        name="kdim",
        accepts=SIZE,
        default=None,
        becomes=E,
        effect="when it is not `embed_dim`, replaces `in_proj_weight` by three separate weights",
        why="features of the key; None stands for `embed_dim`.",
        source=INIT,
    ),
    Argument(
        name="vdim",
        accepts=SIZE,
        default=None,
        becomes=E,
        effect="when it is not `embed_dim`, replaces `in_proj_weight` by three separate weights",
        why="features of the value; None stands for `embed_dim`.",
        source=INIT,
    ),
    Argument(
        name="batch_first",
        default=False,
        effect="none",
        why="says whether batched tensors are (N, L, E) or (L, N, E); "
        "ignored for unbatched input, and never changes the weights returned.",
        source=INIT,
    ),
    Argument(
        name="device",
        default=None,
        effect="none on shapes: every parameter is created there",
        why="None stands for torch's current default device.",
        source=INIT,
    ),
    Argument(
        name="dtype",
        accepts=DTYPE,
        default=None,
        effect="none on shapes: every parameter has this dtype",
        why="None stands for `torch.get_default_dtype()`.",
        source=INIT,
    ),
)

_NO_ORDER = "'<=' not supported between instances of '{type_%s}' and 'int'"
_NO_SIZE = (
    "empty(): argument 'size' failed to unpack the object at pos 2 with error "
    '"type must be tuple of ints,but got {type_%s}"'
)
_NO_TRUTH = "Boolean value of Tensor with more than one value is ambiguous"
_NEGATIVE = "Trying to create tensor with negative dimension {%s}: [{embed_dim}, {%s}]"
_POSITIVE = (
    "embed_dim and num_heads must be greater than 0, "
    "got embed_dim={embed_dim} and num_heads={num_heads} instead"
)


_GOOD = {"embed_dim": 10, "num_heads": 2}


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
    )


def _truth(name: str) -> Requirement:
    return Requirement(
        f"{name}.truth",
        f"{name} must have a truth value",
        "RuntimeError",
        _NO_TRUTH,
        f"pass {name}=True or {name}=False",
        about=(name,),
        accepts=TRUTH,
        source=INIT,
    )


REQUIREMENTS = (
    _comparable("embed_dim"),
    _comparable("num_heads"),
    Requirement(
        "embed_dim.positive",
        "embed_dim and num_heads must be greater than 0",
        "ValueError",
        _POSITIVE,
        "pass two positive ints",
        holds=E > 0,
        about=("embed_dim", "num_heads"),
        example={"embed_dim": -10, "num_heads": 2},
        source=INIT,
    ),
    Requirement(
        "num_heads.positive",
        "embed_dim and num_heads must be greater than 0",
        "ValueError",
        _POSITIVE,
        "pass two positive ints",
        holds=H > 0,
        about=("embed_dim", "num_heads"),
        example={"embed_dim": 10, "num_heads": 0},
        source=INIT,
    ),
    Requirement(
        "num_heads.divides",
        "num_heads must divide embed_dim",
        "AssertionError",
        "embed_dim must be divisible by num_heads",
        "choose num_heads from {divisors}, or an embed_dim that is a multiple of num_heads",
        holds=Eq(floor(E / H) * H, E),
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
    ),
    _size("kdim"),
    Requirement(
        "kdim.negative",
        "kdim must not be negative",
        "RuntimeError",
        _NEGATIVE % ("kdim", "kdim"),
        "pass the number of features that the key has, or leave kdim out",
        holds=kdim >= 0,
        about=("kdim",),
        example={**_GOOD, "kdim": -1},
        source=INIT,
    ),
    _size("vdim"),
    Requirement(
        "vdim.negative",
        "vdim must not be negative",
        "RuntimeError",
        _NEGATIVE % ("vdim", "vdim"),
        "pass the number of features that the value has, or leave vdim out",
        holds=vdim >= 0,
        about=("vdim",),
        example={**_GOOD, "vdim": -1},
        source=INIT,
    ),
    Requirement(
        "dtype.learnable",
        "dtype must be a floating or complex dtype that torch can initialise",
        "RuntimeError",
        "Only Tensors of floating point and complex dtype can require gradients",
        "pass torch.float32, torch.float64, torch.float16 or torch.bfloat16",
        about=("dtype",),
        accepts=DTYPE,
        source=INIT,
    ),
    _truth("bias"),
    _truth("add_bias_kv"),
)

ATTRIBUTES = (
    Attribute(
        name="embed_dim",
        label="attribute",
        value=E,
        why="kept as given.",
        source=INIT,
    ),
    Attribute(
        name="num_heads",
        label="attribute",
        value=H,
        why="kept as given; it lives here only, never in the state_dict.",
        source=INIT,
    ),
    Attribute(
        name="kdim",
        label="attribute",
        value=kdim,
        why="never None: it has become `embed_dim` where nothing was given.",
        source=INIT,
    ),
    Attribute(
        name="vdim",
        label="attribute",
        value=vdim,
        why="never None: it has become `embed_dim` where nothing was given.",
        source=INIT,
    ),
    Attribute(
        name="head_dim",
        label="attribute",
        value=E / H,
        why="depends on `embed_dim` and `num_heads` alone, never on `kdim` or `vdim`.",
        source=INIT,
    ),
    Attribute(
        name="_qkv_same_embed_dim",
        label="attribute",
        value=packed,
        why="True exactly in the packed layout, "
        "whether `kdim` and `vdim` were left out or passed as equal numbers.",
        source=INIT,
    ),
    Attribute(
        name="batch_first",
        label="attribute",
        value=batch_first,
        why="kept as given; may be changed on a built module, as no parameter depends on it.",
        source=INIT,
    ),
    Attribute(
        name="add_zero_attn",
        label="attribute",
        value=add_zero_attn,
        why="kept as given; `add_bias_kv` by contrast leaves no attribute of its name.",
        source=INIT,
    ),
)
