"""All that is stated of torch.nn.TransformerEncoderLayer."""

from mhadoc.catalog.transformer_encoder_layer.rules import SPEC

__all__ = ["SPEC"]
