"""What forward of the Transformer classes demands of its sequences, and what torch raises else."""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Basic, Expr, Not, floor

from mhadoc.catalog.breaking import features, longer, other_rank, wider
from mhadoc.catalog.multihead_attention.mistakes.broken import multiplies
from mhadoc.catalog.transformer_mistakes import ATTEND, CHECK, SLOW, WORDS, changed
from mhadoc.catalog.transformer_terms import N, batch_first, batched, d_model, nhead
from mhadoc.language import Requirement

__all__ = ["memory_shapes", "sequence_shapes", "two_axes"]

_MATRICES = "mat1 and mat2 shapes cannot be multiplied ({rows}x{features} and {d_model}x{columns})"
_NORM = "torch: layer_norm"
_OTHER = "expected scalar type %s but found %s"
_NARROWER = "mixed dtype (CPU): expect input to have scalar type of BFloat16"


def sequence_shapes(name: str, norm_first: Basic) -> tuple[Requirement, ...]:
    """Return the demands on the sequence that a layer transforms."""
    attended, normed = And(SLOW, Not(norm_first)), And(SLOW, norm_first)
    rank = changed(
        name,
        "rank",
        f"{name} has two axes (one sequence) or three (a batch)",
        "AssertionError: query should be unbatched 2D or batched 3D tensor but received 4-D "
        "query tensor",
        f"reshape {name} to three axes",
        lambda sequence: sequence[None],
        CHECK,
        batched,
    )
    return (rank, *_features(name, attended, normed), *_dtypes(name, normed))


def _features(name: str, attended: Basic, normed: Basic) -> tuple[Requirement, ...]:
    hint = f"pass {name} with d_model features, or build with d_model={name}.shape[-1]"
    return (
        changed(
            name,
            "features",
            f"{name} has d_model features",
            "AssertionError: was expecting embedding dimension of {d_model}, but got {features}",
            hint,
            wider,
            ATTEND,
            attended,
            features=features(name),
        ),
        changed(
            name,
            "features_normed",
            f"{name} has d_model features, where a norm comes first",
            "RuntimeError: Given normalized_shape=[{d_model}], expected input with shape "
            "[*, {d_model}], but got input of size{sizes}",
            hint,
            wider,
            _NORM,
            normed,
            sizes=lambda shown: list(shown[name].shape),
        ),
    )


def _dtypes(name: str, normed: Basic) -> tuple[Requirement, ...]:
    demand = f"{name} has the module's dtype, where a norm comes first"
    narrower = changed(
        name,
        "dtype_normed",
        demand,
        "RuntimeError: mixed dtype (CPU): expect parameter to have scalar type of Float",
        f"pass {name}.to(dtype), or convert the module",
        lambda sequence: sequence.float(),
        _NORM,
        normed,
    )
    broader = Requirement(
        f"{name}.dtype_wider",
        f"{demand}; numpy's is float64",
        "RuntimeError",
        "mixed dtype (CPU): all inputs must share same datatype.",
        f"pass {name}.float(), or convert the module",
        about=(name,),
        breaks=lambda seen: {"module": seen.built().float()},
        when=normed,
        source=_NORM,
        before={"2.1": {"message": _NARROWER}, "2.0": {"message": _OTHER % ("Double", "Float")}},
    )
    return replace(narrower, before={"2.0": {"message": _OTHER % ("Float", "Double")}}), broader


def memory_shapes(length: Expr, source: str) -> tuple[Requirement, ...]:
    """Return the demands on the memory of a decoder."""
    return (*_memory_axes(source), _memory_features(), _memory_batch(length))


def _memory_axes(source: str) -> tuple[Requirement, ...]:
    return (
        changed(
            "memory",
            "tensor",
            "memory is a tensor",
            "AttributeError: 'list' object has no attribute 'is_nested'",
            "pass what the encoder returned",
            lambda memory: memory.tolist(),
            source,
        ),
        changed(
            "memory",
            "rank",
            "memory has as many axes as tgt",
            f"AssertionError: {WORDS}`key` and `value` to be 3-D but found 2-D and 2-D tensors "
            "respectively",
            "give the memory the batch axis of tgt, or take both away",
            other_rank,
            CHECK,
            batched,
        ),
    )


def _memory_features() -> Requirement:
    demand = changed(
        "memory",
        "features",
        "memory has d_model features",
        f"RuntimeError: {{operator}}: {_MATRICES}",
        "build the encoder with the decoder's d_model, or project the memory",
        wider,
        ATTEND,
        rows=lambda shown: shown["memory"].numel() // shown["memory"].shape[-1],
        features=features("memory"),
        columns=d_model * (1 + batched),
        operator=multiplies,
    )
    return replace(demand, before={"2.15": {"message": _MATRICES}})


def _memory_batch(length: Expr) -> Requirement:
    return Requirement(
        "memory.batch",
        "memory has the batch size of tgt",
        "RuntimeError",
        "shape '[{length}, {heads}, {size}]' is invalid for input of size {elements}",
        "pass as many memories as targets; batch_first is that of the decoder, not the encoder's",
        about=("memory",),
        breaks=lambda seen: {
            "memory": longer(seen.inputs["memory"], 0 if seen.values["batch_first"] else 1)
        },
        when=batched,
        computes={
            "length": 1 * length,
            "heads": N * nhead,
            "size": floor(d_model / nhead),
            "elements": lambda shown: shown["memory"].numel(),
        },
        source=ATTEND,
    )


def two_axes(name: str) -> Requirement:
    """Return the demand of a stack on the number of axes of a sequence."""
    demand = changed(
        name,
        "two_axes",
        f"{name} has at least two axes, with batch_first=True",
        "IndexError: tuple index out of range",
        f"pass {name} with two axes (one sequence) or three (a batch)",
        lambda sequence: sequence.flatten(),
        "torch/nn/modules/transformer.py: _get_seq_len",
        batch_first,
    )
    return replace(demand, since="2.1")
