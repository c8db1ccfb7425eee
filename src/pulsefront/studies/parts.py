"""What the kinds of study exchange with the steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.evaluate import Split
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.files import write_json
from pulsefront.simulate.perturb import NAMED, perturbed
from pulsefront.studies.config import ExternalSet

__all__ = [
    "Baseline",
    "Evaluation",
    "SplitEvents",
    "external_detector",
    "read_json",
    "read_rows",
    "read_split",
    "restrict",
    "save_arrays",
    "write_split",
]


@dataclass(frozen=True)
class SplitEvents:
    """Events that passed the selection, split into parts.

    ``record`` holds what was decided, as plain values with units in the keys: counts, exclusions
    by rule, the leak test, the photopeak.
    """

    events: EventTable
    split: Split
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Baseline:
    """A classical estimator on the test events.

    ``estimate`` is (test event, 3) in mm or (test event,) in ns; ``table`` all settings tried;
    ``answer`` gives such estimates of any events of the same detector type.
    """

    name: str
    estimate: NDArray[np.float64]
    parameters: Mapping[str, Any]
    table: tuple[Mapping[str, Any], ...]
    answer: Callable[[EventTable], NDArray[np.float64]]


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on the test set: plain values, and arrays for the figures."""

    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def external_detector(name: str, chosen: ExternalSet) -> Detector:
    """Return the detector that an external set is simulated with."""
    detector = load_detector(chosen.detector or name)
    for change in chosen.perturb:
        detector = perturbed(detector, NAMED[change])
    return detector


def restrict(split: Split, keep: NDArray[np.bool_]) -> Split:
    """Return *split* with the events of *keep* (event,) alone, counted anew."""
    place = np.cumsum(keep) - 1
    train, selection, test = (
        place[part[keep[part]]] for part in (split.train, split.selection, split.test)
    )
    return Split(train, selection, test, dict(split.excluded))


def write_split(folder: Path, selected: NDArray[np.int64], parts: SplitEvents) -> None:
    """Write which events of the data step are used, and in which part."""
    save_arrays(folder / "split.npz", {"selected": selected, **parts.split.parts()})
    write_json(
        folder / "split.json", {**parts.record, "excluded_by_split": dict(parts.split.excluded)}
    )


def read_split(data: Path, split: Path) -> SplitEvents:
    """Return the split events from the folders of the data and split steps."""
    record = read_json(split / "split.json")
    with np.load(split / "split.npz") as arrays:
        selected = arrays["selected"]
        parts = Split(
            arrays["train"], arrays["selection"], arrays["test"], record["excluded_by_split"]
        )
    return SplitEvents(store.read(data / "events.h5").select(selected), parts, record)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write *arrays* by name into one .npz file."""
    content: dict[str, Any] = dict(arrays)
    np.savez(path, **content)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON file that holds a list."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return rows


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content
