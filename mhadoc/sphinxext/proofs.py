"""The proof behind the pages: which specs there are, and what their reports say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.errors import ConfigError

from mhadoc.errors import MhadocError, UnknownNameError

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

    from mhadoc.language import Claim, ModuleSpec
    from mhadoc.proof.report import Report

__all__ = ["Proofs", "check_specs", "named", "settle_folder", "torch_release"]


class Proofs:
    """Specs by name, and their reports, each asked for once in a build."""

    def __init__(self, env: BuildEnvironment) -> None:
        """Keep the environment: its configuration says where reports are and what to prove."""
        self._env = env
        self._specs: dict[str, ModuleSpec] = {}
        self._reports: dict[str, Report] = {}
        self._sources: dict[str, tuple[Path, ...]] = {}

    @property
    def specs(self) -> dict[str, ModuleSpec]:
        """Return every spec by its name: the catalog's, and those the configuration names."""
        if not self._specs:
            from mhadoc.catalog import spec, specs

            found = [spec(name) for name in specs()]
            found += [spec(path) for path in self._env.config.mhadoc_specs]
            self._specs = {each.name: each for each in found}
        return self._specs

    def spec(self, name: str) -> ModuleSpec:
        """Return a spec by name; raise UnknownNameError, with the closest names, otherwise."""
        if name not in self.specs:
            raise UnknownNameError("spec", name, self.specs)
        return self.specs[name]

    def addressed(self, address: str) -> tuple[ModuleSpec, str]:
        """Return the spec that an address such as ``Module.weight`` begins with, and the rest."""
        for name, spec in self.specs.items():
            if address.startswith(f"{name}."):
                return spec, address.removeprefix(f"{name}.")
        return self.spec(address.partition(".")[0]), ""

    def claims(self) -> dict[str, tuple[ModuleSpec, Claim]]:
        """Return every claim by id, with its spec."""
        return {claim.id: (spec, claim) for spec in self.specs.values() for claim in spec.claims}

    def claim(self, name: str) -> tuple[ModuleSpec, Claim]:
        """Return a claim and its spec; raise UnknownNameError where there is none."""
        claims = self.claims()
        if name not in claims:
            raise UnknownNameError("claim", name, claims)
        return claims[name]

    def stated(self, address: str) -> tuple[str, ModuleSpec, list[str]]:
        """Return what an address names: ``claim`` or ``rule``, its spec, and the statements.

        Raises UnknownNameError where there is no such thing.
        """
        if (claim := self.claims().get(address)) is not None:
            return "claim", claim[0], [address]
        if not any(address.startswith(f"{name}.") for name in self.specs):
            raise UnknownNameError("claim or rule", address, self.claims())
        spec, name = self.addressed(address)
        return "rule", spec, named(spec, name)

    def spec_of_table(self, name: str) -> ModuleSpec:
        """Return the spec that has a table of outcomes; raise UnknownNameError otherwise."""
        known = {table.id: spec for spec in self.specs.values() for table in spec.tables}
        if name not in known:
            raise UnknownNameError("table of outcomes", name, known)
        return known[name]

    def report(self, spec: ModuleSpec) -> Report | None:
        """Return the report on a spec, or None where the configuration asks for no proof."""
        if not self._env.config.mhadoc_proof:
            return None
        if spec.name not in self._reports:
            from mhadoc.proof.cache import proved

            self._reports[spec.name] = proved(spec, Path(self._env.config.mhadoc_cache))
        return self._reports[spec.name]

    def named(self, name: str) -> list[ModuleSpec]:
        """Return the spec of a name, or every spec for ``all``."""
        return list(self.specs.values()) if name == "all" else [self.spec(name)]

    def total(self, specs: Iterable[ModuleSpec]) -> Report | None:
        """Return the reports on some specs as one, or None where no proof is asked for."""
        reports = [report for spec in specs if (report := self.report(spec))]
        return reduce(_added, reports) if reports else None

    def twins(self, spec: ModuleSpec) -> dict[str, tuple[int, int]]:
        """Return for each statement how many false twins it has, and how many were refuted."""
        if not self._env.config.mhadoc_proof:
            return {}
        from mhadoc.proof.cache import twin_counts

        return twin_counts(spec, Path(self._env.config.mhadoc_cache))

    def sources(self, spec: ModuleSpec) -> tuple[Path, ...]:
        """Return the files that what pages show of a spec depends on."""
        if spec.name not in self._sources:
            from mhadoc.proof.cache import sources

            self._sources[spec.name] = sources(spec)
        return self._sources[spec.name]


def settle_folder(app: Sphinx) -> None:
    """Settle where reports are kept: the folder of the configuration, or one beside the output."""
    chosen = app.config.mhadoc_cache
    folder = app.outdir.parent / "proof" if chosen is None else app.confdir / chosen
    app.config.mhadoc_cache = str(folder)


def check_specs(app: Sphinx) -> None:
    """Refuse what is no spec in the configuration, whether or not a page would use it.

    Raises ConfigError.
    """
    from mhadoc.catalog import spec

    for path in app.config.mhadoc_specs:
        try:
            spec(path)
        except MhadocError as problem:
            raise ConfigError(f"mhadoc_specs: {problem}") from problem


def named(spec: ModuleSpec, name: str) -> list[str]:
    """Return the addresses of what a name means in a spec: a demand, or the rules of a name."""
    demands = (*spec.requirements, *spec.call_requirements, *spec.fast_path)
    if name in {"state_dict", *(demand.id for demand in demands)}:
        return [f"{spec.name}.{name}"]
    return [spec.address(rule) for rule in spec.named(name)]


def torch_release(report: Report) -> str:
    """Return torch's version without the name of its build: ``2.13.0``."""
    return report.torch_version.partition("+")[0]


def _added(one: Report, other: Report) -> Report:
    return replace(
        one,
        rules=one.rules + other.rules,
        claims=one.claims + other.claims,
        cases=one.cases + other.cases,
        refutations=(*one.refutations, *other.refutations),
    )
