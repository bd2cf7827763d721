"""The rules of nn.TransformerEncoder: its arguments, what is inside, and its call."""

from sympy import And, Eq, Mod, Not

from mhadoc.catalog import transformer_stack as stack
from mhadoc.catalog.transformer_calls import (
    CALL_AXES,
    LAYER_AXES,
    flag,
    hint_axis,
    mask,
    mask_axis,
    mask_symbols,
    padding,
    padding_axis,
    result,
    sequence,
)
from mhadoc.catalog.transformer_encoder_layer.rules import CALL_REQUIREMENTS as LAYER_DEMANDS
from mhadoc.catalog.transformer_encoder_layer.rules import SPEC as ENCODER_LAYER
from mhadoc.catalog.transformer_encoder_layer.rules import discarded as layer_discarded
from mhadoc.catalog.transformer_terms import (
    SOURCE,
    SYMBOLS,
    S,
    activation_relu_or_gelu,
    batch_first,
    batched,
    bias,
    grad,
    head_dim,
    nhead,
    norm_first,
    training,
)
from mhadoc.language import (
    TRUTH,
    Argument,
    Attribute,
    Axis,
    Cases,
    Choice,
    ModuleSpec,
    Requirement,
    Symbol,
    composed,
)

INIT = f"{SOURCE}: TransformerEncoder.__init__"
FORWARD = f"{SOURCE}: TransformerEncoder.forward"

_MASKS = (*mask_symbols("mask"), *mask_symbols("src_key_padding_mask", padding=True))
_FLAGS = (
    Symbol("enable_nested_tensor", "the constructor's `enable_nested_tensor`", "flag"),
    Symbol("mask_check", "the constructor's `mask_check`", "flag"),
    Symbol("is_causal", "forward's `is_causal`; None is neither", "flag"),
)
mask_rank, mask_float, padded, padded_float = (symbol.expr for symbol in _MASKS)
enable_nested_tensor, mask_check, is_causal = (symbol.expr for symbol in _FLAGS)

_NAMES = (
    *("d_model", "nhead", "dim_feedforward", "num_layers", "S", "N", "i"),
    *("activation_relu_or_gelu", "bias", "batch_first", "norm_first", "dropout", "norm"),
    *("batched", "training", "grad"),
)

#: What has to hold of the layer for padded positions to be left out of the work.
nests = And(
    enable_nested_tensor,
    Not(norm_first),
    batch_first,
    bias,
    activation_relu_or_gelu > 0,
    Eq(Mod(nhead, 2), 0),
)

CHILDREN = stack.children("encoder_layer", ENCODER_LAYER, FORWARD)

ARGUMENTS = (
    *stack.arguments("encoder_layer", INIT),
    Argument(
        name="enable_nested_tensor",
        accepts=TRUTH,
        default=True,
        effect="none",
        why="whether padded positions may be left out of the work in eval mode; their outputs are "
        "then zeros.",
        source=INIT,
    ),
    Argument(
        name="mask_check",
        default=True,
        effect="none",
        why="whether padding is first checked to be all at the end, as nested tensors need it.",
        source=INIT,
    ),
)

REQUIREMENTS = (
    *stack.requirements("encoder_layer", INIT),
    Requirement(
        "enable_nested_tensor.truth",
        "enable_nested_tensor must have a truth value",
        "RuntimeError",
        "Boolean value of Tensor with more than one value is ambiguous",
        "pass enable_nested_tensor=True or False",
        about=("enable_nested_tensor",),
        accepts=TRUTH,
        source=INIT,
    ),
)

(_needs_mask,) = LAYER_DEMANDS
_LAYER_RANK = mask_symbols("src_mask")[0].expr

#: Each layer makes the causal mask itself, and the mask given is not looked at.
discarded = layer_discarded.xreplace({_LAYER_RANK: mask_rank})

CALL_REQUIREMENTS = (
    Requirement(
        "is_causal.needs_mask",
        "is_causal=True needs a mask outside the fast paths of layer and attention",
        _needs_mask.error,
        _needs_mask.message,
        "pass mask=nn.Transformer.generate_square_subsequent_mask(S) as well",
        holds=_needs_mask.holds.xreplace({_LAYER_RANK: mask_rank}),
        about=("is_causal",),
        source=FORWARD,
    ),
    Requirement(
        "src_key_padding_mask.some_left",
        "src_key_padding_mask leaves some position where nested tensors are used; any float but 0 "
        "counts as hidden",
        "RuntimeError",
        "to_padded_tensor: at least one constituent tensor should have non-zero numel",
        "pass a boolean mask, or build with enable_nested_tensor=False",
        holds=Not(padded_float),
        about=("src_key_padding_mask",),
        when=And(nests, padded, batched, Eq(mask_rank, 0), Not(training), Not(grad)),
        source=FORWARD,
    ),
)

SPEC = ModuleSpec(
    name="TransformerEncoder",
    path="torch.nn.TransformerEncoder",
    summary="a stack of encoder layers, and a norm at the end where one is given",
    symbols=(*(SYMBOLS[name] for name in _NAMES), *_MASKS, *_FLAGS),
    arguments=ARGUMENTS,
    requirements=REQUIREMENTS,
    attributes=(
        *stack.attributes(INIT),
        Attribute(
            name="enable_nested_tensor",
            label="attribute",
            value=enable_nested_tensor,
            why="kept as given.",
            source=INIT,
        ),
        Attribute(
            name="use_nested_tensor",
            label="attribute",
            value=nests,
            why="whether nested tensors may be used: asked for, and the layer has a fast path.",
            source=INIT,
        ),
        Attribute(name="mask_check", label="attribute", value=mask_check, why="kept.", source=INIT),
    ),
    children=CHILDREN,
    parameters=composed(CHILDREN),
    inputs=(
        *sequence("src", S, "one vector for each position.", FORWARD),
        *mask("mask", S, S, FORWARD, unmeasured=discarded),
        *padding("src_key_padding_mask", S, FORWARD),
        flag(
            "is_causal",
            None,
            "a hint that `mask` is the causal mask; with None torch looks whether it is.",
            FORWARD,
        ),
    ),
    outputs=result(S, "the input's shape.", FORWARD),
    call_requirements=CALL_REQUIREMENTS,
    cases=Cases(
        sizes={
            "N": 3,
            "nhead": 4,
            "head_dim": 5,
            "d_model": nhead * head_dim,
            "S": 7,
            "dim_feedforward": 11,
            "num_layers": 2,
        },
        axes=(
            *LAYER_AXES,
            stack.NORM_AXIS,
            Axis(
                "heads",
                "constructor",
                (
                    Choice("even", {"nhead": nhead}),
                    Choice("odd", {"nhead": 9, "d_model": 9 * head_dim}),
                ),
            ),
            Axis.flag("enable_nested_tensor", "constructor", plain=True),
            Axis.flag("mask_check", "constructor", plain=True),
            *CALL_AXES,
            mask_axis("mask", 2, 3),
            padding_axis("src_key_padding_mask"),
            hint_axis("is_causal"),
        ),
        strength=2,
    ),
)
