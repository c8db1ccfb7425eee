"""What an evaluation takes from a development study: model, way of reading events, baseline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError, ExportError
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.files import hash_file, hash_json
from pulsefront.firmware.checksums import CHECKSUMS, changed_files
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.blind import fingerprints
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.frozen import thaw_estimator
from pulsefront.studies.kinds import StudyKind, kind_of
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.load import load_study
from pulsefront.studies.metrics import Metric
from pulsefront.studies.records import InputProfile, SplitRecord, StudyPlan, TestRecord
from pulsefront.studies.steps import read_step
from pulsefront.studies.uncertainty.outputs import estimates_in

__all__ = ["FrozenNetwork", "baselines_of", "load_frozen", "seen_in_development"]

NEEDED = ("study.toml", "steps/search/model.json", "steps/evaluate/evaluation.json")


@dataclass(frozen=True)
class FrozenNetwork:
    """A network, a classical estimator, and the study that they come from; nothing changes.

    ``kind`` reads events as the development study does, with seed and confidence of the evaluation.
    """

    kind: StudyKind
    folders: RunFolders
    model: FixedPointModel
    model_sha256: str
    model_of_development: bool
    kept: NDArray[np.int64]
    baseline: str
    baseline_sha256: str
    fitted: Any
    development_seed: int
    development_sha256: str
    has_head: bool
    """whether the last output is not an estimate but foretells its error"""

    def outputs(self, events: EventTable) -> NDArray[np.float64]:
        """Return the network's estimates, (vector, output), without a head's."""
        inputs = self.inputs(events)
        (output,) = self.model.output_formats.values()
        outputs = np.asarray(output.values(self.model.run(inputs)), np.float64)
        return np.asarray(estimates_in(self.kind.study, outputs) if self.has_head else outputs)

    def inputs(self, events: EventTable) -> NDArray[np.int64]:
        """Return what the network reads, (vector, kept input)."""
        inputs = self.kind.network_inputs(events)
        return inputs.reshape(-1, inputs.shape[-1])[:, self.kept].astype(np.int64)

    def baseline_estimates(self, events: EventTable) -> NDArray[np.float64]:
        """Return what the frozen classical estimator says."""
        return self.kind.estimate_with(self.fitted, events)

    @property
    def split(self) -> SplitRecord:
        """How the development study selected its events."""
        return self.kind.read_split(self.folders)

    @property
    def test(self) -> TestRecord:
        """What the development study found."""
        return self.kind.read_evaluation(self.folders)

    @property
    def profile(self) -> InputProfile | None:
        """The training inputs."""
        return self.test.input_profile

    def metric(self, key: str) -> Metric:
        """Return the metric of a key, or the main one.

        Raises
        ------
        ConfigError
            The kind has no such metric.
        """
        if not key:
            return self.test.main_metric
        known = {metric.key: metric for metric in self.kind.metrics}
        if key not in known:
            raise ConfigError(
                f"is no metric of a {self.kind.study.kind} study",
                field="claim.metric",
                value=key,
                remedy=f"one of {', '.join(known)}",
            )
        return known[key]


def load_frozen(study: EvaluationStudy, file: Path) -> FrozenNetwork:
    """Return what *study* evaluates; *file* is the study file, which paths are relative to.

    Raises
    ------
    ConfigError, DataError, ExportError
        The development run is not finished, of another kind or seed, a file of it has changed, or
        the baseline is none of its own.
    """
    chosen, claim = study.frozen, study.claim
    run = file.parent / chosen.development
    missing = [name for name in NEEDED if not (run / name).is_file()]
    if missing:
        raise ConfigError(
            f"holds no finished development study: {missing[0]} is not there",
            file=run,
            field="frozen.development",
            remedy="name the directory of a run, such as out/position_lyso_monolithic",
        )
    developed = load_study(run / "study.toml")[0]
    if isinstance(developed, MotionStudy):
        raise ConfigError(
            "is of motion, whose scans an evaluation does not read",
            file=run,
            field="frozen.development",
            remedy="list the scans in a motion study, as [[recorded]] with part = 'test'",
        )
    if study.kind not in (None, developed.kind):
        raise ConfigError(
            f"the development study is one of {developed.kind}", field="kind", value=study.kind
        )
    # Simulated external sets of a development study take the seed after its own.
    if study.seed in (developed.seed, developed.seed - 1):
        raise ConfigError(
            f"would simulate what the development study (seed {developed.seed}) has seen",
            field="seed",
            value=study.seed,
            remedy="choose another",
        )
    statistics = developed.statistics.model_copy(
        update={"confidence": 1 - 2 * claim.alpha, "replicates": claim.replicates}
    )
    kind = kind_of(developed.model_copy(update={"seed": study.seed, "statistics": statistics}))
    folders = RunFolders(run / "steps")
    own = _of_step(folders.model)
    model, sha256 = _model(file.parent / chosen.model) if chosen.model else _model(folders.firmware)
    with np.load(_of_step(folders.test_arrays)) as arrays:
        kept = np.asarray(arrays["kept_inputs"], np.int64)
    (port,) = model.inputs
    if int(np.prod(port.shape)) != len(kept):
        raise ConfigError(
            f"reads {int(np.prod(port.shape))} inputs, the development study's network {len(kept)}",
            field="frozen.model",
            value=str(chosen.model),
            remedy="name an export of that study, or the study that it comes from",
        )
    baseline, path = _baseline(folders, chosen.baseline)
    developed_model = FixedPointModel.load(own)
    return FrozenNetwork(
        kind=kind,
        folders=folders,
        model=model,
        model_sha256=sha256,
        model_of_development=sha256 == hash_json(developed_model.to_json()),
        kept=kept,
        baseline=chosen.baseline,
        baseline_sha256=hash_file(path),
        fitted=baseline,
        development_seed=developed.seed,
        development_sha256=StudyPlan.read(folders.plan).sha256,
        has_head=developed.has_head and _outputs(model) == _outputs(developed_model),
    )


def _outputs(model: FixedPointModel) -> int:
    return sum(model.tensors[name].size for name in model.outputs)


def _model(path: Path) -> tuple[FixedPointModel, str]:
    """Return the model of an export folder or file, and the hash of its document."""
    if path.is_dir() and not (path / CHECKSUMS).is_file() and (path / "firmware").is_dir():
        path = path / "firmware"
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or (folder / CHECKSUMS).is_file():
        changed = changed_files(folder)
        relevant = (
            changed if path.is_dir() else {k: v for k, v in changed.items() if k == path.name}
        )
        if relevant:
            name, how = next(iter(relevant.items()))
            raise ExportError(
                f"{name} was {how} since the export, so it is not frozen",
                file=folder,
                field="frozen.model",
                remedy="take the export as it was written; pulsefront verify tells what changed",
            )
    file = path / "model.json" if path.is_dir() else path
    model = FixedPointModel.load(file)
    return model, hash_json(model.to_json())


def _of_step(path: Path) -> Path:
    """Return a file of a finished step if it is as the step wrote it."""
    folder = next(parent for parent in path.parents if parent.parent.name == "steps")
    name = path.relative_to(folder).as_posix()
    recorded = read_step(folder).files.get(name)
    if recorded is None or not path.is_file() or hash_file(path) != recorded:
        raise DataError(
            "has changed since the development study wrote it, so it is not frozen",
            file=path,
            remedy="run the development study again and evaluate what it exports then",
        )
    return path


def baselines_of(folders: RunFolders) -> dict[str, Path | None]:
    """Return the classical estimators of a run with their files; None where there is none."""
    rows = json.loads(_of_step(folders.baselines).read_bytes())
    found = {row["name"]: folders.frozen_estimator(k) for k, row in enumerate(rows)}
    return {name: path if path.is_file() else None for name, path in found.items()}


def _baseline(folders: RunFolders, name: str) -> tuple[Any, Path]:
    known = baselines_of(folders)
    usable = ", ".join(one for one, path in known.items() if path is not None)
    if name not in known:
        raise ConfigError(
            "is no classical estimator of the development study",
            field="frozen.baseline",
            value=name,
            remedy=f"one of {usable}",
        )
    path = known[name]
    if path is None:
        raise ConfigError(
            "cannot be frozen: it holds objects of another library, or the run is of an earlier "
            "version",
            field="frozen.baseline",
            value=name,
            remedy=f"one of {usable}" if usable else "run the development study again",
        )
    return thaw_estimator(_of_step(path)), path


def seen_in_development(frozen: FrozenNetwork, events: EventTable) -> int:
    """Return how many of *events* are among those of the development study, number for number."""
    column = "charge_adc" if "charge_adc" in events.columns else "waveform_adc"
    known = store.read(_of_step(frozen.folders.events))
    if column not in known.columns or known[column].shape[1:] != events[column].shape[1:]:
        return 0
    return int(np.isin(fingerprints(events[column]), fingerprints(known[column])).sum())
