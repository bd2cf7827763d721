"""Pages are proved when they are read: lazily, once, and with every refutation told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sphinx.errors import ConfigError

import mhadoc
from mhadoc.proof.report import Refutation, Report
from tests.sphinxext.conftest import Site

SPEC = mhadoc.spec("MultiheadAttention")
ROOT = Path(__file__).resolve().parents[2]
HELD = {SPEC.address(rule): 7 for rule in SPEC.rules} | {"mha.scale": 1}
ALL_SIZES = {
    "MultiheadAttention.bias_k": "embed_dim, kdim",
    "MultiheadAttention.query.unbatched": "L, kdim; head_dim 7, 19",
}


def refuted(statement: str) -> Refutation:
    return Refutation(statement, "so it is", {"bias": "False"}, "(3,)", "(4,)")


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[object]]:
    """Return a function that makes every proof come out as told, and lists the proofs asked for."""

    def comes_out(*refutations: Refutation) -> list[object]:
        asked: list[object] = []

        def proved(spec: object, folder: Path) -> Report:
            asked.append(spec)
            report = Report("2.13.0+cpu", "cpu", 53, 70, 99, refutations, held=HELD)
            return replace(report, all_sizes=ALL_SIZES)

        monkeypatch.setattr("mhadoc.proof.cache.proved", proved)
        return asked

    return comes_out


class TestRefutation:
    @pytest.mark.parametrize(
        ("statement", "text"),
        [
            ("MultiheadAttention.bias_k", "{shape}`MultiheadAttention.bias_k`"),
            ("MultiheadAttention.bias_k", "{rule}`MultiheadAttention.bias_k`"),
            ("MultiheadAttention.bias_k", "```{spec} MultiheadAttention\n:part: parameters\n```"),
            ("MultiheadAttention.state_dict", "```{spec} MultiheadAttention\n```"),
            ("MultiheadAttention.num_heads.divides", "```{spec} MultiheadAttention\n```"),
            ("mha.scale", "{claim}`mha.scale`"),
            ("mha.scale", "```{claim} mha.scale\n```"),
            ("mha.scale", "```{claims} mha\n```"),
            ("mha.scale", "{report}`MultiheadAttention`"),
            ("mha.scale", "{report}`all`"),
            ("mha.scale", "```{report} MultiheadAttention\n```"),
        ],
    )
    def test_it_is_told_with_page_and_line(
        self, site: Callable, proof: Callable, statement: str, text: str
    ):
        proof(refuted(statement))
        told = site(f"# Title\n\nA line.\n\n{text}\n").warnings
        assert f"index.md:5: WARNING: refuted: {statement}\n" in told
        for line in (
            "states:   so it is",
            "case:     bias=False",
            "expected: (3,)",
            "observed: (4",
        ):
            assert line in told

    def test_it_is_told_on_the_page_even_if_the_page_shows_something_else(
        self, site: Callable, proof: Callable
    ):
        proof(refuted("mha.scale"))
        page = site("{shape}`MultiheadAttention.bias_k`")
        assert "index.md: WARNING: refuted: mha.scale" in page.warnings

    @pytest.mark.parametrize("shown", ["{claim}`mha.scale`", "{shape}`MultiheadAttention.bias_k`"])
    def test_the_status_of_the_build_tells_it_without_w(
        self, site: Callable, proof: Callable, shown: str
    ):
        proof(refuted("mha.scale"))
        page = site(f"{shown} and {{nothing}}`such`")
        assert (page.app.statuscode, page.build().app.statuscode) == (1, 1)
        proof()
        assert page.build().app.statuscode == 0

    def test_other_warnings_leave_the_status_alone(self, site: Callable, proof: Callable):
        proof()
        page = site("{report}`MultiheadAttention` and {claim}`none.such`")
        assert "WARNING" in page.warnings
        assert page.app.statuscode == 0

    def test_it_is_told_again_in_a_build_in_which_nothing_changed(
        self, site: Callable, proof: Callable
    ):
        proof(refuted("mha.scale"))
        page = site("{shape}`MultiheadAttention.bias_k`", other="```{claim} mha.scale\n```")
        assert "other.md:3: WARNING: refuted: mha.scale" in page.build().warnings

    def test_the_line_of_the_report_tells_how_many(self, site: Callable, proof: Callable):
        proof(refuted("mha.scale"))
        assert "on torch 2.13.0: 1 refuted." in site("{report}`MultiheadAttention`").text()


class TestWhatIsShown:
    @pytest.mark.parametrize(
        ("statement", "words"),
        [
            ("bias_k", "held in 7 cases on torch 2.13.0"),
            ("mha.scale", "the example ran, and it held in 1 case on torch 2.13.0"),
            ("mha.kdim.default", "stated, not shown by a case"),
        ],
    )
    def test_in_how_many_cases(self, site: Callable, proof: Callable, statement: str, words: str):
        proof()
        claim = statement.startswith("mha.")
        text = f"{{claim}} {statement}" if claim else "{spec} MultiheadAttention"
        assert words in site(f"```{text}\n```").text()

    @pytest.mark.parametrize(
        "words",
        [
            r"held in 7 cases on torch 2.13.0 for all sizes holds since 1\.13 torch/nn",
            r"held in 7 cases on torch 2.13.0 for all sizes, within limits",
        ],
    )
    def test_for_all_of_which_sizes(self, site: Callable, proof: Callable, words: str):
        proof()
        assert len(re.findall(words, site("```{spec} MultiheadAttention\n```").text())) == 1

    def test_which_sizes_those_are_is_in_a_tooltip(self, site: Callable, proof: Callable):
        proof()
        html = site("```{spec} MultiheadAttention\n```").html()
        assert 'title="for all embed_dim, kdim">for all sizes</abbr>' in html
        assert 'title="for all L, kdim (with head_dim 7, 19)">for all sizes, within' in html

    def test_without_a_proof_nothing_is_said_to_hold(
        self, tmp_path: Path, cache: Path, proof: Callable
    ):
        asked = proof()
        text = (
            "{report}`MultiheadAttention`\n\n```{spec} MultiheadAttention\n```\n\n"
            "```{claim} mha.scale\n```\n"
        )
        page = Site(tmp_path, cache).write(index=text).build(mhadoc_proof=False)
        assert "Not checked in this build." in page.text()
        assert "not checked in this build" in page.text().partition("Parameter")[2]
        assert " held in" not in page.text()
        assert asked == []


class TestWhen:
    def test_each_spec_is_proved_once_a_build(self, site: Callable, proof: Callable):
        asked = proof()
        site("{report}`MultiheadAttention`", other="```{claims} mha\n```")
        assert asked == [SPEC]

    def test_a_page_without_statements_asks_for_none(self, site: Callable, proof: Callable):
        asked = proof()
        site("No statement.")
        assert asked == []

    @pytest.mark.parametrize(
        ("setting", "folder"), [({}, "build/proof"), ({"mhadoc_cache": "reports"}, "reports")]
    )
    def test_reports_are_kept_beside_the_output_or_where_told(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        setting: dict[str, str],
        folder: str,
    ):
        asked: list[Path] = []
        monkeypatch.setattr(
            "mhadoc.proof.cache.proved",
            lambda spec, folder: asked.append(folder) or Report("2", "cpu", 1, 1, 1),
        )
        settings = {"mhadoc_cache": None, **setting}
        site = Site(tmp_path, tmp_path).write(index="{report}`MultiheadAttention`")
        site.build(**settings)
        assert asked == [tmp_path / folder]

    def test_loading_it_imports_no_torch(self, tmp_path: Path):
        (tmp_path / "index.md").write_text("# Title\n\nNo statement.\n")
        program = (
            "import sys, json\n"
            "from sphinx.application import Sphinx\n"
            "app = Sphinx('.', None, 'out', 'trees', 'dummy', "
            "{'extensions': ['myst_parser', 'mhadoc.sphinxext']}, status=None)\n"
            "app.build()\n"
            "print(json.dumps([n for n in ('torch', 'numpy') if n in sys.modules]))\n"
        )
        answer = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(answer.stdout) == []


class TestSpecsFromOutside:
    @pytest.fixture
    def outside(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """Return the path of a spec that a file outside this package defines."""
        (tmp_path / "our_rules.py").write_text(
            "from dataclasses import replace\n"
            "import mhadoc\n"
            "SPEC = replace(mhadoc.spec('MultiheadAttention'), name='Ours', claims=())\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "our_rules", raising=False)
        return "our_rules:SPEC"

    def test_the_configuration_names_them(
        self, tmp_path: Path, cache: Path, proof: Callable, outside: str
    ):
        asked = proof(replace(refuted("Ours.bias_v")))
        text = "{shape}`Ours.bias_k; embed_dim=8` and {shape}`Ours.bias_v`"
        page = Site(tmp_path, cache).write(index=text).build(mhadoc_specs=[outside])
        assert "(1, 1, 8) and (1, 1, embed_dim)" in page.text()
        assert "index.md:3: WARNING: refuted: Ours.bias_v" in page.warnings
        assert [spec.name for spec in asked] == ["Ours"]
        assert any(str(f).endswith("our_rules.py") for f in page.app.env.dependencies["index"])

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ("our_rules_that_are_none:SPEC", "no importable module is called 'our_rules_that_are_"),
            ("json:dumps", "no spec in json is called 'dumps'"),
            ("our_rules", "no spec is called 'our_rules'"),
            ("./our_rules:SPEC", "'./our_rules:SPEC' is no path in Python: write it as package"),
            (3, "no spec is called 'int'"),
        ],
    )
    def test_what_is_none_is_refused_though_no_page_uses_it(
        self, tmp_path: Path, cache: Path, entry: object, said: str
    ):
        site = Site(tmp_path, cache).write(index="No statement.")
        with pytest.raises(ConfigError, match=f"^mhadoc_specs: {re.escape(said)}"):
            site.build(mhadoc_specs=[entry])
