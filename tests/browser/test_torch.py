"""A reader chooses a torch: what does not hold there is marked on every page, and told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Published, findings

pytestmark = pytest.mark.xdist_group("browser")

#: A release on which `bias` of LayerNorm was not there, and its page.
OLD, NORM = "2.0", "reference/layer_norm.html"
BIAS = '[id="LayerNorm.bias"]'
Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, published: Published) -> Iterator[Opened]:
    """Return a function that opens a page as a new reader, or goes on to another page."""
    contexts = []

    def go(path: str, page: Page | None = None, **options: Any) -> Page:
        if page is None:
            contexts.append(browser.new_context(bypass_csp=True, **options))
            page = contexts[-1].new_page()
        page.goto(f"{published.address}/{path}")
        return page

    yield go
    for context in contexts:
        context.close()


def choose(page: Page, release: str) -> None:
    page.get_by_label("Your torch").select_option(release)


def told(page: Page) -> Any:
    return page.locator(".mhadoc-told")


class TestChoice:
    def test_marks_what_does_not_hold_there(self, opened: Opened):
        page = opened(NORM)
        row = page.locator(BIAS)
        expect(row).not_to_contain_text("not on torch")
        choose(page, OLD)
        expect(row).to_contain_text("not on torch 2.0: holds ")
        struck = row.locator(".mhadoc-name p")
        expect(struck).to_have_css("text-decoration-line", "line-through")
        expect(page.locator('[id="LayerNorm.eps"]')).not_to_contain_text("not on torch")
        choose(page, "")
        expect(row).not_to_contain_text("not on torch")
        expect(struck).to_have_css("text-decoration-line", "none")

    def test_says_how_much_in_a_status_that_is_announced(self, opened: Opened):
        page = opened(NORM)
        expect(told(page)).to_be_empty()
        expect(told(page)).to_have_role("status")
        choose(page, OLD)
        expect(told(page)).to_contain_text("On torch 2.0, of the ")
        expect(told(page)).to_contain_text(re.compile(r"\d+ do(es)? not hold"))
        choose(page, "")
        expect(told(page)).to_be_empty()

    def test_what_reads_otherwise_is_told_and_not_struck(self, opened: Opened):
        page = opened(NORM)
        choose(page, OLD)
        row = page.locator('[id="LayerNorm.input.floats"]')
        expect(row).to_contain_text("otherwise on torch 2.0: ")
        assert "mhadoc-struck" not in (row.get_attribute("class") or "")

    def test_is_remembered_on_the_next_page(self, opened: Opened):
        page = opened("index.html")
        choose(page, OLD)
        opened(NORM, page)
        expect(page.get_by_label("Your torch")).to_have_value(OLD)
        expect(page.locator(BIAS)).to_contain_text("not on torch 2.0")
        page.reload()
        expect(page.locator(BIAS)).to_contain_text("not on torch 2.0")

    def test_works_where_a_browser_remembers_nothing(self, opened: Opened):
        page = opened("index.html")
        page.add_init_script(
            "Storage.prototype.getItem = Storage.prototype.setItem = () => { throw Error('no'); }"
        )
        opened(NORM, page)
        choose(page, OLD)
        expect(page.locator(BIAS)).to_contain_text("not on torch 2.0")

    def test_a_release_that_is_gone_is_forgotten(self, opened: Opened):
        page = opened("index.html")
        page.evaluate("localStorage.setItem('mhadoc-torch', '0.4')")
        opened(NORM, page)
        expect(page.get_by_label("Your torch")).to_have_value("")

    def test_a_folded_proof_says_so_outside(self, opened: Opened):
        page = opened("questions/versions.html")
        choose(page, OLD)
        proof = page.locator(
            "#q-shorter-output ~ details summary, #q-shorter-output details summary"
        )
        expect(proof.first).to_contain_text("not on torch 2.0")

    def test_by_keyboard(self, opened: Opened):
        page = opened(NORM, viewport={"width": 1280, "height": 800})
        page.get_by_role("textbox", name="Search").focus()
        page.keyboard.press("Tab")
        expect(page.get_by_label("Your torch")).to_be_focused()
        page.keyboard.press("End")
        expect(told(page)).to_contain_text("On torch ")

    @pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
    def test_everybody_can_read_what_is_marked(self, opened: Opened, width: int, scheme: str):
        view = {"width": width, "height": 900}
        page = opened("index.html", viewport=view, color_scheme=scheme)
        page.evaluate(f"localStorage.setItem('mhadoc-torch', '{OLD}')")
        for path in (NORM, "questions/versions.html"):
            opened(path, page)
            expect(page.locator(".mhadoc-note-there").first).to_be_attached()
            assert findings(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_nothing_is_offered_where_no_script_runs(self, opened: Opened):
        page = opened("releases.html", java_script_enabled=False)
        expect(page.get_by_label("Your torch")).to_be_hidden()
        expect(page.get_by_label("Part of a name")).to_be_hidden()
        page.locator("summary").first.click()
        expect(page.locator("table.mhadoc-alike li a").first).to_be_visible()


class TestFilter:
    def test_by_name_module_and_difference(self, opened: Opened):
        page = opened("releases.html")
        said = page.locator(".mhadoc-filter [role=status]")
        whole = int(said.inner_text().split()[0])
        assert whole > 1000
        page.locator(".mhadoc-filter select").select_option("LayerNorm")
        expect(page.get_by_role("table")).to_have_count(1)
        page.get_by_label("Only what differs between releases").check()
        differing = int(said.inner_text().split()[0])
        assert 0 < differing < whole
        page.get_by_label("Part of a name").fill("BIAS.T")
        expect(said).to_have_text("1 statement")
        expect(page.get_by_role("link", name="LayerNorm.bias.truth")).to_be_visible()
        page.get_by_label("Part of a name").fill("no such name")
        expect(said).to_have_text("0 statements")
        expect(page.get_by_role("table")).to_have_count(0)
