"""The rows that a motion study learns from: one for each interval of each scan that can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate import Split, check_leaks
from pulsefront.events.container import EventTable, Quantity
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.motion import MotionTrace, make_trace
from pulsefront.motion.detectors.evidence import EVIDENCE
from pulsefront.motion.simulate.moves import RigidMove
from pulsefront.motion.simulate.scan import MoveTruth
from pulsefront.motion.traces.trace import TraceFinding
from pulsefront.search.task import Task, misclassified
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import Selection
from pulsefront.studies.kinds.motion.records import MotionSplit, ScanFinding
from pulsefront.studies.kinds.motion.scans import KnownScan
from pulsefront.studies.kinds.motion.settings import PARTS, MotionStudy
from pulsefront.studies.metrics import WRONG_INTERVALS
from pulsefront.studies.motion_network import labelled_evidence

__all__ = [
    "INPUT_FORMAT",
    "UNKNOWN",
    "learning_task",
    "scans_of",
    "split",
    "table_of",
    "trace_of_rows",
]

INPUT_FORMAT = FixedPointFormat(8, 8)
OUTPUT_FORMAT = FixedPointFormat(16, 8)
"""Two scores, of still and of moved; their difference is the log-odds of a step."""

UNKNOWN = -1
"""Label of an interval that is no example: around a step, long after it, or at the begin."""

MOST_FINDINGS = 200

QUANTITIES = {
    "evidence": Quantity("1/8", "what the filter says of a step; see the names of the inputs"),
    "moved": Quantity("1", "1 where a step was in the last 30 s, 0 where none was, -1 no example"),
    "scan": Quantity("1", "number of the scan"),
    "patient": Quantity("1", "number of the patient"),
    "stretch": Quantity("1", "number of the uninterrupted stretch within the scan"),
    "time_s": Quantity("s", "begin of the interval"),
    "duration_s": Quantity("s", "length of the interval"),
    "counts": Quantity("1", "prompt coincidences"),
    "counts_per_s": Quantity("1/s", "count rate of the scan"),
    "randoms": Quantity("1", "random coincidences among them; NaN where not known"),
    "centre_mm": Quantity("mm", "centre of distribution, x, y, z"),
    "error_mm": Quantity("mm", "its standard error"),
}


def table_of(study: MotionStudy, scans: Sequence[KnownScan]) -> EventTable:
    """Return the intervals of all scans that can be looked at, with what is known of each scan."""
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in QUANTITIES}
    for scan in scans:
        for number, trace in enumerate(scan.stretches):
            inside = [m for m in scan.moves if trace.time_s[0] <= m.move.start_s < trace.stop_s]
            random = np.random.default_rng([study.seed, 31, scan.number, number])
            evidence, label, used = labelled_evidence(trace, inside, random)
            same = np.ones(len(trace), np.int32)
            rows = {
                "evidence": evidence.astype(np.int16),
                "moved": np.where(used, label, UNKNOWN).astype(np.int8),
                "scan": same * np.int32(scan.number),
                "patient": same * np.int32(scan.patient),
                "stretch": same * np.int32(number),
                "counts_per_s": same * scan.rate_per_s,
                **{
                    name: getattr(trace, name)
                    for name in ("time_s", "duration_s", "counts", "randoms", "centre_mm")
                },
                "error_mm": trace.error_mm,
            }
            for name, values in rows.items():
                columns[name].append(np.asarray(values))
    told = {
        "made_by": "pulsefront.studies.kinds.motion",
        "seed": study.seed,
        "scans": [_told(scan) for scan in scans],
    }
    return EventTable(
        {name: np.concatenate(values) for name, values in columns.items()},
        QUANTITIES,
        provenance=told,
    )


def _told(scan: KnownScan) -> dict[str, Any]:
    return {
        "scan": scan.number,
        "name": scan.name,
        "patient": scan.patient,
        "part": scan.part,
        "counts_per_s": scan.rate_per_s,
        "intervals": scan.intervals,
        "simulated": scan.simulated,
        "moves": [[m.move.start_s, m.move.duration_s, *m.shift_mm] for m in scan.moves],
        "findings": [[f.kind, f.start_s, f.stop_s, f.text] for f in scan.findings],
    }


def scans_of(events: EventTable, part: str) -> list[KnownScan]:
    """Return the scans of a part, as they were before they became rows."""
    told = [one for one in events.provenance["scans"] if one["part"] == part]
    edges = np.flatnonzero(np.diff(events["scan"], prepend=-1))
    begin = {int(events["scan"][at]): int(at) for at in edges}
    end = dict(zip(begin, [*edges[1:].tolist(), len(events)], strict=True))
    found = []
    for one in told:
        number = one["scan"]
        if number not in begin:
            continue
        rows = events.select(slice(begin[number], end[number]))
        moves = tuple(
            MoveTruth(RigidMove(start, length, (x, y, z)), (x, y, z))
            for start, length, x, y, z in one["moves"]
        )
        found.append(
            KnownScan(
                number,
                one["name"],
                one["patient"],
                one["part"],
                one["counts_per_s"],
                tuple(_stretches(rows)),
                moves,
                tuple(TraceFinding(*finding) for finding in one["findings"]),
                one["intervals"],
                one["simulated"],
            )
        )
    return found


def _stretches(rows: EventTable) -> list[MotionTrace]:
    return [trace_of_rows(rows.select(rows["stretch"] == n)) for n in np.unique(rows["stretch"])]


def trace_of_rows(rows: EventTable) -> MotionTrace:
    """Return the trace of the intervals of one scan."""
    return make_trace(
        rows["time_s"],
        rows["duration_s"],
        rows["counts"],
        rows["centre_mm"],
        randoms=rows["randoms"],
        error_mm=rows["error_mm"],
    )


def split(events: EventTable) -> Selection:
    """Divide the intervals as the study file divides the patients.

    Raises
    ------
    DataError
        A part has no interval with a step, or a patient or scan is in two parts.
    """
    scans = {part: scans_of(events, part) for part in PARTS}
    used = events["moved"] != UNKNOWN
    index = {
        part: np.flatnonzero(used & np.isin(events["scan"], [one.number for one in scans[part]]))
        for part in PARTS
    }
    every = [one for part in PARTS for one in scans[part]]
    recorded = sum(one.intervals for one in every)
    parts = Split(
        index["train"],
        index["selection"],
        index["test"],
        {
            "cut_away": recorded - len(events),
            "around_a_step_or_at_the_begin": int((~used).sum()),
        },
    )
    for part in PARTS:
        _require_examples(part, events["moved"][index[part]], scans[part])
    leaks = check_leaks(parts, groups={"patient": events["patient"], "scan": events["scan"]})
    leaks.raise_on_leak()
    told = [
        ScanFinding(
            scan=one.name,
            finding=finding.kind,
            start_s=finding.start_s,
            stop_s=finding.stop_s,
            text=finding.text,
        )
        for one in every
        for finding in one.findings
    ]
    record = MotionSplit.model_validate(
        {
            "events_recorded": recorded,
            "events_with_status": 0,
            **{f"positions_{part}": len({one.patient for one in scans[part]}) for part in PARTS},
            "scans": {part: len(scans[part]) for part in PARTS},
            "minutes": {part: sum(one.minutes for one in scans[part]) for part in PARTS},
            "moves": {part: sum(len(one.moves) for one in scans[part]) for part in PARTS},
            "findings": told[:MOST_FINDINGS],
            "findings_in_all": len(told),
            "excluded_by_split": dict(parts.excluded),
            **_leaks(leaks.as_record()),
        }
    )
    return Selection(np.arange(len(events)), SplitEvents(events, parts), record)


def _leaks(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a leak test says, but for positions, of which there are none."""
    return {name: value for name, value in record.items() if not name.startswith("positions_")}


def _require_examples(part: str, moved: NDArray[np.int8], scans: Sequence[KnownScan]) -> None:
    for label, words in ((1, "with a step"), (0, "without one")):
        if not (moved == label).any():
            raise DataError(
                f"the {len(scans)} scans for {part} have no interval {words}",
                field=f"part = {part!r}",
                remedy="list more scans for it, of a patient who moves and of one who keeps still",
            )


def learning_task(study: MotionStudy, parts: SplitEvents) -> Task:
    """Return the choice between still and moved from the evidence of the filter."""
    events = parts.events
    return Task(
        name=study.name,
        inputs=events["evidence"],
        targets=events["moved"].astype(np.float64),
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=INPUT_FORMAT,
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=misclassified,
        metric_name=WRONG_INTERVALS.key,
        input_names=EVIDENCE,
        output_names=("still", "moved"),
        groups=events["patient"].astype(np.int64),
    )
