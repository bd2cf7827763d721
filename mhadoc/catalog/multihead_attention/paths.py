"""The two paths of forward: what the fused kernel needs, and which call takes which path."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sympy import And, Basic, Eq, Implies, Mod, Not, Or

from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    H,
    add_bias_kv,
    add_zero_attn,
    attn_mask_float,
    attn_mask_rank,
    batch_first,
    batched,
    bias,
    dropout,
    grad,
    is_causal,
    need_weights,
    packed,
    padding_mask,
    padding_mask_float,
    tensors,
    training,
)
from mhadoc.language import Measured, Requirement, Symbol
from mhadoc.language.compiled import truth
from mhadoc.language.releases import newer

#: What the choice of path also depends on: not the arguments, but what surrounds the call.
SURROUNDINGS = (
    Symbol("fast_path_enabled", "`torch.backends.mha.get_fastpath_enabled()`", "flag"),
    Symbol("bias_dtype", "whether `in_proj_bias` is absent or of the query's dtype", "flag"),
    Symbol("weight_dtype", "whether `in_proj_weight` is of the query's dtype", "flag"),
    Symbol("nested", "whether the query is a nested tensor", "flag"),
    Symbol("autocast", "`torch.is_autocast_enabled()`, which asks for CUDA only", "flag"),
    Symbol("overridden", "whether a tensor has a `__torch_function__` of its own", "flag"),
    Symbol("known_device", "whether every tensor is on `cpu`, `cuda` or `privateuseone`", "flag"),
    Symbol("traced", "whether `make_fx` or `torch.export` is tracing", "flag"),
)
(
    fast_path_enabled,
    bias_dtype,
    weight_dtype,
    nested,
    autocast,
    overridden,
    known_device,
    traced,
) = (symbol.expr for symbol in SURROUNDINGS)

_NOT_SAME = "dtypes of query ({query.dtype}) and self.%s ({module.%s.dtype}) don't match"
_BOTH_MASKS = (
    "supplying both src_key_padding_mask and src_mask at the same time"
    f"{'':33} is not supported with NestedTensor input"
)


def path_condition(
    source: str, id: str, holds: Basic, demand: str, reason: str, hint: str, **dates: Any
) -> Requirement:
    """Return a condition of a fast path, with torch's own reason why it is not taken.

    Outside the releases from ``since`` to ``until`` it holds in any case.
    """
    if since := dates.get("since"):
        holds = Or(Not(newer(since)), holds)
    if until := dates.get("until"):
        holds = Or(newer(until), holds)
    return Requirement(
        f"fast_path.{id}", demand, "", reason, hint, holds=holds, source=source, **dates
    )


_condition = partial(path_condition, FORWARD)


#: What has to hold for torch._native_multi_head_attention to be called, in the order in which torch
#: looks; with torch's own reason otherwise, which is the empty text for ``bias=False``.
FAST_PATH = (
    _condition(
        "enabled",
        fast_path_enabled,
        "the fast path is not switched off",
        "torch.backends.mha.get_fastpath_enabled() was not True",
        "call torch.backends.mha.set_fastpath_enabled(True)",
        since="2.3",
    ),
    _condition(
        "batched",
        batched,
        "the query has three axes",
        "input not batched; expected query.dim() of 3 but got {query.ndim}",
        "add a batch axis of one",
    ),
    _condition(
        "self_attention",
        Eq(tensors, 1),
        "query, key and value are one and the same object",
        "non-self attention was used (query, key, and value are not the same Tensor)",
        "pass the same tensor three times",
    ),
    _condition(
        "bias_dtype",
        bias_dtype,
        "`in_proj_bias` has the query's dtype",
        _NOT_SAME % ("in_proj_bias", "in_proj_bias"),
        "convert the module and the query to one dtype",
    ),
    _condition(
        "packed",
        packed,
        "`kdim` and `vdim` are `embed_dim`",
        "in_proj_weight was None",
        "leave kdim and vdim out",
        before={"2.1": {"message": "_qkv_same_embed_dim was not True"}},
    ),
    _condition(
        "weight_dtype",
        weight_dtype,
        "`in_proj_weight` has the query's dtype",
        _NOT_SAME % ("in_proj_weight", "in_proj_weight"),
        "convert the module and the query to one dtype",
    ),
    _condition(
        "eval",
        Not(training),
        "the module is in eval mode",
        "training is enabled",
        "call module.eval()",
    ),
    _condition(
        "even_heads",
        Or(Eq(Mod(H, 2), 0), And(newer("2.0"), Not(newer("2.1")))),
        "`num_heads` is even",
        "self.num_heads is not even",
        "choose an even num_heads",
        before={"2.0": {"message": "num_heads is odd"}},
    ),
    _condition(
        "batch_first",
        batch_first,
        "the module was built with `batch_first=True`",
        "batch_first was not True",
        "build with batch_first=True",
    ),
    _condition(
        "no_bias_kv",
        Not(add_bias_kv),
        "the module was built with `add_bias_kv=False`",
        "self.bias_k was not None",
        "build with add_bias_kv=False",
    ),
    _condition(
        "no_dropout",
        Not(dropout),
        "`dropout` is 0, also in eval mode",
        "dropout was {module.dropout}, required zero",
        "set module.dropout = 0.0 where it is not trained any more",
        until="2.0",
    ),
    _condition(
        "no_zero_attn",
        Not(add_zero_attn),
        "the module was built with `add_zero_attn=False`",
        "add_zero_attn was enabled",
        "build with add_zero_attn=False",
    ),
    _condition(
        "no_mask",
        Eq(attn_mask_rank, 0),
        "there is no `attn_mask`",
        "attn_mask was not None",
        "leave the mask out",
        until="2.0",
    ),
    _condition(
        "nested_unpadded",
        Not(And(nested, padding_mask)),
        "a nested query comes without a `key_padding_mask`",
        "key_padding_mask is not supported with NestedTensor input",
        "leave out the mask: a nested tensor knows its lengths",
        until="2.0",
    ),
    _condition(
        "nested_alone",
        Not(And(nested, Or(padding_mask, attn_mask_rank > 0))),
        "a nested query comes without masks",
        _BOTH_MASKS,
        "leave out the masks: a nested tensor knows its lengths",
        since="2.0",
    ),
    _condition(
        "autocast",
        Not(autocast),
        "CUDA's autocast is off",
        "autocast is enabled",
        "leave torch.autocast, or convert the module by hand",
    ),
    _condition(
        "float_mask",
        And(
            Implies(attn_mask_rank > 0, Not(attn_mask_float)),
            Implies(padding_mask, Not(padding_mask_float)),
        ),
        "no mask is one of floats",
        "floating-point masks are not supported for fast path.",
        "pass boolean masks",
        since="2.1",
    ),
    _condition(
        "plain_tensors",
        Not(overridden),
        "no tensor is of a subclass with `__torch_function__`",
        "some Tensor argument has_torch_function",
        "pass plain tensors",
    ),
    _condition(
        "device",
        known_device,
        "every tensor is on `cpu`, `cuda` or the `privateuseone` device",
        "some Tensor argument's device is neither one of cpu, cuda or privateuseone",
        "move module and query to the CPU or a CUDA device",
        before={"2.1": {"message": "some Tensor argument is neither CUDA nor CPU"}},
    ),
    _condition(
        "no_grad",
        Not(grad),
        "autograd is disabled, or neither the query nor a projection requires a gradient",
        "grad is enabled and at least one of query or the "
        "input/output projection weights or biases requires_grad",
        "call under torch.no_grad() or torch.inference_mode()",
    ),
    _condition(
        "not_traced",
        Not(traced),
        "neither `make_fx` nor `torch.export` is tracing",
        "we are running make_fx tracing",
        "run the module as it is",
        since="2.1",
    ),
    _condition(
        "bias",
        bias,
        "the module was built with `bias=True`",
        "",
        "build with bias=True",
        since="2.1",
    ),
)

_SURROUNDINGS = {symbol.expr for symbol in SURROUNDINGS}

#: The conditions that the arguments decide; the others hold wherever nothing unusual is done.
FAST_ARGUMENTS = tuple(c for c in FAST_PATH if not c.holds.free_symbols & _SURROUNDINGS)

#: The fused kernel is called in a case exactly when this holds.
fast = And(*(condition.holds for condition in FAST_ARGUMENTS))

#: Before torch 2.0 floats that pad were not added beside a mask: they were taken for booleans.
LOST = And(Not(newer("2.0")), attn_mask_rank > 0, padding_mask, padding_mask_float)

#: Calls that bugs broke: torch 2.0 sent them to the fused kernel, which failed, or took floats for
#: booleans as well.
BROKEN = Or(
    LOST,
    And(
        Not(newer("2.1")),
        fast,
        Or(
            Not(bias),
            And(attn_mask_rank > 0, attn_mask_float),
            And(padding_mask, padding_mask_float),
        ),
    ),
)

#: The same, whatever surrounds the call.
taken = And(*(condition.holds for condition in FAST_PATH))

#: The call goes on to F.multi_head_attention_forward.
slow = And(Not(taken), Not(Or(*(Measured(name).nested for name in ("query", "key", "value")))))

#: forward merges the masks for the fused kernel, even where ``bias=False`` then keeps it from it.
merges = And(*(c.holds for c in FAST_ARGUMENTS if c.id != "fast_path.bias"))

#: The call asks for a causal mask that it does not give.
hinted = And(is_causal, Eq(attn_mask_rank, 0))

#: scaled_dot_product_attention makes the causal mask itself and the mask given is not looked at.
discards_mask = And(is_causal, attn_mask_rank > 0, Not(padding_mask), Not(need_weights), Not(fast))


#: The CPU's kernel of scaled_dot_product_attention, which torch 2.1 brought, takes the masks.
KERNEL_OF_FUNCTION = Or(newer("2.3"), And(newer("2.1"), Eq(attn_mask_rank, 0), Not(padding_mask)))

CALL_REQUIREMENTS = (
    Requirement(
        "is_causal.needs_mask",
        "`is_causal=True` needs an `attn_mask` outside the fast path",
        "RuntimeError",
        "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
        "method `generate_square_subsequent_mask` to create this mask.",
        "pass attn_mask=nn.Transformer.generate_square_subsequent_mask(L) as well",
        holds=Not(And(hinted, Not(fast))),
        fits=Or(Not(is_causal), Measured("attn_mask").given, Not(slow)),
        expected="must come with an attn_mask, outside the fast path",
        observed="comes without",
        about=("is_causal",),
        source=ATTEND,
    ),
)


def reason(shown: Mapping[str, Any]) -> str:
    """Return torch's reason why a call does not take the fast path.

    ``shown`` holds the value of every symbol, the surroundings too, the inputs, and the module.
    """
    broken = (c.message for c in FAST_PATH if not truth(c.holds, shown))
    return next(broken, "").format_map(shown)
