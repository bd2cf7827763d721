"""The docstrings of nn.MultiheadAttention and of its forward."""

from __future__ import annotations

from mhadoc.catalog.audits.phrases import (
    INTRODUCTION,
    PAPER,
    REFERENCES,
    SPEED,
    holds,
    incomplete,
    wrong,
)
from mhadoc.language import Audit

__all__ = ["AUDITS"]

_CLASS = Audit(
    path="torch.nn.MultiheadAttention",
    asides=(
        *INTRODUCTION,
        ("an additional speedup proportional to the fraction", SPEED),
        *REFERENCES,
    ),
    remarks=(
        holds("jointly attend to information from different representation", "mha.layout.heads"),
        incomplete(
            "implements the original architecture described",
            "Beyond the paper, every projection has a bias unless `bias=False`, dropout acts on "
            "the weights, and `add_bias_kv` and `add_zero_attn` append keys.",
            "MultiheadAttention.in_proj_bias",
            "mha.dropout.used",
            "mha.extra.last",
        ),
        incomplete(
            r"\text{Concat}(\text{head}_1,\dots,\text{head}_h)W^O",
            "`out_proj.bias` is added once to the sum over the heads.",
            "mha.out_proj.bias_once",
        ),
        incomplete(
            r"\text{head}_i = \text{Attention}(QW_i^Q, KW_i^K, VW_i^V)",
            "`in_proj_bias` is added too. torch stores the weights transposed: head i has its own "
            "rows of each of q, k and v.",
            "mha.layout.heads",
            "mha.packed.order",
        ),
        wrong(
            "will use the optimized implementations of ``scaled_dot_product_attention()``",
            "Off the fast path it is used with `need_weights=False` only, and True is the default.",
            "doc.mha.sdpa",
        ),
        wrong(
            "MHA will use fastpath inference with support for Nested Tensors, iff:",
            "The list lacks conditions: an even `num_heads`, `bias=True`, no mask of floats, "
            "weights of the query's dtype, plain tensors, a device that has the kernel, and no "
            "tracing.",
            "mha.fast_path.kernel",
            "mha.fast_path.even_heads",
            "mha.fast_path.bias",
            "mha.fast_path.float_mask",
            "mha.fast_path.weight_dtype",
            "mha.fast_path.bias_dtype",
            "mha.fast_path.plain_tensors",
            "mha.fast_path.device",
            "mha.fast_path.not_traced",
            "mha.fast_path.enabled",
        ),
        incomplete(
            "``query``, ``key``, and ``value`` are the same tensor",
            "They must be one object: equal copies and views do not count.",
            "mha.fast_path.same_object",
        ),
        holds(
            "inputs are batched (3D) with ``batch_first==True``",
            "mha.fast_path.batched",
            "mha.fast_path.batch_first",
        ),
        incomplete(
            "or no tensor argument ``requires_grad``",
            "The module's own projections count as well, so that a fresh module never qualifies.",
            "mha.fast_path.frozen",
            "mha.fast_path.no_grad",
        ),
        holds("training is disabled (using ``.eval()``)", "mha.fast_path.eval"),
        holds("``add_bias_kv`` is ``False``", "mha.fast_path.no_bias_kv"),
        holds("``add_zero_attn`` is ``False``", "mha.fast_path.no_zero_attn"),
        holds("``kdim`` and ``vdim`` are equal to ``embed_dim``", "mha.fast_path.packed"),
        holds(
            "is passed, neither ``key_padding_mask`` nor ``attn_mask`` is passed",
            "mha.fast_path.nested_alone",
        ),
        wrong(
            "autocast is disabled",
            "Only autocast for CUDA counts: under autocast for the CPU the fast path is taken.",
            "mha.fast_path.autocast",
            "mha.fast_path.autocast_cpu",
        ),
        holds("can be passed for ``query``/``key``/``value`` to represent", "mha.nested.output"),
        incomplete(
            "will be returned, and an additional speedup",
            "The output alone is nested. The weights, which come by default, are one tensor padded "
            "to the longest sequence.",
            "mha.nested.weights",
        ),
        incomplete(
            "Args:",
            "`device` and `dtype` are arguments too.",
            "MultiheadAttention.device",
            "MultiheadAttention.dtype",
        ),
        holds(
            "embed_dim: Total dimension of the model.",
            "mha.query.features",
            "MultiheadAttention.embed_dim",
        ),
        holds("num_heads: Number of parallel attention heads.", "MultiheadAttention.num_heads"),
        incomplete(
            "each head will have dimension ``embed_dim // num_heads``",
            "`num_heads` must divide `embed_dim`, or the constructor raises.",
            "MultiheadAttention.head_dim.attribute",
            "MultiheadAttention.num_heads.divides",
        ),
        incomplete(
            "dropout: Dropout probability on ``attn_output_weights``.",
            "In training only. The output is made from what is left, and the weights returned need "
            "not add up to 1.",
            "mha.dropout.eval",
            "mha.dropout.used",
            "mha.dropout.returned",
        ),
        holds("Default: ``0.0`` (no dropout).", "MultiheadAttention.dropout"),
        incomplete(
            "bias: If specified, adds bias to input / output projection layers.",
            "What counts is the truth value, not whether it is given. There are no input layers "
            "but parameters; and without biases the fast path is never taken.",
            "mha.bias.truth",
            "mha.walk.printed",
            "mha.fast_path.bias",
        ),
        holds("projection layers. Default: ``True``.", "MultiheadAttention.bias"),
        wrong(
            "adds bias to the key and value sequences at dim=0.",
            "Nothing is added to any key. One learned key and value come after the last one, so "
            "that the weights have another column; with `batch_first=True` that is dim 1.",
            "mha.extra.last",
            "mha.extra.unprojected",
            "MultiheadAttention.bias_k",
        ),
        holds("at dim=0. Default: ``False``.", "MultiheadAttention.add_bias_kv"),
        wrong(
            "adds a new batch of zeros to the key and value sequences at dim=1.",
            "No batch: one key and one value of zeros come after the last position, in each batch "
            "element, with a score of 0.",
            "mha.extra.zeros",
            "mha.extra.last",
        ),
        holds("at dim=1. Default: ``False``.", "MultiheadAttention.add_zero_attn"),
        incomplete(
            "kdim: Total number of features for keys.",
            "Any other than `embed_dim` also changes the parameters: three separate weights in "
            "place of `in_proj_weight`.",
            "mha.kdim.only_one",
            "mha.projections.unused",
        ),
        holds("``None`` (uses ``kdim=embed_dim``)", "mha.kdim.default"),
        incomplete(
            "vdim: Total number of features for values.",
            "Any other than `embed_dim` also changes the parameters, those for the key included.",
            "mha.kdim.only_one",
        ),
        holds("``None`` (uses ``vdim=embed_dim``)", "mha.kdim.default"),
        incomplete(
            "the input and output tensors are provided as (batch, seq, feature)",
            "Masks and weights are batch first either way, and unbatched input has no such order.",
            "mha.batch_first.swaps",
            "mha.unbatched.batch_first",
        ),
        holds("Default: ``False`` (seq, batch, feature).", "MultiheadAttention.batch_first"),
        wrong(
            ">>> multihead_attn = nn.MultiheadAttention(embed_dim, num_heads)",
            "The example is marked as skipped and cannot run: nothing defines its five names.",
            "doc.mha.example",
        ),
    ),
)

