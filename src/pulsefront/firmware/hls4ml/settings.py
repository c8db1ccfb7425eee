"""How an hls4ml project is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulsefront.errors import ExportError

__all__ = ["BACKENDS", "HlsSettings"]

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

    *reuse_factors* by layer come before *reuse_factor*, which is that of every other layer.

    Raises
    ------
    ExportError
        A name is not known, or the combination does not exist.
    """

    backend: str = "Vitis"
    strategy: str = "Latency"
    reuse_factor: int = 1
    io_type: str = "io_parallel"
    reuse_factors: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (
            ("backend", tuple(BACKENDS)),
            ("strategy", STRATEGIES),
            ("io_type", IO_TYPES),
        ):
            if getattr(self, name) not in known:
                raise ExportError(
                    f"unknown {name}",
                    field=name,
                    value=getattr(self, name),
                    remedy=f"use one of {', '.join(known)}",
                )
        factors = {"reuse_factor": self.reuse_factor}
        factors |= {f"reuse_factors.{name}": one for name, one in self.reuse_factors.items()}
        for name, factor in factors.items():
            if factor < 1:
                raise ExportError("is at least 1", field=name, value=factor)
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

    def reuse_of(self, layer: str) -> int:
        """Return the reuse factor that was asked for a layer."""
        return self.reuse_factors.get(layer, self.reuse_factor)

    @property
    def has_namespace(self) -> bool:
        """Whether all that is the model's own is in a namespace: two fit into one program."""
        return self.backend in ("Vitis", "Vivado")

    @property
    def has_stages(self) -> bool:
        """Whether layers of this project's own C++ can be written (see stage.py)."""
        return self.backend in ("Vitis", "Vivado") and self.io_type == "io_parallel"
