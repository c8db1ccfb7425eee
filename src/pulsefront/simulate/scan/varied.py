"""Scans of many detectors of one type: every block of events of one that differs in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.augment import LEAST_GAIN, AugmentSettings
from pulsefront.simulate.light.map import LightMap, light_map_for
from pulsefront.simulate.light.table import no_light_map
from pulsefront.simulate.perturb import Perturbation, perturbed
from pulsefront.simulate.run.shards import child_seed
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.simulate.scan.setup import ScanSetup, scan_chain

__all__ = ["VariedScan", "vary_scan"]

SHIFTS = 3
"""Branch of a scan's seed: where photosensors may lie. 0 to 2 are taken by the scan itself."""


@dataclass(frozen=True)
class VariedScan:
    """A scan whose detector is drawn anew for each block of events.

    Attributes
    ----------
    detectors, light_maps
        One for each shift of the photosensors, otherwise as described.
    """

    scan: ScanSettings
    settings: AugmentSettings
    detectors: tuple[Detector, ...]
    light_maps: tuple[LightMap, ...]

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON values on which the events depend, beside those of the scan."""
        return {
            "augment": self.settings.model_dump(mode="json"),
            "maps": [one.optics for one in self.light_maps],
        }

    def drawn(self, setup: ScanSetup, seed: np.random.SeedSequence) -> ScanSetup:
        """Return *setup* with the detector that *seed* draws."""
        random, chosen = np.random.default_rng(seed), self.settings
        number = int(random.integers(len(self.detectors)))
        change = Perturbation(
            pde_scale=float(random.uniform(*chosen.light)),
            temperature_shift_k=float(random.uniform(*chosen.temperature_shift_k)),
            noise_scale=float(random.uniform(*chosen.noise_scale)),
        )
        detector = perturbed(self.detectors[number], change)
        jitter = 1.0 + chosen.gain_spread * random.standard_normal(len(setup.gain))
        readout = detector.charge_readout
        return replace(
            setup,
            gain=setup.gain * np.maximum(jitter, LEAST_GAIN),
            chain=scan_chain(detector, self.scan, readout, self.light_maps[number]),
        )


def vary_scan(
    detector: Detector,
    scan: ScanSettings,
    settings: AugmentSettings,
    seed: int,
    *,
    cache: str | Path | None = None,
    executor: Executor | None = None,
) -> VariedScan:
    """Return the detectors that a scan with *seed* draws from; each shift has a light map."""
    detectors = [detector]
    if settings.misalignment_mm:
        random = np.random.default_rng(child_seed(seed, SHIFTS))
        reach = settings.misalignment_mm
        shifts: NDArray[np.float64] = random.uniform(-reach, reach, (settings.alignments, 2))
        detectors = [
            perturbed(detector, Perturbation(misalignment_mm=(float(x), float(y))))
            for x, y in shifts
        ]
    maps = [
        no_light_map(one)
        if scan.full_tracing
        else light_map_for(one, scan.light_map, cache=cache, executor=executor)
        for one in detectors
    ]
    return VariedScan(scan, settings, tuple(detectors), tuple(maps))
