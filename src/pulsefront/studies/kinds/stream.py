"""New events of a study's scan, selected and labelled as those that it began with."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.energy.photopeak import Photopeak
from pulsefront.events.container import EventTable
from pulsefront.networks.stream import FreshEvents
from pulsefront.simulate.run.shards import child_seed
from pulsefront.simulate.scan.measurement import STREAM
from pulsefront.simulate.scan.setup import set_up_scan
from pulsefront.simulate.scan.stream import ScanStream
from pulsefront.simulate.scan.varied import vary_scan
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds.augment import AfterSimulation, AugmentedEvents, augmented_events
from pulsefront.studies.kinds.scan import ScanSplit, charge_sum_adc
from pulsefront.studies.settings import ScanStudy

__all__ = ["SelectedStream", "full_energy_adc", "stream_of"]

FULL = 0.99
"""Share of the highest energy deposited from which on an event counts as one of full energy."""


@dataclass(frozen=True)
class SelectedStream:
    """Events of a scan that lie in the photopeak; a `pulsefront.networks.stream.EventStream`.

    Attributes
    ----------
    inputs, targets
        What a network reads of events, and what it learns of them.
    after, full_adc
        Where every block has a detector of its own: what is done to its charges then, and the mean
        charge sum of events of full energy, to which that of each block is brought before its
        photopeak is selected, as a detector is calibrated in energy before its positions are used.
    """

    scan: ScanStream
    peak: Photopeak
    sigmas: float
    inputs: Callable[[EventTable], NDArray[np.integer]]
    targets: Callable[[EventTable], NDArray[np.floating]]
    after: AfterSimulation | None = None
    full_adc: float | None = None

    @property
    def identity(self) -> Mapping[str, Any]:
        """Detector, scan, seed and selection."""
        varied = self.scan.varied
        return {
            **self.scan.setup.provenance,
            "positions": [int(position) for position in self.scan.positions],
            "map": self.scan.setup.optics,
            "peak": [self.peak.position, self.peak.sigma, self.sigmas],
            **({} if varied is None else varied.identity),
        }

    def blocks(self, seed: int) -> Generator[FreshEvents, None, None]:
        """Yield the selected events of stream number *seed* without end."""
        for block, table in enumerate(self.scan.tables(seed)):
            inside = self.peak.contains(self._sums(table), self.sigmas)
            kept = table.select(inside & (table.status == 0))
            if self.after is not None:
                random = np.random.default_rng(child_seed(self.scan.seed, STREAM, seed, 3, block))
                kept = self.after.apply(kept, random)
            yield FreshEvents(self.inputs(kept), self.targets(kept))

    def _sums(self, table: EventTable) -> NDArray[np.float64]:
        sums = charge_sum_adc(table)
        if self.full_adc is None:
            return sums
        own = full_energy_adc(table)
        return sums if own is None else sums * (self.full_adc / own)


def full_energy_adc(table: EventTable) -> float | None:
    """Return the median charge sum of events whose whole energy stayed; None where there are none.

    Of those that triggered, by the simulation's truth.
    """
    kev = table["energy_deposited_kev"]
    full = kev > FULL * kev.max(initial=0.0)
    return float(np.median(charge_sum_adc(table.select(full)))) if full.any() else None


def stream_of(
    study: ScanStudy,
    parts: SplitEvents,
    folders: RunFolders,
    inputs: Callable[[EventTable], NDArray[np.integer]],
    targets: Callable[[EventTable], NDArray[np.floating]],
) -> SelectedStream | AugmentedEvents | None:
    """Return new events at the training positions of a study; None where it does not stream.

    The window of the photopeak is that of the split. Without a stream, but with ``[augment]``, the
    training events come again and again, each time as another detector would have seen them.
    """
    if study.scan is None or not study.scan.stream:
        return augmented_events(study, parts, inputs, targets)
    detector = load_detector(study.detector)
    setup = set_up_scan(detector, study.scan, study.seed, cache=folders.cache)
    trained = np.unique(parts.events["grid_index"][parts.split.train], axis=0)
    at_training = (setup.index[:, None] == trained[None]).all(2).any(1)
    found = ScanSplit.read(folders.split)
    plain = SelectedStream(
        ScanStream(setup, np.flatnonzero(at_training), study.seed),
        Photopeak(found.photopeak_adc, found.photopeak_sigma_adc),
        study.events.photopeak_sigmas,
        inputs,
        targets,
    )
    if study.augment is None:
        return plain
    varied = vary_scan(detector, study.scan, study.augment, study.seed, cache=folders.cache)
    return replace(
        plain,
        scan=replace(plain.scan, varied=varied),
        after=AfterSimulation.of(detector, study.augment),
        full_adc=full_energy_adc(parts.events.select(parts.split.train)),
    )
