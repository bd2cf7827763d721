"""How remarks are written, and the remarks on sentences that several docstrings share."""

from __future__ import annotations

from mhadoc.language import HOLDS, INCOMPLETE, WRONG, Remark

__all__ = [
    "ADVICE",
    "INTRODUCTION",
    "PAPER",
    "REFERENCES",
    "SPEED",
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
