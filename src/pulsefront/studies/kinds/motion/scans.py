"""Scans of patients whose movements are known: simulated or read, cut where something else changed
them, and as the rows of a table.

What lies around gaps, resets, changes of the bed, dead channels or without counts is cut away
before anything looks at it (`pulsefront.motion.traces.parts`), and told by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events.readers.base import ReadOptions
from pulsefront.motion import MotionTrace, open_trace
from pulsefront.motion.find import SHORTEST
from pulsefront.motion.judge.trials import SPREAD_S, step_times
from pulsefront.motion.readers.list_mode import ListModeSettings
from pulsefront.motion.simulate.moves import PatientMotion, RigidMove
from pulsefront.motion.simulate.scan import MoveTruth, ScanPlan, SimulatedScan, simulate_scan
from pulsefront.motion.traces.noise import with_learned_errors
from pulsefront.motion.traces.parts import cut_trace
from pulsefront.motion.traces.trace import TraceFinding, rebin
from pulsefront.progress import progress
from pulsefront.studies.kinds.motion.settings import (
    PARTS,
    MotionStudy,
    Part,
    RecordedScan,
    SimulatedScans,
)
from pulsefront.studies.motion_network import random_shift, training_scan

__all__ = ["KnownScan", "all_scans", "refuse_equal_scans"]

SETTLING_S, AFTER_S = 6.0, 30.0
"""A movement is judged where the trace is whole for so long before and after it."""


@dataclass(frozen=True)
class KnownScan:
    """A scan and its true movements.

    Attributes
    ----------
    number, name
        In the study, and for people.
    patient, part
        Number of the patient, and what the scan is for.
    rate_per_s
        Count rate: as planned; of a recorded scan the nearest of 1, 2, 5, 10, …
    stretches
        Uninterrupted traces that can be looked at, with errors of the centre.
    moves
        All that are known.
    findings
        What is wrong with the data, and is never motion.
    intervals
        That were recorded, those that cannot be looked at included.
    """

    number: int
    name: str
    patient: int
    part: Part
    rate_per_s: float
    stretches: tuple[MotionTrace, ...]
    moves: tuple[MoveTruth, ...]
    findings: tuple[TraceFinding, ...]
    intervals: int
    simulated: bool = True

    @property
    def usable(self) -> int:
        """Return how many intervals can be looked at."""
        return sum(map(len, self.stretches))

    @property
    def minutes(self) -> float:
        """Return the time that can be looked at."""
        return sum(one.stop_s - float(one.time_s[0]) for one in self.stretches) / 60

    def can_judge(self, move: MoveTruth) -> bool:
        """Return whether the trace is whole around a movement."""
        start, stop = move.move.start_s, move.move.start_s + move.move.duration_s
        return any(
            float(one.time_s[0]) + SETTLING_S <= start and stop + AFTER_S <= one.stop_s
            for one in self.stretches
        )


def all_scans(study: MotionStudy, folder: Path) -> list[KnownScan]:
    """Simulate and read all scans of a study; *folder* is that of the study file.

    Raises
    ------
    DataError
        A file cannot be read or has no interval to look at, or a movement lies outside it.
    """
    found: list[KnownScan] = []
    names: dict[str, int] = {}
    with progress("Scans", "scans") as report:
        total = len(study.recorded)
        if study.simulated is not None:
            total += 2 * sum(study.simulated.patients(part) for part in PARTS)
        # A file that cannot be used is told before minutes of simulation.
        for one in study.recorded:
            patient = names.setdefault(one.patient, len(names))
            found.append(_recorded(study, one, folder, len(found), patient))
            report(len(found), total)
        if study.simulated is not None:
            for scan in _simulated(study, study.simulated, len(found), len(names)):
                found.append(scan)
                report(len(found), total)
    refuse_equal_scans(found)
    return found


def _simulated(
    study: MotionStudy, chosen: SimulatedScans, number: int, patient: int
) -> Iterator[KnownScan]:
    """Yield two scans of every patient: training ones move in both, others in the second.

    Scans and patients are numbered from *number* and *patient* on.
    """
    for kind, part in enumerate(PARTS):
        for k in range(chosen.patients(part)):
            states = np.random.SeedSequence([study.seed, kind, k]).generate_state(2)
            for second, state in enumerate(states.tolist()):
                scan = _scan(study, chosen, part, k, second, int(states[0]), state)
                rate = scan.plan.rate_per_s
                yield _known(
                    scan.trace, (), number, f"simulated {number}", patient, part, rate, scan.moves
                )
                number += 1
            patient += 1


def _scan(
    study: MotionStudy,
    chosen: SimulatedScans,
    part: Part,
    k: int,
    second: int,
    body: int,
    seed: int,
) -> SimulatedScan:
    rates = chosen.rates_per_s
    plan = ScanPlan(
        patient=body,
        duration_s=chosen.duration_s,
        interval_s=study.trace.interval_s,
        rate_per_s=rates[k % len(rates)],
        randoms=chosen.randoms,
        redistribution=chosen.redistribution,
        attenuation=chosen.attenuation,
        voxel_mm=chosen.voxel_mm,
    )
    if part == "train":
        ends = (min(rates), max(rates))
        scan, _ = training_scan(
            plan, ends, chosen.sizes_in_errors, chosen.apart_s, seed, patient=body
        )
        return scan
    random = np.random.default_rng([seed, 82])
    counts = plan.rate_per_s * plan.interval_s
    moves = [
        RigidMove(
            at + SPREAD_S * random.random(),
            random.uniform(0.2, 1.0),
            random_shift(random, counts, chosen.sizes_in_errors),
        )
        for at in (step_times(plan.duration_s) if second else ())
    ]
    return simulate_scan(replace(plan, motion=PatientMotion(tuple(moves))), seed)


def _recorded(
    study: MotionStudy, one: RecordedScan, folder: Path, number: int, patient: int
) -> KnownScan:
    path = folder / one.path
    trace, breaks = open_trace(
        path,
        ReadOptions(mapping=None if one.mapping is None else folder / one.mapping),
        format_name=one.format,
        list_mode=ListModeSettings(
            study.trace.interval_s,
            one.field_mm,
            None if one.elements is None else folder / one.elements,
        ),
    )
    for move in one.moves:
        if not (len(trace) and trace.time_s[0] <= move.start_s < trace.stop_s):
            raise DataError(
                f"a movement at {move.start_s:g} s lies outside the scan",
                file=path,
                field="recorded.moves",
                remedy="give times on the clock of the file",
            )
    moves = tuple(
        MoveTruth(RigidMove(m.start_s, m.duration_s, m.shift_mm), m.shift_mm) for m in one.moves
    )
    seconds = float(trace.duration_s.sum())
    rate = _nearest_rate(float(trace.counts.sum()) / seconds) if seconds else 0.0
    joined = round(study.trace.interval_s / trace.interval_s) if len(trace) else 1
    scan = _known(
        trace, breaks, number, str(one.path), patient, one.part, rate, moves, max(joined, 1)
    )
    if not scan.stretches:
        raise DataError(
            "has no part that can be looked at"
            + (f": {scan.findings[0].kind}, {scan.findings[0].text}" if scan.findings else ""),
            file=path,
            field="recorded.path",
            remedy="leave the scan out",
        )
    return replace(scan, simulated=False)


def _nearest_rate(rate_per_s: float) -> float:
    """Return the nearest of 1, 2, 5, 10, …: scans of like rates are counted together."""
    if rate_per_s <= 0:
        return 0.0
    ladder = [step * 10.0**power for power in range(10) for step in (1, 2, 5)]
    return min(ladder, key=lambda one: abs(np.log(one / rate_per_s)))


def _known(
    trace: MotionTrace,
    breaks: Sequence[float],
    number: int,
    name: str,
    patient: int,
    part: Part,
    rate_per_s: float,
    moves: tuple[MoveTruth, ...],
    joined: int = 1,
) -> KnownScan:
    """Return a scan cut into the stretches that `pulsefront.motion.find_motion` would look at."""
    parts, findings = cut_trace(trace, tuple(breaks))
    stretches = [with_learned_errors(rebin(one.trace, joined)) for one in parts if one.usable]
    every = sorted((*trace.findings, *findings), key=lambda one: (one.start_s, one.kind))
    return KnownScan(
        number,
        name,
        patient,
        part,
        rate_per_s,
        tuple(one for one in stretches if len(one) >= SHORTEST),
        moves,
        tuple(every),
        -(-len(trace) // joined),
    )


def refuse_equal_scans(scans: Sequence[KnownScan]) -> None:
    """Refuse the same scan under two names: its patient would be in two parts.

    Raises
    ------
    DataError
        Names both.
    """
    seen: dict[str, str] = {}
    for scan in scans:
        digest = hashlib.sha256()
        for one in scan.stretches:
            digest.update(_bytes(one.centre_mm) + _bytes(one.counts))
        other = seen.setdefault(digest.hexdigest(), scan.name)
        if other != scan.name:
            raise DataError(
                f"is the same scan as {other}, number for number",
                field="recorded.path",
                value=scan.name,
                remedy="list every scan once",
            )


def _bytes(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values, np.float64).tobytes()
