"""The unrolled pipeline of a model: sums by alkaid, limits, rounding and overflow by our modules.

Every tensor is one bus with a time, the clocks since its event came in. Sums are a module of
alkaid's for each layer; what assigns them has a register after the rounding and one after the
overflow, so that neither waits for an adder. Where two tensors meet, the earlier one is delayed.
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
from pulsefront.firmware.rtl.assign import (
    MODE_OF_OVERFLOW,
    MODE_OF_ROUNDING,
    rounded_width,
    rounding_shift,
)
from pulsefront.firmware.rtl.languages import Language
from pulsefront.firmware.rtl.netlist import (
    Comment,
    Instance,
    Number,
    Register,
    Signal,
    Statement,
    Value,
    Zeros,
    bits_of,
    whole,
)
from pulsefront.firmware.rtl.trace import traced
from pulsefront.firmware.rtl.verilog import signed_width
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

MODULES = ("pf_clip", "pf_fifo", "pf_fork", "pf_gate", "pf_overflow", "pf_round")
"""Of ``firmware_export/rtl``, what an unrolled design takes."""


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
                flavor=self.language.flavor,
                latency_cutoff=self.levels,
                ternary_fuse=False,
                print_latency=False,
            )
            found.write()
            _gather(Path(temporary) / "src", self.folder, core, self.language)
        (given,), (result,) = found.fsm.inp_signals, found.fsm.out_signals
        source = step.sources[0]
        taken = _core_input(f"t__{source.name}", source.format, source.size, given, name)
        exact = _core_output(f"out__{name}", step.exact.format, step.exact.size, result, name)
        self.lines += [
            Signal(f"in__{name}", given.width, taken),
            Signal(f"out__{name}", max(result.width, 1)),
            Instance(
                core,
                f"core__{name}",
                {"clk": "clk", given.name: f"in__{name}", result.name: f"out__{name}"},
            ),
            Signal(f"exact__{name}", step.exact.size * step.exact.format.width, exact),
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
        (source,) = step.sources
        self._joined(
            f"t__{layer.name}",
            # The proven interval can be narrower than the source's format.
            [
                _moved(f"t__{source.name}", element, source.format, step.exact.format)
                for element in range(source.size)
            ],
        )
        return self.times[source.name]

    @_layer.register
    def _together(self, layer: Concatenate, step: LayerStep) -> int:
        time = max(self.times[one.name] for one in step.sources)
        result = step.exact.format
        places: list[tuple[int, Value]] = []
        start = 0
        for one in step.sources:
            late = self.delayed(
                f"t__{one.name}", one.size * one.format.width, time - self.times[one.name]
            )
            channels = one.shape[-1]
            for element in range(one.size):
                row, channel = divmod(element, channels)
                place = row * step.exact.shape[-1] + start + channel
                places.append((place, _moved(late, element, one.format, result)))
            start += channels
        places.sort(key=lambda one: one[0])
        self._joined(f"t__{layer.name}", [value for _, value in places])
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
        result, size = step.result.format, step.exact.size
        if to is None and limits is None:
            bits = step.result.size * result.width
            self.lines.append(Signal(f"t__{name}", bits, whole(source, bits)))
            return time
        formats = by_channel(result if to is None else to.format, step.exact.shape[-1])
        modes = Assignment(result) if to is None else to
        kept = []
        for element in range(size):
            one = formats[element % len(formats)]
            stem = f"e__{name}__{element}"
            self.lines += _element(stem, source, element, own, one, modes, limits)
            kept.append(_moved(f"{stem}__kept", 0, one, result))
        self._joined(f"t__{name}", kept)
        return time + 2

    def _joined(self, name: str, elements: Sequence[Value]) -> None:
        """Put *elements*, the first in the least significant bits, together as the bus *name*."""
        bits = len(elements) * self.model.tensors[name.removeprefix("t__")].format.width
        value = tuple(part for one in reversed(elements) for part in one)
        self.lines.append(Signal(name, bits, value))


def _element(
    stem: str,
    source: str,
    element: int,
    own: FixedPointFormat,
    one: FixedPointFormat,
    modes: Assignment,
    limits: tuple[int, int] | None,
) -> list[Statement]:
    """Return the lines that limit, round and assign one element, to the register STEM__kept."""
    low, high = limits or (0, 0)
    needed = max(max(low, ~low).bit_length(), max(high, ~high).bit_length()) + 1
    width = signed_width(own) if limits is None else max(signed_width(own), needed)
    wide = FixedPointFormat(width, width - own.fraction)
    taken = f"{stem}__x"
    lines: list[Statement] = [
        Signal(taken, width, bits_of(source, element * own.width, own, 0, width))
    ]
    if limits is not None:
        taken = f"{stem}__y"
        lines += [
            Signal(taken, width),
            Instance(
                "pf_clip",
                f"{stem}__clip",
                {"given": f"{stem}__x", "result": taken},
                {"WIDTH": width, "LOW": Number(low, width), "HIGH": Number(high, width)},
            ),
        ]
    bits = rounded_width(wide, one)
    return [
        *lines,
        Signal(f"{stem}__rounds", bits),
        Instance(
            "pf_round",
            f"{stem}__round",
            {"given": taken, "result": f"{stem}__rounds"},
            {
                "IN_WIDTH": width,
                "SHIFT": rounding_shift(wide, one),
                "ROUNDING": MODE_OF_ROUNDING[modes.rounding],
                "OUT_WIDTH": bits,
            },
        ),
        Register(f"{stem}__rounded", bits, whole(f"{stem}__rounds", bits)),
        Signal(f"{stem}__fits", one.width),
        Instance(
            "pf_overflow",
            f"{stem}__overflow",
            {"given": f"{stem}__rounded", "result": f"{stem}__fits"},
            {
                "IN_WIDTH": bits,
                "OUT_WIDTH": one.width,
                "SIGNED": int(one.signed),
                "OVERFLOW": MODE_OF_OVERFLOW[modes.overflow],
            },
        ),
        Register(f"{stem}__kept", one.width, whole(f"{stem}__fits", one.width)),
    ]


def _moved(bus: str, element: int, own: FixedPointFormat, to: FixedPointFormat) -> Value:
    """Return an element of a bus in a format that holds it."""
    up = to.fraction - own.fraction
    return bits_of(bus, element * own.width, own, -up, to.width)


def _gather(source: Path, folder: Path, core: str, language: Language) -> None:
    """Copy alkaid's modules, those of a stage under a name of the layer's own.

    Two layers, or two models in one design, would otherwise have modules of one name.
    """

    def own(name: str) -> str:
        return name if name == core else f"{core}__{name}"

    for path in sorted(source.glob(f"*{language.suffix}")):
        if path.stem.endswith("_wrapper"):
            continue
        text = re.sub(
            rf"\b{core}\b|\blogic\d+\b", lambda one: language.name(own(one[0])), path.read_text()
        )
        write_text(folder / f"{own(path.stem)}{language.suffix}", text)
    for path in sorted((source / "static").glob(f"*{language.suffix}")):
        # The reader of tables names a file that is there only where a table is.
        if path.stem != "lookup_table":
            # Its remarks to Verilator name a warning that older releases know as WIDTH.
            text = path.read_text().replace("WIDTHTRUNC", "WIDTH")
            write_text(folder / path.name, text)


def _core_input(bus: str, one: FixedPointFormat, size: int, given: Any, name: str) -> Value:
    """Return the elements of a bus for alkaid's module, each at the bits that it takes."""
    elements = []
    for element in range(size):
        taken = given.precisions[element]
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
