"""The unrolled pipeline of a model: sums by alkaid, limits, rounding and overflow by our modules.

Every tensor is one bus with a time, the clocks since its event came in. Sums are a module of
alkaid's for each layer; what assigns them has a register after the rounding and one after the
overflow, so that neither waits for an adder. Where two tensors meet, the earlier one is delayed.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import singledispatchmethod
from math import prod
from pathlib import Path
from typing import Any

from pulsefront.errors import ExportError
from pulsefront.files import write_text
from pulsefront.firmware.rtl.assign import (
    MODE_OF_OVERFLOW,
    MODE_OF_ROUNDING,
    rounded_width,
    rounding_shift,
)
from pulsefront.firmware.rtl.trace import traced
from pulsefront.firmware.rtl.verilog import instance, signed_width
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, by_channel
from pulsefront.fixed_point.layers import (
    Concatenate,
    Flatten,
    Layer,
    LayerStep,
    LimitLayer,
    Quantize,
    Relu,
)
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.pooling import WindowLayer
from pulsefront.fixed_point.layers.unsupported import not_written
from pulsefront.fixed_point.specification import Specification

__all__ = ["MODULES", "Pipeline", "pipeline"]

MODULES = ("pf_clip.v", "pf_fifo.v", "pf_fork.v", "pf_overflow.v", "pf_round.v")
"""Of ``firmware_export/rtl``, what an unrolled design takes."""


@dataclass(frozen=True)
class Pipeline:
    """The *lines* from ``t__INPUT`` to ``t__OUTPUT``, *stages* registers later."""

    lines: tuple[str, ...]
    stages: int
    lut_estimate: float


def pipeline(model: Specification, folder: Path, levels_per_stage: float) -> Pipeline:
    """Return the pipeline of *model*; alkaid's modules go into *folder*."""
    built = _Builder(model, folder, levels_per_stage)
    for one in model.inputs:
        built.times[one.name] = 0
    for step in model.steps:
        built.add(step)
    stages = max(1, *(built.times[name] for name in model.outputs))
    outputs = []
    for name in model.outputs:
        tensor = model.tensors[name]
        bits = prod(tensor.shape) * tensor.format.width
        delayed = built.delayed(f"t__{name}", bits, stages - built.times[name])
        outputs += [f"wire [{bits - 1}:0] result__{name} = {delayed};"]
    return Pipeline((*built.lines, *outputs), stages, built.lut_estimate)


