"""How an hls4ml project is written, and what each back-end cannot express."""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.errors import ExportError, UnsupportedLayer
from pulsefront.fixed_point.format import FixedPointFormat, Overflow, container
from pulsefront.fixed_point.layers import Conv1d, Dense, Flatten, Relu, assignment_of
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["BACKENDS", "HlsSettings", "refuse_unwritable"]

EXACT_IN_DOUBLE = 53

BACKENDS = {
    "Vitis": "amd",
    "Vivado": "amd",
    "Quartus": "intel",
    "oneAPI": "intel",
    "Catapult": "amd",
}
"""hls4ml's back-ends, with the vendor of the parts that they are written for."""

STRATEGIES = ("Latency", "Resource", "distributed_arithmetic")
IO_TYPES = ("io_parallel", "io_stream")


@dataclass(frozen=True)
class HlsSettings:
    """How a project is written; the names are hls4ml's.

    Raises
    ------
    ExportError
        A name is not known, or the combination does not exist.
    """

    backend: str = "Vitis"
    strategy: str = "Latency"
    reuse_factor: int = 1
    io_type: str = "io_parallel"

    def __post_init__(self) -> None:
        for field, known in (
            ("backend", tuple(BACKENDS)),
            ("strategy", STRATEGIES),
            ("io_type", IO_TYPES),
        ):
            if getattr(self, field) not in known:
                raise ExportError(
                    f"unknown {field}",
                    field=field,
                    value=getattr(self, field),
                    remedy=f"use one of {', '.join(known)}",
                )
        if self.reuse_factor < 1:
            raise ExportError("is at least 1", field="reuse_factor", value=self.reuse_factor)
        if self.strategy == "distributed_arithmetic" and self.backend not in ("Vitis", "Vivado"):
            raise ExportError(
                f"{self.backend} has no distributed arithmetic",
                field="strategy",
                value=self.strategy,
                remedy="use the Vitis or Vivado back-end, or another strategy",
            )

    @property
    def folder(self) -> str:
        """Name of the project's folder in an export."""
        return f"hls4ml_{self.backend.lower()}"

    @property
    def has_stages(self) -> bool:
        """Whether layers of this project's own C++ can be written (see hls4ml_stage.py)."""
        return self.backend in ("Vitis", "Vivado") and self.io_type == "io_parallel"


def refuse_unwritable(model: FixedPointModel, settings: HlsSettings) -> None:
    """Refuse what an hls4ml project with *settings* would not compute exactly.

    Raises
    ------
    ExportError
        A name or a format cannot be written.
    UnsupportedLayer
        A layer cannot; the message names it.
    """
    _refuse_names(model)
    _refuse_formats(model)
    for layer in model.layers:
        matrix = isinstance(layer, (Dense, Conv1d))
        if isinstance(layer, (Dense, Conv1d)):
            _refuse_accumulator(layer, settings)
        if settings.has_stages:
            continue
        to = assignment_of(layer)
        per_channel = to is not None and not isinstance(to.format, FixedPointFormat)
        flat = isinstance(layer, Flatten) and layer.name not in model.outputs
        if per_channel or not (matrix or flat or isinstance(layer, Relu)):
            what = "a format per channel" if per_channel else layer.kind
            raise UnsupportedLayer(
                layer.name,
                problem=f"{what} is not written for {settings.backend} with {settings.io_type}",
                remedy="use Vitis or Vivado with io_parallel, or dense, conv1d and ReLU layers",
            )


def _refuse_accumulator(layer: Dense | Conv1d, settings: HlsSettings) -> None:
    if layer.accumulator is None:
        return
    in_order = settings.strategy == "Latency" or layer.accumulator.overflow == Overflow.WRAP
    exact = settings.strategy != "distributed_arithmetic" and settings.backend in (
        "Vitis",
        "Vivado",
    )
    if not (exact and in_order):
        raise UnsupportedLayer(
            layer.name,
            problem=f"{settings.backend} with the {settings.strategy} strategy does not add as "
            f"the accumulator {layer.accumulator} says",
            remedy="leave the accumulator out (exact), or use Vitis with the Latency strategy",
        )


def _refuse_names(model: FixedPointModel) -> None:
    names = [model.name, *(one.name for one in model.inputs), *(one.name for one in model.layers)]
    lowered: dict[str, str] = {}
    for name in names:
        if name.lower() in lowered:
            raise ExportError(
                f"hls4ml does not tell {lowered[name.lower()]!r} from {name!r}",
                remedy="use names that differ in more than case",
            )
        lowered[name.lower()] = name
        if name in RESERVED:
            raise ExportError(f"{name!r} is a word of C++ or of hls4ml", remedy="use another name")


def _refuse_formats(model: FixedPointModel) -> None:
    formats = {one.name: one.format for one in model.inputs} | model.output_formats
    for layer in model.layers:
        if isinstance(layer, (Dense, Conv1d)):
            formats[f"{layer.name} weights"] = container(layer.weight_format)
            formats[f"{layer.name} bias"] = container(layer.bias_format or layer.weight_format)
    for name, one in formats.items():
        if one.width > EXACT_IN_DOUBLE:
            raise ExportError(
                f"{name!r} has {one.width} bits and hls4ml's C simulation passes doubles",
                remedy=f"give it a format of at most {EXACT_IN_DOUBLE} bits",
            )


# Words of C++ that are also lower-case identifiers, and hls4ml's own type names.
RESERVED = frozenset(
    """
    alignas alignof and asm auto bool break case catch char class const constexpr continue default
    delete do double else enum explicit export extern false float for friend goto if inline int
    long main namespace new nnet not nullptr operator or private protected public register return
    short signed sizeof static struct switch template this throw true try typedef union unsigned
    using virtual void volatile while xor input_t result_t
    """.split()  # noqa: SIM905 - a list of ninety quoted words reads worse
)
