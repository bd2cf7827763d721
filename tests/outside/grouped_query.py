"""Grouped-query attention: several heads of the query share one head of key and value."""

from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class GroupedQueryAttention(nn.Module):
    """Attention of a sequence over itself, with fewer heads for key and value."""

    def __init__(self, embed_dim, num_heads, num_kv_heads):
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"{num_heads} heads do not divide {embed_dim} features")
        if num_heads % num_kv_heads:
            raise ValueError(f"{num_kv_heads} heads of keys do not divide {num_heads} of queries")
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads
        head_dim = embed_dim // num_heads
        self.q_proj = nn.Linear(embed_dim, embed_dim, bias=False)
        self.kv_proj = nn.Linear(embed_dim, 2 * num_kv_heads * head_dim, bias=False)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=False)

    def forward(self, x):
        q = self.q_proj(x).unflatten(-1, (self.num_heads, -1))
        k, v = self.kv_proj(x).unflatten(-1, (2, self.num_kv_heads, -1)).unbind(-3)
        heads = (each.transpose(-3, -2) for each in (q, k, v))
        attended = scaled_dot_product_attention(*heads, enable_gqa=True)
        return self.out_proj(attended.transpose(-3, -2).flatten(-2))
