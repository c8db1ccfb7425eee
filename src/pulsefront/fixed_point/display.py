"""A model as people see it: one line, and a table for notebooks."""

from __future__ import annotations

from html import escape

from pulsefront.fixed_point.cost import cost
from pulsefront.fixed_point.specification import Specification

__all__ = ["as_html", "as_line"]


def as_line(model: Specification) -> str:
    """Return name, ports with shapes and formats, and what the model costs, in a line."""
    inputs = ", ".join(f"{one.name} {one.shape} {one.format}" for one in model.inputs)
    outputs = ", ".join(f"{name} {model.tensors[name].shape} {form}"
                        for name, form in model.output_formats.items())  # fmt: skip
    found = cost(model)
    return (
        f"{model.name}: {inputs} -> {outputs}; {len(model.layers)} layers, "
        f"{found.weight_bytes:,} bytes of weights, {found.macs:,} MACs"
    )


def as_html(model: Specification) -> str:
    """Return the line, and a row for each layer: what it is, its shape, its format."""
    rows = [
        (step.layer.name, step.layer.kind, step.result.shape, step.result.format,
         step.layer.assignment or "exact")
        for step in model.steps
    ]  # fmt: skip
    head = ("layer", "kind", "shape", "format", "assigned")
    cells = "".join(_row("td", row) for row in rows)
    return f"<p>{escape(as_line(model))}</p><table>{_row('th', head)}{cells}</table>"


def _row(cell: str, values: tuple[object, ...]) -> str:
    inner = "".join(f"<{cell}>{escape(str(one))}</{cell}>" for one in values)
    return f"<tr>{inner}</tr>"
