"""A front end behind few pins, so that it can be placed on a part by itself."""

from __future__ import annotations

import re
from pathlib import Path

from pulsefront.errors import ExportError

__all__ = ["PINS", "write_behind_pins"]

PINS = "_pins"
"""Behind the name of the top module: that of the module around it."""


def write_behind_pins(folder: Path, top: str) -> str:
    """Write a module around the front end *top* into *folder*; return its name.

    A record has more bits than a small part has pins. Around it lies a shift register: it takes a
    record when it has given the one before. So no path to a pin is timed, and none of the front
    end's own is left out.

    Raises
    ------
    ExportError
        The module is not written as `pulsefront` writes it.
    """
    path = folder / f"{top}.v"
    head, found, _ = path.read_text(encoding="utf-8").partition("\n);\n")
    ports = re.findall(r"^ +(input|output) +(?:wire|reg) +(signed )?(\[\d+:0\])? *(\w+),?$",
                       head, re.MULTILINE)  # fmt: skip
    inputs = [(bits, name) for way, _, bits, name in ports if way == "input"]
    outputs = [(bits, name) for way, _, bits, name in ports if way == "output"]
    fields = [(bits, name) for bits, name in outputs if bits]
    if not found or ("", "record_valid") not in outputs or ("", "record_ready") not in inputs:
        raise ExportError("is no top module of a front end", file=path)
    taken = [one for one in inputs if one[1] != "record_ready"]
    given = [name for bits, name in outputs if not bits and name != "record_valid"]
    width = sum(int(bits[1:-3]) + 1 for bits, _ in fields)
    name = f"{top}{PINS}"
    listed = [f"input  wire {bits} {port}".replace("  ", " ") for bits, port in taken]
    listed += [f"output wire {port}" for port in given] + ["output wire bit_out"]
    connected = [one for _, one in [*taken, *fields]] + given + ["record_valid", "record_ready"]
    joined = ", ".join(field for _, field in fields)
    lines = [
        f"module {name} (", "    " + ",\n    ".join(listed), ");",
        *(f"    wire {bits} {field};" for bits, field in fields),
        "    wire record_valid;",
        f"    reg [{width - 1}:0] record;",
        f"    reg [{width.bit_length() - 1}:0] left;",
        "    wire record_ready = left == 0;",
        "    assign bit_out = record[0];",
        "    always @(posedge clk) begin",
        "        if (rst) left <= 0;",
        f"        else if (record_valid && record_ready) left <= {width};",
        "        else if (left != 0) left <= left - 1'b1;",
        f"        record <= record_ready ? {{{joined}}} : record >> 1;",
        "    end",
        f"    {top} front_end (",
        ",\n".join(f"        .{one}({one})" for one in connected),
        "    );",
        "endmodule",
    ]  # fmt: skip
    (folder / f"{name}.v").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name
