"""What a package can add to pulsefront, one of each kind. Copy what you need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import DataError
from pulsefront.events import EventTable, Quantity
from pulsefront.events.readers.base import EventFile, ReadOptions
from pulsefront.qc.records import MEASUREMENT_COLUMNS, Batch, frame_of
from pulsefront.qc.site import Site

FIRST_LINE = b"COUNTLINES 1\n"
FIRST_LOG_LINE = b"PEAKLOG 1\n"


class CountLines:
    """A reader: a first line that says what it is, then the samples of an event a line."""

    @staticmethod
    def recognises(head: bytes, path: Path) -> bool:
        """Return whether the first bytes are those of the format; never guess."""
        return head.startswith(FIRST_LINE)

    @staticmethod
    def open_file(path: Path, options: ReadOptions) -> EventFile:
        """Return the file as tables of events."""
        lines = path.read_text().splitlines()[1:]
        try:
            samples = np.array([line.split() for line in lines], dtype=np.uint16)
        except ValueError as error:
            raise DataError("has a line that is no samples", file=path) from error
        quantities = {"waveform_adc": Quantity("ADC counts", "samples")}
        provenance: dict[str, Any] = {"format": "countlines", "events": len(samples)}
        if options.sample_interval_ns is not None:
            provenance["sample_interval_ns"] = options.sample_interval_ns

        def stream(events: int) -> Iterator[EventTable]:
            for start in range(0, len(samples), events):
                part = samples[start : start + events]
                status = np.zeros(len(part), np.uint16)
                yield EventTable({"waveform_adc": part}, quantities, status, provenance)

        return EventFile(path, "countlines", quantities, provenance, samples.itemsize, stream)


class PeakLog:
    """A QC reader: a first line that says what it is, then unit, second since 1970 and keV."""

    @staticmethod
    def recognises(start: bytes, path: Path) -> bool:
        """Return whether the first bytes are those of the format."""
        return start.startswith(FIRST_LOG_LINE)

    @staticmethod
    def read(path: Path, site: Site, *, now_s: int) -> Iterator[Batch]:
        """Yield the readings; a row that cannot be read belongs into ``rejects``."""
        rows = [line.split() for line in path.read_text().splitlines()[1:]]
        measured = [int(second) for _, second, _ in rows]
        frame = frame_of(
            MEASUREMENT_COLUMNS,
            {
                "unit_id": [site.unit(unit).unit_id for unit, _, _ in rows],
                "test": "photopeak_kev",
                "value": [float(value) for _, _, value in rows],
                "measurement_unit": "keV",
                "measured_at": measured,
                "available_at": measured,
                "row": np.arange(2, len(rows) + 2),
            },
        )
        yield Batch(measurements=frame, rows=len(rows))


@dataclass(frozen=True)
class _Brightest:
    """The fitted estimator: what reports ask of one."""

    centres_mm: np.ndarray
    depth_mm: float | None
    parameters: dict[str, Any]
    table: tuple[Any, ...] = ()

    def estimate(self, charges: Any) -> np.ndarray:
        """Return positions, (event, axis), in mm."""
        found = self.centres_mm[np.asarray(charges).argmax(axis=1)]
        if self.depth_mm is None:
            return found
        return np.column_stack([found, np.full(len(found), self.depth_mm)])


class BrightestSensor:
    """An estimator of position studies: the centre of the photosensor with most light."""

    kind = "position"
    iterates = False

    @staticmethod
    def fit(of: Any) -> _Brightest:
        """Fit to `pulsefront.estimators.registry.ChargeEvents`, which hold no test event."""
        depth = float(np.median(of.position_mm[:, 2])) if of.position_mm.shape[1] == 3 else None
        return _Brightest(of.sensor_position_mm, depth, {"depth_mm": depth})


def board_file() -> Path:
    """Return the file of the board."""
    return Path(__file__).with_name("half_ecp5.toml")
