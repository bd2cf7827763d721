"""The calculator in a real browser says what torch does, and can be used in every way."""

from __future__ import annotations

import random
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect
from torch.utils.flop_counter import FlopCounterMode

import mhadoc
from mhadoc.language import Requirement
from tests.browser.conftest import STRICT, Published, findings

pytestmark = pytest.mark.xdist_group("browser")

SPEC = mhadoc.spec("MultiheadAttention")
FLAGS = ("bias", "add_bias_kv", "add_zero_attn", "batch_first")
CALLS = ("need_weights", "average_attn_weights", "is_causal", "training", "grad")
State = dict[str, str]


@pytest.fixture(scope="module")
def address(published: Published) -> str:
    return f"{published.address}/calculator.html"


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.on("pageerror", lambda error: pytest.fail(str(error)))
    yield opened
    opened.close()


@pytest.fixture
def page(tab: Page, address: str) -> Page:
    """The calculator as it is when somebody arrives."""
    tab.goto(address)
    return tab


# What it says, against torch


def drawn(chance: random.Random) -> State:
    """Draw a configuration; about half of them are legal."""
    flags = {name: str(chance.random() < 0.5) for name in (*FLAGS, *CALLS)}
    width = chance.choice([2, 4, 6, 6, 12, 12, 12, 0, -4])
    features = ["", "", "", str(width), "5", "9", "-1", "0"]
    kdim, vdim = chance.choice(features), chance.choice(features)
    sizes = dict(zip("NLS", map(str, chance.sample(range(1, 7), 3)), strict=True))
    return {
        **flags,
        **sizes,
        "embed_dim": str(width),
        "num_heads": str(chance.choice([1, 2, 2, 2, 3, 4, 0, -2, 5])),
        "kdim": kdim,
        "vdim": chance.choice([kdim, vdim]),
        "dropout": chance.choice(["0.0", "0.25", "1.0"]),
        "rank": chance.choice(["3-D", "2-D"]),
        "attn_mask": chance.choice(["None", "2-D bool", "2-D float", "3-D bool", "3-D float"]),
        "key_padding_mask": chance.choice(["None", "bool", "float"]),
        "identity": chance.choice(["all distinct", "k is v", "q is k is v"]),
    }


STATES = [drawn(random.Random(number)) for number in range(600)]


def built(state: State) -> torch.nn.MultiheadAttention:
    named = {name: state[name] == "True" for name in FLAGS}
    sizes = {name: int(state[name]) for name in ("kdim", "vdim") if state[name]}
    dropout = float(state["dropout"])
    return torch.nn.MultiheadAttention(
        int(state["embed_dim"]), int(state["num_heads"]), dropout, **named, **sizes
    )


def tensors(module: torch.nn.MultiheadAttention, state: State) -> list[torch.Tensor]:
    """Query, key and value: three objects, two or one."""
    N, L, S = (int(state[name]) for name in "NLS")
    L = S if state["identity"] == "q is k is v" else L

    def sequence(length: int, width: int) -> torch.Tensor:
        if state["rank"] == "2-D":
            return torch.ones(length, width)
        return torch.ones(N, length, width) if module.batch_first else torch.ones(length, N, width)

    query = sequence(L, module.embed_dim)
    key = query if state["identity"] == "q is k is v" else sequence(S, module.kdim)
    return [query, key, sequence(S, module.vdim) if state["identity"] == "all distinct" else key]


