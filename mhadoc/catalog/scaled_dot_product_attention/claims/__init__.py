"""The claims about scaled_dot_product_attention, theme by theme."""

from mhadoc.catalog.scaled_dot_product_attention.claims import calls, kernels, masks, numbers

CLAIMS = (*numbers.CLAIMS, *masks.CLAIMS, *calls.CLAIMS, *kernels.CLAIMS)
