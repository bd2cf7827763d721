"""The two paths of forward: the conditions of the fused kernel, and what the other demands."""

from sympy import And, Eq, Implies, Mod, Not

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
    grad,
    is_causal,
    need_weights,
    packed,
    padding_mask,
    padding_mask_float,
    tensors,
    training,
)
from mhadoc.language import Requirement


def _condition(id: str, holds: object, demand: str, reason: str, hint: str) -> Requirement:
    return Requirement(id, demand, "", reason, hint, holds=holds, source=FORWARD)


#: What has to hold for torch._native_multi_head_attention to be called; torch's own reason where
#: it has one, which is the empty text for ``bias=False``.
FAST_PATH = (
    _condition(
        "fast_path.float_mask",
        And(
            Implies(attn_mask_rank > 0, Not(attn_mask_float)),
            Implies(padding_mask, Not(padding_mask_float)),
        ),
        "no mask is one of floats",
        "floating-point masks are not supported for fast path.",
        "pass boolean masks",
    ),
    _condition(
        "fast_path.batched",
        batched,
        "the query has three axes",
        "input not batched; expected query.dim() of 3 but got 2",
        "add a batch axis of one",
    ),
    _condition(
        "fast_path.self_attention",
        Eq(tensors, 1),
        "query, key and value are one and the same object",
        "non-self attention was used (query, key, and value are not the same Tensor)",
        "pass the same tensor three times",
    ),
    _condition(
        "fast_path.packed",
        packed,
        "kdim and vdim are embed_dim",
        "in_proj_weight was None",
        "leave kdim and vdim out",
    ),
    _condition(
        "fast_path.eval",
        Not(training),
        "the module is in eval mode",
        "training is enabled",
        "call module.eval()",
    ),
    _condition(
        "fast_path.even_heads",
        Eq(Mod(H, 2), 0),
        "num_heads is even",
        "self.num_heads is not even",
        "choose an even num_heads",
    ),
    _condition(
        "fast_path.batch_first",
        batch_first,
        "the module was built with batch_first=True",
        "batch_first was not True",
        "build with batch_first=True",
    ),
    _condition(
        "fast_path.no_bias_kv",
        Not(add_bias_kv),
        "the module was built with add_bias_kv=False",
        "self.bias_k was not None",
        "build with add_bias_kv=False",
    ),
    _condition(
        "fast_path.no_zero_attn",
        Not(add_zero_attn),
        "the module was built with add_zero_attn=False",
        "add_zero_attn was enabled",
        "build with add_zero_attn=False",
    ),
    _condition(
        "fast_path.no_grad",
        Not(grad),
        "autograd is disabled, or neither the query nor a projection requires a gradient",
        "grad is enabled and at least one of query or the "
        "input/output projection weights or biases requires_grad",
        "call under torch.no_grad() or torch.inference_mode()",
    ),
    _condition(
        "fast_path.bias",
        bias,
        "the module was built with bias=True",
        "",
        "build with bias=True",
    ),
)

#: The fused kernel is called in a case exactly when this holds.
fast = And(*(requirement.holds for requirement in FAST_PATH))

CALL_REQUIREMENTS = (
    Requirement(
        "is_causal.needs_mask",
        "is_causal=True needs an attn_mask outside the fast path",
        "RuntimeError",
        "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
        "method `generate_square_subsequent_mask` to create this mask.",
        "pass attn_mask=nn.Transformer.generate_square_subsequent_mask(L) as well",
        holds=Not(And(is_causal, Eq(attn_mask_rank, 0), Not(fast))),
        about=("is_causal",),
        source=ATTEND,
    ),
)

#: scaled_dot_product_attention makes the causal mask itself and the mask given is not looked at.
discards_mask = And(is_causal, attn_mask_rank > 0, Not(padding_mask), Not(need_weights), Not(fast))
