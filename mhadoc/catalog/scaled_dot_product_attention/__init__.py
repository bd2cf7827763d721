"""All that is stated of torch.nn.functional.scaled_dot_product_attention."""

from mhadoc.catalog.scaled_dot_product_attention.claims import CLAIMS
from mhadoc.catalog.scaled_dot_product_attention.kernel import FAST_PATH
from mhadoc.catalog.scaled_dot_product_attention.mistakes import MISTAKES
from mhadoc.catalog.scaled_dot_product_attention.rules import CASES, INPUTS, OUTPUTS, shaped
from mhadoc.catalog.scaled_dot_product_attention.symbols import SYMBOLS
from mhadoc.language import ModuleSpec

__all__ = ["SPEC"]

SPEC = ModuleSpec(
    name="scaled_dot_product_attention",
    path="torch.nn.functional.scaled_dot_product_attention",
    kind="function",
    summary="attention of L queries over S keys and values that are projected already",
    symbols=SYMBOLS,
    arguments=(),
    requirements=(),
    attributes=(),
    parameters=(),
    inputs=INPUTS,
    outputs=OUTPUTS,
    call_requirements=MISTAKES,
    fast_path=FAST_PATH,
    cases=CASES,
    claims=CLAIMS,
    shaped=shaped,
    since="2.0",
)
