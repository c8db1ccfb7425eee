"""What stays the same while a scan is measured: stage, detector, source, and what is recorded."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pulsefront
from pulsefront.detector import ChargeReadout, Detector, SiPM, detector_hash
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.progress import Report, silent
from pulsefront.simulate.constants import FWHM_PER_SIGMA
from pulsefront.simulate.gamma.interactions import gamma_table
from pulsefront.simulate.light.map import LightMap, light_map_for
from pulsefront.simulate.light.optics import collection, optical_world
from pulsefront.simulate.light.scintillation import (
    gate_fraction,
    light_yield,
    mean_detection_efficiency,
    relative_yield,
)
from pulsefront.simulate.light.table import no_light_map
from pulsefront.simulate.records import typed
from pulsefront.simulate.run.shards import child_seed
from pulsefront.simulate.scan.chain import GEOMETRIES, Beam, ScanChain, ScanEvents
from pulsefront.simulate.scan.settings import ScanSettings, check_scan, gamma_lines, scan_positions
from pulsefront.simulate.sensor.charges import channel_gain, charge_model, crosstalk_mean
from pulsefront.simulate.sensor.multiplex import multiplexing

__all__ = ["ScanSetup", "scan_chain", "set_up_scan"]

# Below this share of the trigger threshold in true energy no event can reach it in charge.
_HOPELESS = 0.6
Table = NDArray[np.float64]

_QUANTITIES = {
    "charge_adc": Quantity(
        "ADC counts", "charge per channel (photosensor iy·nx + ix), pedestal subtracted"
    ),
    "stage_position_mm": Quantity("mm", "nominal x, y of the beam (y, z from mid-depth: side)"),
    "grid_index": Quantity(
        "1", "index (ix, iy) on the scan grid of the stage, or of what it moves around"
    ),
    "first_interaction_mm": Quantity("mm", "truth: x, y, z of the first interaction"),
    "depth_mm": Quantity("mm", "truth: z of the first interaction from the entrance face"),
    "energy_deposited_kev": Quantity("keV", "truth: energy deposited in the crystal"),
    "light_centroid_mm": Quantity("mm", "truth: x, y, z of the deposits weighted by energy"),
    "compton_scatters": Quantity("1", "truth: Compton scatters in the crystal"),
    "deposits": Quantity("1", "truth: interactions in the crystal"),
    "element": Quantity("1", "truth: crystal element of the first interaction, iy·nx + ix"),
    "elements_hit": Quantity("1", "truth: crystal elements with a deposit; above 1: scatter"),
    "deposit_mm": Quantity("mm", "truth: x, y, z of each deposit; zeros where there is none"),
    "deposit_kev": Quantity("keV", "truth: energy of each deposit; zero where there is none"),
}


@dataclass(frozen=True)
class ScanSetup:
    """What stays the same as long as a scan is measured, however many events it takes.

    Attributes
    ----------
    index, position_mm, counts
        (position, 2) on the grid and in mm where the stage is told to go, and the events of each.
    source_mm
        (position, 2) where the source really is: the stage errs once for each position.
    gain
        (sensor,) relative to the nominal one.
    chain
        What the kernels read.
    keep_deposits, largest_adc
        Deposits that are written down; the code at which a channel saturates.
    reach_mm
        (position, 2, 2) lowest and highest x and y of the stage at a position, both the position
        itself where the stage does not move on.
    stage_error_mm
        Standard deviation, per axis, of where a stage that moves on really is.
    provenance, optics
        JSON values on which the events depend, those of the light map apart.
    """

    index: NDArray[np.int16]
    position_mm: Table
    counts: NDArray[np.int64]
    source_mm: Table
    gain: Table
    chain: ScanChain
    keep_deposits: int
    largest_adc: int
    reach_mm: Table
    stage_error_mm: float
    provenance: dict[str, Any]
    optics: str

    def arguments(
        self, positions: NDArray[np.intp], seed: np.random.SeedSequence
    ) -> tuple[Any, ...]:
        """Return what `scan_shard` needs for one event at each of *positions* (event,)."""
        source_mm = self.source_mm[positions]
        moves = self._moves(positions)
        if moves.any():
            random = np.random.default_rng(child_seed(seed, 1))
            error = random.normal(0.0, self.stage_error_mm, source_mm.shape)
            source_mm[moves] = (self.stage_mm(positions, seed) + error)[moves]
        return source_mm, self.gain, self.keep_deposits, self.chain, seed

    def stage_mm(self, positions: NDArray[np.intp], seed: np.random.SeedSequence) -> Table:
        """Return where the stage is told to go for one event at each of *positions*, (event, 2).

        *seed* is that of these events: it says where within its reach a stage is that moves on.
        """
        if not self._moves(positions).any():
            return self.position_mm[positions]
        random = np.random.default_rng(child_seed(seed, 0))
        low, high = self.reach_mm[positions].swapaxes(0, 1)
        return np.asarray(random.uniform(low, high), np.float64)

    def _moves(self, positions: NDArray[np.intp]) -> NDArray[np.bool_]:
        low, high = self.reach_mm[positions].swapaxes(0, 1)
        return np.asarray((low < high).any(axis=1), np.bool_)

    def table(
        self, positions: NDArray[np.intp], events: ScanEvents, seed: np.random.SeedSequence
    ) -> EventTable:
        """Return what `scan_shard` made with `arguments` of the same *positions* and *seed*."""
        columns = {
            **events._asdict(),
            "stage_position_mm": self.stage_mm(positions, seed).astype(np.float32),
            "grid_index": self.index[positions],
            "depth_mm": events.first_interaction_mm[:, 2].copy(),
        }
        kept = self.keep_deposits > 0
        names = [name for name in _QUANTITIES if kept or name not in {"deposit_mm", "deposit_kev"}]
        clipped = (events.charge_adc == self.largest_adc).any(axis=1)
        return EventTable(
            {name: columns[name] for name in names},
            {name: _QUANTITIES[name] for name in names},
            np.where(clipped, Status.SATURATED, Status.OK).astype(np.uint16),
            self.provenance,
        )


def set_up_scan(
    detector: Detector,
    scan: ScanSettings,
    seed: int,
    *,
    light_map: LightMap | None = None,
    cache: str | Path | None = None,
    executor: Executor | None = None,
    map_report: Report = silent,
) -> ScanSetup:
    """Return stage, detector and source as the scan with *seed* has them; see `scan_plan`."""
    readout = detector.charge_readout
    check_scan(detector, scan)
    index, position_mm, counts = _positions(scan)
    if scan.full_tracing:
        light_map = no_light_map(detector)
    elif light_map is None:
        light_map = light_map_for(
            detector, scan.light_map, cache=cache, executor=executor, report=map_report
        )
    else:
        light_map.check_made_for(detector)
    stage_rng, gain_rng = (np.random.default_rng(child_seed(seed, 0, i)) for i in (0, 1))
    gain = channel_gain(detector, gain_rng)
    return ScanSetup(
        index,
        position_mm,
        counts,
        position_mm + stage_rng.normal(0.0, scan.stage_error_mm, position_mm.shape),
        gain,
        scan_chain(detector, scan, readout, light_map),
        scan.keep_deposits,
        2**readout.adc_bits - 1,
        _reach(scan, index, position_mm),
        scan.stage_error_mm,
        _provenance(detector, scan, seed, gain),
        light_map.optics,
    )


def _positions(scan: ScanSettings) -> tuple[NDArray[np.int16], Table, NDArray[np.int64]]:
    """Return index and position of the stage, and the events of each."""
    if scan.geometry in {"flood", "internal"}:
        count = scan.events_even_even or scan.events_odd_odd or scan.events_mixed
        index, position, counts = np.zeros((1, 2), np.int16), np.zeros((1, 2)), np.array([count])
    else:
        index, position, counts = scan_positions(scan)
    if scan.geometry == "fan":
        # The slit covers all of y: one row of positions is all there is.
        row = index[:, 1] == 0
        index, position, counts = index[row], position[row] * [1.0, 0.0], counts[row]
    if len(counts) == 0:
        raise ConfigError(
            "no stage position has events",
            field="half_extent_mm",
            value=scan.half_extent_mm,
            remedy="widen the scan, or give the visited parities events",
        )
    return index, position, counts


def _reach(scan: ScanSettings, index: NDArray[np.int16], position_mm: Table) -> Table:
    """Return lowest and highest x and y (position, 2, 2) that the stage has at each position."""
    moves = scan.continuous & (index % 2 == 0).all(axis=1)
    step = np.where(moves, scan.pitch_mm, 0.0)[:, None]
    end = np.abs(position_mm).max(axis=0, initial=0.0)
    low, high = np.maximum(position_mm - step, -end), np.minimum(position_mm + step, end)
    return np.stack([low, high], axis=1)


def scan_chain(
    detector: Detector, scan: ScanSettings, readout: ChargeReadout, light_map: LightMap
) -> ScanChain:
    """Return what the kernels read of a detector with a charge readout."""
    material, sensor = detector.material, detector.photosensor
    lines = gamma_lines(scan)
    efficiency = mean_detection_efficiency(material, sensor)
    light = light_yield(material, efficiency * gate_fraction(material, readout.gate_ns))
    middle = collection(detector) if scan.full_tracing else _middle(detector, light_map)
    descendants = 1 / (1 - crosstalk_mean(sensor.crosstalk)) if isinstance(sensor, SiPM) else 1.0
    detected = light.photons_per_kev * relative_yield(lines[0].energy_kev, light)
    per_kev = detected * middle * descendants
    beam = Beam(
        geometry=GEOMETRIES[scan.geometry],
        sigma_mm=scan.beam_fwhm_mm / FWHM_PER_SIGMA,
        full_tracing=scan.full_tracing,
        least_kev=_HOPELESS * scan.trigger_kev,
        trigger_adc=scan.trigger_kev * per_kev * readout.counts_per_photoelectron,
        noise_adc=readout.noise_adc,
        largest_adc=2.0**readout.adc_bits - 1,
    )
    return ScanChain(
        typed(beam),
        lines,
        gamma_table(material.formula, material.density_g_cm3),
        light,
        charge_model(detector, readout),
        multiplexing(detector) if readout.multiplexing != "pixels" else np.zeros((0, 0)),
        optical_world(detector),
        light_map.grid,
        light_map.direct,
    )


def _middle(detector: Detector, light_map: LightMap) -> float:
    """Return the share of light from the middle of the central element that is collected."""
    middle = [*detector.crystal.central_element_mm, detector.thickness_mm / 2]
    return float(light_map.probabilities(np.array([middle])).sum())


def _provenance(detector: Detector, scan: ScanSettings, seed: int, gain: Table) -> dict[str, Any]:
    return {
        "made_by": f"pulsefront {pulsefront.__version__} simulate_scan",
        "detector": detector.name,
        "detector_sha256": detector_hash(detector),
        "scan": scan.model_dump(mode="json"),
        "seed": seed,
        "channel_gain": [round(float(value), 6) for value in gain],
        "sensor_grid": list(detector.sensors.grid),
        "sensor_pitch_mm": list(detector.sensors.pitch_mm),
        "crystal_size_mm": list(detector.crystal.size_mm),
    }
