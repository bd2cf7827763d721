"""Every gallery script runs as a script and as a notebook, and shows what it says."""

import ast
import io
import re
import runpy
import sys
import time
import tokenize
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from gallery_pages import shorten
from matplotlib.figure import Figure
from matplotlib.text import Text
from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
from sphinx_gallery.notebook import jupyter_notebook
from sphinx_gallery.py_source_parser import split_code_and_text_blocks
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

import mhadoc

_NOTED = """.. only:: html

    .. note::
        :class: sphx-glr-download-link-note

        :ref:`Go to the end <place>`
        to download the full example code.

.. rst-class:: sphx-glr-example-title

Title
"""

GALLERY = Path(__file__).parents[1] / "gallery"
SCRIPTS = sorted(GALLERY.glob("plot_*.py"))
TORCH_FOLDER = str(Path(torch.__file__).parent)

DIAGNOSED = (
    *(torch.nn.MultiheadAttention, torch.nn.Transformer),
    *(torch.nn.TransformerEncoder, torch.nn.TransformerEncoderLayer),
    *(torch.nn.TransformerDecoder, torch.nn.TransformerDecoderLayer),
)
ON_PURPOSE = {
    "plot_04_masks": {("attn_mask", "mha.nan.with_weights")},
    "plot_05_batch_first": {("batch_first", "mha.silent.batch_first")},
    "plot_06_extra_keys": {
        ("key_padding_mask", "mha.nan.with_weights"),
        ("key_padding_mask", "mha.silent.tokenizer_mask"),
    },
}

_SYMBOL = "embed_dim|num_heads|head_dim|kdim|vdim|batch|seq|feature|[NLSEHD]"
_FACTOR = rf"(?:\d+|\b(?:{_SYMBOL})\b)"
_TERM = rf"{_FACTOR}(?:\s*[-+*/]+\s*{_FACTOR})*"
HAND_TYPED_SHAPE = re.compile(
    rf"[(\[]\s*{_TERM}\s*,(?:\s*{_TERM}\s*,?)*\s*[)\]]|{_FACTOR}\s*(?:\bx\b|×)\s*{_FACTOR}"
)
ROLE = re.compile(r":[a-z:]+:`[^`]*`")


@dataclass
class Ran:
    """What one script left behind."""

    namespace: dict[str, object]
    figures: list[Figure]
    warnings: list[warnings.WarningMessage]
    seconds: float
    doubts: set[tuple[str, str]]


def texts_of(script):
    return [block.content for block in blocks_of(script) if block.type == "text"]


def blocks_of(script):
    return split_code_and_text_blocks(script)[1]


def notebook_of(script):
    return jupyter_notebook(blocks_of(script), DEFAULT_GALLERY_CONF, script.parent)["cells"]


def run_source(source):
    namespace = {"__name__": "__main__"}
    exec(compile(source, "<gallery>", "exec"), namespace)
    return namespace


