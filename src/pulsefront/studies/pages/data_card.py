"""The data card of a finished study: what its events are, in a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefront.events import store
from pulsefront.report.card import data_card
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.records import ExternalRecord
from pulsefront.studies.results import StudyResults
from pulsefront.studies.settings import StudyBase

__all__ = ["data_card_of"]

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Classes of the number of events as hubs of data name them; beyond, ``1M<n<10M``."""


def data_card_of(kind: StudyKind, results: StudyResults, folders: RunFolders) -> str:
    """Return the card as Markdown, every number from the results and the store of the run."""
    study, data, words = kind.study, results.data, kind.words
    with store.open_store(folders.events) as events:
        columns = [_column(events, name) for name in events.quantities]
        features = [_feature(events, name) for name in events.quantities]
        provenance = dict(events.provenance)
    parts = [
        {"part": part, words.events: count, words.places: data.positions_in_parts[part]}
        for part, count in data.events_in_parts.items()
    ]
    nearest = data.minimum_distance_mm
    distance = (
        ""
        if nearest is None
        else f", and the nearest test or selection position lies {nearest:.3g} mm from a training "
        "position"
    )
    return data_card(
        f"Events of {study.title or study.name}",
        {
            "events": f"{_origin(study)} {words.events}"
            f"{f' of the detector {study.detector}' if study.detector else ''}: "
            f"{data.events_recorded:,} recorded, "
            f"{sum(data.events_in_parts.values()):,} used by the study {study.name} "
            f"({results.study_sha256[:12]})." + _streamed(results),
            "source": _source(study, results, provenance),
            "columns": columns,
            "labels": {
                "reference": results.test.reference_standard,
                "uncertainty": kind.label_uncertainty(),
                "found against them": list(data.label_findings) or "nothing",
            },
            "parts": parts,
            "left_out": data.exclusions,
            "others": {one.name: _other(one) for one in results.test.external or ()}
            or "The study has no external sets.",
            "coverage": {
                "covered": list(study.purpose.covered),
                "not covered": list(study.purpose.missing),
            },
            "limits": [
                *(f"Labels: {text}." for text in data.label_findings),
                "Figures say what holds for such events; whether a detector gives such events is "
                "for its own measured set to say."
                if study.measured is None
                else "One set-up was measured; others differ.",
                *study.purpose.limits,
            ],
            "reproduction": {
                "steps/data/events.h5": "HDF5, a dataset for each column under /events, with unit "
                "and meaning as attributes",
                "steps/split/split.npz": "indices of the events of each part; "
                f"{_shared(data.shared)}{distance}",
                "command": f"pulsefront run {study.name}; seed {study.seed}; "
                f"pulsefront {results.environment.pulsefront}",
            },
        },
        _front_matter(kind, results, features),
    )


def _column(events: store.StoredEvents, name: str) -> dict[str, Any]:
    quantity = events.quantities[name]
    shape = " × ".join(map(str, events.shape(name)[1:])) or "1"
    dtype = events.column(name, 0, 0).dtype
    return {
        "column": f"`{name}`",
        "per event": shape,
        "type": str(dtype),
        "unit": quantity.unit,
        "meaning": quantity.description,
    }


def _feature(events: store.StoredEvents, name: str) -> dict[str, Any]:
    """Return a column as hubs of data describe one: a number, a sequence or an array."""
    dtype, shape = str(events.column(name, 0, 0).dtype), events.shape(name)[1:]
    if not shape:
        return {"name": name, "dtype": dtype}
    if len(shape) == 1:
        return {"name": name, "sequence": dtype, "length": shape[0]}
    return {"name": name, f"array{len(shape)}_d": {"shape": list(shape), "dtype": dtype}}


def _source(
    study: StudyBase, results: StudyResults, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what was simulated with which settings, or which files were measured."""
    found: dict[str, Any] = dict(results.detector)
    if study.measured is not None:
        given = study.measured.model_dump(mode="json", exclude_none=True)
        texts = {key: value for key, value in provenance.items() if not isinstance(value, dict)}
        return found | {key: value for key, value in given.items() if value not in ("", [])} | texts
    settings = study.model_dump(mode="json", exclude_none=True)
    given = settings.get("scan") or settings.get("coincidences") or settings.get("simulated") or {}
    plain = {key: value for key, value in given.items() if not isinstance(value, dict)}
    return found | plain | {"seed": str(study.seed)}


def _streamed(results: StudyResults) -> str:
    events = results.search.streamed_events
    if events is None:
        return ""
    return (
        f" Networks were trained on up to {events:,} further ones, simulated as they were needed "
        "and not kept."
    )


def _shared(shared: Mapping[str, int]) -> str:
    found = [f"{count} {what.replace('_', ' ')}" for what, count in shared.items() if count]
    return f"they share {', '.join(found)}" if found else "they share nothing"


def _other(row: ExternalRecord) -> str:
    if row.test_events is None:
        return str(row.not_measured)
    return f"{row.test_events:,} events"


def _origin(study: StudyBase) -> str:
    return "Measured" if study.from_files else "Simulated"


def _front_matter(
    kind: StudyKind, results: StudyResults, features: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what hubs of data read: name, size, task, columns and parts.

    A licence is the user's to give.
    """
    study, counts = kind.study, results.data.events_in_parts
    used = sum(counts.values())
    size = next((name for limit, name in SIZES if used < limit), "1M<n<10M")
    task = "tabular-classification" if kind.words.classifies else "tabular-regression"
    return {
        "pretty_name": f"Events of {study.title or study.name}",
        "task_categories": [task],
        "size_categories": [size],
        "annotations_creators": ["machine-generated"],
        "tags": ["radiation-detector", study.kind, _origin(study).lower()],
        "dataset_info": {
            "features": features,
            "splits": [{"name": part, "num_examples": n} for part, n in counts.items()],
        },
    }
