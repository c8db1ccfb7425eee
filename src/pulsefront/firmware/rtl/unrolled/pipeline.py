"""The unrolled pipeline of a model: sums by alkaid, limits, rounding and overflow by our modules.

Every tensor is one bus with a time, the clocks since its event came in. Sums are a module of
alkaid's for each layer; what assigns them has a register of its own, and one more where rounding
adds, so that neither waits for an adder. Where two tensors meet, the earlier one is delayed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from math import prod
from pathlib import Path
from typing import Any

from pulsefront.errors import ExportError
from pulsefront.files import write_text
from pulsefront.firmware.rtl.language.languages import VERILOG, Language
from pulsefront.firmware.rtl.language.netlist import (
    Bits,
    Comment,
    Instance,
    Register,
    Signal,
    Statement,
    Value,
    Zeros,
    bits_of,
    whole,
)
from pulsefront.firmware.rtl.layers.elements import element_of, moved
from pulsefront.firmware.rtl.layers.half_up import half_up
from pulsefront.firmware.rtl.layers.tables import input_tables_module, table_module
from pulsefront.firmware.rtl.unrolled.trace import traced
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, by_channel
from pulsefront.fixed_point.layers import (
    Add,
    Concatenate,
    Flatten,
    FunctionTable,
    ImageWindows,
    InputTables,
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
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["MODULES", "VERILOG_MODULES", "Pipeline", "pipeline"]

MODULES = ("pf_clip", "pf_fifo", "pf_fork", "pf_gate", "pf_overflow", "pf_round")
"""Of ``firmware_export/rtl``, what an unrolled design takes in either language."""

VERILOG_MODULES = ("pf_shift_adder",)
"""And in Verilog alone."""


@dataclass(frozen=True)
class Pipeline:
    """The *lines* from ``t__INPUT`` to ``result__OUTPUT``, *stages* registers later."""

    lines: tuple[Statement, ...]
    stages: int
    lut_estimate: float


def pipeline(
    model: Specification, folder: Path, levels_per_stage: float, language: Language
) -> Pipeline:
    """Return the pipeline of *model*; alkaid's modules go into *folder*."""
    built = _Builder(model, folder, levels_per_stage, language)
    for one in model.inputs:
        built.times[one.name] = 0
    for step in model.steps:
        built.add(step)
    stages = max(1, *(built.times[name] for name in model.outputs))
    for name in model.outputs:
        tensor = model.tensors[name]
        bits = prod(tensor.shape) * tensor.format.width
        delayed = built.delayed(f"t__{name}", bits, stages - built.times[name])
        built.lines.append(Signal(f"result__{name}", bits, whole(delayed, bits)))
    return Pipeline(tuple(built.lines), stages, built.lut_estimate)


