"""Random formats, assignments and whole models for property tests and fuzzing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Add,
    Assignment,
    AveragePool,
    ChosenDense,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    FunctionTable,
    HardTanh,
    ImageWindows,
    Input,
    InputTables,
    LargestIndex,
    MaxPool,
    Overflow,
    Quantize,
    Relu,
    Rounding,
    WindowSum,
)
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.ranges import step_of, trace

ROUNDINGS = tuple(Rounding)
OVERFLOWS = tuple(Overflow)


def formats(most_bits: int = 16) -> st.SearchStrategy[FixedPointFormat]:
    """Formats of 1 to *most_bits* bits, with the point inside, above or below them."""
    return st.builds(
        FixedPointFormat,
        st.integers(1, most_bits),
        st.integers(-3, most_bits + 3),
        st.booleans(),
    )


def assignments(most_bits: int = 16) -> st.SearchStrategy[Assignment]:
    """Assignments to one format in any mode."""
    return st.builds(
        Assignment, formats(most_bits), st.sampled_from(Rounding), st.sampled_from(Overflow)
    )


def models() -> st.SearchStrategy[FixedPointModel]:
    """Small random models of all layers, formats of 1 to 16 bits, all modes."""
    return st.integers(0, 2**32 - 1).map(random_model)


def random_model(
    seed: int,
    name: str = "net",
    *,
    narrow: bool = True,
    most: int = 4,
    tables: bool = False,
    regions: bool = False,
) -> FixedPointModel:
    """Return the random model of *seed*, up to *most* layers deep.

    *narrow* allows accumulators that lose bits, *tables* those of chosen inputs, *regions* weights
    that are chosen by the largest of some scores.
    """
    more = (("input_tables",) * 4 if tables else ()) + (("regions",) * 6 if regions else ())
    return _Builder(np.random.default_rng(seed), name, narrow, most, more).build()


def random_inputs(model: FixedPointModel, events: int, seed: int) -> dict[str, Any]:
    """Return raw integers over each input's whole range; the ends are frequent."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for one in model.inputs:
        low, high = one.format.minimum, one.format.maximum
        shape = (events, *one.shape)
        array = rng.integers(low, high, shape, endpoint=True)
        ends = rng.choice(np.array([low, high, 0]), shape)
        arrays[one.name] = np.where(rng.random(shape) < 0.2, ends, array)
    return arrays