def words_in(code):
    """Return the comments and string literals of some code."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    constants = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    return comments + [value for value in constants if isinstance(value, str)]


def drawn_texts(figure):
    """Return every text that is drawn, with its box in pixels and the size of its letters."""
    drawn = {}
    draw = Text.draw

    def record(self, renderer):
        if self.get_visible() and self.get_text().strip():
            drawn[self] = self.get_window_extent(renderer)
        draw(self, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.canvas.draw()
    return drawn


@pytest.fixture(scope="module", autouse=True)
def _no_window():
    matplotlib.use("Agg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "show", lambda: None)
        yield
    plt.close("all")


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.stem)
def script(request):
    return request.param


@pytest.fixture(scope="module")
def ran(script, _no_window):
    plt.close("all")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.thread_time()
        with diagnosed() as doubts:
            namespace = runpy.run_path(str(script), run_name="__main__")
        seconds = time.thread_time() - start
    figures = [plt.figure(number) for number in plt.get_fignums()]
    yield Ran(namespace, figures, caught, seconds, doubts)
    plt.close("all")


@contextmanager
def diagnosed():
    """Diagnose each call of an attention or a layer; collect the warnings, by argument and rule."""
    call, found = torch.nn.Module.__call__, set()

    def told(self, *args, **kwargs):
        if isinstance(self, DIAGNOSED) and not _get_current_dispatch_mode_stack():
            problems = mhadoc.diagnose(self, *args, **kwargs)
            found.update((p.argument, p.rule) for p in problems if p.severity == "warning")
        return call(self, *args, **kwargs)

    torch.nn.Module.__call__ = told
    try:
        yield found
    finally:
        torch.nn.Module.__call__ = call


def test_no_script_is_lost():
    assert [script.name[:8] for script in SCRIPTS] == [f"plot_{i:02}_" for i in range(1, 14)]


def test_runs_without_a_warning_of_its_own(ran):
    own = [str(w.message) for w in ran.warnings if not w.filename.startswith(TORCH_FOLDER)]
    assert own == []


def test_is_quick(ran):
    assert ran.seconds < 3


def test_its_calls_are_what_they_seem_to_be(script, ran):
    """Where a script makes a mistake in order to show it, it is told, and nothing else is."""
    assert ran.doubts == ON_PURPOSE.get(script.stem, set())


def test_draws_a_picture_with_a_title(ran):
    assert ran.figures
    assert all(figure.get_suptitle() for figure in ran.figures)


def test_pictures_fit_a_phone(ran):
    assert all(figure.get_size_inches()[0] <= 6.4 for figure in ran.figures)


def test_pictures_are_legible(ran):
    for figure in ran.figures:
        drawn = drawn_texts(figure)
        outside = [t.get_text() for t, box in drawn.items() if not contains(figure.bbox, box)]
        assert outside == []
        assert [t.get_text() for t in drawn if t.get_fontsize() < 9] == []
        assert overlaps(drawn) == []


def contains(outer, inner):
    return (
        outer.x0 <= inner.x0
        and inner.x1 <= outer.x1
        and outer.y0 <= inner.y0
        and inner.y1 <= outer.y1
    )


def overlaps(drawn):
    """Return the pairs of texts that share more than a pixel."""
    return [
        (one.get_text(), other.get_text())
        for (one, box), (other, next_box) in combinations(drawn.items(), 2)
        if box.padded(-0.5).overlaps(next_box.padded(-0.5))
    ]


@pytest.mark.parametrize(
    ("place", "message"),
    [((0.5, 0.5), "overlaps"), ((0.99, 0.2), "outside")],
    ids=["on another text", "over the edge"],
)
def test_a_text_in_the_wrong_place_is_found(place, message):
    figure = plt.figure(figsize=(3, 2))
    figure.text(0.5, 0.5, "a title")
    text = figure.text(*place, "a label")
    drawn = drawn_texts(figure)
    found = "overlaps" if overlaps(drawn) else "outside"
    assert found == message
    assert contains(figure.bbox, drawn[text]) == (message == "overlaps")


def test_same_colors_for_q_k_and_v_everywhere():
    pattern = re.compile(r"^Q_COLOR, K_COLOR, V_COLOR = .*$", re.MULTILINE)
    found = [line for script in SCRIPTS for line in pattern.findall(script.read_text())]
    assert len(found) == 3
    assert len(set(found)) == 1


def test_needs_only_torch_and_matplotlib(script):
    """Those that show how to ask mhadoc need it as well."""
    nodes = list(ast.walk(ast.parse(script.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    roots = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert roots - {"mhadoc"} == {"torch", "matplotlib"}
    assert ("mhadoc" in roots) == (script.stem[5:7] in ("11", "12", "13"))


def test_proves_what_it_says(script):
    source = script.read_text()
    assert len(re.findall(r"^ *assert |assert_close\(", source, re.MULTILINE)) >= 5
    assert "torch.manual_seed(" in source


def test_answers_first_and_ends_with_what_to_remember(script):
    first, *_, last = texts_of(script)
    title, underline, _, *answer = first.strip().splitlines()
    assert underline == "=" * len(title)
    assert 1 <= len(re.findall(r"\.(?:\s|$)", "\n".join(answer))) <= 2
    heading, _, _, *memo = last.strip().splitlines()
    assert heading == "What to remember"
    assert 2 <= len(memo) <= 4


def test_no_shape_is_typed_by_hand(script):
    texts = texts_of(script)
    for block in blocks_of(script):
        if block.type == "code":
            texts += words_in(block.content)
    assert [found for text in texts for found in HAND_TYPED_SHAPE.findall(ROLE.sub("", text))] == []


def test_no_shape_is_typed_by_hand_in_the_header():
    header = (GALLERY / "GALLERY_HEADER.rst").read_text()
    assert header.startswith("Gallery\n=======\n")
    assert not HAND_TYPED_SHAPE.search(header)


@pytest.mark.parametrize(
    "text",
    [
        "it is (1536, 512)",
        "it is (3*embed_dim, embed_dim)",
        "it is (3 * E, E)",
        "weights are ``(N, L, S)``",
        "a mask of (N*num_heads, L, S)",
        "a bias of (1536,)",
        "torch.Size([512, 512])",
        "a 1536 x 512 matrix",
        "a 1536×512 matrix",
    ],
)
def test_a_shape_typed_by_hand_is_found(text):
    assert HAND_TYPED_SHAPE.search(ROLE.sub("", text))


@pytest.mark.parametrize(
    "text",
    [
        "it is :shape:`MultiheadAttention.in_proj_weight`",
        "``chunk(3)`` gives q, k and v (in this order)",
        "rows ``h * head_dim`` up to ``(h + 1) * head_dim``",
        "all three (query, key, value)",
        "the 3 next samples",
    ],
)
def test_what_is_no_shape_is_let_through(text):
    assert not HAND_TYPED_SHAPE.search(ROLE.sub("", text))


def test_runs_as_a_notebook(script):
    cells = notebook_of(script)
    namespace = {"__name__": "__main__"}
    plt.close("all")
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), script.stem, "exec"), namespace)
    assert plt.get_fignums()


def test_notebook_has_no_sphinx_markup(script):
    prose = ["".join(c["source"]) for c in notebook_of(script) if c["cell_type"] == "markdown"]
    assert len(prose) >= 5
    assert prose[0].startswith("\n# ")
    assert [text for text in prose if ROLE.search(text) or re.search(r"^\.\. ", text, re.M)] == []


FALSE_TWINS = [
    ("plot_01", "weight.shape == (3 *", "weight.shape == (4 *"),
    ("plot_01", "len(tensors) == 12", "len(tensors) == 11"),
    ("plot_01", "TransformerEncoderLayer(embed_dim, nhead)", "TransformerEncoderLayer(64, nhead)"),
    ("plot_02", "q_weight, k_weight, v_weight =", "k_weight, q_weight, v_weight ="),
    ("plot_02", "q_bias, k_bias, v_bias =", "q_bias, v_bias, k_bias ="),
    ("plot_02", "(-2, -1) / math.sqrt(head_dim)", "(-2, -1) / math.sqrt(embed_dim)"),
    (
        "plot_02",
        "(num_heads, head_dim)).transpose(1, 2)",
        "(head_dim, num_heads)).permute(0, 3, 1, 2)",
    ),
    ("plot_02", "own = slice(h * head_dim", "own = slice((h - 1) * head_dim"),
    ("plot_02", "weight[:, i * head_dim : (i + 1) * head_dim]", "weight[:, :head_dim]"),
    ("plot_03", "module.kdim == embed_dim and", "module.kdim == embed_dim or"),
    ("plot_03", "shape == (embed_dim, kdim)", "shape == (embed_dim, vdim)"),
    ("plot_03", 'rest["in_proj_bias"] == (3', 'rest["in_proj_bias"] == (1'),
    ("plot_04", "weights[:, :, later] == 0", "weights[:, :, ~later] == 0"),
    ("plot_04", "torch.arange(S) == n * num_heads + h", "torch.arange(S) == h * N + n"),
    ("plot_04", "opposite[~later] == 0", "opposite[later] == 0"),
    ("plot_04", "padding[1, -3:] = True", "padding[0, -3:] = True"),
    ("plot_05", "(weights, weights_t)", "(weights, weights_t.transpose(0, 1))"),
    ("plot_05", "(alone, output[0])", "(alone, output[1])"),
    ("plot_05", "wrong, _ = default(", "wrong, _ = batch_first("),
    ("plot_05", "position[:, None] == position", "sample[:, None] == sample"),
    ("plot_06", "bias_k.expand(N, 1, -1), zero_key]", "bias_k.expand(N, 1, -1) + 1, zero_key]"),
    ("plot_06", "(N, L, S + bias + zero)", "(N, L, S)"),
    ("plot_06", "[..., :S] == 0", "[..., S:] == 0"),
    ("plot_11", "(N, S, patch - 1)}", "(N, S, patch)}"),
    ("plot_11", "in note\n\n# %%\n# The mend", "not in note\n\n# %%\n# The mend"),
    ("plot_11", "] == (N, L, S)", "] == (N, S, L)"),
    ("plot_12", 'f"module.{key}": tensor', 'f"{key}": tensor'),
    ("plot_12", "num_heads=2 * num_heads", "num_heads=num_heads"),
    ("plot_12", 'removeprefix("module.")', 'removeprefix("model.")'),
    ("plot_13", "batch_first=True, bias=False", "batch_first=True"),
    ("plot_13", "hooked(encoder.layers[1]", "hooked(encoder.layers[0]"),
    ("plot_13", '1"] < counts["eval() alone"]', '1"] > counts["eval() alone"]'),
    ("plot_07", "rows == 3 * d_model", "rows == d_model"),
    ("plot_07", "same == (nhead == 4)", "same"),
    ("plot_07", 'parts["decoder.layers.0"] == 18', 'parts["decoder.layers.0"] == 12'),
    ("plot_07", 'linear1.weight"].shape[0]', 'linear1.weight"].shape[1]'),
    ("plot_08", "return 4 * d * (d + bias)", "return 3 * d * (d + bias)"),
    ("plot_08", "decoders * decoder_layer + 2 * norm", "decoders * decoder_layer + 0 * norm"),
    ("plot_08", "2 * attention(d, bias) + feed", "attention(d, bias) + feed"),
    ("plot_09", "cross_weights.shape == (N, T, S)", "cross_weights.shape == (N, S, T)"),
    ("plot_09", "query=x, key=memory, value=memory", "query=x, key=x, value=x"),
    ("plot_09", "(own_weights[:, later] == 0)", "(own_weights[:, ~later] == 0)"),
    ("plot_10", "seen == [None]", "seen != [None]"),
    ("plot_10", '"MultiheadAttention" not in called', '"MultiheadAttention" in called'),
    ("plot_10", "(d_model // nhead) ** 0.5", "d_model**0.5"),
    ("plot_10", "(with_gradients[1, :, :, -2:] == 0)", "(with_gradients[0, :, :, -2:] == 0)"),
]


@pytest.mark.parametrize(("name", "said", "twin"), FALSE_TWINS)
def test_a_false_twin_fails(name, said, twin):
    [script] = [script for script in SCRIPTS if script.name.startswith(name)]
    source = script.read_text()
    assert source.count(said) == 1
    with pytest.raises(AssertionError, match=r"\A\Z|are not close|do not match"):
        run_source(source.replace(said, twin))


def test_a_page_begins_with_its_title() -> None:
    page = [_NOTED]
    shorten(None, "auto_gallery/plot_04_masks", page)
    assert page[0].split() == ["..", "rst-class::", "sphx-glr-example-title", "Title"]
