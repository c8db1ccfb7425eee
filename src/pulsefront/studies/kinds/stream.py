"""New events of a study's scan, selected and labelled as those that it began with."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.energy.photopeak import Photopeak
from pulsefront.events.container import EventTable
from pulsefront.networks.stream import FreshEvents
from pulsefront.simulate.scan.measurement import set_up_scan
from pulsefront.simulate.scan.stream import ScanStream
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds.scan import ScanSplit, charge_sum_adc
from pulsefront.studies.settings import ScanStudy

__all__ = ["SelectedStream", "stream_of"]


@dataclass(frozen=True)
class SelectedStream:
    """Events of a scan that lie in the photopeak; a `pulsefront.networks.stream.EventStream`.

    Attributes
    ----------
    inputs, targets
        What a network reads of events, and what it learns of them.
    """

    scan: ScanStream
    peak: Photopeak
    sigmas: float
    inputs: Callable[[EventTable], NDArray[np.integer]]
    targets: Callable[[EventTable], NDArray[np.floating]]

    @property
    def identity(self) -> Mapping[str, Any]:
        """Detector, scan, seed and selection."""
        return {
            **self.scan.setup.provenance,
            "positions": [int(position) for position in self.scan.positions],
            "map": self.scan.setup.optics,
            "peak": [self.peak.position, self.peak.sigma, self.sigmas],
        }

    def blocks(self, seed: int) -> Generator[FreshEvents, None, None]:
        """Yield the selected events of stream number *seed* without end."""
        for table in self.scan.tables(seed):
            inside = self.peak.contains(charge_sum_adc(table), self.sigmas)
            kept = table.select(inside & (table.status == 0))
            yield FreshEvents(self.inputs(kept), self.targets(kept))


def stream_of(
    study: ScanStudy,
    parts: SplitEvents,
    folders: RunFolders,
    inputs: Callable[[EventTable], NDArray[np.integer]],
    targets: Callable[[EventTable], NDArray[np.floating]],
) -> SelectedStream | None:
    """Return new events at the training positions of a study; None where it does not stream.

    The window of the photopeak is that of the split.
    """
    if study.scan is None or not study.scan.stream:
        return None
    setup = set_up_scan(load_detector(study.detector), study.scan, study.seed, cache=folders.cache)
    trained = np.unique(parts.events["grid_index"][parts.split.train], axis=0)
    at_training = (setup.index[:, None] == trained[None]).all(2).any(1)
    found = ScanSplit.read(folders.split)
    return SelectedStream(
        ScanStream(setup, np.flatnonzero(at_training), study.seed),
        Photopeak(found.photopeak_adc, found.photopeak_sigma_adc),
        study.events.photopeak_sigmas,
        inputs,
        targets,
    )