def masks(module: torch.nn.MultiheadAttention, state: State) -> dict[str, torch.Tensor]:
    N, L, S = (int(state[name]) for name in "NLS")
    L = S if state["identity"] == "q is k is v" else L
    batch = () if state["rank"] == "2-D" else (N,)
    found, kinds = {}, {"bool": torch.bool, "float": torch.float32}
    rank, _, kind = state["attn_mask"].partition(" ")
    if kind:
        shape = (L, S) if rank == "2-D" else (module.num_heads * (batch or (1,))[0], L, S)
        found["attn_mask"] = torch.zeros(shape, dtype=kinds[kind])
    if state["key_padding_mask"] != "None":
        kind = state["key_padding_mask"]
        found["key_padding_mask"] = torch.zeros((*batch, S), dtype=kinds[kind])
    return found


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def torch_says(state: State) -> dict[str, Any]:
    """Return the shapes that torch gives, or what it raises."""
    try:
        module = built(state).train(state["training"] == "True")
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        return {"build": told(error)}
    parameters = {name: list(p.shape) for name, p in module.state_dict().items()}
    flags = {name: state[name] == "True" for name in CALLS[:3]}
    try:
        with torch.set_grad_enabled(state["grad"] == "True"):
            found = module(*tensors(module, state), **masks(module, state), **flags)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        return {"parameters": parameters, "call": told(error)}
    return {
        "parameters": parameters,
        "outputs": [None if t is None else list(t.shape) for t in found],
    }


