"""The reference for torch.nn.MultiheadAttention that cannot be wrong.

Importing this package loads nothing else; each name below loads what it needs on first use.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mhadoc.answers.call.diagnose import diagnose
    from mhadoc.answers.call.predict import predict_call
    from mhadoc.answers.checkpoints.infer import infer
    from mhadoc.answers.checkpoints.load import diagnose_load
    from mhadoc.answers.explain import explain
    from mhadoc.answers.predict import predict
    from mhadoc.answers.problem import Problem
    from mhadoc.answers.watch import watch
    from mhadoc.answers.why import why_not_fast_path
    from mhadoc.catalog import spec, specs
    from mhadoc.errors import MhadocError, ReleaseError, RuleError, ShapeError, UnknownNameError
    from mhadoc.proof.report import Refutation, Report
    from mhadoc.proof.verify import verify

_HOMES = {
    "MhadocError": "mhadoc.errors",
    "Refutation": "mhadoc.proof.report",
    "ReleaseError": "mhadoc.errors",
    "Report": "mhadoc.proof.report",
    "RuleError": "mhadoc.errors",
    "ShapeError": "mhadoc.errors",
    "UnknownNameError": "mhadoc.errors",
    "Problem": "mhadoc.answers.problem",
    "diagnose": "mhadoc.answers.call.diagnose",
    "diagnose_load": "mhadoc.answers.checkpoints.load",
    "explain": "mhadoc.answers.explain",
    "infer": "mhadoc.answers.checkpoints.infer",
    "predict": "mhadoc.answers.predict",
    "predict_call": "mhadoc.answers.call.predict",
    "spec": "mhadoc.catalog",
    "specs": "mhadoc.catalog",
    "verify": "mhadoc.proof.verify",
    "watch": "mhadoc.answers.watch",
    "why_not_fast_path": "mhadoc.answers.why",
}

__all__ = [
    "MhadocError",
    "Problem",
    "Refutation",
    "ReleaseError",
    "Report",
    "RuleError",
    "ShapeError",
    "UnknownNameError",
    "__version__",
    "diagnose",
    "diagnose_load",
    "explain",
    "infer",
    "predict",
    "predict_call",
    "spec",
    "specs",
    "verify",
    "watch",
    "why_not_fast_path",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use."""
    if name == "__version__":
        from importlib.metadata import version

        return version("mhadoc")
    if name not in _HOMES:
        raise AttributeError(f"module 'mhadoc' has no attribute {name!r}")
    from importlib import import_module

    from mhadoc.errors import extras

    with extras(f"mhadoc.{name}"):
        value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
