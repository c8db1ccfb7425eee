"""A table layer as a module of its own, in either language, and the places of windows in a file."""

from __future__ import annotations

from pathlib import Path

from pulsefront.firmware.rtl.netlist import Lookup, Module, ModulePort, Signal, whole
from pulsefront.firmware.rtl.verilog import address_bits
from pulsefront.fixed_point.layers import FunctionTable, ImageWindows, LayerStep

__all__ = ["table_module", "write_places"]


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


def write_places(folder: Path, layer: ImageWindows, step: LayerStep) -> None:
    """Write ``NAME_places.hex`` for `pf_gather.v`: a word for each position of each window."""
    (source,) = step.sources
    bits, channels = address_bits(source.size), source.shape[-1]
    words = [one * channels if one >= 0 else 1 << bits for one in layer.places().tolist()]
    text = "\n".join(f"{word:x}" for word in words)
    (folder / f"{layer.name}_places.hex").write_text(f"{text}\n", encoding="utf-8")