class _Builder:
    """Collects the lines of a pipeline, layer by layer."""

    def __init__(self, model: Specification, folder: Path, levels_per_stage: float) -> None:
        self.model = model
        self.folder = folder
        self.levels = levels_per_stage
        self.times: dict[str, int] = {}
        self.lines: list[str] = []
        self.delays: set[str] = set()
        self.lut_estimate = 0.0

    def add(self, step: LayerStep) -> None:
        """Add a layer."""
        self.lines.append(f"// {step.layer.kind} {step.layer.name}")
        self.times[step.layer.name] = self._layer(step.layer, step)

    def delayed(self, name: str, bits: int, clocks: int) -> str:
        """Return the name of a bus that follows *name* some *clocks* later."""
        previous = name
        for clock in range(1, clocks + 1):
            late = f"{name}__late{clock}"
            if late not in self.delays:
                self.delays.add(late)
                self.lines += [
                    f"reg [{bits - 1}:0] {late};",
                    f"always @(posedge clk) {late} <= {previous};",
                ]
            previous = late
        return previous

    @singledispatchmethod
    def _layer(self, layer: Layer, step: LayerStep) -> int:  # noqa: ARG002
        raise not_written(layer.name, layer.kind, "rtl_unrolled")

    @_layer.register
    def _sums(self, layer: MatrixLayer | WindowLayer, step: LayerStep) -> int:
        """Add alkaid's module of a layer's exact result, then its assignment."""
        from alkaid.codegen.rtl.rtl_model import RTLModel

        name = layer.name
        core = f"{self.model.name}__{name}"
        logic = traced(step)
        self.lut_estimate += float(logic.cost)
        with tempfile.TemporaryDirectory(prefix="pulsefront-alkaid-") as temporary:
            # yosys does not realise alkaid's fusion of ternary adders.
            found = RTLModel(
                logic,
                temporary,
                prj_name=core,
                latency_cutoff=self.levels,
                ternary_fuse=False,
                print_latency=False,
            )
            found.write()
            _gather(Path(temporary) / "src", self.folder, core)
        (given,), (result,) = found.fsm.inp_signals, found.fsm.out_signals
        source = step.sources[0]
        self.lines += _core_inputs(f"t__{source.name}", source.format, source.size, given, name)
        self.lines += [
            f"wire [{max(result.width, 1) - 1}:0] out__{name};",
            *instance(
                core,
                f"core__{name}",
                {},
                {"clk": "clk", given.name: f"in__{name}", result.name: f"out__{name}"},
            ),
            *_core_outputs(f"exact__{name}", step.exact.format, step.exact.size, result, name),
        ]
        time = self.times[source.name] + int(result.schedule.bias)
        return self._assigned(step, f"exact__{name}", step.exact.format, time, None)

    @_layer.register
    def _cast(self, layer: Quantize, step: LayerStep) -> int:  # noqa: ARG002
        source = step.sources[0]
        time = self.times[source.name]
        return self._assigned(step, f"t__{source.name}", source.format, time, None)

    @_layer.register
    def _limited(self, layer: Relu | LimitLayer, step: LayerStep) -> int:
        source = step.sources[0]
        if isinstance(layer, Relu):
            limits = 0, (1 << (signed_width(source.format) - 1)) - 1
        else:
            limits = layer.limits(source.format)
        time = self.times[source.name]
        return self._assigned(step, f"t__{source.name}", source.format, time, limits)

    @_layer.register
    def _flat(self, layer: Flatten, step: LayerStep) -> int:
        (source,), name = step.sources, layer.name
        for element in range(source.size):
            # The proven interval can be narrower than the source's format.
            stem = f"part__{name}__{element}"
            self.lines += _moved(
                stem, f"t__{source.name}", element, source.format, step.exact.format
            )
        whole = ", ".join(f"part__{name}__{one}" for one in reversed(range(source.size)))
        self.lines.append(f"wire [{_bits(step) - 1}:0] t__{name} = {{{whole}}};")
        return self.times[source.name]

    @_layer.register
    def _together(self, layer: Concatenate, step: LayerStep) -> int:
        time = max(self.times[one.name] for one in step.sources)
        result = step.exact.format
        places: list[tuple[int, str]] = []
        start = 0
        for number, one in enumerate(step.sources):
            late = self.delayed(
                f"t__{one.name}", one.size * one.format.width, time - self.times[one.name]
            )
            channels = one.shape[-1]
            for element in range(one.size):
                stem = f"part__{layer.name}__{number}__{element}"
                self.lines += _moved(stem, late, element, one.format, result)
                row, channel = divmod(element, channels)
                places.append((row * step.exact.shape[-1] + start + channel, stem))
            start += channels
        whole = ", ".join(stem for _, stem in sorted(places, reverse=True))
        self.lines.append(f"wire [{_bits(step) - 1}:0] t__{layer.name} = {{{whole}}};")
        return time

    def _assigned(
        self,
        step: LayerStep,
        source: str,
        own: FixedPointFormat,
        time: int,
        limits: tuple[int, int] | None,
    ) -> int:
        """Limit and assign every element of a bus; return the time of the result."""
        name, to = step.layer.name, step.layer.assignment
        result = step.result.format
        if to is None and limits is None:
            self.lines.append(f"wire [{_bits(step) - 1}:0] t__{name} = {source};")
            return time
        formats = by_channel(result if to is None else to.format, step.exact.shape[-1])
        modes = Assignment(result) if to is None else to
        for element in range(step.exact.size):
            one = formats[element % len(formats)]
            self.lines += _element(
                f"e__{name}__{element}", source, element, own, one, modes, limits
            )
            self.lines += _moved(
                f"f__{name}__{element}", f"e__{name}__{element}__kept", 0, one, result
            )
        whole = ", ".join(f"f__{name}__{one}" for one in reversed(range(step.exact.size)))
        self.lines.append(f"wire [{_bits(step) - 1}:0] t__{name} = {{{whole}}};")
        return time + 2


def _element(
    stem: str,
    source: str,
    element: int,
    own: FixedPointFormat,
    one: FixedPointFormat,
    modes: Assignment,
    limits: tuple[int, int] | None,
) -> list[str]:
    """Return the lines that limit, round and assign one element, to the register STEM__kept."""
    low, high = limits or (0, 0)
    needed = max(max(low, ~low).bit_length(), max(high, ~high).bit_length()) + 1
    width = signed_width(own) if limits is None else max(signed_width(own), needed)
    wide = FixedPointFormat(width, width - own.fraction)
    value = extended_slice(source, element, own)
    lines = [f"wire signed [{width - 1}:0] {stem}__x = $signed({value});"]
    taken = f"{stem}__x"
    if limits is not None:
        taken = f"{stem}__y"
        lines += [
            f"wire signed [{width - 1}:0] {taken};",
            *instance(
                "pf_clip",
                f"{stem}__clip",
                {"WIDTH": width, "LOW": low, "HIGH": high},
                {"in": f"{stem}__x", "out": taken},
            ),
        ]
    bits = rounded_width(wide, one)
    return [
        *lines,
        f"wire signed [{bits - 1}:0] {stem}__rounds;",
        *instance(
            "pf_round",
            f"{stem}__round",
            {
                "IN_WIDTH": width,
                "SHIFT": rounding_shift(wide, one),
                "ROUNDING": MODE_OF_ROUNDING[modes.rounding],
                "OUT_WIDTH": bits,
            },
            {"in": taken, "out": f"{stem}__rounds"},
        ),
        f"reg signed [{bits - 1}:0] {stem}__rounded;",
        f"always @(posedge clk) {stem}__rounded <= {stem}__rounds;",
        f"wire [{one.width - 1}:0] {stem}__fits;",
        *instance(
            "pf_overflow",
            f"{stem}__overflow",
            {
                "IN_WIDTH": bits,
                "OUT_WIDTH": one.width,
                "SIGNED": one.signed,
                "OVERFLOW": MODE_OF_OVERFLOW[modes.overflow],
            },
            {"in": f"{stem}__rounded", "out": f"{stem}__fits"},
        ),
        f"reg [{one.width - 1}:0] {stem}__kept;",
        f"always @(posedge clk) {stem}__kept <= {stem}__fits;",
    ]


