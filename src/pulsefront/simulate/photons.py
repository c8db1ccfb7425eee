"""Photons that another simulation traced, from a table of theirs to waveforms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pulsefront.errors import DataError
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.simulate.choose import chosen_detector
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.sensor.waveforms import waveform_plan

__all__ = ["photon_plan"]


def photon_plan(
    detector: str | Path,
    photons: str | Path,
    *,
    mapping: Path | None,
    perturbations: Sequence[str],
    seed: int,
) -> Plan:
    """Return the plan of ``pulsefront simulate --photons``.

    Parameters
    ----------
    photons
        Any table that ``pulsefront ingest`` reads, one row a detected photon: ``event``, the
        number of its event, and ``time_ns``.
    mapping
        Says which arrays of the table these are, where the table is not a store.
    perturbations
        Names of `pulsefront.simulate.perturb.NAMED`, applied one after the other.

    Raises
    ------
    ConfigError
        The detector has no digitizer, or a mapping is missing.
    DataError
        The table cannot be read, lacks a column, or holds what is no event or time.
    """
    table = open_events(photons, ReadOptions(mapping=mapping)).read()
    event, time_ns = table["event"], table["time_ns"]
    if event.ndim != 1 or (event.astype(np.int64) != event).any():
        raise DataError("is not one whole number for each photon", file=photons, field="event")
    chosen = chosen_detector(detector, perturbations)
    return waveform_plan(chosen, event.astype(np.int64), time_ns, seed)
