"""Point-source scans: a collimated source stepped over a detector.

Stage positions form a square grid of ``pitch_mm``. ``grid_index`` (ix, iy) counts them from the
corner at −x, −y. Positions whose indices are both even make one sub-lattice of twice the pitch,
those with both odd lie in the middle between four of them; the two other parities lie between two.
A study trains on one sub-lattice and tests on another, so that no test position is a training
position; each sub-lattice has its own number of events.
"""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.progress import Report, silent
from pulsefront.simulate.light.map import LightMap
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.run.shards import child_seed
from pulsefront.simulate.run.sharing import share_events
from pulsefront.simulate.scan.chain import MAX_TRIES, ScanChain, ScanEvents, scan_events
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.simulate.scan.setup import set_up_scan

__all__ = [
    "EVENTS",
    "STREAM",
    "scan_plan",
    "scan_shard",
    "simulate_scan",
]

EVENTS, STREAM = 1, 2
"""Branches of a scan's seed: its own events, and those that a stream adds."""

_SHARD_EVENTS = 4096
Table = NDArray[np.float64]


def simulate_scan(
    detector: Detector,
    scan: ScanSettings,
    seed: int,
    *,
    executor: Executor | None = None,
    report: Report = silent,
    light_map: LightMap | None = None,
    cache: str | Path | None = None,
) -> EventTable:
    """Simulate a point-source scan with one charge per readout channel.

    The result depends on the arguments alone, not on *executor* or its number of workers.

    Parameters
    ----------
    detector
        With a ``[charge]`` section.
    executor
        Where the shards run; threads on all cores where None.
    report
        Told of events done.
    light_map, cache
        A light map that exists already, or the folder to keep it in. Without either it is traced
        anew.

    Returns
    -------
    EventTable
        ``charge_adc``, ``stage_position_mm``, ``grid_index`` and the truth; see the data
        dictionary. Events saturating the ADC have status `Status.SATURATED`.

    Raises
    ------
    ConfigError
        The scan leaves the detector, nothing can trigger, or there is no charge readout.
    """
    plan = scan_plan(detector, scan, seed, light_map=light_map, cache=cache, executor=executor)
    return plan.run(executor=executor, report=report)


def scan_plan(
    detector: Detector,
    scan: ScanSettings,
    seed: int,
    *,
    events: int | None = None,
    light_map: LightMap | None = None,
    cache: str | Path | None = None,
    executor: Executor | None = None,
    map_report: Report = silent,
) -> Plan:
    """Return a scan as shards; see `simulate_scan`.

    *events* in all are shared out between the positions in proportion to what *scan* gives them;
    None takes the numbers of *scan* as they are. *map_report* is told of photons while a light map
    is traced.
    """
    setup = set_up_scan(
        detector,
        scan,
        seed,
        light_map=light_map,
        cache=cache,
        executor=executor,
        map_report=map_report,
    )
    sharing = share_events(setup.counts, events, at_most=_SHARD_EVENTS)

    def arguments(shard: int) -> tuple[Any, ...]:
        return setup.arguments(sharing.positions(shard), child_seed(seed, EVENTS, shard))

    def table(shard: int, made: ScanEvents) -> EventTable:
        return setup.table(sharing.positions(shard), made, child_seed(seed, EVENTS, shard))

    identity = {**setup.provenance, "events": sharing.events, "map": setup.optics}
    return Plan(sharing.sizes, scan_shard, arguments, table, identity)


def scan_shard(
    source_mm: Table,
    gain: Table,
    keep: int,
    chain: ScanChain,
    seed: np.random.SeedSequence,
) -> ScanEvents:
    """Return one recorded event for each of *source_mm* (event, 2).

    Raises
    ------
    ConfigError
        Hardly any gamma ray triggers.
    """
    count = len(source_mm)
    events = ScanEvents(
        charge_adc=np.zeros((count, len(chain.weights) or len(gain)), np.uint16),
        first_interaction_mm=np.zeros((count, 3), np.float32),
        energy_deposited_kev=np.zeros(count, np.float32),
        light_centroid_mm=np.zeros((count, 3), np.float32),
        compton_scatters=np.zeros(count, np.uint8),
        deposits=np.zeros(count, np.uint8),
        element=np.zeros(count, np.int16),
        elements_hit=np.zeros(count, np.uint8),
        deposit_mm=np.zeros((count, keep, 3), np.float32),
        deposit_kev=np.zeros((count, keep), np.float32),
    )
    if not scan_events(new_state(seed), source_mm, gain, chain, events):
        raise ConfigError(
            f"less than one event in {MAX_TRIES:,} gamma rays triggers",
            field="trigger_kev",
            remedy="lower trigger_kev, or scan inside the crystal",
        )
    return events
