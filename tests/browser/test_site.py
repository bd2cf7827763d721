"""What the site promises its readers holds in a real browser."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from links import broken
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.conftest import Published, build, findings

pytestmark = pytest.mark.xdist_group("browser")

#: Pages of each type, and what each is looked at with.
PHONE, DESK = (360, "dark"), (1280, "light")
LOOKS = [
    ("index.html", PHONE),
    ("index.html", DESK),
    ("in_proj_weight.html", PHONE),
    ("reference/linear.html", PHONE),
    ("reference/transformer_decoder_layer.html", DESK),
    ("behaviour/nan.html", PHONE),
    ("behaviour/dropout.html", DESK),
    ("questions/masks.html", PHONE),
    ("search.html?q=kdim", PHONE),
]


@dataclass
class Visit:
    """What a browser noticed on one page."""

    width: int
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def visits(browser: Browser, published: Published) -> dict[str, Visit]:
    """Each page of the site, opened on a phone."""
    page = browser.new_page(viewport={"width": 360, "height": 740})
    found: dict[str, Visit] = {}
    now = Visit(0)
    page.on("request", lambda request: now.requests.append(request.url))
    page.on("response", lambda answer: now.said.extend(missing(answer)))
    page.on("console", lambda message: now.said.append(message.text))
    page.on("pageerror", lambda error: now.said.append(str(error)))
    for path in published.pages:
        found[path] = now = Visit(0)
        page.goto(f"{published.address}/{path}")
        now.width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    return found


def test_no_request_leaves_the_site(visits: dict[str, Visit], published: Published) -> None:
    asked = {
        path: [u for u in each.requests if not own(u, published)] for path, each in visits.items()
    }
    assert {path: urls for path, urls in asked.items() if urls} == {}
    assert min(len(each.requests) for each in visits.values()) > 5


def missing(answer: Response) -> list[str]:
    return [f"{answer.status} {answer.url}"] if answer.status >= 400 else []


def own(url: str, published: Published) -> bool:
    return url.startswith((f"{published.address}/", "data:"))


def test_no_page_breaks_a_strict_policy_or_fails(visits: dict[str, Visit]) -> None:
    assert {path: each.said for path, each in visits.items() if each.said} == {}


def test_no_page_scrolls_sideways_on_a_phone(visits: dict[str, Visit]) -> None:
    assert {path: each.width for path, each in visits.items() if each.width > 360} == {}


@pytest.mark.parametrize(("path", "look"), LOOKS)
def test_everybody_can_read_it(
    browser: Browser, published: Published, path: str, look: tuple[int, Any]
) -> None:
    view: Any = {"width": look[0], "height": 900}
    page = browser.new_page(viewport=view, color_scheme=look[1], bypass_csp=True)
    page.goto(f"{published.address}/{path}")
    assert findings(page) == []
    page.close()


@pytest.fixture
def page(browser: Browser, published: Published) -> Iterator[Page]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.goto(f"{published.address}/in_proj_weight.html")
    yield opened
    context.close()


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_dark_follows_the_reader_s_system(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    light = ground(page)
    page.emulate_media(color_scheme="dark")
    assert ground(page) != light


def test_dark_can_be_chosen_and_stays(page: Page, published: Published) -> None:
    page.emulate_media(color_scheme="light")
    light, button = ground(page), page.locator("button.theme-toggle:visible")
    for _ in range(3):
        if page.evaluate("document.body.dataset.theme") != "dark":
            button.click()
    dark = ground(page)
    assert dark != light
    page.goto(f"{published.address}/index.html")
    assert ground(page) == dark


def test_what_is_copied_runs(page: Page) -> None:
    copied: list[str] = []
    names: dict[str, Any] = {}
    for block in page.locator("div.highlight").all():
        block.hover()
        block.locator("button.copybtn").click()
        copied.append(page.evaluate("navigator.clipboard.readText()"))
        refused = "Traceback" in block.inner_text()
        with contextlib.redirect_stdout(io.StringIO()), torch_refuses(refused):
            exec(copied[-1], names)
    assert len(copied) >= 3
    assert ">>>" not in "".join(copied)


def torch_refuses(expected: bool) -> contextlib.AbstractContextManager[object]:
    """Expect the exception that a page shows."""
    if not expected:
        return contextlib.nullcontext()
    return pytest.raises(AssertionError, match="was expecting embedding dimension of 10")


def test_no_link_is_broken(published: Published) -> None:
    found = [pair for pair in broken(published.folder) if "auto_gallery" not in pair[1]]
    assert found == []


def test_each_page_has_a_twin_in_markdown(published: Published) -> None:
    made = {"genindex.html", "search.html"}  # by Sphinx, for people to look through
    listed = (published.folder / "llms.txt").read_text()
    for page in set(published.pages) - made:
        twin = page.replace(".html", ".md")
        text = (published.folder / twin).read_text()
        assert text.startswith("# "), page
        assert re.search(r"</?(div|span|p|a|table|svg)\b", text) is None, page
        assert f"({twin}): " in listed or page == "index.html"
        assert (
            twin.rpartition("/")[2] in (published.folder / page).read_text().partition("</head>")[0]
        )


def test_two_builds_are_the_same(tmp_path: Path) -> None:
    pages = ("index.md", "calculator.md", "reference/*", "behaviour/masks.md")
    first, second = (build(tmp_path / name, *pages) for name in ("first", "second"))
    assert files(first) == files(second)
    assert len(files(first)) > 40


def files(folder: Path) -> dict[str, str]:
    """Return the checksum of each file below a folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in found
    }


