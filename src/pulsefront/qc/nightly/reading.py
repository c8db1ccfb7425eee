"""What is read of all units for one night: features, hashes, and where to go on tomorrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pulsefront.errors import PulsefrontError, QCDataError
from pulsefront.progress import Report
from pulsefront.qc.features.daily import UnitFeatures, unit_features
from pulsefront.qc.features.peers import fill_peers, fleet_levels
from pulsefront.qc.features.samples import Samples, empty_samples, put_rows
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.models.files.model_file import FailureModel, ModelInvalid
from pulsefront.qc.nightly.checkpoints import UnitCheckpoint
from pulsefront.qc.nightly.resume import HeldUnit, history_as_of, hold
from pulsefront.qc.records import Context
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.problems import StoreProblem
from pulsefront.qc.times import iso_date

__all__ = ["Night", "read_night", "samples_of"]

_AT_ONCE = 100  # units that one query asks for


@dataclass
class Night:
    """What was read of the units for one night; ``features`` by schema, in the order of units."""

    as_of_s: int
    features: dict[FeatureSchema, list[UnitFeatures]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    checkpoints: dict[str, UnitCheckpoint] = field(default_factory=dict)
    records_read: int = 0
    units_resumed: int = 0


def read_night(
    store: Store,
    schemas: Sequence[FeatureSchema],
    as_of_s: int,
    report: Report,
    *,
    from_first: bool,
) -> Night:
    """Return the features of all units; one that fails leaves its reason and the others go on.

    Raises
    ------
    QCDataError
        Nothing was known at that time.
    StoreProblem
        The store as a whole cannot be read.
    """
    night = Night(as_of_s, {schema: [] for schema in schemas})
    instants = np.array([as_of_s], dtype=np.int64)
    names = sorted(store.units()["unit_id"].tolist())
    contexts: dict[int, Context] = {}
    held: dict[str, HeldUnit] = {}
    for done, unit_id in enumerate(names):
        report(done, len(names))
        if done % _AT_ONCE == 0:
            held = hold(store, names[done : done + _AT_ONCE], as_of_s)
        try:
            tonight = history_as_of(
                store, unit_id, as_of_s, from_first=from_first, held=held[unit_id],
                contexts=contexts,
            )  # fmt: skip
            night.records_read += tonight.records_read
            night.units_resumed += tonight.resumed
            if not tonight.history.series:
                continue
            found = [unit_features(tonight.history, schema, instants) for schema in night.features]
            night.hashes[unit_id] = tonight.history.content_hash()
            for features, of_schema in zip(found, night.features.values(), strict=True):
                of_schema.append(features)
            if tonight.checkpoint is not None:
                night.checkpoints[unit_id] = tonight.checkpoint
        except StoreProblem:
            raise
        except PulsefrontError as error:
            night.failed[unit_id] = str(error)
    report(len(names), len(names))
    if not night.hashes:
        raise QCDataError(
            f"no QC was known on {iso_date(as_of_s - 1)}",
            remedy="ingest logs first, or choose a later day",
        )
    return night


def samples_of(night: Night, model: FailureModel) -> Samples:
    """Return a row per component, with how far each unit is from the fleet.

    Raises
    ------
    ModelInvalid
        The model's tests are not those of the data.
    """
    units = night.features[model.schema]
    fleet = fleet_levels([f.levels for f in units], [f.model for f in units])
    samples = empty_samples(sum(len(f.components) for f in units), len(model.schema.names))
    row = 0
    for k, features in enumerate(units):
        fill_peers(features.values, features.levels, fleet, features.model, model.schema)
        row = put_rows(samples, row, features, k, row, 0)
    known = samples.values[:, [model.schema.column(f"{t}:level") for t in model.schema.tests]]
    if np.isnan(known).all():
        raise ModelInvalid(
            "the model was trained on other tests than the store holds",
            field="tests",
            value=", ".join(model.schema.tests[:5]),
            remedy="train a model on this store",
        )
    return samples
