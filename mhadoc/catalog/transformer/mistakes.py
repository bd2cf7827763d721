"""Each way to call nn.Transformer wrongly that torch rejects."""

from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.mistakes.broken import wider
from mhadoc.catalog.transformer.rules import FORWARD, hints
from mhadoc.catalog.transformer_mistakes import (
    called,
    changed,
    kinds,
    mask_shapes,
    padding_shapes,
)
from mhadoc.catalog.transformer_terms import S, T, batched
from mhadoc.language import Requirement

_PADDING = "src_key_padding_mask"


def _fewer(seen: Any) -> dict[str, Any]:
    """Leave out the last of the targets."""
    tgt, axis = seen.inputs["tgt"], 0 if seen.values["batch_first"] else 1
    return {"tgt": tgt.narrow(axis, 0, tgt.shape[axis] - 1)}


MISTAKES = (
    *called(
        "Transformer",
        "mask",
        "src_mask, tgt_mask or memory_mask",
        "tgt",
        FORWARD,
        "pass the target as well; for one sequence alone take nn.TransformerEncoder",
    ),
    changed(
        "tgt",
        "tensor",
        "tgt is a tensor",
        "AttributeError: 'list' object has no attribute 'size'",
        "pass a tensor",
        lambda tgt: tgt.tolist(),
        FORWARD,
    ),
    changed(
        "src",
        "tensor",
        "src is a tensor",
        "AttributeError: 'list' object has no attribute 'dim'",
        "pass a tensor",
        lambda src: src.tolist(),
        FORWARD,
    ),
    Requirement(
        "tgt.batch",
        "src and tgt have one batch size",
        "RuntimeError",
        "the batch number of src and tgt must be equal",
        "pass as many targets as sources; with batch_first=False the batch is the second axis",
        about=("tgt",),
        breaks=_fewer,
        when=And(batched, *(Not(hint) for hint in hints)),
        source=FORWARD,
    ),
    *(
        changed(
            name,
            "features",
            f"{name} has d_model features",
            "RuntimeError: the feature number of src and tgt must be equal to d_model",
            f"pass {name} with d_model features: embed it first",
            wider,
            FORWARD,
        )
        for name in ("src", "tgt")
    ),
    *kinds(
        "src_mask",
        "mask",
        "src",
        "RuntimeError: input to _none_or_dtype() must be None or torch.Tensor",
        FORWARD,
    ),
    *kinds(
        _PADDING,
        _PADDING,
        "src",
        "AttributeError: 'list' object has no attribute 'dtype'",
        FORWARD,
    ),
    *mask_shapes("src_mask", S, S, hints[0]),
    *mask_shapes("tgt_mask", T, T, hints[1]),
    *padding_shapes("tgt_key_padding_mask", T),
    *mask_shapes("memory_mask", T, S, hints[2]),
    *padding_shapes("memory_key_padding_mask", S),
)
