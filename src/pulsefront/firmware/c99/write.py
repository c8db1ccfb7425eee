"""A fixed-point model as two files of C99, and the test bench beside them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsefront.files import firmware_export_directory
from pulsefront.firmware.c99.layers import layer_code
from pulsefront.firmware.c99.types import input_type, output_type, smallest_type
from pulsefront.fixed_point.layers import Flatten
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["FOLDER", "FlatPort", "ports_of", "rendered", "write_c99"]

FOLDER = "c99"
"""Folder of the target in an export."""


@dataclass(frozen=True)
class FlatPort:
    """An argument of the function: a flat array of raw integers, channel fastest."""

    name: str
    size: int
    ctype: str


def ports_of(model: FixedPointModel) -> dict[str, list[FlatPort]]:
    """Return the arguments of ``NAME_run``, ``inputs`` and ``outputs``, in order."""
    return {
        "inputs": [
            FlatPort(one.name, model.tensors[one.name].size, input_type(one.format))
            for one in model.inputs
        ],
        "outputs": [
            FlatPort(name, model.tensors[name].size, output_type(one))
            for name, one in model.output_formats.items()
        ],
    }


def write_c99(model: FixedPointModel, directory: str | Path) -> None:
    """Write ``NAME.c`` and ``NAME.h``, a test bench, and the script that builds and runs it.

    Raises
    ------
    UnsupportedLayer
        A layer has no code in C; the message names it.
    """
    directory = Path(directory)
    source, header = _source(model), _header(model)  # before anything is written
    directory.mkdir(parents=True)
    (directory / f"{model.name}.c").write_text(source, encoding="utf-8")
    (directory / f"{model.name}.h").write_text(header, encoding="utf-8")
    bench = rendered("bench.c.j2", model)
    (directory / f"{model.name}_test.c").write_text(bench, encoding="utf-8")
    script = directory / "run_testbench.sh"
    shutil.copy(firmware_export_directory() / "testbench" / "c99" / script.name, script)
    script.chmod(0o755)


def rendered(name: str, model: FixedPointModel) -> str:
    """Return a template of ``firmware_export/testbench/c99`` for *model*."""
    import jinja2

    text = (firmware_export_directory() / "testbench" / "c99" / name).read_text(encoding="utf-8")
    values: dict[str, Any] = {"name": model.name, **ports_of(model)}
    found: str = jinja2.Template(text, keep_trailing_newline=True).render(values)
    return found


def _declaration(model: FixedPointModel) -> str:
    ports = ports_of(model)
    arguments = [f"const {one.ctype} *in_{one.name}" for one in ports["inputs"]]
    arguments += [f"{one.ctype} *out_{one.name}" for one in ports["outputs"]]
    return f"void {model.name}_run({', '.join(arguments)})"


def _header(model: FixedPointModel) -> str:
    guard = f"{model.name.upper()}_C99_H"
    ports = [
        f"   in_{one.name}: {one.format}, {one.format.minimum} to {one.format.maximum}, "
        f"{model.tensors[one.name].size} elements"
        for one in model.inputs
    ]
    ports += [
        f"   out_{name}: {one}, {one.minimum} to {one.maximum}, {model.tensors[name].size} elements"
        for name, one in model.output_formats.items()
    ]
    lines = [
        f"/* {model.name}: a network in fixed-point arithmetic, integers alone.",
        "",
        *ports,
        "",
        "   A raw integer n of fixed<W,I> stands for the value n * 2^-(W-I). Elements of a port",
        "   with positions and channels run channel fastest. An input outside its range is not",
        "   looked for. Nothing is kept between calls: several threads may call the function. */",
        "",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "#include <stdint.h>",
        "",
        f"{_declaration(model)};",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _source(model: FixedPointModel) -> str:
    arrays = {one.name: f"in_{one.name}" for one in model.inputs}
    definitions: list[str] = []
    locals_: list[str] = []
    lines: list[str] = []
    for step in model.steps:
        name = step.layer.name
        if isinstance(step.layer, Flatten):
            arrays[name] = arrays[step.layer.inputs[0]]
            continue
        arrays[name] = f"at_{name}"
        one = step.result.format
        kind = smallest_type(one.minimum, one.maximum)
        locals_.append(f"{kind} at_{name}[{step.result.size}];")
        code = layer_code(step, [arrays[source] for source in step.layer.inputs], arrays[name])
        definitions += [*code.definitions, ""] if code.definitions else []
        lines += ["", f"/* {name}: {step.layer.kind} */", *code.lines]
    for name in model.outputs:
        size = model.tensors[name].size
        lines += ["", f"for (i = 0; i < {size}; i++)", f"    out_{name}[i] = {arrays[name]}[i];"]
    uses_k = any("(k = " in line for line in lines)
    body = [*locals_, "int i, k;" if uses_k else "int i;", *lines]
    whole = [
        f'#include "{model.name}.h"',
        "",
        "/* A negative number shifted right is rounded toward minus infinity. */",
        f"typedef char {model.name}_arithmetic_shift[(-3 >> 1) == -2 ? 1 : -1];",
        "",
        *definitions,
        _declaration(model),
        "{",
        *(f"    {line}" if line else "" for line in body),
        "}",
    ]
    return "\n".join(whole) + "\n"
