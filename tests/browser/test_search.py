"""The search of the site puts the right page first, for what people type and paste."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Published

pytestmark = pytest.mark.xdist_group("browser")

REFERENCE = "reference/multihead_attention#MultiheadAttention"
#: What is typed or pasted, and where the first result leads: to a page, or to a place on it.
FIRST = {
    # Names.
    "in_proj_weight": f"{REFERENCE}.in_proj_weight",
    "in_proj_bias": f"{REFERENCE}.in_proj_bias",
    "q_proj_weight": f"{REFERENCE}.q_proj_weight",
    "bias_k": f"{REFERENCE}.bias_k",
    "out_proj.bias": f"{REFERENCE}.out_proj.bias",
    "kdim": f"{REFERENCE}.kdim",
    "embed_dim": f"{REFERENCE}.embed_dim",
    "num_heads": f"{REFERENCE}.num_heads",
    "batch_first": f"{REFERENCE}.batch_first",
    "add_zero_attn": f"{REFERENCE}.add_zero_attn",
    "key_padding_mask": f"{REFERENCE}.key_padding_mask",
    "attn_mask": f"{REFERENCE}.attn_mask",
    "is_causal": f"{REFERENCE}.is_causal",
    "average_attn_weights": f"{REFERENCE}.average_attn_weights",
    "dropout": f"{REFERENCE}.dropout",
    "state_dict": f"{REFERENCE}.state_dict",
    "norm_first": "reference/transformer#Transformer.norm_first",
    "memory_key_padding_mask": "reference/transformer#Transformer.memory_key_padding_mask",
    "TransformerEncoderLayer": "reference/transformer_encoder_layer",
    "scaled_dot_product_attention": "reference/scaled_dot_product_attention",
    "generate_square_subsequent_mask": "questions/masks#q-square-subsequent-mask",
    # Messages.
    "embed_dim must be divisible by num_heads": "questions/errors#q-error-divisible",
    "RuntimeError: Need attn_mask if specifying the is_causal hint.": "questions/errors"
    "#q-error-is-causal-hint",
    "AssertionError: was expecting embedding dimension of 512, but got 300": "questions/errors"
    "#q-error-embedding-dimension",
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (20x300 and 512x1536)": "questions/"
    "errors#q-error-mat-shapes",
    "The shape of the 2D attn_mask is torch.Size([10, 10]), but should be (20, 20).": "errors"
    "#error-MultiheadAttention.attn_mask.shape",
    "RuntimeError: the feature number of src and tgt must be equal to d_model": "questions/errors"
    "#q-error-transformer-features",
    "UserWarning: Support for mismatched key_padding_mask and attn_mask is deprecated. Use same "
    "type for both instead.": "questions/errors#q-error-mismatched-masks",
    "UserWarning: enable_nested_tensor is True, but self.use_nested_tensor is False because "
    "encoder_layer.self_attn.batch_first was not True": "questions/errors#q-error-nested-warning",
    'Missing key(s) in state_dict: "in_proj_weight".': "questions/parameters"
    "#q-missing-in-proj-weight",
    "size mismatch for in_proj_weight: copying a param with shape torch.Size([1536, 512])": "quest"
    "ions/parameters#q-size-mismatch-in-proj",
    "AttributeError: 'tuple' object has no attribute 'shape'": "questions/outputs#q-output-tuple",
    "forward() got an unexpected keyword argument 'is_causal'": "questions/versions"
    "#q-is-causal-keyword",
    "ImportError: cannot import name '_LinearWithBias'": "questions/versions#q-linear-with-bias",
    "Exporting the operator 'aten::_native_multi_head_attention' to ONNX opset version 17 is not "
    "supported": "questions/tools#q-onnx",
    # Symptoms.
    "NaN": "behaviour/nan",
    "attention output is nan": "behaviour/nan",
    "fast path conditions": "behaviour/fast_path",
    "why is my encoder slow in eval": "why_slow",
    "attention weights do not sum to 1": "questions/outputs#q-weights-sum",
    "attention weights None": "questions/outputs#q-weights-none",
    "get attention weights of each head": "questions/outputs#q-weights-per-head",
    "hook on out_proj never called": "questions/parameters#q-hook-out-proj",
    "why 1536": "in_proj_weight",
    "padding mask true or false": "questions/masks#q-padding-mask-true",
    "mask of ones and zeros does nothing": "questions/masks#q-mask-of-ones",
    "load hugging face bert weights": "questions/porting#q-port-bert",
    "onnx": "questions/tools#q-onnx",
    "lora": "questions/parameters#q-lora-out-proj",
    "flash attention": "questions/tools#q-flash",
    "initial values": "behaviour/initial_values",
    "missing keys loading checkpoint": "loading",
    "mistakes": "behaviour/silent",
    "gradients": "behaviour/gradients",
    "attention map": "auto_gallery/plot_10_attention_maps",
    "calculator": "calculator",
    "own module": "own_modules",
    "install": "install",
}
ASK = """phrases => phrases.map(phrase => {
  const found = Search._performSearch(...Search._parseQuery(phrase)).pop();
  return found ? found[0] + found[2] : "nothing";
})"""


def test_search_puts_the_right_page_first(browser: Browser, published: Published) -> None:
    page = browser.new_page()
    page.goto(f"{published.address}/search.html?q=kdim")
    expect(page.locator("#search-results li").first).to_be_visible()
    found = dict(zip(FIRST, page.evaluate(ASK, list(FIRST)), strict=True))
    page.close()
    assert len(FIRST) >= 40
    assert {phrase: place for phrase, place in found.items() if place != FIRST[phrase]} == {}


@pytest.mark.parametrize("nonsense", ["qwertzuiop", "zzz qqq", ""])
def test_what_is_nowhere_is_not_found(
    browser: Browser, published: Published, nonsense: str
) -> None:
    page = browser.new_page()
    page.goto(f"{published.address}/search.html?q=kdim")
    assert page.evaluate(ASK, [nonsense]) == ["nothing"]
    page.close()


def test_search_works_by_hand(browser: Browser, published: Published) -> None:
    page = browser.new_page()
    page.goto(f"{published.address}/index.html")
    box = page.get_by_role("textbox", name="Search")
    box.fill("bias_k")
    box.press("Enter")
    page.locator("#search-results li a").first.click()
    expect(page.locator(":target")).to_contain_text("bias_k")
    page.close()
