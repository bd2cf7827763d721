"""All that is stated of torch.nn.MultiheadAttention."""

from mhadoc.catalog.multihead_attention.call import INPUTS, OUTPUTS
from mhadoc.catalog.multihead_attention.claims import CLAIMS
from mhadoc.catalog.multihead_attention.constructor import ARGUMENTS, ATTRIBUTES
from mhadoc.catalog.multihead_attention.costs import FLOPS
from mhadoc.catalog.multihead_attention.doubts import DOUBTS
from mhadoc.catalog.multihead_attention.grid import CASES
from mhadoc.catalog.multihead_attention.measured import measured, read, surroundings
from mhadoc.catalog.multihead_attention.mistakes import MISTAKES
from mhadoc.catalog.multihead_attention.parameters import PARAMETERS
from mhadoc.catalog.multihead_attention.paths import FAST_PATH
from mhadoc.catalog.multihead_attention.refused import REQUIREMENTS
from mhadoc.catalog.multihead_attention.steps import STEPS
from mhadoc.catalog.multihead_attention.symbols import SYMBOLS
from mhadoc.catalog.multihead_attention.tables import TABLES
from mhadoc.language import ModuleSpec

__all__ = ["SPEC"]

SPEC = ModuleSpec(
    name="MultiheadAttention",
    path="torch.nn.MultiheadAttention",
    summary="attention of L queries over S keys and values, in H heads side by side",
    symbols=SYMBOLS,
    arguments=ARGUMENTS,
    requirements=REQUIREMENTS,
    attributes=ATTRIBUTES,
    parameters=PARAMETERS,
    inputs=INPUTS,
    outputs=OUTPUTS,
    call_requirements=MISTAKES,
    fast_path=FAST_PATH,
    doubts=DOUBTS,
    cases=CASES,
    claims=CLAIMS,
    tables=TABLES,
    steps=STEPS,
    flops=FLOPS,
    read=read,
    measured=measured,
    surroundings=surroundings,
)
