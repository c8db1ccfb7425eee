"""A point-source scan as a notebook wants it: charges, positions, groups; simulated or measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.energy.photopeak import find_photopeak
from pulsefront.estimators.position.mirrors import block_mirrors
from pulsefront.evaluate.splits import split_grid
from pulsefront.events import EventTable
from pulsefront.events.store_read import read
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.learn.arrays import groups_of
from pulsefront.progress import progress

__all__ = ["PointSourceScan", "point_source_scan"]


@dataclass(frozen=True, repr=False)
class PointSourceScan:
    """Events of known source position.

    Attributes
    ----------
    name
        Of the detector or the file.
    events
        With ``charge_adc``, ``stage_position_mm`` and ``grid_index``; ``depth_mm`` where depth is
        known.
    sensor_position_mm
        (photosensor, 2) centres; None where the detector is not known.
    mirrors
        In which block and photosensors look the same, for ``fold`` of estimators; None where there
        are none, or the detector is not known.
    """

    name: str
    events: EventTable = field(repr=False)
    sensor_position_mm: NDArray[np.float64] | None = field(repr=False)
    mirrors: Mirrors | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        missing = {"charge_adc", "stage_position_mm", "grid_index"} - set(self.events.columns)
        if missing:
            raise DataError(
                "a scan needs charges, stage positions and grid indices",
                field=", ".join(sorted(missing)),
                remedy="make the set with pulsefront charges MANIFEST.toml",
            )

    def __len__(self) -> int:
        return len(self.events)

    @property
    def charges(self) -> NDArray[np.integer]:
        """(event, photosensor) in ADC counts."""
        return np.asarray(self.events["charge_adc"])

    @cached_property
    def position_mm(self) -> NDArray[np.float64]:
        """(event, 3) x, y of the stage and depth, or (event, 2) where depth is not known."""
        stage = np.asarray(self.events["stage_position_mm"], np.float64)
        if "depth_mm" not in self.events.columns:
            return stage
        return np.column_stack([stage, np.asarray(self.events["depth_mm"], np.float64)])

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(event,) one number per stage position; events of one are not independent."""
        groups = groups_of(self.events["grid_index"], len(self))
        assert groups is not None
        return groups

    def split(
        self, seed: int = 1, photopeak_sigmas: float | None = 2.0
    ) -> tuple[PointSourceScan, PointSourceScan]:
        """Return events to train on and events to test on, at positions between those.

        Parameters
        ----------
        seed
            Of the positions between that go to training, for choices.
        photopeak_sigmas
            Half width of the photopeak window, which the training events define; None keeps all.

        Raises
        ------
        DataError
            The grid is too small for parts, or the spectrum has no peak.
        """
        parts = split_grid(self.events["grid_index"], seed=seed)
        train = self._part(np.sort(np.concatenate([parts.train, parts.selection])))
        test = self._part(parts.test)
        if photopeak_sigmas is None:
            return train, test
        peak = find_photopeak(train._sums)
        inside = [peak.contains(part._sums, photopeak_sigmas) for part in (train, test)]
        return train._part(inside[0]), test._part(inside[1])

    @property
    def _sums(self) -> NDArray[np.float64]:
        return np.asarray(self.charges.sum(axis=1, dtype=np.float64))

    def _part(self, events: NDArray[np.generic]) -> PointSourceScan:
        return replace(self, events=self.events.select(events))

    def __repr__(self) -> str:
        charges, position = self.charges.shape, self.position_mm.shape
        return (
            f"<PointSourceScan {self.name}: {len(self):,} events, charges {charges} ADC counts, "
            f"position {position} mm, {len(np.unique(self.groups)):,} stage positions>"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the line and the columns with units."""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(str(self.events[name].shape))}</td>"
            f"<td>{escape(self.events.quantities[name].unit or '')}</td></tr>"
            for name in self.events.columns
        )
        head = "<tr><th>column</th><th>shape</th><th>unit</th></tr>"
        return f"<p>{escape(repr(self)[1:-1])}</p><table>{head}{rows}</table>"


def point_source_scan(
    source: str | Path | Detector | EventTable,
    *,
    events: int = 20_000,
    seed: int = 1,
    photons: int = 5_000,
    pitch_mm: float | None = None,
    cache: str | Path | None = None,
) -> PointSourceScan:
    """Return a scan: simulated of a detector, or measured.

    Parameters
    ----------
    source
        A detector, its file or its name, which is simulated; or a measured set: an event table, or
        the HDF5 file of one that ``pulsefront charges MANIFEST.toml --out SET.h5`` wrote.
    events
        Recorded events that are simulated, about.
    seed
        Of the simulation.
    photons
        Photons that the light map is traced with from each position; studies take 40,000.
    pitch_mm
        Of the grid of stage positions; about 25 × 25 positions where left out.
    cache
        Folder that keeps the light map.

    Raises
    ------
    ConfigError
        There is no such detector, or nothing of it can be simulated.
    DataError
        The file is no event store, or a column is missing.
    """
    if isinstance(source, EventTable):
        return PointSourceScan("measured events", source.select(source.status == 0), None)
    if not isinstance(source, Detector) and Path(source).suffix in {".h5", ".hdf5"}:
        found = read(source)
        return PointSourceScan(Path(source).stem, found.select(found.status == 0), None)
    detector = source if isinstance(source, Detector) else load_detector(source)
    table = _simulated(detector, events, seed, photons, pitch_mm, cache)
    centres = np.asarray(detector.sensors.centres_mm, np.float64)
    known = table.select(table.status == 0)
    return PointSourceScan(detector.name, known, centres, block_mirrors(detector))


def _simulated(
    detector: Detector,
    events: int,
    seed: int,
    photons: int,
    pitch_mm: float | None,
    cache: str | Path | None,
) -> EventTable:
    from pulsefront.simulate import default_scan, scan_positions, simulate_scan

    scan = default_scan(detector)
    scan = scan.model_copy(
        update={
            "light_map": scan.light_map.model_copy(update={"photons": photons}),
            **({} if pitch_mm is None else {"pitch_mm": pitch_mm}),
        }
    )
    planned = int(scan_positions(scan)[2].sum())
    scan = scan.model_copy(
        update={
            name: max(1, round(getattr(scan, name) * events / planned))
            for name in ("events_even_even", "events_odd_odd", "events_mixed")
            if getattr(scan, name)
        }
    )
    with progress("Simulating", "events") as report:
        return simulate_scan(detector, scan, seed, report=report, cache=cache)