def extended_slice(bus: str, element: int, one: FixedPointFormat) -> str:
    """Return an element of a bus with its sign in front, as an expression."""
    start = element * one.width
    sign = f"{bus}[{start + one.width - 1}]" if one.signed else "1'b0"
    return f"{{{sign}, {bus}[{start} +: {one.width}]}}"


def _moved(
    stem: str, bus: str, element: int, own: FixedPointFormat, to: FixedPointFormat
) -> list[str]:
    """Return the lines of an element in a format that holds it, a wire *stem*."""
    up = to.fraction - own.fraction
    value = extended_slice(bus, element, own)
    shifted = f"{{{value}, {{{up}{{1'b0}}}}}}" if up else value
    return [
        f"wire signed [{own.width + up}:0] {stem}__v = $signed({shifted});",
        f"wire [{to.width - 1}:0] {stem};",
        f"assign {stem} = {stem}__v;",
    ]


def _bits(step: LayerStep) -> int:
    return step.result.size * step.result.format.width


def _gather(source: Path, folder: Path, core: str) -> None:
    """Copy alkaid's modules, those of a stage under a name of the layer's own.

    Two layers, or two models in one design, would otherwise have modules of one name.
    """
    for path in sorted(source.glob("*.v")):
        if path.stem.endswith("_wrapper"):
            continue
        text = re.sub(r"\blogic(\d+)\b", rf"{core}__logic\1", path.read_text())
        stem = re.sub(r"^logic(\d+)$", rf"{core}__logic\1", path.stem)
        write_text(folder / f"{stem}.v", text)
    for path in sorted((source / "static").glob("*.v")):
        # The reader of tables names a file that is there only where a table is.
        if path.stem != "lookup_table":
            shutil.copy(path, folder)


def _core_inputs(bus: str, one: FixedPointFormat, size: int, given: Any, name: str) -> list[str]:
    """Connect the elements of a bus to alkaid's module, each at the bits that it takes."""
    lines, parts = [], []
    for element in range(size):
        taken = given.precisions[element]
        bits = int(taken.signed) + int(taken.integers) + int(taken.fractional)
        if bits <= 0:
            continue
        drop = one.fraction - int(taken.fractional)
        if drop < 0:
            raise ExportError("alkaid takes more fraction bits than there are", field=name)
        sign = f"{bus}[{(element + 1) * one.width - 1}]" if one.signed else "1'b0"
        whole = f"{bus}[{element * one.width} +: {one.width}]"
        stem = f"in__{name}__{element}"
        lines.append(f"wire [{one.width + bits - 1}:0] {stem} = {{{{{bits}{{{sign}}}}}, {whole}}};")
        parts.append(f"{stem}[{drop} +: {bits}]")
    whole = ", ".join(reversed(parts))
    return [*lines, f"wire [{given.width - 1}:0] in__{name} = {{{whole}}};"]


def _core_outputs(bus: str, one: FixedPointFormat, size: int, result: Any, name: str) -> list[str]:
    """Bring the outputs of alkaid's module to one format, one after the other."""
    lines, parts, start = [], [], 0
    for element in range(size):
        taken = result.precisions[element]
        bits = int(taken.signed) + int(taken.integers) + int(taken.fractional)
        stem = f"{bus}__{element}"
        parts.append(stem)
        if bits <= 0:
            lines.append(f"wire [{one.width - 1}:0] {stem} = 0;")
            continue
        up = one.fraction - int(taken.fractional)
        if up < 0:
            raise ExportError("alkaid gives more fraction bits than there are", field=name)
        sign = f"out__{name}[{start + bits - 1}]" if taken.signed else "1'b0"
        zeros = f", {{{up}{{1'b0}}}}" if up else ""
        whole = f"{{{{{one.width}{{{sign}}}}}, out__{name}[{start} +: {bits}]{zeros}}}"
        lines += [
            f"wire [{one.width + bits + up - 1}:0] {stem}__wide = {whole};",
            f"wire [{one.width - 1}:0] {stem} = {stem}__wide[{one.width - 1}:0];",
        ]
        start += bits
    whole = ", ".join(reversed(parts))
    return [*lines, f"wire [{size * one.width - 1}:0] {bus} = {{{whole}}};"]
