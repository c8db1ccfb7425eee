"""How an hls4ml project is written."""

from __future__ import annotations

from dataclasses import dataclass

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
        """Whether layers of this project's own C++ can be written (see stage.py)."""
        return self.backend in ("Vitis", "Vivado") and self.io_type == "io_parallel"