class _Builder:
    def __init__(
        self,
        rng: np.random.Generator,
        name: str,
        narrow: bool,
        most: int,
        more: tuple[str, ...],
    ) -> None:
        self.rng = rng
        self.name = name
        self.narrow = narrow
        self.most = most
        self.more = more
        self.inputs: list[Input] = []
        self.layers: list[Any] = []
        self.known: dict[str, Any] = {}

    def pick(self, *options: Any) -> Any:
        return options[self.rng.integers(len(options))]

    def number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high, endpoint=True))

    def build(self) -> FixedPointModel:
        for k in range(self.pick(1, 1, 1, 2)):
            shape = self.pick((self.number(1, 8),), (self.number(3, 8), self.number(1, 3)))
            width = self.number(1, 16)
            signed = bool(self.rng.integers(2))
            point = FixedPointFormat(width, self.number(-2, width + 2), signed)
            self.inputs.append(Input(f"{self.name}_in{k}", shape, point))
        self.known = dict(trace(tuple(self.inputs), ()))
        heads = [self.branch(one.name) for one in self.inputs]
        if len(heads) == 2:
            flat = [self.flat(head) for head in heads]
            heads = [self.add(Concatenate(self.label(), tuple(flat)))]
            heads = [self.branch(heads[0])]
        outputs = [heads[0]]
        names = [layer.name for layer in self.layers]
        if len(names) > 2 and self.rng.random() < 0.3:
            other = names[self.number(0, len(names) - 2)]
            outputs += [other] if other not in outputs else []
        return FixedPointModel(self.name, tuple(self.inputs), tuple(self.layers), tuple(outputs))

    def label(self) -> str:
        return f"{self.name}_layer{len(self.layers)}"

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensor(name).shape

    def tensor(self, name: str) -> Any:
        one = self.known[name]
        return one.result if isinstance(one, LayerStep) else one

    def add(self, layer: Any) -> str:
        self.known[layer.name] = step_of(layer, self.known)
        self.layers.append(layer)
        return str(layer.name)

    def flat(self, name: str) -> str:
        if len(self.shape(name)) == 1:
            return name
        return self.add(Flatten(self.label(), (name,)))

    def branch(self, name: str) -> str:
        for _ in range(self.number(1, self.most)):
            # A layer that would need more than 64 bits is not drawn.
            for _ in range(20):
                try:
                    name = self.layer(name)
                    break
                except PrecisionError:
                    continue
        if not self.layers:
            name = self.add(Quantize(self.label(), (name,), Assignment(FixedPointFormat(8, 4))))
        return name

    def layer(self, name: str) -> str:
        kinds = ["quantize", "relu", "clip", "hard_tanh", "add", "table"]
        if len(self.shape(name)) == 1:
            kinds += ["dense"] * 4
        else:
            kinds += ["conv1d"] * 3 + ["window_sum", "average_pool", "max_pool", "flatten", "image"]
        kinds += [one for one in self.more if one != "regions" or len(self.shape(name)) == 1]
        kind = self.pick(*kinds)
        label, source = self.label(), (name,)
        if kind in ("dense", "conv1d"):
            return self.matrix(kind, label, name)
        if kind == "flatten":
            return self.add(Flatten(label, source))
        if kind == "image":
            return self.image(label, name)
        if kind == "table":
            return self.table(label, name)
        if kind == "input_tables":
            return self.input_tables(label, name)
        if kind == "regions":
            return self.regions(label, name)
        if kind == "add":
            return self.sum(label, name)
        if kind == "quantize":
            exact = self.exact(Quantize(label, source, Assignment(FixedPointFormat(8, 4))))
            return self.add(Quantize(label, source, self.assignment(exact)))
        if kind == "relu":
            exact = self.exact(Relu(label, source))
            return self.add(Relu(label, source, self.maybe(exact)))
        if kind == "hard_tanh":
            exact = self.exact(HardTanh(label, source))
            return self.add(HardTanh(label, source, self.maybe(exact)))
        if kind == "clip":
            one = self.tensor(name).format
            low, high = sorted(
                int(v)
                for v in self.rng.integers(one.minimum - 3, one.maximum + 3, 2, endpoint=True)
            )
            exact = self.exact(Clip(label, source, low, high))
            return self.add(Clip(label, source, low, high, self.maybe(exact)))
        length = self.shape(name)[0]
        stride = self.number(1, 3)
        if kind == "max_pool":
            return self.add(MaxPool(label, source, self.number(1, min(3, length)), stride))
        if kind == "window_sum":
            size = self.number(1, min(4, length))
            exact = self.exact(WindowSum(label, source, size, stride))
            return self.add(WindowSum(label, source, size, stride, self.maybe(exact)))
        size = self.pick(*(s for s in (1, 2, 4) if s <= length))
        exact = self.exact(AveragePool(label, source, size, stride))
        return self.add(AveragePool(label, source, size, stride, self.maybe(exact)))

    def sum(self, label: str, name: str) -> str:
        """Add a tensor to others of its shape, or to itself."""
        alike = [other for other in self.known if self.shape(other) == self.shape(name)]
        sources = (name, *(self.pick(*alike) for _ in range(self.pick(1, 1, 2))))
        exact = self.exact(Add(label, sources))
        return self.add(Add(label, sources, self.maybe(exact)))

    def image(self, label: str, name: str) -> str:
        """Lay the windows of an image of the tensor's positions end to end, few of them."""
        length = self.shape(name)[0]
        rows = self.pick(*(n for n in range(1, length + 1) if length % n == 0))
        image = rows, length // rows
        size = tuple(self.number(1, min(2, side)) for side in image)
        padding = tuple(self.number(0, size[axis] - 1) for axis in (0, 0, 1, 1))
        return self.add(ImageWindows(label, (name,), image, size, (2, 2), padding))

    def table(self, label: str, name: str) -> str:
        """Read a table of drawn entries, narrowed before where a table would be too long."""
        if self.tensor(name).format.width > 8:
            to = Assignment(FixedPointFormat(self.number(1, 6), self.number(-1, 6)), "RND", "SAT")
            name = self.add(Quantize(f"{label}_at", (name,), to))
        reads = self.tensor(name).format
        to_format = FixedPointFormat(self.number(1, 10), self.number(-2, 6), self.pick(True, False))
        entries = self.integers((1 << reads.width,), to_format)
        return self.add(FunctionTable(label, (name,), "drawn", entries, reads, to_format))

    def input_tables(self, label: str, name: str) -> str:
        """Read tables of drawn entries at codes of drawn elements, each of its own first bit."""
        bits, fan_in = self.pick((1, 3), (2, 2), (3, 2), (4, 1), (6, 1))
        channels = self.shape(name)[-1]
        to = tuple(
            FixedPointFormat(bits, self.number(-1, 6), self.pick(True, False))
            for _ in range(channels)
        )
        name = self.add(Quantize(f"{label}_at", (name,), Assignment(to, "RND", "SAT")))
        source = self.tensor(name)
        positions = source.size // channels
        first = [source.format.fraction - one.fraction for one in to] * positions
        shape = (self.number(1, 3), self.number(1, 3), fan_in)
        chosen = self.rng.integers(0, source.size, shape)
        result = FixedPointFormat(self.number(1, 8), self.number(-2, 6), self.pick(True, False))
        entries = self.integers((*shape[:2], 1 << (bits * fan_in)), result)
        made = InputTables(label, (name,), chosen, np.array(first), bits, entries, result)
        return self.add(made)

    def regions(self, label: str, name: str) -> str:
        """Choose one of drawn sets of weights by the largest of drawn scores of the tensor."""
        sets, inputs, outputs = self.number(1, 4), self.shape(name)[0], self.number(1, 5)
        few = FixedPointFormat(3, 3)
        scores = Dense(f"{label}_scores", (name,), self.integers((inputs, sets), few), few)
        # Scores of few bits are often equal.
        to = Assignment(self.near(self.exact(scores).format), "RND", "SAT")
        scores = self.add(replace(scores, to=to if self.rng.random() < 0.5 else None))
        number = self.add(LargestIndex(f"{label}_region", (scores,)))
        weight_format: Any = FixedPointFormat(self.number(1, 8), self.number(-1, 4))
        if self.rng.random() < 0.4:
            weight_format = tuple(
                FixedPointFormat(self.number(1, 8), self.number(-1, 4)) for _ in range(outputs)
            )
        weights = self.integers((sets, inputs, outputs), weight_format)
        bias = bias_format = None
        if self.rng.random() < 0.8:
            bias_format = FixedPointFormat(self.number(1, 12), self.number(-1, 6))
            bias = self.integers((sets, outputs), bias_format)
        layer = ChosenDense(label, (name, number), weights, weight_format, bias, bias_format)
        return self.add(replace(layer, to=self.maybe(self.exact(layer))))

    def exact(self, layer: Any) -> Any:
        return step_of(layer, self.known).exact

    def matrix(self, kind: str, label: str, name: str) -> str:
        shape = self.shape(name)
        outputs = self.number(1, 6)
        width = self.number(1, 10)
        base = self.number(-1, width)
        signed = bool(self.rng.integers(4))
        weight_format: Any = FixedPointFormat(width, base, signed)
        if self.rng.random() < 0.25:
            weight_format = tuple(
                FixedPointFormat(self.number(1, 10), self.number(-1, 4), signed)
                for _ in range(outputs)
            )
        if kind == "dense":
            options: dict[str, Any] = {}
            size: tuple[int, ...] = (shape[0], outputs)
            cls: Any = Dense
        else:
            kernel = self.number(1, min(4, shape[0]))
            options = {
                "stride": self.number(1, 2),
                "padding": (self.number(0, kernel - 1), self.number(0, kernel - 1)),
            }
            size = (kernel, shape[1], outputs)
            cls = Conv1d
        weights = self.integers(size, weight_format)
        bias = bias_format = None
        if self.rng.random() < 0.8:
            bias_format = FixedPointFormat(self.number(1, 12), self.number(-1, 6))
            bias = self.integers((outputs,), bias_format)
        common = (label, (name,), weights, weight_format, bias, bias_format)
        exact = self.exact(cls(*common, **options))
        if self.narrow and self.rng.random() < 0.25:
            whole = exact.format
            fraction = whole.fraction - self.number(0, 5)
            integer = max(whole.integer - self.number(-1, 3), 1 - fraction)
            accumulator = Assignment(
                FixedPointFormat(min(max(integer + fraction, 1), 40), integer),
                self.pick("TRN", "TRN", "RND", "RND_CONV", "TRN_ZERO"),
                self.pick("WRAP", "WRAP", "SAT"),
            )
            options["accumulator"] = accumulator
            exact = self.exact(cls(*common, **options))
        return self.add(cls(*common, self.maybe(exact, 0.7), **options))

    def integers(self, size: tuple[int, ...], formats: Any) -> Any:
        if isinstance(formats, FixedPointFormat):
            return self.rng.integers(formats.minimum, formats.maximum, size, endpoint=True)
        columns = [
            self.rng.integers(f.minimum, f.maximum, size[:-1], endpoint=True) for f in formats
        ]
        return np.stack(columns, axis=-1)

    def maybe(self, exact: Any, chance: float = 0.6) -> Assignment | None:
        return self.assignment(exact) if self.rng.random() < chance else None

    def assignment(self, exact: Any) -> Assignment:
        """Draw a format of 1 to 16 bits near the exact one, so that both ends lose bits."""
        modes = self.pick(*ROUNDINGS), self.pick(*OVERFLOWS)
        one = self.near(exact.format)
        if self.rng.random() < 0.2:
            return Assignment(
                tuple(self.near(exact.format) for _ in range(exact.shape[-1])), *modes
            )
        return Assignment(one, *modes)

    def near(self, whole: FixedPointFormat) -> FixedPointFormat:
        integer = whole.integer - self.number(-1, 3)
        width = self.number(1, 16)
        fraction = min(whole.fraction + 2, width - integer)
        width = min(max(integer + fraction, 1), 16)
        return FixedPointFormat(width, integer, bool(self.rng.integers(3)))


def side_by_side(models: list[FixedPointModel], name: str = "many") -> FixedPointModel:
    """Return one model that holds *models* unconnected: one compilation checks them all."""
    return FixedPointModel(
        name,
        tuple(one for model in models for one in model.inputs),
        tuple(layer for model in models for layer in model.layers),
        tuple(output for model in models for output in model.outputs),
    )
