"""A failure model as one file: arrays and a manifest in a zip, no pickle, nothing to execute.

``manifest.json`` tells versions, the feature schema, target and training, and the SHA-256 of every
other member. The same model gives the same bytes. Arrays are packed field by field by this module:
no schema library has them.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront import __version__
from pulsefront.config import validate
from pulsefront.errors import ConfigError, QCDataError
from pulsefront.files import canonical_json, write_bytes
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.schema import FeatureSchema, Kind
from pulsefront.qc.models.decide import Guard
from pulsefront.qc.models.files.manifest import FORMAT, FORMAT_VERSION, FeatureNames, ModelManifest
from pulsefront.qc.models.horizons.curve import HorizonCurve
from pulsefront.qc.models.learners.estimators import (
    Blend,
    Estimator,
    Linear,
    Network,
    ProbabilityCalibration,
    Rule,
    Scaler,
    Trees,
)
from pulsefront.qc.models.learners.pooled import Pooled
from pulsefront.qc.models.life.input_drift import TrainingProfile
from pulsefront.qc.models.record import TrainingRecord

__all__ = [
    "FailureModel",
    "ModelInvalid",
    "load_model",
    "model_bytes",
    "model_of_bytes",
    "save_model",
]

_KINDS: Mapping[str, type[Any]] = {
    "linear": Linear, "network": Network, "trees": Trees, "rule": Rule, "pooled": Pooled,
    "blend": Blend,
}  # fmt: skip
# What zipfile, NumPy and json raise over damaged bytes; RuntimeError covers false encryption flags
# and unknown compression.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, EOFError, OSError,
    RuntimeError, AttributeError,
)  # fmt: skip
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAX_MEMBER_BYTES = 512 * 2**20


class ModelInvalid(QCDataError):
    """A model file is damaged, of another format, or does not fit the data."""

    exit_code = 4


@dataclass(frozen=True)
class FailureModel:
    """All that is needed to score.

    ``typical`` holds the median of every feature, against which reasons are told; ``thresholds``
    the probability that gives a rate of false alerts per unit-year, as set before the test part.
    ``inputs`` is what its inputs were like, ``horizons`` the chance to fail by days ahead; models
    of older versions do not have them.
    """

    name: str
    schema: FeatureSchema
    target: Target
    estimator: Estimator
    calibration: ProbabilityCalibration
    guard: Guard
    typical: npt.NDArray[np.float32]
    thresholds: Mapping[str, float]
    training: TrainingRecord
    inputs: TrainingProfile | None = None
    horizons: HorizonCurve | None = None
    file_hash: str = ""


def save_model(model: FailureModel, path: Path) -> str:
    """Write a model; return the SHA-256 of the file, which names the model in every score."""
    content = model_bytes(model)
    write_bytes(path, content)
    return sha256(content).hexdigest()


def model_bytes(model: FailureModel) -> bytes:
    """Return the content of a model's file."""
    kind = next(k for k, cls in _KINDS.items() if isinstance(model.estimator, cls))
    members: dict[str, bytes] = {}
    content: dict[str, Any] = {}
    for part in ("estimator", "calibration", "guard"):
        content[part] = _pack(getattr(model, part), part, members)
    if model.inputs is not None:
        content["inputs"] = _pack(model.inputs, "inputs", members)
    if model.horizons is not None:
        content["horizons"] = _pack(model.horizons, "horizons", members)
    members["typical.npy"] = _npy(model.typical)
    manifest = ModelManifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        pulsefront=__version__,
        numpy=np.__version__,
        name=model.name,
        kind=kind,
        features=FeatureNames(
            tests=model.schema.tests,
            unit_tests=model.schema.unit_tests,
            codes=model.schema.codes,
            names=model.schema.names,
            version=model.schema.version,
            models=model.schema.models,
            kinds=model.schema.kinds,
        ),
        lead_days=model.target.lead_days,
        horizon_days=model.target.horizon_days,
        thresholds=model.thresholds,
        training=model.training,
        sha256={name: sha256(data).hexdigest() for name, data in sorted(members.items())},
        **content,
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        text = canonical_json(manifest.plain()).encode()
        for name, data in [("manifest.json", text), *sorted(members.items())]:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return buffer.getvalue()


