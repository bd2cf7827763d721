"""Each way to call nn.Transformer wrongly that torch rejects."""

from typing import Any

from sympy import And, Eq, Ne, Not, Or

from mhadoc.catalog.breaking import wider
from mhadoc.catalog.transformer.rules import FORWARD, hints
from mhadoc.catalog.transformer_mistakes import (
    called,
    changed,
    kinds,
    mask_shapes,
    padding_shapes,
)
from mhadoc.catalog.transformer_terms import S, T, batch_first, batched, d_model
from mhadoc.language import Measured, Requirement

_PADDING = "src_key_padding_mask"
_src, _tgt = Measured("src"), Measured("tgt")


def _fewer(seen: Any) -> dict[str, Any]:
    """Leave out the last of the targets, and the masks that go with them."""
    tgt, axis = seen.inputs["tgt"], 0 if seen.values["batch_first"] else 1
    masks = {name: None for name in seen.inputs if name.startswith(("tgt_", "memory_"))}
    hints = {name: False for name in masks if name.endswith("_is_causal")}
    return {"tgt": tgt.narrow(axis, 0, tgt.shape[axis] - 1), **masks, **hints}


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
        fits=Or(
            Ne(_src.rank, 3),
            Not(_tgt.tensor),
            And(batch_first, Eq(_tgt.axis_0, _src.axis_0)),
            And(Not(batch_first), Eq(_tgt.axis_1, _src.axis_1)),
        ),
        expected="must have the batch size of src: {N}",
        observed="has shape {tgt.shape}",
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
            fits=Or(Not(given.tensor), Eq(given.features, d_model)),
            expected="must have d_model = {d_model} features",
            observed=f"has {{{name}.features}}",
        )
        for name, given in (("src", _src), ("tgt", _tgt))
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