def page_says(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the page says in the form of the other."""
    if found["build"]:
        return {"build": found["build"][0]["raises"]}
    parameters = {rule["name"]: rule["sizes"] for rule in found["parameters"]}
    assert found["count"] == sum(map(torch.Size.numel, map(torch.Size, parameters.values())))
    if found["call"]:
        return {"parameters": parameters, "call": found["call"][0]["raises"] or APART}
    return {"parameters": parameters, "outputs": [rule["sizes"] for rule in found["outputs"]]}


#: One tensor for two that differ in size: torch raises what the sizes happen to lead to.
APART = "sizes apart"
CALCULATE = "states => states.map(s => mhadocCalculator.calculate('MultiheadAttention', s))"


def test_it_says_what_torch_does(page: Page) -> None:
    answers = [page_says(found) for found in page.evaluate(CALCULATE, STATES)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [torch_says(state) for state in STATES]
    kinds = [kind for each in expected for kind in ("build", "call", "outputs") if kind in each]
    assert min(Counter(kinds).values()) >= 50
    for state, answer, right in zip(STATES, answers, expected, strict=True):
        apart = answer.get("call") == APART and "call" in right
        assert answer == ({**right, "call": APART} if apart else right), state


def test_it_counts_the_operations_that_torch_counts(page: Page) -> None:
    kept = [state for state in STATES if state["need_weights"] == "True"][:200]
    found = zip(kept, page.evaluate(CALCULATE, kept), strict=True)
    legal = [(state, each) for state, each in found if each["outputs"] and each["slow"]]
    assert len(legal) >= 30
    for state, each in legal:
        module = built(state).train(state["training"] == "True")
        with FlopCounterMode(display=False) as counter:
            module(*tensors(module, state), **masks(module, state))
        assert each["flops"] == counter.get_total_flops(), state


def typed(demand: Requirement) -> State | None:
    """Return the example of a demand, where it is one that can be typed."""
    example = demand.example or {}
    if not set(demand.about) - {"bias", "add_bias_kv", "dtype", "device"}:
        return None
    return {name: repr(value) for name, value in example.items()}


def test_the_example_of_each_demand_is_refused(page: Page) -> None:
    examples = {demand.id: typed(demand) for demand in SPEC.requirements}
    told = {id: example for id, example in examples.items() if example}
    assert len(told) == 10
    answers = page.evaluate(CALCULATE, list(told.values()))
    found = [[problem["id"] for problem in answer["build"]] for answer in answers]
    assert [id for id, ids in zip(told, found, strict=True) if id not in ids] == []


# How it is used


def shown(page: Page) -> str:
    return page.locator("[data-part=verdict]").inner_text()


def error(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part=error-{name}]")


def test_it_is_used_by_keyboard_alone(page: Page) -> None:
    order = page.evaluate("mhadocCalculator.spec('MultiheadAttention').fields.map(f => f.name)")
    page.get_by_label("Paste a constructor line").focus()
    focused = []
    for _ in range(len(order) + 2):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.name"))
    assert [name for name in focused if name in order] == order
    page.get_by_label("num_heads").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("7")
    assert "AssertionError: embed_dim must be divisible by num_heads" in shown(page)
    page.keyboard.press("Backspace")
    page.keyboard.type("16")
    assert shown(page).startswith("1,050,624 parameters. A call returns attn_output (3, 2, 512)")
    page.get_by_label("need_weights", exact=True).focus()
    page.keyboard.press("Space")
    assert shown(page).endswith("attn_output_weights None.")


def test_a_broken_rule_stands_beside_its_field_with_the_mend(page: Page) -> None:
    field = page.get_by_label("num_heads")
    field.fill("7")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("choose num_heads from 1, 2, 4, 8, 16"))
    expect(page.locator("[data-part=results]")).to_be_hidden()
    field.fill("8")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(error(page, "num_heads")).to_be_empty()
    expect(page.locator("[data-part=results]")).to_be_visible()


def test_a_demand_of_the_call_stands_beside_its_field(page: Page) -> None:
    page.get_by_label("is_causal").check()
    expect(error(page, "is_causal")).to_contain_text("pass attn_mask=")
    assert "RuntimeError: Need attn_mask if specifying the is_causal hint." in shown(page)
    page.get_by_label("attn_mask", exact=True).select_option("2-D bool")
    expect(error(page, "is_causal")).to_be_empty()


@pytest.mark.parametrize("rate", ["1.5", "-0.5"])
def test_a_dropout_that_is_no_probability_is_told(page: Page, rate: str) -> None:
    page.get_by_label("dropout").fill(rate)
    expect(error(page, "dropout")).to_have_text(
        re.compile("Build with a dropout from 0.0 to 1.0: it is looked at first in training")
    )
    expect(page.locator("[data-part=parameters] tr")).to_have_count(4)
    assert "A call returns" not in shown(page)


def test_one_tensor_has_one_size(page: Page) -> None:
    page.get_by_label("kdim").fill("7")
    page.get_by_label("identity").select_option("q is k is v")
    expect(error(page, "identity")).to_contain_text("needs")
    expect(page.get_by_label("L", exact=True)).to_have_value("5")
    expect(page.get_by_label("L", exact=True)).not_to_be_editable()


def test_a_link_reproduces_the_state(page: Page, browser: Browser) -> None:
    page.get_by_label("kdim").fill("300")
    page.get_by_label("bias", exact=True).uncheck()
    page.get_by_label("attn_mask", exact=True).select_option("3-D float")
    other = browser.new_page()
    other.goto(page.url)
    assert "kdim=300" in page.url
    assert shown(other) == shown(page)
    expect(other.get_by_label("bias", exact=True)).not_to_be_checked()
    assert other.locator("[data-part=line]").inner_text() == (
        "nn.MultiheadAttention(512, 8, bias=False, kdim=300)"
    )
    other.goto(f"{page.url.partition('#')[0]}#embed_dim=12&num_heads=3&attn_mask=nonsense&no=1")
    expect(other.get_by_label("embed_dim")).to_have_value("12")
    expect(other.get_by_label("attn_mask", exact=True)).to_have_value("None")
    other.close()


PASTED = {
    "nn.MultiheadAttention(12, 3)": "(12, 3)",
    "self.a = torch.nn.MultiheadAttention(embed_dim=4 * 3, num_heads=3)  # here": "(12, 3)",
    "MultiheadAttention(1_024, 8, 0.1, False, True)": "(1024, 8, dropout=0.1, bias=False, "
    "add_bias_kv=True)",
    "MultiheadAttention(9, 3, kdim=None, vdim=5, dtype=torch.bfloat16, device='cuda')": "(9, 3, "
    'vdim=5, device="cuda", dtype=torch.bfloat16)',
}


@pytest.mark.parametrize("line", PASTED)
def test_a_pasted_line_sets_the_fields(page: Page, line: str) -> None:
    page.get_by_label("Paste a constructor line").fill(line)
    expect(page.locator("[data-part=line]")).to_have_text(f"nn.MultiheadAttention{PASTED[line]}")
    expect(page.locator("[data-part=paste-error]")).to_be_empty()


REFUSED = {
    "nn.Linear(2, 3)": "no MultiheadAttention( in this line",
    "nn.MultiheadAttention(d_model, 8)": "embed_dim=d_model is a name: type its number below",
    "nn.MultiheadAttention(12, 3, heads=3)": "there is no argument heads=3",
    "nn.MultiheadAttention(12, 3, dtype=torch.int8)": "dtype=torch.int8 cannot be chosen here",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_read_in_a_line_is_told(page: Page, line: str) -> None:
    page.get_by_label("Paste a constructor line").fill(line)
    expect(page.locator("[data-part=paste-error]")).to_have_text(REFUSED[line])


def test_the_picture_of_the_call_follows_the_numbers(page: Page) -> None:
    scores = page.locator("[data-way=MultiheadAttention] [data-made=scores]")
    expect(scores).to_have_text("(2, 8, 3, 5)")
    page.get_by_label("num_heads").fill("16")
    page.get_by_label("S", exact=True).fill("9")
    expect(scores).to_have_text("(2, 16, 3, 9)")
    page.get_by_label("num_heads").fill("7")
    expect(scores).to_have_text("(2, 16, 3, 9)")


def test_in_the_picture_no_shape_leaves_its_box(page: Page) -> None:
    for name, size in {"N": "64", "L": "2048", "S": "4096", "embed_dim": "4096"}.items():
        page.get_by_label(name, exact=True).fill(size)
    expect(page.locator("[data-made=scores]")).to_have_text("(64, 8, 2048, 4096)")
    outside = page.evaluate(
        """() => [...document.querySelectorAll("[data-made]")].filter((text) => {
          const boxes = [...text.parentNode.querySelectorAll("rect:not(.mhadoc-block)")]
            .map((rect) => rect.getBoundingClientRect());
          const at = text.getBoundingClientRect();
          return !boxes.some((rect) => rect.left <= at.left && at.right <= rect.right
            && rect.top <= at.top && at.bottom <= rect.bottom);
        }).map((text) => text.textContent)"""
    )
    assert outside == []


def test_the_line_is_copied(browser: Browser, address: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Copy the constructor line").press("Enter")
    expect(page.locator("[data-part=copied]")).to_have_text("copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert eval(copied, {"nn": torch.nn}).embed_dim == 512
    context.close()


def test_start_again_forgets_everything(page: Page) -> None:
    before = shown(page)
    page.get_by_label("embed_dim").fill("12")
    page.get_by_role("button", name="Start again").click()
    assert shown(page) == before


def test_names_lead_to_their_rules(page: Page) -> None:
    page.get_by_role("link", name="in_proj_weight", exact=True).click()
    expect(page.locator(":target")).to_contain_text("in_proj_weight")


def test_without_scripts_a_sentence_says_so(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_text("This calculator needs JavaScript")).to_be_visible()
    expect(page.locator("form[data-spec]")).to_be_hidden()
    context.close()


def test_it_works_under_a_strict_policy(page: Page, address: str) -> None:
    answer = page.goto(f"{address}#embed_dim=16")
    assert answer is None or answer.headers["content-security-policy"] == STRICT
    assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == 200
    assert shown(page).startswith("1,088 parameters.")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_anybody_can_read_it(browser: Browser, address: str, width: int, scheme: Any) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page.goto(f"{address}#embed_dim=512&num_heads=7")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings(page) == []
    page.get_by_label("num_heads").fill("8")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings(page) == []
    page.close()
