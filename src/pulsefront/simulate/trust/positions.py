"""Position resolution of a block, as a scan of a point source gives it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront.detector import Detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.position.light_response import fit_light_response
from pulsefront.evaluate.intervals import Interval, bootstrap, fwhm_statistic
from pulsefront.simulate.light.grid import LightMapSettings
from pulsefront.simulate.scan.measurement import simulate_scan
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.simulate.trust.charges import REPLICATES

__all__ = ["PositionFigures", "measure_positions"]

_BEAM_FWHM_MM = 0.5
_RIM_MM = 2.0
_STEPS = 20
_WINDOW = 0.15
_LEAST_EVENTS = 400


@dataclass(frozen=True)
class PositionFigures:
    """FWHM of found minus true; x and y together, the width of the beam included, and depth."""

    position_fwhm_mm: Interval
    depth_fwhm_mm: Interval


def measure_positions(
    detector: Detector,
    *,
    events: int = 40_000,
    seed: int = 1,
    cache: str | Path | None = None,
) -> PositionFigures:
    """Return the position resolution of a light-response likelihood, between its positions.

    A pencil beam of 0.5 mm visits 21 × 21 positions up to 2 mm from the rim. The response is
    fitted to every second position; the events of those between them, within 15 % of the mode of
    the charge, are the test.

    Parameters
    ----------
    detector
        With a ``[charge]`` section and several photosensors.
    events
        Of training; the test takes a third as many.

    Raises
    ------
    ConfigError
        There is one photosensor, or no charge readout.
    DataError
        Too few events are left.
    """
    if detector.sensors.count < 4:
        raise ConfigError(
            "gives no position: it has too few photosensors",
            field="sensors.grid",
            value=detector.sensors.count,
        )
    reach = min(detector.crystal.size_mm[:2]) / 2 - _RIM_MM
    train_positions, test_positions = (_STEPS // 2 + 1) ** 2, (_STEPS // 2) ** 2
    scan = ScanSettings(
        pitch_mm=2 * reach / _STEPS,
        half_extent_mm=reach,
        events_even_even=-(-events // train_positions),
        events_odd_odd=-(-events // (3 * test_positions)),
        beam_fwhm_mm=_BEAM_FWHM_MM,
        light_map=LightMapSettings(
            pitch_mm=min(2.0, min(detector.sensors.pitch_mm) / 2),
            depth_pitch_mm=min(1.0, detector.thickness_mm / 8),
            photons=20_000,
        ),
    )
    table = simulate_scan(detector, scan, seed, cache=cache)
    charge = table["charge_adc"].astype(np.float64)
    kept = _photopeak(charge.sum(axis=1))
    train = kept & (table["grid_index"] % 2 == 0).all(axis=1)
    test = np.flatnonzero(kept & (table["grid_index"] % 2 == 1).all(axis=1))
    if min(train.sum(), len(test)) < _LEAST_EVENTS:
        raise DataError("too few events in the photopeak", field="events", value=len(test))
    truth = table["first_interaction_mm"].astype(np.float64)
    stage = table["stage_position_mm"].astype(np.float64)
    # Depth is taught by the simulation, x and y by the stage, as a measurement has them.
    taught = np.column_stack([stage, truth[:, 2]])[train]
    half_x, half_y = detector.crystal.size_mm[0] / 2, detector.crystal.size_mm[1] / 2
    extent = ((-half_x, half_x), (-half_y, half_y), (0.0, detector.thickness_mm))
    fitted = fit_light_response(
        charge[train],
        taught,
        charge[test[::2]],
        stage[test[::2]],
        extent_mm=extent,
        intervals=((10, 10, 3), (14, 14, 4)),
        penalties=(1e-4,),
        kept_shares=(0.9,),
        seed=seed,
    )
    judged = test[1::2]
    found = fitted.estimate(charge[judged])
    across = (found[:, :2] - stage[judged]).ravel()
    depth = found[:, 2] - truth[judged, 2]
    return PositionFigures(
        bootstrap(
            fwhm_statistic(across),
            len(across),
            groups=np.repeat(np.arange(len(judged)), 2),
            replicates=REPLICATES,
        ),
        bootstrap(fwhm_statistic(depth), len(depth), replicates=REPLICATES),
    )


def _photopeak(charge: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray:
    """Return whether each charge lies within a window about the mode."""
    counts, edges = np.histogram(charge, bins=200, range=(0.0, float(np.quantile(charge, 0.999))))
    mode = edges[counts.argmax()] + 0.5 * (edges[1] - edges[0])
    return np.asarray(np.abs(charge / mode - 1) < _WINDOW)
