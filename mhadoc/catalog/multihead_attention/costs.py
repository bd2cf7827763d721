"""What one forward of nn.MultiheadAttention costs, in operations on numbers."""

from sympy import Piecewise, expand

from mhadoc.catalog.multihead_attention.symbols import E, L, N, S, batched, kdim, keys, vdim

#: Two for each multiplication and addition: four projections, then the scores and their use.
#: One sequence is a batch of one; the heads share the width, so their number does not matter.
FLOPS = expand(2 * N * E * (2 * L * E + S * kdim + S * vdim) + 4 * N * L * keys * E).subs(
    N, Piecewise((N, batched), (1, True))
)
