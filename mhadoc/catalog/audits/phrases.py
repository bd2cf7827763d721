"""How remarks are written, and the remarks on sentences that several docstrings share."""

from __future__ import annotations

from mhadoc.language import HOLDS, INCOMPLETE, WRONG, Remark

__all__ = [
    "ADVICE",
    "EXAMPLES",
    "HINT",
    "INTRODUCTION",
    "PAPER",
    "REFERENCES",
    "SPEED",
    "arguments_of",
    "causal",
    "forward_of",
    "holds",
    "incomplete",
    "wrong",
]

ADVICE = "advice to the reader"
PAPER = "a pointer to the paper"
SPEED = "a promise of speed, which differs from machine to machine"

#: What every class says of itself before it says what it does.
INTRODUCTION = (
    ("The intent of this layer is as a reference implementation", "what the class is meant for"),
    ("we recommend exploring this `tutorial", ADVICE),
)
REFERENCES = (("https://arxiv.org/abs/2205.14135", "a link"), (".. _`FlashAttention:", "a link"))


def holds(quotation: str, *proof: str) -> Remark:
    """Return the remark that a statement is true as it stands."""
    return Remark(quotation, HOLDS, proof)


def incomplete(quotation: str, missing: str, *proof: str) -> Remark:
    """Return the remark that a statement leaves out something that a reader would trip over."""
    return Remark(quotation, INCOMPLETE, proof, missing)


def wrong(quotation: str, instead: str, *proof: str) -> Remark:
    """Return the remark that a statement is false, with what is true."""
    return Remark(quotation, WRONG, proof, instead)


EXAMPLES = "doc.family.examples"
HINT = "doc.family.shapes"


def arguments_of(name: str, dropout: str, layer: str) -> tuple[Remark, ...]:
    """Return the remarks on the arguments that a layer and a whole Transformer share.

    ``dropout`` is the claim on where dropout acts, ``layer`` the spec whose activation is meant.
    """
    return (
        *_parts_of(name, dropout, layer),
        incomplete(
            "the input and output tensors are provided as (batch, seq, feature)",
            "Masks are batch first either way, and unbatched input has no axis for the batch.",
            f"{name}.batch_first",
            "mha.batch_first.swaps",
            "mha.unbatched.batch_first",
        ),
        holds("Default: ``False`` (seq, batch, feature).", f"{name}.batch_first"),
        holds("Default: ``False`` (after).", f"{name}.norm_first"),
        holds("bias. Default: ``True``.", f"{name}.bias"),
        incomplete(
            "Args:",
            "`device` and `dtype` are arguments too.",
            f"{name}.device",
            f"{name}.dtype",
        ),
    )


def _parts_of(name: str, dropout: str, layer: str) -> tuple[Remark, ...]:
    """Return the remarks on the arguments that size a layer's two parts, and shape the second."""
    return (
        incomplete(
            "nhead: the number of heads in the multiheadattention models",
            "`nhead` must divide `d_model`, or the constructor raises.",
            f"{name}.nhead",
            "MultiheadAttention.num_heads.divides",
        ),
        holds("dim_feedforward: the dimension of the feedforward", f"{name}.dim_feedforward"),
        incomplete(
            "dropout: the dropout value (default=0.1).",
            "In training it acts on the attention weights, on what each part adds, and inside the "
            "feed-forward part.",
            f"{name}.dropout",
            dropout,
        ),
        incomplete(
            '("relu" or "gelu") or a unary callable',
            "Any other text raises, and only ReLU and GELU allow an encoder layer its fast path.",
            f"{layer}.activation.name",
            "tr.fast.torch_relu",
        ),
        holds("Default: relu", f"{name}.activation"),
    )


def causal(name: str, hint: str, mask: str, *proof: str) -> tuple[Remark, ...]:
    """Return the remarks on a hint: the ``mask`` as the docstring spells it, where it fails."""
    told = mask.replace(" ", "_")
    return (
        wrong(
            f"{hint}: If specified, applies a causal mask as ``{mask}``.",
            "By itself it applies none: without a mask the call raises, and on the fast path "
            "nothing is hidden."
            if not hint.startswith(("tgt", "memory"))
            else "By itself it applies none: without a mask the call raises.",
            f"{name}.{hint}.needs_mask",
            *(() if hint.startswith(("tgt", "memory")) else ("tr.fast.is_causal_ignored",)),
        ),
        incomplete(
            f"``{hint}`` provides a hint that ``{told}`` is",
            "Where it acts it is more than a hint: the attention hides what comes later, "
            "whatever the mask says.",
            *(proof or ("mha.causal.replaces",)),
        ),
    )


def forward_of(name: str, *required: str, **optional: str) -> tuple[Remark, ...]:
    """Return the remarks on described inputs: the words of the docstring, and the rule of each."""
    given = (holds(f"{each} (required).", f"{name}.{each.partition(':')[0]}") for each in required)
    may = (holds(f"{key}: {words} (optional).", f"{name}.{key}") for key, words in optional.items())
    return (*given, *may)
