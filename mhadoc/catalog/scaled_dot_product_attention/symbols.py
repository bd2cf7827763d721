"""The symbols of scaled_dot_product_attention, in the letters of torch's page."""

from sympy import Symbol as Real

from mhadoc.catalog.surroundings import GRAD
from mhadoc.language import Symbol

SYMBOLS = (
    Symbol(
        "batch", "the axes in front, any number of them; in query, key and value they broadcast"
    ),
    Symbol("L", "target length: the number of query positions"),
    Symbol("S", "source length: the number of key and value positions"),
    Symbol("E", "features of the query and of the key: of one head, where there are heads"),
    Symbol("Ev", "features of the value and of the output"),
    Symbol("Hq", "heads of the query, with `enable_gqa=True`", least=1),
    Symbol("H", "heads of the key, with `enable_gqa=True`", least=1),
    Symbol("Hv", "heads of the value, with `enable_gqa=True`", least=1),
    Symbol("enable_gqa", "the argument `enable_gqa`", "flag"),
    Symbol("is_causal", "the argument `is_causal`", "flag"),
    Symbol(
        "masked",
        "whether there is an `attn_mask`",
        "flag",
        python=("attn_mask is not None", "attn_mask is None"),
    ),
    Symbol(
        "mask_full",
        "whether `attn_mask` has all axes of the scores",
        "flag",
        python=("attn_mask.ndim == query.ndim", "attn_mask.ndim < query.ndim"),
    ),
    Symbol(
        "mask_flat",
        "whether `attn_mask` has fewer than two axes",
        "flag",
        python=("attn_mask.ndim < 2", "attn_mask.ndim >= 2"),
    ),
    Symbol(
        "mask_three",
        "whether `attn_mask` has three axes",
        "flag",
        python=("attn_mask.ndim == 3", "attn_mask.ndim != 3"),
    ),
    Symbol(
        "mask_float",
        "whether `attn_mask` is one of floats",
        "flag",
        python=("attn_mask.is_floating_point()", "attn_mask.dtype == torch.bool"),
    ),
    Symbol(
        "scaled", "whether `scale` is given", "flag", python=("scale is not None", "scale is None")
    ),
    Symbol(
        "aligned",
        "whether key and value have the query's axes in front, none left to broadcasting",
        "flag",
        python=("key.shape[:-2] == query.shape[:-2]", "key.shape[:-2] != query.shape[:-2]"),
    ),
    Symbol("leading", "how many axes `batch` stands for"),
    GRAD,
    Symbol("dropout_p", "the argument `dropout_p`"),
    Symbol("scale", "the argument `scale`"),
)

batch, L, S, E, Ev, Hq, H, Hv = (symbol.expr for symbol in SYMBOLS[:8])
enable_gqa, is_causal, masked = (symbol.expr for symbol in SYMBOLS[8:11])
mask_full, mask_flat, mask_three, mask_float = (symbol.expr for symbol in SYMBOLS[11:15])
scaled, aligned, leading, grad = (symbol.expr for symbol in SYMBOLS[15:19])
dropout_p, scale = (Real(name, real=True) for name in ("dropout_p", "scale"))

#: Written in C++: the docstring is where Python shows it.
SOURCE = "torch/nn/functional.py: scaled_dot_product_attention"
