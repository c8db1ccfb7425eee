"""Everything that is missing or wrong in a file that a user wrote, in one pass."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pulsefront.config import problems
from pulsefront.detector import DetectorFile, load_detector
from pulsefront.detector.materials import SourcedModel, source_problems
from pulsefront.errors import ConfigError, PulsefrontError
from pulsefront.events.channels import channel_count
from pulsefront.events.manifest import Manifest
from pulsefront.events.readers.base import DataWarning
from pulsefront.events.scans import open_scan_set
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.files.early import early_problems
from pulsefront.studies.files.kinds import FileKind, kind_of_file
from pulsefront.studies.kinds import AnyStudy
from pulsefront.studies.load import study_path
from pulsefront.toml_lines import line_of

__all__ = ["CheckedFile", "check_file"]


@dataclass(frozen=True)
class CheckedFile:
    """What a file is, what is missing or wrong in it, and what else is worth knowing."""

    path: Path
    kind: str
    problems: tuple[PulsefrontError, ...]
    notes: tuple[str, ...] = ()


def check_file(path: str | Path, *, probe: bool = True) -> CheckedFile:
    """Return all that is missing or wrong in a file, in the order of its lines.

    Parameters
    ----------
    path
        Study, detector, material, manifest, mapping, board or pickoff settings; or the name of a
        shipped study.
    probe
        Simulate some hundred events of a study that is otherwise right, photon by photon, to see
        whether they saturate and how many will pass its selection.

    Raises
    ------
    ConfigError
        The file cannot be read, or is like none of these.
    """
    path = study_path(Path(path))
    kind, content = kind_of_file(path)
    if kind.name == "study" and content.get("kind") not in kind.models:
        wanted = ", ".join(kind.models)
        unknown = ConfigError(
            "a study needs a kind",
            file=path,
            line=line_of(path.read_text(), ("kind",)),
            field="kind",
            value=content.get("kind"),
            remedy=f"one of {wanted}; the other keys can be checked once it is there",
        )
        return CheckedFile(path, kind.name, (unknown,))
    model = kind.model_of(content)
    found: list[PulsefrontError] = list(problems(model, content, file=path))
    notes: tuple[str, ...] = ()
    checked = _with_what_fits(model, content)
    if checked is not None:
        found += _beyond_the_keys(checked, path)
        if isinstance(checked, AnyStudy) and probe and not found:
            from pulsefront.studies.files.probe import probe_study

            problem, notes = probe_study(checked, path)
            found += problem
    found.sort(key=lambda one: one.line or 0)
    return CheckedFile(path, _full_name(kind, content), tuple(found), notes)


def _with_what_fits(model: type[BaseModel], content: Mapping[str, Any]) -> BaseModel | None:
    """Return a file with its defaults in the place of keys that do not fit, for further checks.

    None where that does not help: a key is missing that has no default.
    """
    repaired = copy.deepcopy(dict(content))
    try:
        return model.model_validate(repaired)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            _drop(repaired, one["loc"])
    try:
        return model.model_validate(repaired)
    except ValidationError:
        return None


def _drop(content: Any, location: tuple[int | str, ...]) -> None:
    """Remove the key at *location*, if it is there."""
    for part in location[:-1]:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(content, dict) and location:
        content.pop(location[-1], None)


def _full_name(kind: FileKind, content: Mapping[str, Any]) -> str:
    variant = str(content.get("kind", ""))
    return f"{variant} {kind.name}" if len(kind.models) > 1 else kind.name


def _beyond_the_keys(checked: BaseModel, path: Path) -> Iterator[PulsefrontError]:
    """Yield what the model of a file cannot see: sources, other files, sums."""
    if isinstance(checked, AnyStudy):
        yield from early_problems(checked, path)
    if isinstance(checked, EvaluationStudy):
        from pulsefront.studies.evaluation.run import evaluation_problems

        yield from (_where(problem, path) for problem in evaluation_problems(checked, path))
    if isinstance(checked, SourcedModel):
        text = path.read_text()
        for problem in source_problems(checked, file=path):
            problem.line = line_of(text, _location(problem.field))
            yield problem
    if isinstance(checked, DetectorFile):
        try:
            load_detector(path)
        except PulsefrontError as error:
            if error.problem != "has no source":
                yield error
    if isinstance(checked, Manifest):
        absent = list(_absent_files(checked, path))
        yield from absent or _single_channel(checked, path)


def _where(problem: PulsefrontError, path: Path) -> PulsefrontError:
    """Return *problem* with file and line of the key that it is about, if it names no file."""
    if problem.file is None and problem.field:
        problem.file, problem.line = path, line_of(path.read_text(), _location(problem.field))
    return problem


def _location(field: str | None) -> tuple[int | str, ...]:
    return tuple(int(part) if part.isdigit() else part for part in (field or "").split("."))


def _absent_files(manifest: Manifest, path: Path) -> Iterator[PulsefrontError]:
    text = path.read_text()
    if manifest.mapping is not None and not (path.parent / manifest.mapping).is_file():
        line = line_of(text, ("mapping",))
        yield ConfigError(
            "no such file", file=path, line=line, field="mapping", value=str(manifest.mapping)
        )
    for number, scan in enumerate(manifest.scan):
        for name in scan.files:
            if not (path.parent / name).exists():
                yield ConfigError(
                    "no such file",
                    file=path,
                    line=line_of(text, ("scan", number, "files")),
                    field=f"scan.{number}.files",
                    value=str(name),
                    remedy="files are relative to the manifest",
                )


def _single_channel(manifest: Manifest, path: Path) -> Iterator[PulsefrontError]:
    """Yield that the scans of a timing set hold one channel, or that they cannot be opened."""
    if manifest.kind != "timing" or path.suffix != ".toml":
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            first = next(iter(open_scan_set(path).stream(1)), None)
    except PulsefrontError as error:
        yield error
        return
    if first is not None and "waveform_adc" in first.columns and channel_count(first) < 2:
        yield ConfigError(
            "holds events of one channel, and the time between two detectors needs both",
            file=path,
            line=line_of(path.read_text(), ("scan", 0, "files")),
            field="scan.0.files",
            value=[str(name) for name in manifest.scan[0].files],
            remedy="name a file of each channel",
        )
