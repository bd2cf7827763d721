"""What the site promises its readers holds in a real browser."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.conftest import EXAMPLE, Published, findings

pytestmark = pytest.mark.xdist_group("browser")

#: A page of each type, and what each is looked at with: narrow and dark, and wide and light.
PHONE, DESK = (360, "dark"), (1280, "light")
TYPES = [
    "index.html",
    "in_proj_weight.html",
    "questions/versions.html",
    "reference/linear.html",
    "behaviour/dropout.html",
    "audit/transformer.html",
    f"auto_gallery/{EXAMPLE}.html",
    "auto_gallery/index.html",
    "search.html?q=kdim",
    "no/such/page.html",
]
LOOKS = [
    *((path, look) for path in TYPES for look in (PHONE, DESK)),
    ("behaviour/nan.html", (360, "light")),
    ("questions/fast_path.html", (1280, "dark")),
    *(("releases.html", look) for look in (PHONE, DESK)),
    ("what_changed.html", PHONE),
]


@dataclass
class Visit:
    """What a browser noticed on one page."""

    width: int = 0
    shift: float = 0
    bytes: int = 0
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def answered(self, answer: Response) -> None:
        """Keep how much came, and what was not there."""
        self.bytes += int(answer.headers.get("content-length", 0))
        self.said += [f"{answer.status} {answer.url}"] if answer.status >= 400 else []


#: Adds up how far what is on the screen has moved since the page began to load.
SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def visits(browser: Browser, published: Published) -> dict[str, Visit]:
    """Each page of the site, opened on a phone."""
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.add_init_script(SHIFTS)
    found: dict[str, Visit] = {}
    now = Visit()

    def answered(answer: Response) -> None:
        now.answered(answer)

    page.on("request", lambda request: now.requests.append(request.url))
    page.on("response", answered)
    page.on("console", lambda message: now.said.append(message.text))
    page.on("pageerror", lambda error: now.said.append(str(error)))
    for path in published.pages:
        found[path] = now = Visit()
        page.goto(f"{published.address}/{path}")
        now.width, now.shift = page.evaluate("[document.documentElement.scrollWidth, shift]")
    page.close()
    return found


def test_no_request_leaves_the_site(visits: dict[str, Visit], published: Published) -> None:
    asked = {
        path: [u for u in each.requests if not own(u, published)] for path, each in visits.items()
    }
    assert {path: urls for path, urls in asked.items() if urls} == {}
    assert min(len(each.requests) for each in visits.values()) > 5


def own(url: str, published: Published) -> bool:
    return url.startswith((f"{published.address}/", "data:"))


def test_no_page_breaks_a_strict_policy_or_fails(visits: dict[str, Visit]) -> None:
    assert {path: each.said for path, each in visits.items() if each.said} == {}


def test_no_page_scrolls_sideways_on_a_phone(visits: dict[str, Visit]) -> None:
    assert {path: each.width for path, each in visits.items() if each.width > 360} == {}


def test_no_page_is_heavy(visits: dict[str, Visit]) -> None:
    assert {path: each.bytes for path, each in visits.items() if each.bytes > 250_000} == {}
    assert min(each.bytes for each in visits.values()) > 20_000


def test_nothing_moves_while_a_page_loads(visits: dict[str, Visit]) -> None:
    assert {path: each.shift for path, each in visits.items() if each.shift > 0.05} == {}


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


#: Where the keyboard is: how far down the page's source, and whether it can be seen.
FOCUSED = """() => {
  const here = document.activeElement, { left, right, width } = here.getBoundingClientRect();
  return {
    name: here.innerText.trim() || here.getAttribute("aria-label"),
    place: [...document.querySelectorAll("*")].indexOf(here),
    seen: width > 0 && left >= 0 && right <= window.innerWidth + 1,
  };
}"""


@pytest.mark.parametrize("width", [360, 1280])
def test_the_keyboard_goes_through_a_page_in_order(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    stops: list[dict[str, Any]] = []
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
    assert stops[0]["name"] == "Skip to content"
    assert [stop["place"] for stop in stops] == sorted(stop["place"] for stop in stops)
    assert [stop["name"] for stop in stops if not stop["seen"]] == []


def test_drawers_open_and_shut_by_keyboard(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    opener = page.get_by_role("button", name="Navigation of the site")
    search = page.get_by_role("textbox", name="Search")
    expect(search).to_be_hidden()
    opener.focus()
    page.keyboard.press("Enter")
    expect(search).to_be_visible()
    expect(opener).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_lost_reader_is_led_on_from_any_depth(page: Page, published: Published) -> None:
    answer = page.goto(f"{published.address}/reference/no/bias_k.html")
    assert answer is not None
    assert answer.status == 404
    words = page.get_by_label("Search for")
    expect(words).to_have_value("reference no bias_k")
    words.fill("bias_k")
    words.press("Enter")
    expect(page.locator("#search-results li").first).to_contain_text("bias_k")
    page.go_back()
    page.get_by_role("link", name="Questions", exact=True).last.click()
    expect(page).to_have_title("Questions - mhadoc")


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


def test_what_is_copied_from_the_gallery_runs(page: Page, published: Published) -> None:
    page.goto(f"{published.address}/auto_gallery/{EXAMPLE}.html")
    names: dict[str, Any] = {"__name__": "__main__"}
    matplotlib.use("Agg")
    buttons = page.locator("button.copybtn").all()
    for button in buttons:
        button.locator("..").hover()
        button.click()
        copied = page.evaluate("navigator.clipboard.readText()")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(copied, names)
    assert len(buttons) >= 4
    plt.close("all")


def torch_refuses(expected: bool) -> contextlib.AbstractContextManager[object]:
    """Expect the exception that a page shows."""
    if not expected:
        return contextlib.nullcontext()
    return pytest.raises(AssertionError, match="was expecting embedding dimension of 10")
