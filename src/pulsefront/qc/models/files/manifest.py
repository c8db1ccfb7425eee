"""The manifest of a model file: what the model is, and the hash of every other member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefront.qc.documents import Document
from pulsefront.qc.models.record import TrainingRecord

__all__ = ["FORMAT", "FORMAT_VERSION", "FeatureNames", "ModelManifest"]

FORMAT = "pulsefront-qc-model"
FORMAT_VERSION = 4


class FeatureNames(Document):
    """The feature schema and its version, and the names that follow from it."""

    tests: tuple[str, ...]
    unit_tests: tuple[str, ...]
    codes: tuple[str, ...]
    names: tuple[str, ...]
    version: int = 1
    models: tuple[str, ...] = ()
    kinds: tuple[tuple[str, str], ...] = ()


class ModelManifest(Document):
    """``manifest.json``.

    ``estimator``, ``calibration`` and ``guard`` are the fields of their classes, where the name of
    a member stands for an array; so are ``inputs``, which version 1
    lacks, and ``horizons``, which versions 1 and 2 lack and which have no bends in version 3.
    ``sha256`` has the hash of every member.
    """

    format: str
    format_version: int
    pulsefront: str
    numpy: str
    name: str
    kind: str
    features: FeatureNames
    lead_days: int
    horizon_days: int
    thresholds: Mapping[str, float]
    training: TrainingRecord
    estimator: Mapping[str, Any]
    calibration: Mapping[str, Any]
    guard: Mapping[str, Any]
    sha256: Mapping[str, str]
    inputs: Mapping[str, Any] | None = None
    horizons: Mapping[str, Any] | None = None