# Search: a phrase, and the page that has to come first; a question with these words may as well.

REFERENCE = "reference/multihead_attention"
FIRST = {
    "in_proj_weight": REFERENCE,
    "in_proj_bias": REFERENCE,
    "q_proj_weight": REFERENCE,
    "k_proj_weight": REFERENCE,
    "bias_k": REFERENCE,
    "out_proj.bias": REFERENCE,
    "kdim": REFERENCE,
    "vdim": REFERENCE,
    "embed_dim": REFERENCE,
    "num_heads": REFERENCE,
    "head_dim": REFERENCE,
    "batch_first": REFERENCE,
    "add_bias_kv": REFERENCE,
    "add_zero_attn": REFERENCE,
    "key_padding_mask": REFERENCE,
    "attn_mask": REFERENCE,
    "is_causal": REFERENCE,
    "need_weights": REFERENCE,
    "average_attn_weights": REFERENCE,
    "embed_dim must be divisible by num_heads": "errors",
    "state_dict": REFERENCE,
    "Need attn_mask if specifying the is_causal hint": "errors",
    "was expecting embedding dimension of": "errors",
    "NaN": "behaviour/nan",
    "fast path": "behaviour/fast_path",
    "fast path conditions": "behaviour/fast_path",
    "initial values": "behaviour/initial_values",
    "gradients": "behaviour/gradients",
    "mistakes": "behaviour/silent",
    "torch.compile": "behaviour/tools",
    "parameter count": "behaviour/storage",
    "missing keys loading checkpoint": "behaviour/checkpoints",
    "size mismatch for in_proj_weight": "loading",
    "calculator": "calculator",
    "FLOPs": "behaviour/tools",
    "infer num_heads": "infer",
    "install": "install",
    "verify": "verification",
    "own module": "own_modules",
    "TransformerEncoderLayer": "reference/transformer_encoder_layer",
    "TransformerDecoderLayer": "reference/transformer_decoder_layer",
    "memory_key_padding_mask": "reference/transformer",
    "LayerNorm": "reference/layer_norm",
}


@pytest.fixture(scope="module")
def first(browser: Browser, published: Published) -> dict[str, str]:
    """The page that the search puts first, for each phrase."""
    page = browser.new_page()
    page.goto(f"{published.address}/search.html?q=kdim")
    expect(page.locator("#search-results li").first).to_be_visible()
    script = "q => { const r = Search._performSearch(...Search._parseQuery(q)); return r.pop() }"
    found = {phrase: page.evaluate(script, phrase) for phrase in FIRST}
    page.close()
    return {phrase: result[0] if result else "nothing" for phrase, result in found.items()}


def test_search_puts_the_right_page_first(first: dict[str, str]) -> None:
    assert len(FIRST) >= 40
    wrong = {phrase: found for phrase, found in first.items() if found != FIRST[phrase]}
    assert {phrase: found for phrase, found in wrong.items() if "questions/" not in found} == {}


def test_search_works_by_hand(browser: Browser, published: Published) -> None:
    page = browser.new_page()
    page.goto(f"{published.address}/index.html")
    box = page.get_by_role("textbox", name="Search")
    box.fill("bias_k")
    box.press("Enter")
    page.locator("#search-results li a").first.click()
    expect(page.locator(":target")).to_contain_text("bias_k")
    page.close()
