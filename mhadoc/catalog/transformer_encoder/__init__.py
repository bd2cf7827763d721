"""All that is stated of torch.nn.TransformerEncoder."""

from mhadoc.catalog.transformer_encoder.rules import SPEC

__all__ = ["SPEC"]
