"""A table layer as a module of its own, in either language, and the places of windows in a file."""

from __future__ import annotations

from pathlib import Path

from pulsefront.firmware.rtl.language.netlist import (
    Bits,
    Lookup,
    Module,
    ModulePort,
    Part,
    Signal,
    Statement,
    bits_of,
    whole,
)
from pulsefront.firmware.rtl.language.verilog import address_bits
from pulsefront.fixed_point.layers import FunctionTable, ImageWindows, InputTables, LayerStep

__all__ = ["input_tables_module", "table_module", "write_places"]


def table_module(model: str, layer: FunctionTable) -> Module:
    """Return the module ``MODEL__LAYER``: ``given`` bits of the input to the entry's ``result``."""
    reads, bits = layer.reads_format.width, layer.format.width
    entries = tuple(layer.by_bits().tolist())
    return Module(
        f"{model}__{layer.name}",
        (f"Table {layer.name}: {layer.function}, {layer.reads_format} to {layer.format}.",),
        (ModulePort("given", "in", reads), ModulePort("result", "out", bits)),
        (
            Lookup("found", bits, "given", reads, entries),
            Signal("result", bits, whole("found", bits), declared=False),
        ),
    )


def input_tables_module(model: str, layer: InputTables, step: LayerStep) -> Module:
    """Return the module ``MODEL__LAYER``: all elements, ``given``, to all entries, ``result``."""
    (source,) = step.sources
    reads, bits = source.format, layer.format.width
    tables = layer.entries.reshape(-1, layer.entries.shape[-1])
    body: list[Statement] = []
    found: list[Part] = []
    for number, (table, chosen) in enumerate(
        zip(tables, layer.chosen.reshape(len(tables), -1), strict=True)
    ):
        codes = [
            bits_of(
                "given", element * reads.width, reads, int(layer.first_bit[element]), layer.bits
            )
            for element in chosen.tolist()
        ]
        address = tuple(part for code in reversed(codes) for part in code)
        body += [
            Signal(f"place{number}", layer.address_bits, address),
            Lookup(
                f"found{number}",
                bits,
                f"place{number}",
                layer.address_bits,
                tuple(table.tolist()),
            ),
        ]
        found.insert(0, Bits(f"found{number}", 0, bits))
    body.append(Signal("result", bits * len(tables), tuple(found), declared=False))
    return Module(
        f"{model}__{layer.name}",
        (f"Tables {layer.name}: {len(tables)} of {layer.fan_in} inputs of {layer.bits} bits.",),
        (
            ModulePort("given", "in", source.size * reads.width),
            ModulePort("result", "out", bits * len(tables)),
        ),
        tuple(body),
    )


def write_places(folder: Path, layer: ImageWindows, step: LayerStep) -> None:
    """Write ``NAME_places.hex`` for `pf_gather.v`: a word for each position of each window."""
    (source,) = step.sources
    bits, channels = address_bits(source.size), source.shape[-1]
    words = [one * channels if one >= 0 else 1 << bits for one in layer.places().tolist()]
    text = "\n".join(f"{word:x}" for word in words)
    (folder / f"{layer.name}_places.hex").write_text(f"{text}\n", encoding="utf-8")
