"""All that is stated of torch.nn.functional.multi_head_attention_forward."""

from mhadoc.catalog.multi_head_attention_forward.claims import CLAIMS
from mhadoc.catalog.multi_head_attention_forward.grid import CASES, SYMBOLS, shaped
from mhadoc.catalog.multi_head_attention_forward.mistakes import MISTAKES
from mhadoc.catalog.multi_head_attention_forward.rules import INPUTS, OUTPUTS
from mhadoc.language import ModuleSpec

__all__ = ["SPEC"]

SPEC = ModuleSpec(
    name="multi_head_attention_forward",
    path="torch.nn.functional.multi_head_attention_forward",
    kind="function",
    summary="what MultiheadAttention computes outside its fast path, every tensor passed in",
    symbols=SYMBOLS,
    arguments=(),
    requirements=(),
    attributes=(),
    parameters=(),
    inputs=INPUTS,
    outputs=OUTPUTS,
    call_requirements=MISTAKES,
    cases=CASES,
    claims=CLAIMS,
    shaped=shaped,
)
