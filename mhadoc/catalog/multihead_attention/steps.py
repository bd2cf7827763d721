"""What one forward makes of query, key and value on the way to the output."""

from __future__ import annotations

from mhadoc.catalog.multihead_attention.symbols import D, E, H, L, N, S, kdim, keys, vdim
from mhadoc.language import Made, Shape, Step

__all__ = ["STEPS"]

STEPS = (
    Step(
        "a call takes, batch first",
        (
            Made("query", Shape(N, L, E), "q"),
            Made("key", Shape(N, S, kdim), "k"),
            Made("value", Shape(N, S, vdim), "v"),
        ),
    ),
    Step(
        "project each to embed_dim, packed or apart",
        (
            Made("q", Shape(N, L, E), "q"),
            Made("k", Shape(N, S, E), "k"),
            Made("v", Shape(N, S, E), "v"),
        ),
        uses="in_proj_weight",
    ),
    Step(
        "give each head its head_dim features",
        (
            Made("q by head", Shape(N, H, L, D), "q"),
            Made("k by head", Shape(N, H, keys, D), "k"),
            Made("v by head", Shape(N, H, keys, D), "v"),
        ),
    ),
    Step(
        "compare q with k; masks are added here",
        (Made("scores", Shape(N, H, L, keys)),),
    ),
    Step(
        "softmax; what is returned is the mean over heads",
        (
            Made("weights", Shape(N, H, L, keys)),
            Made("attn_output_weights", Shape(N, L, keys)),
        ),
    ),
    Step(
        "mix v with these weights, head by head",
        (Made("each head's output", Shape(N, H, L, D)),),
    ),
    Step("put the heads side by side", (Made("all heads", Shape(N, L, E)),)),
    Step(
        "project once more",
        (Made("attn_output", Shape(N, L, E)),),
        uses="out_proj.weight",
    ),
)
