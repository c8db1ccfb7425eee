"""``results.json``: every number of the report, with units in the keys."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import SerializeAsAny, TypeAdapter

from pulsefront import __version__
from pulsefront.detector import load_detector
from pulsefront.evaluate.record import Record
from pulsefront.fixed_point import FixedPointModel
from pulsefront.search.result import SearchSummary
from pulsefront.simulate.inspect import derived_numbers
from pulsefront.studies.augmented import AugmentRecord
from pulsefront.studies.checklist import checklist_record
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.records import (
    BaselineRecord,
    DiagnosisRecord,
    EnvironmentRecord,
    LayerRecord,
    ModelRecord,
    PartRecord,
    SplitRecord,
    StudyPlan,
    TestRecord,
    VerificationRecord,
)
from pulsefront.studies.regions.records import RegionsRecord, RegionsTest
from pulsefront.studies.settings import StudyBase
from pulsefront.studies.steps import NUMERICAL_LIBRARIES, StepRecord, source_hash
from pulsefront.studies.tables.records import TablesRecord, TablesTest

__all__ = ["StudyResults", "collect_results", "environment_record"]


class StudyResults(Record):
    """``results.json`` of a study.

    What depends on the machine or the hour stands under ``environment`` and ``seconds`` alone:
    the rest is the same whenever the study is run again.
    """

    schema_version: Literal[1]
    study: str
    kind: str
    study_type: str
    study_sha256: str
    """hash of the study file with every default filled in"""
    seed: int
    detector: dict[str, str]
    """numbers that follow from the detector's description, units in the keys"""
    data: SerializeAsAny[SplitRecord]
    baselines: tuple[BaselineRecord, ...]
    model: ModelRecord
    search: SearchSummary
    test: SerializeAsAny[TestRecord]
    verification: VerificationRecord
    diagnosis: DiagnosisRecord | None = None
    augment: AugmentRecord | None = None
    """where networks were trained on other detectors"""
    tables: TablesRecord | None = None
    """where the study asks for networks of look-up tables"""
    tables_test: TablesTest | None = None
    """what the chosen one reaches on test events"""
    regions: RegionsRecord | None = None
    """where the study asks for networks of regions"""
    regions_test: RegionsTest | None = None
    """what the chosen one reaches on test events"""
    checklist: dict[str, dict[str, Any]]
    """what the best-practice checklist is filled from"""
    environment: EnvironmentRecord
    seconds: dict[str, float]
    """time that each step took"""


def collect_results(
    kind: StudyKind, folders: RunFolders, steps: Sequence[StepRecord]
) -> StudyResults:
    """Return the content of ``results.json``."""
    study = kind.study
    plan = StudyPlan.read(folders.plan)
    split = kind.read_split(folders)
    search = SearchSummary.read(folders.search)
    test = kind.read_evaluation(folders)
    baselines = TypeAdapter(tuple[BaselineRecord, ...]).validate_json(
        folders.baselines.read_bytes()
    )
    diagnosis = None if study.diagnosis is None else DiagnosisRecord.read(folders.diagnosis)
    asks_regions = study.region_settings is not None
    return StudyResults(
        schema_version=1,
        study=study.name,
        kind=study.kind,
        study_type=study.study_type,
        study_sha256=plan.sha256,
        seed=study.seed,
        detector=_detector(study.detector),
        data=split,
        baselines=baselines,
        model=_model(study, FixedPointModel.load(folders.model), search, folders),
        search=search,
        test=test,
        verification=VerificationRecord.read(folders.verification),
        diagnosis=diagnosis,
        augment=AugmentRecord.read(folders.augment) if study.augments else None,
        tables=None if study.tables is None else TablesRecord.read(folders.tables),
        tables_test=None if study.tables is None else TablesTest.read(folders.tables_test),
        regions=RegionsRecord.read(folders.regions) if asks_regions else None,
        regions_test=RegionsTest.read(folders.regions_test) if asks_regions else None,
        checklist=checklist_record(kind, plan, split, baselines, search, test, diagnosis),
        environment=environment_record(),
        seconds={step.step: step.seconds for step in steps},
    )


def _detector(name: str | None) -> dict[str, str]:
    """Return the numbers that follow from a detector; none where the study has none."""
    if name is None:
        return {}
    return {
        f"{quantity}, {unit}" if unit else quantity: value
        for quantity, value, unit in derived_numbers(load_detector(name))
    }


def _model(
    study: StudyBase, model: FixedPointModel, search: SearchSummary, folders: RunFolders
) -> ModelRecord:
    cost, budget = model.cost(), study.budget
    limits = budget.model_dump(exclude_none=True, exclude={"board", "count_gates"})
    return ModelRecord(
        architecture=search.final_architecture,
        kept_inputs=tuple(search.input_names[i] for i in search.kept_inputs),
        weight_bytes=cost.weight_bytes,
        activation_bytes=cost.activation_bytes,
        macs=cost.macs,
        bops=cost.bops,
        ebops=cost.ebops,
        budget=limits,
        layers=_layers(model),
        part=None if budget.board is None else PartRecord.read(folders.part),
    )


def _layers(model: FixedPointModel) -> tuple[LayerRecord, ...]:
    return tuple(
        LayerRecord(
            name=step.layer.name,
            kind=step.layer.kind,
            output_shape=step.result.shape,
            output_format=str(step.result.format),
            weight_format=_format_text(getattr(step.layer, "weight_format", None)),
            bias_format=_format_text(getattr(step.layer, "bias_format", None)),
        )
        for step in model.steps
    )


def _format_text(formats: Any) -> str:
    """Return a format; of one for each channel how often each occurs, the most frequent first."""
    if not isinstance(formats, tuple):
        return "" if formats is None else str(formats)
    counts = Counter(map(str, formats))
    return ", ".join(f"{count} × {name}" for name, count in counts.most_common())


def environment_record() -> EnvironmentRecord:
    """Return machine and software of this run."""
    return EnvironmentRecord(
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        pulsefront=__version__,
        source_sha256=source_hash(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cpu_count=os.cpu_count(),
        libraries={name: version(name) for name in NUMERICAL_LIBRARIES},
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
