"""What a picture of a module shows: boxes for the modules inside, lines for their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy

from mhadoc.language import condition_text, expression_text

if TYPE_CHECKING:
    from mhadoc.language import Child, Input, ModuleSpec, Output, Parameter

__all__ = ["Box", "Line", "Stage", "returned", "stages"]


@dataclass(frozen=True)
class Line:
    """A line in a picture: what it says, the address it leads to, and its name out of context.

    ``note`` stands at its right end; ``blocks`` are the named slices of a parameter.
    """

    text: str
    address: str
    name: str
    note: str = ""
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Box:
    """A module in a picture: its title, its own lines, and the boxes of the modules inside."""

    lines: tuple[Line, ...]
    boxes: tuple[Box, ...]

    @property
    def title(self) -> Line:
        """Return the line that names the module."""
        return self.lines[0]


@dataclass(frozen=True)
class Stage:
    """A box on the way from what goes in to what comes out.

    ``outside`` is what the caller passes to it, and ``before`` what the stage before it returns.
    """

    box: Box
    outside: tuple[Line, ...]
    before: tuple[Line, ...] = ()


def stages(spec: ModuleSpec) -> tuple[Stage, ...]:
    """Return the modules inside where the caller's tensors go to each; else the whole as one."""
    outside = {rule.name: rule for rule in reversed(spec.inputs) if rule.required}
    asked = [_asked(child) for child in spec.children]
    if not asked or not all(names.keys() & outside.keys() for names in asked):
        passed = tuple(_passed(spec, rule) for rule in reversed(outside.values()))
        return (Stage(_whole(spec), passed),)
    return tuple(
        Stage(
            box,
            tuple(_passed(spec, outside[name]) for name in names if name in outside),
            tuple(_handed(child, name) for name in names if name not in outside),
        )
        for child, box, names in zip(spec.children, _inside(spec, spec, ""), asked, strict=True)
    )


def returned(spec: ModuleSpec) -> Line:
    """Return the line of what comes out, in its first form."""
    return _passed(spec, spec.outputs[0])


def _asked(child: Child) -> dict[str, None]:
    """Return the names of what a child's forward requires."""
    rules = child.spec.inputs if child.spec else ()
    return dict.fromkeys(rule.name for rule in rules if rule.required)


def _passed(spec: ModuleSpec, rule: Input | Output) -> Line:
    text = f"{rule.name} {rule.shape.text()}" if rule.shape is not None else rule.name
    return Line(text, f"{spec.name}.{rule.name}", text)


def _handed(child: Child, name: str) -> Line:
    owner = child.spec.name if child.spec else child.name
    return Line(name, f"{owner}.{name}", f"{name}, into the {child.name}")


def _whole(spec: ModuleSpec) -> Box:
    name = f"nn.{spec.name}"
    title = Line(name, f"{spec.name}.state_dict", name)
    return Box((title, *_parameters(spec, spec, "")), _inside(spec, spec, ""))


def _inside(top: ModuleSpec, spec: ModuleSpec, prefix: str) -> tuple[Box, ...]:
    return tuple(_child(top, spec, child, prefix) for child in spec.children)


def _child(top: ModuleSpec, parent: ModuleSpec, child: Child, prefix: str) -> Box:
    path, spec = f"{prefix}{child.name}", child.spec
    lines = [_title(parent, child, path)]
    if child.count != 1:
        count = expression_text(_outside(top, child.count, path))
        lines.append(Line(f"{count} times", f"{top.name}.{count}", f"{path}: {count} times"))
    if spec is None:
        return Box(tuple(lines), ())
    inner = f"{path}."
    return Box((*lines, *_parameters(top, spec, inner)), _inside(top, spec, inner))


def _title(parent: ModuleSpec, child: Child, path: str) -> Line:
    """Return the line that names a child; it leads to its module, or to the argument that sets it.

    A module without parameters is known by its first argument.
    """
    if child.spec is None:
        address = f"{parent.name}.{child.given}"
        return Line(child.name, address, f"{path}, where it is a module", "where a module")
    known = child.spec
    place = "state_dict" if known.parameters else known.arguments[0].id
    text = f"{child.name}: {known.name}"
    return Line(text, f"{known.name}.{place}", f"{path}: {known.name}")


def _outside(top: ModuleSpec, count: sympy.Expr, path: str) -> sympy.Expr:
    """Return how often a child occurs in the symbols of the whole module."""
    rules = (rule for rule in top.parameters if rule.name.startswith(f"{path}."))
    return next((rule.count for rule in rules), count)


def _parameters(top: ModuleSpec, spec: ModuleSpec, prefix: str) -> tuple[Line, ...]:
    """Return a line for each parameter that is a module's own, from the rule of the whole."""
    inside = tuple(f"{child.name}." for child in spec.children)
    own = dict.fromkeys(r.name for r in spec.parameters if not r.name.startswith(inside))
    there = {rule.name: rule for rule in top.parameters}
    return tuple(_parameter(top, there[prefix + n], n) for n in own if prefix + n in there)


def _parameter(top: ModuleSpec, rule: Parameter, name: str) -> Line:
    shape = rule.shape.text() if rule.shape is not None else ""
    note = "" if rule.when == sympy.true else condition_text(rule.when)
    blocks = tuple(block.name for block in rule.blocks if " " not in block.name)
    whole = " ".join(part for part in (rule.name, shape, note) if part)
    return Line(f"{name} {shape}", top.address(rule), whole, note, blocks)
