"""The command line: the same words as in Python, exit status 0, 1 (does not hold) or 2 (usage)."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

import mhadoc
from mhadoc.console import bar, built, draw, employed, end, read, show
from mhadoc.errors import MhadocError, RuleError
from mhadoc.paths import look_here

__all__ = ["commands"]

_DOES_NOT_HOLD, _WRONG_USAGE, _INTERRUPTED = 1, 2, 130


class _Commands(click.Group):
    """Commands that tell in one line what is wrong, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RuleError as broken:
            end(str(broken), _DOES_NOT_HOLD)
        except MhadocError as problem:
            end(f"Error: {problem}", _WRONG_USAGE)
        except click.UsageError as wrong:
            path = wrong.ctx.command_path if wrong.ctx else "mhadoc"
            end(f"Error: {wrong.format_message()} See {path} --help.", _WRONG_USAGE)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
    Examples:
      mhadoc explain MultiheadAttention embed_dim=512 num_heads=8
      mhadoc infer model.safetensors
      eval "$(_MHADOC_COMPLETE=bash_source mhadoc)"   # TAB completes; also zsh_source, fish_source
    """,
)
@click.version_option(package_name="mhadoc", message="%(version)s")
def commands() -> None:
    """The reference for torch.nn.MultiheadAttention, proved against the installed torch."""


def _specs(ctx: click.Context, parameter: click.Parameter, start: str) -> list[str]:
    """Return the names of specs that begin like this, for the shell."""
    return [name for name in mhadoc.specs() if name.lower().startswith(start.lower())]


def _arguments(ctx: click.Context, parameter: click.Parameter, start: str) -> list[str]:
    """Return the arguments of TARGET that are not yet given, for the shell."""
    given = {text.partition("=")[0] for text in ctx.params.get("arguments") or ()}
    target = ctx.params.get("target") or ""
    rules = mhadoc.spec(target).arguments if target in mhadoc.specs() else ()
    names = [f"{rule.name}=" for rule in rules if rule.name not in given]
    return [name for name in names if name.startswith(start)]


def _of_users(ctx: click.Context, parameter: click.Parameter, path: str | None) -> str | None:
    """Let what is none of our specs be found in the current folder too."""
    if path and path not in mhadoc.specs():
        look_here()
    return path


#: TARGET, with another name in usage lines, and where it may be left out.
_target = partial(click.argument, "target", callback=_of_users, shell_complete=_specs)
_given = click.argument("arguments", nargs=-1, shell_complete=_arguments)
#: Numbers below zero are arguments; ``read`` refuses what else looks like an option.
_NUMBERS = {"ignore_unknown_options": True}
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_torch_version = click.option(
    "--torch-version",
    metavar="RELEASE",
    help="Answer for this release of torch, such as 2.1; by default the one installed.",
)


@commands.command(
    short_help="Check rules and claims against the installed torch.",
    epilog="""\b
    Examples:
      mhadoc verify
      mhadoc verify MultiheadAttention --exhaustive --workers 2
      mhadoc verify MultiheadAttention --subject my.attention:Attention
    """,
)
@_target(required=False)
@click.option("--exhaustive", is_flag=True, help="Try every case, not only a covering set.")
@click.option(
    "--subject",
    metavar="PACKAGE.MODULE:CLASS",
    callback=_of_users,
    help="Check another class, which claims to be a drop-in for TARGET.",
)
@click.option("--device", default="cpu", show_default=True, help="Where torch computes.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="With --exhaustive: use N processes on this machine.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="With --exhaustive: use the Dask cluster at this address.",
)
@click.option(
    "--fresh", is_flag=True, help="With --exhaustive: begin anew, not where a run was cut off."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit", "github"]),
    help="How the report is printed; in a terminal with colours by default.",
)
@_as_json
def verify(
    target: str | None, workers: int | None, scheduler: str | None, form: str | None, **options: Any
) -> None:
    """Check every rule and claim of TARGET, or of all modules, against the installed torch.

    The exit status is 0 where all hold, and 1 where one is refuted.
    """
    if (workers or scheduler or options["fresh"]) and not options["exhaustive"]:
        raise click.UsageError("--workers, --scheduler and --fresh go with --exhaustive.")
    if workers and scheduler:
        raise click.UsageError("--workers and --scheduler exclude each other.")
    form = "json" if options.pop("as_json") else form
    try:
        with employed(workers, scheduler) as executor, bar() as progress, _hurried(options):
            report = mhadoc.verify(target, executor=executor, progress=progress, **options)
    except KeyboardInterrupt:
        end(_interruption(options["exhaustive"]), _INTERRUPTED)
    show(report, form)
    gc.freeze()  # nobody needs to look through all of torch and sympy for garbage at the end
    sys.exit(0 if report.ok else _DOES_NOT_HOLD)


@contextmanager
def _hurried(options: Mapping[str, Any]) -> Iterator[None]:
    """Leave garbage where it lies in a check that takes seconds."""
    if not options["exhaustive"]:
        gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _interruption(exhaustive: bool) -> str:
    if not exhaustive:
        return "interrupted"
    return (
        "interrupted: what is finished is kept; the same command goes on from there, "
        "and with --fresh it begins anew"
    )


@commands.command(
    short_help="Print parameter names and shapes.",
    context_settings=_NUMBERS,
    epilog="""\b
    Examples:
      mhadoc predict MultiheadAttention 512 8
      mhadoc predict MultiheadAttention embed_dim=512 num_heads=8 kdim=300 bias=False
      mhadoc predict TransformerEncoderLayer 512 8 --torch-version 1.13
    """,
)
@_target()
@_given
@_torch_version
@_as_json
def predict(
    target: str, arguments: tuple[str, ...], torch_version: str | None, as_json: bool
) -> None:
    """Print the state_dict's keys and shapes that TARGET has with these ARGUMENTS.

    Arguments are written as in Python, by position or as NAME=VALUE. The exit status is 1 where
    the constructor of TARGET would raise.
    """
    positional, named = read(arguments)
    shapes = mhadoc.predict(target, *positional, torch_version=torch_version, **named)
    if as_json:
        click.echo(json.dumps({name: list(shape) for name, shape in shapes.items()}))
        return
    if not shapes:
        click.echo("no parameters")
    width = max(map(len, shapes), default=0)
    for name, shape in shapes.items():
        click.echo(f"{name:{width}}  {shape}")


@commands.command(
    epilog="""\b
    Examples:
      mhadoc specs
      mhadoc specs --json
    """,
)
@_torch_version
@_as_json
def specs(torch_version: str | None, as_json: bool) -> None:
    """List the modules and functions that have a spec."""
    from mhadoc.catalog import specs_of
    from mhadoc.language import counted

    found = specs_of(torch_version)
    rows = [
        {
            "name": spec.name,
            "path": spec.path,
            "summary": spec.summary,
            "rules": len(spec.rules),
            "claims": len(spec.claims),
        }
        for spec in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for spec in found:
        counts = f"{counted(len(spec.rules), 'rule')}, {counted(len(spec.claims), 'claim')}"
        click.echo(f"{spec.name}  {spec.path}: {spec.summary} ({counts})")


@commands.command(
    short_help="Print what each parameter is, and why.",
    context_settings=_NUMBERS,
    epilog="""\b
    Examples:
      mhadoc explain MultiheadAttention
      mhadoc explain MultiheadAttention embed_dim=512 num_heads=8 kdim=300
    """,
)
@_target()
@_given
@_torch_version
@_as_json
def explain(
    target: str, arguments: tuple[str, ...], torch_version: str | None, as_json: bool
) -> None:
    """Print every parameter of TARGET: its shape in symbols and in numbers, and why.

    Without ARGUMENTS there are symbols alone. The exit status is 1 where the constructor of
    TARGET would raise.
    """
    positional, named = read(arguments)
    answer = mhadoc.explain(target, *positional, torch_version=torch_version, **named)
    if as_json:
        click.echo(json.dumps(answer.to_json()))
        return
    draw(answer)


_inside = click.option("--inside", default="", metavar="KEY", help="Where in FILE the entries are.")


@commands.command(
    short_help="Print the arguments that a checkpoint was saved with.",
    epilog="""\b
    Examples:
      mhadoc infer model.safetensors
      mhadoc infer checkpoint.pt --inside model --prefix encoder.layers.0
    """,
)
@click.argument("file", type=click.Path())
@click.option("--prefix", default="", help="Look only at keys that start like this.")
@_inside
@_torch_version
@_as_json
def infer(file: str, prefix: str, inside: str, torch_version: str | None, as_json: bool) -> None:
    """Print the constructor arguments that the keys and shapes in FILE tell, and what they do not.

    Nothing in FILE is run. The exit status is 1 where something is wrong with its keys, and 2
    where it cannot be read.
    """
    from mhadoc.answers.checkpoints.files import read_checkpoint

    found = mhadoc.infer(read_checkpoint(file, inside), prefix, torch_version=torch_version)
    click.echo(json.dumps(found.to_json()) if as_json else found)
    sys.exit(_DOES_NOT_HOLD if found.problems else 0)


@commands.command(
    short_help="Say why a checkpoint does not load.",
    context_settings=_NUMBERS,
    epilog="""\b
    Examples:
      mhadoc diagnose-load model.safetensors MultiheadAttention 512 8 kdim=300
      mhadoc diagnose-load checkpoint.pt my.models:Reader width=512 --inside model
    """,
)
@click.argument("file", type=click.Path())
@_target(metavar="TARGET|PACKAGE.MODULE:CLASS")
@_given
@_inside
@_as_json
def diagnose_load(
    file: str, target: str, arguments: tuple[str, ...], inside: str, as_json: bool
) -> None:
    """Print why FILE does not load into TARGET with these ARGUMENTS, or what loads wrongly.

    The exit status is 0 where it loads, 1 where it does not, and 2 where it cannot be read.
    """
    from mhadoc.answers.checkpoints.files import read_checkpoint

    stored = read_checkpoint(file, inside)
    problems = mhadoc.diagnose_load(built(target, *read(arguments)), stored)
    if as_json:
        click.echo(json.dumps([problem.to_json() for problem in problems]))
    else:
        click.echo("\n".join(map(str, problems)) or "it loads")
    sys.exit(_DOES_NOT_HOLD if any(p.severity == "error" for p in problems) else 0)