_WEIGHTS = "MultiheadAttention.attn_output_weights"

_FORWARD = Audit(
    path="torch.nn.MultiheadAttention.forward",
    asides=(('See "Attention Is All You Need" for more details.', PAPER),),
    remarks=(
        holds("Compute attention outputs using query, key, and value", "mha.functional.same"),
        holds(
            "optional parameters for padding, masks and attention weights",
            "MultiheadAttention.key_padding_mask",
            "MultiheadAttention.attn_mask",
            "MultiheadAttention.need_weights",
        ),
        holds("query: Query embeddings of shape", "MultiheadAttention.query"),
        holds("the query embedding dimension ``embed_dim``", "mha.query.features"),
        wrong(
            "Queries are compared against key-value pairs",
            "Queries are compared with keys alone: no weight depends on a value.",
            "doc.mha.values",
        ),
        holds("key: Key embeddings of shape", "MultiheadAttention.key"),
        holds("the key embedding dimension ``kdim``", "MultiheadAttention.key"),
        holds("value: Value embeddings of shape", "MultiheadAttention.value"),
        holds("the value embedding dimension ``vdim``", "MultiheadAttention.value"),
        incomplete(
            "indicating which elements within ``key`` to ignore",
            "Keys only: the queries at padded positions are answered like any other.",
            "MultiheadAttention.key_padding_mask.batched",
            "mha.mask.padded_queries",
        ),
        holds("For unbatched `query`, shape should be", "MultiheadAttention.key_padding_mask"),
        incomplete(
            "Binary and float masks are supported.",
            "Binary means `torch.bool` alone: a mask of integers is refused.",
            "MultiheadAttention.key_padding_mask.dtype",
            "MultiheadAttention.attn_mask.dtype",
        ),
        holds(
            "a ``True`` value indicates that the corresponding ``key`` value will be ignored",
            "mha.mask.padding_true_hides",
        ),
        wrong(
            "it will be directly added to the corresponding ``key`` value",
            "No key changes: the floats are added to the scaled scores of that key, before the "
            "softmax.",
            "mha.mask.floats_added",
        ),
        incomplete(
            "returns ``attn_output_weights`` in addition to ``attn_outputs``",
            "A pair comes out either way; without weights its second element is None.",
            "mha.need_weights.output",
            f"{_WEIGHTS}.none",
        ),
        incomplete(
            "to use the optimized ``scaled_dot_product_attention``",
            "It also changes results: a query that sees no key gives `out_proj.bias` and not NaN, "
            "and `is_causal` begins to act.",
            "doc.mha.sdpa",
            "mha.nan.without_weights",
            "mha.causal.replaces",
        ),
        holds("best performance for MHA. Default: ``True``.", "MultiheadAttention.need_weights"),
        holds(
            "a 2D or 3D mask preventing attention to certain positions",
            "mha.mask.true_hides",
            "MultiheadAttention.attn_mask.rank",
        ),
        incomplete(
            "Must be of shape",
            "For unbatched input the 3-D form is `{MultiheadAttention.attn_mask."
            "per_head_unbatched}`. On the fast path torch only looks at the number of elements.",
            "MultiheadAttention.attn_mask.per_head_unbatched",
            "MultiheadAttention.attn_mask.per_head",
            "mha.fast_path.matrix_elements",
            "mha.fast_path.per_head_elements",
        ),
        incomplete(
            "A 2D mask will be broadcasted across the batch",
            "Across the heads as well.",
            "mha.mask.matrix_everywhere",
        ),
        incomplete(
            "a 3D mask allows for a different mask for each entry in the batch",
            "For each head as well; the one of head h in element n is at `n * num_heads + h`.",
            "mha.mask.per_head",
            "mha.silent.repeat",
        ),
        holds("corresponding position is not allowed to attend", "mha.mask.true_hides"),
        wrong(
            "the mask values will be added to the attention weight",
            "They are added to the scaled scores, before the softmax makes weights of them.",
            "mha.mask.floats_added",
        ),
        incomplete(
            "their types should match",
            "Two kinds work together, with a warning that this is deprecated.",
            "mha.mask.mixed",
        ),
        holds("should be averaged across heads", "mha.average.mean"),
        holds("``attn_weights`` are provided separately per head", f"{_WEIGHTS}.per_head"),
        holds("this flag only has an effect when ``need_weights=True``", "mha.average.no_effect"),
        holds("(i.e. average weights across heads)", "MultiheadAttention.average_attn_weights"),
        wrong(
            "is_causal: If specified, applies a causal mask as attention mask.",
            "By itself it applies none: with `need_weights=True`, the default, a padding mask, or "
            "on the fast path it is ignored, and elsewhere an `attn_mask` must be given as well.",
            "mha.causal.with_weights",
            "mha.causal.with_padding",
            "mha.causal.makes_no_mask",
            "MultiheadAttention.is_causal.needs_mask",
        ),
        holds("attention mask. Default: ``False``.", "MultiheadAttention.is_causal"),
        incomplete(
            "``is_causal`` provides a hint that ``attn_mask`` is the causal mask",
            "More than a hint with `need_weights=False`: there it discards the mask given.",
            "mha.causal.replaces",
        ),
        holds(
            "Providing incorrect hints can result in incorrect execution",
            "mha.causal.replaces",
            "mha.causal.unchecked",
        ),
        holds("Attention outputs of shape", "MultiheadAttention.attn_output"),
        wrong(
            "Only returned when ``need_weights=True``.",
            "Something is always returned: None without weights, and None for empty input on the "
            "fast path even with `need_weights=True`.",
            f"{_WEIGHTS}.none",
            "mha.fast_path.empty",
        ),
        wrong(
            "returns attention weights averaged across heads of shape",
            f"With extra keys there are more columns than S: `{{{_WEIGHTS}.averaged}}`.",
            f"{_WEIGHTS}.averaged",
            f"{_WEIGHTS}.averaged_unbatched",
            "mha.extra.last",
        ),
        wrong(
            "returns attention weights per head of shape",
            f"With extra keys there are more columns than S: `{{{_WEIGHTS}.per_head}}`.",
            f"{_WEIGHTS}.per_head",
            f"{_WEIGHTS}.per_head_unbatched",
            "mha.extra.last",
        ),
        holds("argument is ignored for unbatched inputs", "mha.unbatched.batch_first"),
    ),
)

AUDITS = (_CLASS, _FORWARD)
