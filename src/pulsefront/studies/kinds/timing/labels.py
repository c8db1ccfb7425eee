"""What the pulses themselves say about the labels of a timing study, and the channels' delay.

One detector identity of a manifest is one pair of channels with its own delay; simulated pairs
are all of one identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.timing.stated_offsets import (
    ChannelDelay,
    ClassicalTime,
    OffsetCheck,
    channel_delay,
    check_offsets,
    choose_time,
)
from pulsefront.estimators.timing.tuning import Sampling
from pulsefront.evaluate import Split
from pulsefront.events.container import EventTable, Quantity
from pulsefront.simulate.constants import LIGHT_MM_PER_NS
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.timing.settings import TimingStudy

__all__ = [
    "DELAY",
    "LabelCheck",
    "check_labels",
    "check_other_labels",
    "delays_ns",
    "findings_of",
    "refuse_wrong_labels",
    "sampling_of",
    "untold_of",
    "with_delays",
]

DELAY = "channel_delay_ns"
"""Column of the events of another set."""

NS_PER_MM = 2.0 / LIGHT_MM_PER_NS
"""By how much t0 − t1 grows per mm of source offset."""


@dataclass(frozen=True)
class LabelCheck:
    """What was measured of the labels, by detector."""

    time: ClassicalTime
    offsets: dict[str, OffsetCheck]
    delays: dict[str, ChannelDelay]


def sampling_of(study: TimingStudy, events: EventTable) -> Sampling:
    """Return how samples become pulses."""
    interval_ns = float(events.provenance["sample_interval_ns"])
    return Sampling(interval_ns, study.events.baseline_samples)


def check_labels(study: TimingStudy, parts: SplitEvents) -> LabelCheck:
    """Measure slope and delay of every detector.

    The slope is that of all events: it chooses nothing, and a wrong label of a test event spoils
    the test. The delay is that of training events, or of all where a detector has none there.
    """
    events = parts.events
    time, difference = _times(study, parts)
    known = np.asarray(events["known_difference_ns"], np.float64)
    training = np.zeros(len(events), np.bool_)
    training[parts.split.train] = True
    delays = {}
    for name, inside in _detectors(events).items():
        own = inside & training if (inside & training).any() else inside
        delays[name] = channel_delay(difference[own], known[own])
    return LabelCheck(time, _checked_offsets(events, difference), delays)


def _checked_offsets(events: EventTable, difference: NDArray[np.float64]) -> dict[str, OffsetCheck]:
    """Return the line of every detector that has one."""
    known = np.asarray(events["known_difference_ns"], np.float64)
    found = {
        name: check_offsets(
            difference[inside],
            known[inside],
            events["scan"][inside] if "scan" in events.columns else None,
            uncertainty_ns=_stage_uncertainty_ns(events),
        )
        for name, inside in _detectors(events).items()
    }
    return {name: check for name, check in found.items() if check is not None}


def findings_of(offsets: dict[str, OffsetCheck]) -> tuple[str, ...]:
    """Return what is wrong with the labels, in words, with the detector where there are several."""
    found = []
    for name, check in offsets.items():
        of = f"detector {name}: " if len(offsets) > 1 else ""
        found += [of + text for text in check.findings]
    return tuple(found)


def untold_of(offsets: dict[str, OffsetCheck]) -> tuple[str, ...]:
    """Return of which detectors nothing can be said, in words."""
    return tuple(
        f"detector {name}: the offsets reach too little to tell whether they are right (slope "
        f"{check.slope:.2f} ± {check.slope_error:.2f})"
        for name, check in offsets.items()
        if not check.tells
    )


def refuse_wrong_labels(offsets: dict[str, OffsetCheck]) -> None:
    """Raise `DataError` where times do not follow the stated offsets."""
    found = findings_of(offsets)
    if found:
        raise DataError(
            "; ".join(found[:3]),
            field="source_offset_mm",
            remedy="correct the manifest, or set events.check_labels = false to go on all the same",
        )


def check_other_labels(study: TimingStudy, events: EventTable) -> LabelCheck:
    """Measure slope and delay of every detector of another set, on all of its events.

    Another bench has other cables: one number per detector is measured on the set itself, as its
    photopeak is. A detector without ten events at any offset has no delay.
    """
    everything = np.arange(len(events))
    nothing = everything[:0]
    parts = SplitEvents(events, Split(everything, nothing, nothing, {}))
    time, difference = _times(study, parts)
    known = np.asarray(events["known_difference_ns"], np.float64)
    delays = {}
    for name, inside in _detectors(events).items():
        with suppress(DataError):
            delays[name] = channel_delay(difference[inside], known[inside])
    return LabelCheck(time, _checked_offsets(events, difference), delays)


def delays_ns(events: EventTable, delays: Mapping[str, ChannelDelay]) -> NDArray[np.float64]:
    """Return what is taken out of channel 0's times, (event,) in ns; *delays* by detector."""
    found = np.zeros(len(events))
    for name, inside in _detectors(events).items():
        found[inside] = delays[name].removed_ns if name in delays else 0.0
    return found


def with_delays(events: EventTable, delays: Mapping[str, ChannelDelay]) -> EventTable:
    """Return the events with what is taken out of channel 0's times as the column `DELAY`."""
    told = Quantity("ns", "delay between the channels, taken out of the times of channel 0")
    return events.with_columns({DELAY: delays_ns(events, delays)}, {DELAY: told})


def _times(study: TimingStudy, parts: SplitEvents) -> tuple[ClassicalTime, NDArray[np.float64]]:
    """Return the classical time, chosen on training events, and its differences of all events."""
    events, sampling = parts.events, sampling_of(study, parts.events)
    train = events.select(parts.split.train)
    time = choose_time(train["waveform_adc"], train["known_difference_ns"], sampling)
    return time, time.differences_ns(events["waveform_adc"], sampling)


def _detectors(events: EventTable) -> dict[str, NDArray[np.bool_]]:
    """Return which events are of each detector, by its name in the manifest."""
    if "detector" not in events.columns:
        return {"pair": np.ones(len(events), np.bool_)}
    names = events.provenance.get("names", {}).get("detector", [])
    numbers = np.asarray(events["detector"])
    return {
        str(names[n]) if n < len(names) else str(n): numbers == n
        for n in np.unique(numbers).tolist()
    }


def _stage_uncertainty_ns(events: EventTable) -> float:
    if "stage_uncertainty_mm" not in events.columns:
        return 0.0
    return NS_PER_MM * float(np.max(events["stage_uncertainty_mm"]))