class _Builder:
    """Collects the lines of a pipeline, layer by layer."""

    def __init__(
        self, model: Specification, folder: Path, levels_per_stage: float, language: Language
    ) -> None:
        self.model = model
        self.folder = folder
        self.levels = levels_per_stage
        self.language = language
        self.times: dict[str, int] = {}
        self.lines: list[Statement] = []
        self.delays: set[str] = set()
        self.lut_estimate = 0.0
        self.halves = half_up(model)
        self.halved = {one.reader for one in self.halves.values()}
        self.wider: dict[str, FixedPointFormat] = {}

    def add(self, step: LayerStep) -> None:
        """Add a layer."""
        self.lines.append(Comment(f"{step.layer.kind} {step.layer.name}"))
        self.times[step.layer.name] = self._layer(step.layer, step)

    def delayed(self, name: str, bits: int, clocks: int) -> str:
        """Return the name of a bus that follows *name* some *clocks* later."""
        previous = name
        for clock in range(1, clocks + 1):
            late = f"{name}__late{clock}"
            if late not in self.delays:
                self.delays.add(late)
                self.lines.append(Register(late, bits, whole(previous, bits)))
            previous = late
        return previous

    @singledispatchmethod
    def _layer(self, layer: Layer, step: LayerStep) -> int:  # noqa: ARG002
        raise not_written(layer.name, layer.kind, "rtl_unrolled")

    @_layer.register
    def _sums(self, layer: MatrixLayer | WindowLayer | Add, step: LayerStep) -> int:
        """Add alkaid's module of a layer's exact result, then its assignment."""
        from alkaid.codegen.rtl.rtl_model import RTLModel
        from alkaid.trace.pipeline import to_pipeline

        name = layer.name
        core = f"{self.model.name}__{name}"
        format_ = step.exact.format
        start = max(self.times[one.name] for one in step.sources)
        given_late = [self._at(one, start) for one in step.sources]
        half = self.halves.get(name)
        if half is not None:
            format_ = FixedPointFormat(format_.width + 1, format_.integer + 1, format_.signed)
        logic = traced(step, None if half is None else half.steps)
        self.lut_estimate += float(logic.cost)
        stages = to_pipeline(
            logic,
            latency_cutoff=self.levels,
            verbose=False,
            # What another layer gives lies in a register already.
            reg_inp=start == 0,
        )
        with tempfile.TemporaryDirectory(prefix="pulsefront-alkaid-") as temporary:
            # yosys does not realise alkaid's fusion of ternary adders.
            found = RTLModel(
                stages,
                temporary,
                prj_name=core,
                flavor=self.language.flavor,
                ternary_fuse=False,
                print_latency=False,
            )
            found.write()
            _gather(Path(temporary) / "src", self.folder, core, self.language)
        (given,), (result,) = found.fsm.inp_signals, found.fsm.out_signals
        taken = _core_input(given_late, step.sources, given, name)
        exact = _core_output(f"out__{name}", format_, step.exact.size, result, name)
        self.lines += [
            Signal(f"in__{name}", given.width, taken),
            Signal(f"out__{name}", max(result.width, 1)),
            Instance(
                core,
                f"core__{name}",
                {"clk": "clk", given.name: f"in__{name}", result.name: f"out__{name}"},
            ),
            Signal(f"exact__{name}", step.exact.size * format_.width, exact),
        ]
        time = start + int(result.schedule.bias)
        return self._assigned(step, f"exact__{name}", format_, time)

    def _at(self, one: Tensor, time: int) -> str:
        """Return the bus of a tensor at a *time* that is not before its own."""
        bits = one.size * one.format.width
        return self.delayed(f"t__{one.name}", bits, time - self.times[one.name])

    @_layer.register
    def _from_another(self, layer: Quantize | Relu | LimitLayer, step: LayerStep) -> int:  # noqa: ARG002
        source = step.sources[0]
        own = self.wider.get(source.name, source.format)
        return self._assigned(step, f"t__{source.name}", own, self.times[source.name])

    @_layer.register
    def _flat(self, layer: Flatten, step: LayerStep) -> int:
        (source,) = step.sources
        self._joined(
            f"t__{layer.name}",
            # The proven interval can be narrower than the source's format.
            [
                moved(f"t__{source.name}", element, source.format, step.exact.format)
                for element in range(source.size)
            ],
        )
        return self.times[source.name]

    @_layer.register
    def _image(self, layer: ImageWindows, step: LayerStep) -> int:
        (source,), channels = step.sources, step.exact.shape[-1]
        result, elements = step.exact.format, []
        for place in layer.places().tolist():
            for channel in range(channels):
                value = moved(
                    f"t__{source.name}", place * channels + channel, source.format, result
                )
                elements.append(value if place >= 0 else (Zeros(result.width),))
        self._joined(f"t__{layer.name}", elements)
        return self.times[source.name]

    @_layer.register
    def _table(self, layer: FunctionTable, step: LayerStep) -> int:
        """Add the table as a module, and an instance and a register for every element."""
        (source,) = step.sources
        module = table_module(self.model.name, layer)
        path = self.folder / f"{module.name}{self.language.suffix}"
        write_text(path, self.language.text(module))
        kept: list[Value] = []
        reads, bits = source.format.width, layer.format.width
        for element in range(source.size):
            stem = f"e__{layer.name}__{element}"
            self.lines += [
                Signal(f"{stem}__x", reads, (Bits(f"t__{source.name}", element * reads, reads),)),
                Signal(f"{stem}__y", bits),
                Instance(
                    module.name,
                    f"{stem}__entry",
                    {"given": f"{stem}__x", "result": f"{stem}__y"},
                ),
                Register(f"{stem}__kept", bits, whole(f"{stem}__y", bits)),
            ]
            kept.append(whole(f"{stem}__kept", bits))
        self._joined(f"t__{layer.name}", kept)
        return self.times[source.name] + 1

    @_layer.register
    def _tables_of_inputs(self, layer: InputTables, step: LayerStep) -> int:
        """Add all tables as one module, and a register behind it."""
        (source,) = step.sources
        module = input_tables_module(self.model.name, layer, step)
        path = self.folder / f"{module.name}{self.language.suffix}"
        write_text(path, self.language.text(module))
        name, bits = layer.name, step.result.size * layer.format.width
        self.lines += [
            Signal(f"found__{name}", bits),
            Instance(
                module.name,
                f"tables__{name}",
                {"given": f"t__{source.name}", "result": f"found__{name}"},
            ),
            Register(f"t__{name}", bits, whole(f"found__{name}", bits)),
        ]
        return self.times[source.name] + 1

    @_layer.register
    def _together(self, layer: Concatenate, step: LayerStep) -> int:
        time = max(self.times[one.name] for one in step.sources)
        result = step.exact.format
        places: list[tuple[int, Value]] = []
        start = 0
        for one in step.sources:
            late = self._at(one, time)
            channels = one.shape[-1]
            for element in range(one.size):
                row, channel = divmod(element, channels)
                place = row * step.exact.shape[-1] + start + channel
                places.append((place, moved(late, element, one.format, result)))
            start += channels
        places.sort(key=lambda one: one[0])
        self._joined(f"t__{layer.name}", [value for _, value in places])
        return time

    def _assigned(self, step: LayerStep, source: str, own: FixedPointFormat, time: int) -> int:
        """Limit and assign every element of a bus; return the time of the result."""
        name, to = step.layer.name, step.layer.assignment
        result, size = step.result.format, step.exact.size
        if to is None and not isinstance(step.layer, Relu | LimitLayer):
            if name in self.halves:
                self.wider[name] = result = own
            bits = step.result.size * result.width
            self.lines.append(Signal(f"t__{name}", bits, whole(source, bits)))
            return time
        formats = by_channel(result if to is None else to.format, step.exact.shape[-1])
        modes = Assignment(result) if to is None else to
        one = element_of(step.layer, own, formats, modes, halved=name in self.halved)
        kept = []
        for element in range(size):
            format_, stem = formats[element % len(formats)], f"e__{name}__{element}"
            self.lines += one.lines(stem, source, element, format_)
            kept.append(moved(f"{stem}__kept", 0, format_, result))
        self._joined(f"t__{name}", kept)
        return time + one.clocks

    def _joined(self, name: str, elements: Sequence[Value]) -> None:
        """Put *elements*, the first in the least significant bits, together as the bus *name*."""
        bits = len(elements) * self.model.tensors[name.removeprefix("t__")].format.width
        value = tuple(part for one in reversed(elements) for part in one)
        self.lines.append(Signal(name, bits, value))


