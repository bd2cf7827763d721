"""All that is stated of torch.nn.TransformerDecoder."""

from mhadoc.catalog.transformer_decoder.rules import SPEC

__all__ = ["SPEC"]
