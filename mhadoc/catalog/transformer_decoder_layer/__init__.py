"""All that is stated of torch.nn.TransformerDecoderLayer."""

from mhadoc.catalog.transformer_decoder_layer.rules import SPEC

__all__ = ["SPEC"]