def _pack(value: Any, name: str, members: dict[str, bytes]) -> Any:
    """Return *value* as JSON; arrays go to *members*, their place stands for them."""
    if is_dataclass(value):
        packed = {
            f.name: _pack(getattr(value, f.name), f"{name}.{f.name}", members)
            for f in fields(value)
        }
        # The manifest names the kind of the whole estimator; models within it name their own.
        kind = next((k for k, cls in _KINDS.items() if isinstance(value, cls)), "")
        return {"kind": kind, **packed} if kind and "." in name else packed
    if isinstance(value, np.ndarray):
        members[f"{name}.npy"] = _npy(value)
        return {"array": f"{name}.npy"}
    if isinstance(value, tuple):
        return [_pack(item, f"{name}.{k}", members) for k, item in enumerate(value)]
    return value


def _npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def load_model(path: Path) -> FailureModel:
    """Read a model; every member is checked against the manifest.

    Raises
    ------
    ModelInvalid
        The file is missing, damaged, of another format or written by a newer pulsefront.
    """
    if not path.is_file():
        raise ModelInvalid("no such model file", file=path, remedy="run pulsefront qc train first")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelInvalid(f"cannot be read: {error.strerror}", file=path) from None
    return model_of_bytes(content, path)


def model_of_bytes(content: bytes, path: Path) -> FailureModel:
    """Return the model in the content of a file; *path* is where it is from.

    Raises
    ------
    ModelInvalid
        As `load_model`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(info.file_size > _MAX_MEMBER_BYTES for info in archive.infolist()):
                raise ModelInvalid("is too large for a model", file=path)
            members = {name: archive.read(name) for name in archive.namelist()}
        manifest = _manifest(members, path)
        return _model(manifest, members, path, sha256(content).hexdigest())
    except _DAMAGE as error:
        raise ModelInvalid(
            f"is no usable model: {error}", file=path, remedy="train it again"
        ) from None


def _manifest(members: dict[str, bytes], path: Path) -> ModelManifest:
    """Take the manifest from the members; the others have to be those that it names."""
    content = json.loads(members.pop("manifest.json"))
    if content.get("format") != FORMAT:
        raise ModelInvalid("is no pulsefront QC model", file=path)
    if content["format_version"] > FORMAT_VERSION:
        raise ModelInvalid(
            "was written by a newer pulsefront", file=path, remedy="update pulsefront"
        )
    try:
        manifest = validate(ModelManifest, content, file=path)
    except ConfigError as error:
        raise ModelInvalid(
            f"has another manifest than this pulsefront reads: {error.problem}",
            file=path,
            field=error.field,
            remedy="train it again",
        ) from None
    found = {name: sha256(data).hexdigest() for name, data in members.items()}
    wrong = sorted(set(found.items()) ^ set(manifest.sha256.items()))
    if wrong:
        raise ModelInvalid(
            "a member does not match the manifest",
            file=path,
            field=wrong[0][0],
            remedy="restore the file or train it again",
        )
    return manifest


def _model(
    manifest: ModelManifest, members: Mapping[str, bytes], path: Path, file_hash: str
) -> FailureModel:
    features = manifest.features
    schema = FeatureSchema(
        features.tests, features.unit_tests, features.codes,
        version=features.version, models=features.models,
        kinds=tuple(Kind(*kind) for kind in features.kinds),
    )  # fmt: skip
    if schema.names != features.names:
        raise ModelInvalid(
            "was made for other features than this pulsefront computes",
            file=path,
            remedy="train it again",
        )
    return FailureModel(
        name=manifest.name,
        schema=schema,
        target=Target(manifest.lead_days, manifest.horizon_days),
        estimator=_unpack(_KINDS[manifest.kind], manifest.estimator, members),
        calibration=_unpack(ProbabilityCalibration, manifest.calibration, members),
        guard=_unpack(Guard, manifest.guard, members),
        typical=_array(members["typical.npy"]),
        thresholds=manifest.thresholds,
        training=manifest.training,
        inputs=None
        if manifest.inputs is None
        else _unpack(TrainingProfile, manifest.inputs, members),
        horizons=None
        if manifest.horizons is None
        else _unpack(HorizonCurve, manifest.horizons, members),
        file_hash=file_hash,
    )


def _unpack(cls: type[Any], content: Mapping[str, Any], members: Mapping[str, bytes]) -> Any:
    # A field with a default may be younger than the file.
    present = [f.name for f in fields(cls) if f.name in content or f.default is MISSING]
    return cls(**{name: _value(name, content[name], members) for name in present})


def _value(name: str, content: Any, members: Mapping[str, bytes]) -> Any:
    if isinstance(content, dict):
        if "array" in content:
            return _array(members[content["array"]])
        if "kind" in content:
            return _unpack(_KINDS[content["kind"]], content, members)
        return _unpack(Scaler, content, members)
    if isinstance(content, list):
        return tuple(_value(name, item, members) for item in content)
    return content


def _array(data: bytes) -> npt.NDArray[Any]:
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