def _gather(source: Path, folder: Path, core: str, language: Language) -> None:
    """Copy alkaid's modules, those of a stage under a name of the layer's own.

    Two layers, or two models in one design, would otherwise have modules of one name. In Verilog
    its adder gives way to ours.
    """
    ours = {"shift_adder": "pf_shift_adder"} if language is VERILOG else {}

    def own(name: str) -> str:
        if name in ours:
            return ours[name]
        return name if name == core else f"{core}__{name}"

    pattern = "|".join([rf"\b{core}\b", r"\blogic\d+\b", *(rf"\b{one}\b" for one in ours)])
    for path in sorted(source.glob(f"*{language.suffix}")):
        if path.stem.endswith("_wrapper"):
            continue
        text = re.sub(pattern, lambda one: language.name(own(one[0])), path.read_text())
        write_text(folder / f"{own(path.stem)}{language.suffix}", text)
    for path in sorted((source / "static").glob(f"*{language.suffix}")):
        # The reader of tables names a file that is there only where a table is.
        if path.stem != "lookup_table" and path.stem not in ours:
            # Its remarks to Verilator name a warning that older releases know as WIDTH.
            text = path.read_text().replace("WIDTHTRUNC", "WIDTH")
            write_text(folder / path.name, text)


def _core_input(buses: Sequence[str], tensors: Sequence[Tensor], given: Any, name: str) -> Value:
    """Return the elements of *tensors* for alkaid's module, each at the bits that it takes."""
    elements = []
    places = [
        (bus, one.format, element)
        for bus, one in zip(buses, tensors, strict=True)
        for element in range(one.size)
    ]
    for (bus, one, element), taken in zip(places, given.precisions, strict=True):
        bits = int(taken.signed) + int(taken.integers) + int(taken.fractional)
        drop = one.fraction - int(taken.fractional)
        if bits > 0 and drop < 0:
            raise ExportError("alkaid takes more fraction bits than there are", field=name)
        if bits > 0:
            elements.append(bits_of(bus, element * one.width, one, drop, bits))
    return tuple(part for value in reversed(elements) for part in value)


def _core_output(bus: str, one: FixedPointFormat, size: int, result: Any, name: str) -> Value:
    """Return the outputs of alkaid's module in one format, one after the other."""
    elements: list[Value] = []
    start = 0
    for element in range(size):
        taken = result.precisions[element]
        bits = int(taken.signed) + int(taken.integers) + int(taken.fractional)
        if bits <= 0:
            elements.append((Zeros(one.width),))
            continue
        up = one.fraction - int(taken.fractional)
        if up < 0:
            raise ExportError("alkaid gives more fraction bits than there are", field=name)
        own = FixedPointFormat(bits, bits - int(taken.fractional), signed=bool(taken.signed))
        elements.append(bits_of(bus, start, own, -up, one.width))
        start += bits
    return tuple(part for value in reversed(elements) for part in value)
