"""The docstring of scaled_dot_product_attention."""

from __future__ import annotations

from mhadoc.catalog.audits.phrases import holds, incomplete, wrong
from mhadoc.language import Audit

__all__ = ["AUDITS"]

_NAME = "scaled_dot_product_attention"
_GPU = "about GPUs, or a kernel that is chosen by hand: the proof tries neither"
_LINK = "a link"

_SDPA = Audit(
    path=f"torch.nn.functional.{_NAME}",
    asides=(
        ("This function is beta and subject to change.", "a plan for later releases"),
        ("Grouped Query Attention (GQA) is an experimental feature.", "a plan for later releases"),
        ("`FlashAttention-2: Faster Attention", _LINK),
        ("- `Memory-Efficient Attention`_", _LINK),
        ("All implementations are enabled by default.", _GPU),
        ("the following functions are provided for enabling", _GPU),
        ("- :func:`torch.nn.attention.sdpa_kernel`", _GPU),
        ("- :func:`torch.backends.cuda.enable_flash_sdp`", _GPU),
        ("- :func:`torch.backends.cuda.enable_mem_efficient_sdp`", _GPU),
        ("- :func:`torch.backends.cuda.enable_math_sdp`", _GPU),
        ("If the user requires the use of a specific fused implementation", _GPU),
        ("In the event that a fused implementation is not available", _GPU),
        ("all intermediates are kept in torch.float if inputs are", _GPU),
        ("For more information please see :doc:", _LINK),
        ("In some circumstances when given tensors on a CUDA device", _GPU),
        ("make the operation deterministic", _GPU),
        ("See :doc:`/notes/randomness` for more information.", _LINK),
        (">>> # Optionally use the context manager to ensure one", _GPU),
        (">>> # Sample for GQA for llama3", _GPU),
        ("https://arxiv.org/abs/2307.08691", _LINK),
        (".. _FlashAttention-2", _LINK),
        (".. _Memory-Efficient Attention:", _LINK),
        (".. _Grouped-Query Attention:", _LINK),
        ("https://github.com/facebookresearch/xformers", _LINK),
        ("https://arxiv.org/pdf/2305.13245", _LINK),
    ),
    remarks=(
        holds(f"{_NAME}(query, key, value, attn_mask=None, dropout_p=0.0,", f"{_NAME}.dropout_p"),
        holds("Computes scaled dot product attention on query, key and value", "sdpa.formula"),
        holds("argument can only be specified as a keyword argument", f"{_NAME}.scale"),
        holds("scale_factor = 1 / math.sqrt(query.size(-1)) if scale is None", "sdpa.scale"),
        wrong(
            "assert attn_mask is None",
            "The fused kernel of the CPU takes `is_causal=True` and a mask together.",
            "sdpa.causal.both",
        ),
        holds("attn_bias.masked_fill_(attn_mask.logical_not()", "sdpa.mask.keeps"),
        holds("attn_bias = attn_mask + attn_bias", "sdpa.mask.floats_added"),
        holds("key = key.repeat_interleave(query.size(-3)//key.size(-3)", "sdpa.gqa.neighbours"),
        wrong(
            "attn_weight = torch.softmax(attn_weight, dim=-1)",
            "By these lines a query that sees no key would be NaN; it comes out as zeros.",
            "sdpa.hidden_row",
        ),
        holds("torch.dropout(attn_weight, dropout_p, train=True)", "sdpa.dropout.always"),
        holds("This function always applies dropout", "sdpa.dropout.always"),
        holds("be sure to pass a value of ``0.0`` when", "sdpa.dropout.always"),
        holds("class MyModel(nn.Module):", "sdpa.dropout.always"),
        holds("dropout_p=(self.p if self.training else 0.0)", "sdpa.dropout.always"),
        incomplete(
            "The boolean mask semantics for ``attn_mask`` are the inverse of",
            "The inverse of MultiheadAttention's own `attn_mask` as well.",
            "sdpa.mask.opposite",
        ),
        holds("``True`` indicates values to **participate** in attention", "sdpa.mask.keeps"),
        incomplete(
            "``True`` indicates values to be **masked out** (padding).",
            "In its `attn_mask` too, which is not about padding.",
            "mha.mask.true_hides",
            "mha.mask.padding_true_hides",
        ),
        holds("If migrating from MHA, ensure you invert your boolean mask", "sdpa.mask.opposite"),
        wrong(
            "A PyTorch implementation defined in C++ matching the above formulation",
            "It differs where a query sees no key: zeros and not NaN.",
            "sdpa.hidden_row",
        ),
        incomplete(
            "There are currently three supported implementations",
            "The CPU's fused kernel is another one.",
            "sdpa.kernel.conditions",
        ),
        incomplete(
            "may call optimized kernels for improved performance when using the CUDA",
            "On the CPU as well.",
            "sdpa.kernel.conditions",
        ),
        wrong(
            "For all other backends, the PyTorch implementation will be used.",
            "The CPU has a fused kernel of its own, which takes calls that the others refuse.",
            "sdpa.kernel.conditions",
            "sdpa.causal.both",
            "sdpa.silent.value_length",
        ),
        holds(
            "attempts to automatically select the most optimal implementation",
            "sdpa.kernel.conditions",
        ),
        holds(
            "Each of the fused kernels has specific input limitations.",
            "sdpa.kernel.conditions",
            "sdpa.kernel.mask",
        ),
        incomplete(
            "may be different depending on what backend kernel is chosen",
            "Which calls are refused depends on it too.",
            "sdpa.causal.both",
            "sdpa.silent.value_length",
        ),
        holds("The c++ implementation supports torch.float64", "sdpa.formula"),
        wrong(
            "It currently works only for Flash_attention and math kernel on CUDA tensor",
            "It works on the CPU.",
            "sdpa.gqa.neighbours",
        ),
        holds(
            "number_of_heads_query % number_of_heads_key_value == 0",
            f"{_NAME}.enable_gqa.divides",
        ),
        wrong(
            "number_of_heads_key == number_of_heads_value",
            "They may differ, if each divides the query's.",
            "sdpa.gqa.value_heads",
        ),
        incomplete(
            "query (Tensor): Query tensor; shape",
            "The axes in front may be missing, and broadcast.",
            f"{_NAME}.query",
            "sdpa.front.broadcasts",
        ),
        incomplete(
            "key (Tensor): Key tensor; shape",
            "The axes in front may be missing, and broadcast.",
            f"{_NAME}.key",
            "sdpa.front.broadcasts",
        ),
        incomplete(
            "value (Tensor): Value tensor; shape",
            "The axes in front may be missing, and broadcast; the fused kernel takes one that is "
            "too short.",
            f"{_NAME}.value",
            "sdpa.front.broadcasts",
            "sdpa.silent.value_length",
        ),
        holds("shape must be broadcastable to the shape of attention", "sdpa.mask.broadcasts"),
        holds("Two types of masks are supported.", f"{_NAME}.attn_mask.integers"),
        holds("indicates that the element *should* take part", "sdpa.mask.keeps"),
        incomplete(
            "A float mask of the same type as query, key, value that is added",
            "One of float32 goes with a query of float16 or bfloat16 as well.",
            "sdpa.mask.floats_added",
            "sdpa.mask.single",
        ),
        incomplete(
            "dropout_p (float): Dropout probability; if greater than 0.0",
            "In eval mode too. A negative one counts as 0 outside the fused kernel.",
            "sdpa.dropout.always",
            "sdpa.dropout.negative",
        ),
        holds("the attention masking is a lower triangular matrix", "sdpa.causal.top_left"),
        incomplete(
            "has the form of the upper left causal bias",
            "So with fewer queries than keys the last keys are hidden from every query.",
            "sdpa.causal.top_left",
        ),
        wrong(
            "An error is thrown if both attn_mask and is_causal are set.",
            "Not on the CPU, where the fused kernel runs: it obeys both.",
            "sdpa.causal.both",
        ),
        holds("Scaling factor applied prior to softmax.", "sdpa.scale"),
        holds("If None, the default value is set to", "sdpa.formula"),
        holds("by default it is set to False", f"{_NAME}.enable_gqa"),
        incomplete(
            "output (Tensor): Attention output; shape",
            "The weights are never returned.",
            f"{_NAME}.output",
            "sdpa.returns",
        ),
        holds(r"- :math:`N: \text{Batch size}", f"{_NAME}.query"),
        holds(r"- :math:`S: \text{Source", f"{_NAME}.key"),
        holds(r"- :math:`L: \text{Target", f"{_NAME}.query"),
        holds(r"- :math:`E: \text{Embedding", f"{_NAME}.key"),
        holds(r"- :math:`Ev: \text{Embedding", f"{_NAME}.value"),
        holds(r"- :math:`Hq: \text{Number", f"{_NAME}.query"),
        holds(r"- :math:`H: \text{Number", f"{_NAME}.key"),
    ),
)

AUDITS = (_SDPA,)
