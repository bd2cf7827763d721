"""The docstring of multi_head_attention_forward, the function behind the module."""

from __future__ import annotations

from mhadoc.catalog.audits.phrases import PAPER, SPEED, holds, incomplete, wrong
from mhadoc.language import Audit

__all__ = ["AUDITS"]

_DEFAULTS = "doc.function.defaults"
_WEIGHTS = "MultiheadAttention.attn_output_weights"
_COLUMNS = "With extra keys there are more columns than S: `{{{}}}`."

_ATTEND = Audit(
    path="torch.nn.functional.multi_head_attention_forward",
    asides=(
        ("See :class:`torch.nn.MultiheadAttention` for details.", "a link"),
        ('See "Attention Is All You Need" for more details.', PAPER),
        ("leads to a significant performance degradation", SPEED),
    ),
    remarks=(
        incomplete(
            "Forward method for MultiHeadAttention.",
            "Off the fast path: on it forward calls another kernel.",
            "mha.functional.same",
            "mha.fast_path.kernel",
        ),
        holds("map a query and a set of key-value pairs to an output", "mha.functional.same"),
        incomplete(
            "embed_dim_to_check: total dimension of the model.",
            "It is only compared with the query's width; another one raises.",
            "mha.functional.embed_dim",
        ),
        incomplete(
            "num_heads: parallel attention heads.",
            "It must divide the width, or the call raises.",
            "mha.functional.num_heads",
        ),
        incomplete(
            "in_proj_weight, in_proj_bias: input projection weight and bias. bias_k",
            "The rows are q's, then k's, then v's.",
            "mha.packed.order",
        ),
        wrong(
            "bias of the key and value sequences to be added at dim=0",
            "Nothing is added: they are one more key and one more value, after the last. Both have "
            "to be given, or neither.",
            "mha.extra.last",
            "mha.functional.bias_kv",
        ),
        wrong(
            "add a new batch of zeros to the key and value sequences at dim=1",
            "No batch: one key and one value of zeros come after the last position.",
            "mha.extra.zeros",
            "mha.extra.last",
        ),
        incomplete(
            "dropout_p: probability of an element to be zeroed.",
            "An element of the weights; the others are divided by `1 - dropout_p`.",
            "mha.dropout.returned",
            "mha.dropout.used",
        ),
        holds("the output projection weight and bias", "mha.functional.same"),
        incomplete(
            "training: apply dropout if is ``True``.",
            "True is the default, so that weights are dropped for a module in eval mode too.",
            "mha.functional.training",
            _DEFAULTS,
        ),
        holds("specified padding elements in the key will be", "mha.mask.padding_true_hides"),
        wrong(
            "This is a binary mask.",
            "One of floats is taken as well, and added to the scores.",
            "mha.mask.floats_added",
        ),
        incomplete(
            "the corresponding value on the attention layer will be filled with -inf",
            "The score, before the softmax: the weight becomes 0, and NaN where nothing is left.",
            "mha.mask.bool_as_floats",
            "mha.nan.with_weights",
        ),
        incomplete(
            "need_weights: output attn_output_weights.",
            "A pair comes out either way; without weights its second element is None.",
            f"{_WEIGHTS}.none",
        ),
        holds("attn_output_weights. Default: `True`", _DEFAULTS),
        wrong(
            "`needs_weight` defaults to `True`",
            "There is no such parameter: it is called `need_weights`.",
            "doc.function.names",
        ),
        wrong(
            "*Setting needs_weights to `True`",
            "There is no such parameter either: it is called `need_weights`.",
            "doc.function.names",
        ),
        holds(
            "2D or 3D mask that prevents attention to certain positions",
            "mha.mask.true_hides",
            "MultiheadAttention.attn_mask.rank",
        ),
        incomplete(
            "A 2D mask will be broadcasted for all the batches",
            "For all heads as well.",
            "mha.mask.matrix_everywhere",
        ),
        incomplete(
            "allows to specify a different mask for the entries of each batch",
            "For each head as well; the one of head h in element n is at `n * num_heads + h`.",
            "mha.mask.per_head",
        ),
        wrong(
            "applies a causal mask as attention mask, and ignores attn_mask for computing",
            "Only with `need_weights=False` and without a padding mask; otherwise the mask given "
            "is used and the flag ignored. An `attn_mask` must be given in any case.",
            "mha.causal.replaces",
            "mha.causal.with_weights",
            "mha.causal.with_padding",
            "MultiheadAttention.is_causal.needs_mask",
        ),
        holds("attention. Default: ``False``.", _DEFAULTS),
        incomplete(
            "provides a hint that the attn_mask is the causal mask",
            "Where it acts it is more than a hint: it discards the mask given.",
            "mha.causal.replaces",
        ),
        holds("Providing incorrect hints can result in incorrect", "mha.causal.replaces"),
        holds("the function accept the proj. weights for query, key", "mha.functional.separate"),
        holds(
            "a combination of q_proj_weight, k_proj_weight, v_proj_weight",
            "mha.layout.same_numbers",
            "mha.packed.order",
        ),
        incomplete(
            "q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias: input projection",
            "Those of key and value may have another width; the bias is one for all three.",
            "mha.functional.weight_shapes",
            "mha.separate.bias",
        ),
        incomplete(
            "static_k, static_v: static key and value used for attention operators.",
            "They take the place of the projected key and value, and do not go together with "
            "`bias_k` and `bias_v`.",
            "mha.functional.static",
            "mha.functional.static_bias",
        ),
        holds("should be averaged across heads", "mha.average.mean"),
        holds("``attn_weights`` are provided separately per head", f"{_WEIGHTS}.per_head"),
        holds("this flag only has an effect when ``need_weights=True.``", "mha.average.no_effect"),
        holds("``need_weights=True.``. Default: True", _DEFAULTS),
        holds("- query: :math:`(L, E)`", "MultiheadAttention.query"),
        wrong(
            "- key: :math:`(S, E)`",
            "With separate weights a key may have features of its own number: "
            "`{MultiheadAttention.key.sequence_first}`.",
            "MultiheadAttention.key.sequence_first",
            "mha.functional.weight_shapes",
        ),
        wrong(
            "- value: :math:`(S, E)`",
            "With separate weights a value may have features of its own number: "
            "`{MultiheadAttention.value.sequence_first}`.",
            "MultiheadAttention.value.sequence_first",
            "mha.functional.weight_shapes",
        ),
        holds("- key_padding_mask: :math:`(S)`", "MultiheadAttention.key_padding_mask"),
        wrong(
            "it will be directly added to the value",
            "No value changes: the floats are added to the scaled scores of that key.",
            "mha.mask.floats_added",
        ),
        holds("value of ``True`` will be ignored", "mha.mask.padding_true_hides"),
        incomplete(
            "3D mask :math:`(N*num_heads, L, S)`",
            "For unbatched input it is `{MultiheadAttention.attn_mask.per_head_unbatched}`.",
            "MultiheadAttention.attn_mask.per_head",
            "MultiheadAttention.attn_mask.per_head_unbatched",
        ),
        incomplete(
            "position i is allowed to attend the unmasked positions",
            "Unless a padding mask hides them.",
            "mha.mask.either_hides",
        ),
        holds("are not allowed to attend while ``False`` values", "mha.mask.true_hides"),
        wrong(
            "it will be added to the attention weight",
            "It is added to the scaled scores, before the softmax makes weights of them.",
            "mha.mask.floats_added",
        ),
        holds("- static_k: :math:`(N*num_heads, S", "mha.functional.static_sizes"),
        holds("- static_v: :math:`(N*num_heads, S", "mha.functional.static_sizes"),
        holds("E/num_heads is the head dimension.", "mha.functional.static_sizes"),
        holds(
            "- attn_output: :math:`(L, E)`",
            "MultiheadAttention.attn_output.sequence_first",
            "MultiheadAttention.attn_output.unbatched",
        ),
        wrong(
            "Only returned when ``need_weights=True``.",
            "The pair always has two elements: without weights the second is None.",
            f"{_WEIGHTS}.none",
        ),
        wrong(
            "weights averaged across heads of shape",
            _COLUMNS.format(f"{_WEIGHTS}.averaged"),
            f"{_WEIGHTS}.averaged",
            "mha.extra.last",
        ),
        wrong(
            "returns attention weights per head of shape",
            _COLUMNS.format(f"{_WEIGHTS}.per_head"),
            f"{_WEIGHTS}.per_head",
            "mha.extra.last",
        ),
    ),
)

AUDITS = (_ATTEND,)
