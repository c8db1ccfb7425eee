"""Profiles of finished runs, and new events read as the study of a profile reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pulsefront.errors import DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.files import write_text
from pulsefront.fixed_point import FixedPointModel
from pulsefront.monitor import Profile, WatchedEvents, make_profile
from pulsefront.search.result import SearchSummary
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import STUDY_FILES, StudyKind, kind_of
from pulsefront.studies.load import load_study
from pulsefront.studies.measured_events import load_unlabelled
from pulsefront.studies.steps import StepContext

__all__ = ["kind_of_profile", "profile_of_run", "profile_step", "read_batch"]

OF_ITS_DETECTOR = "check events of the detector and study that the profile was made of"


def profile_of_run(run: str | Path, files: Sequence[str | Path] = ()) -> Profile:
    """Return the profile of the network of a run directory.

    Parameters
    ----------
    files
        Events that stand for its normal work, measured or simulated; those of the study itself
        where left out.

    Raises
    ------
    DataError
        The folder holds no finished run, or the events do not fit its network.
    """
    folders = RunFolders(Path(run) / "steps")
    if not folders.search.is_file():
        raise DataError(
            "holds no finished search",
            file=run,
            remedy="name the directory of a run, such as out/position_lyso_monolithic",
        )
    kind = kind_of(load_study(Path(run) / "study.toml")[0])
    events = [load_unlabelled(file, kind.measured_kind) for file in files]
    return _profile(kind, folders, EventTable.concatenate(events) if events else None)


def profile_step(kind: StudyKind, context: StepContext) -> None:
    """Keep the events of the study as the reference of its network.

    A study of so few events that nothing could be compared with them goes on without.
    """
    folders = RunFolders(context.steps)
    try:
        profile = _profile(kind, folders, None)
    except DataError as error:
        write_text(context.folder / "none.txt", f"{error}\n")
        return
    profile.save(context.folder / folders.profile.name)


def _profile(kind: StudyKind, folders: RunFolders, events: EventTable | None) -> Profile:
    search = SearchSummary.read(folders.search)
    with np.load(folders.test_arrays) as arrays:
        kept = arrays["kept_inputs"]
    found = kind.batch(store.read(folders.events) if events is None else events)
    document: dict[str, Any] = kind.study.model_dump(mode="json", exclude_defaults=True)
    model = FixedPointModel.load(folders.model)
    return make_profile(
        model,
        _kept(found, kept),
        input_names=tuple(search.input_names[k] for k in kept),
        output_names=_output_names(kind, model),
        output_unit=kind.output_unit,
        study={**document, "kind": kind.study.kind, "kept_inputs": [int(k) for k in kept]},
        seed=kind.study.seed,
        channel_names=_channel_names(found),
    )


def _channel_names(batch: WatchedEvents) -> tuple[str, ...]:
    """Return names of the photosensors: a network may read them folded, or some of them."""
    if batch.charges is None:
        return ()
    return tuple(f"sensor_{k}" for k in range(batch.charges.shape[1]))


def _output_names(kind: StudyKind, model: FixedPointModel) -> tuple[str, ...]:
    """Return names that tell a head's output from estimates; none where there is no head."""
    if not kind.study.has_head:
        return ()
    (port,) = model.outputs
    estimates = model.tensors[port].size - 1
    names = tuple(f"{port} {k}" for k in range(estimates)) if estimates > 1 else (port,)
    return (*names, "scale of the error")


def _kept(batch: WatchedEvents, kept: Any) -> WatchedEvents:
    return replace(batch, inputs=batch.inputs[:, kept])


def kind_of_profile(profile: Profile) -> StudyKind:
    """Return the study that a profile was made by.

    Raises
    ------
    DataError
        It was made of plain integers.
    """
    if profile.study is None:
        raise DataError("the profile was made of plain integers and knows no study", field="study")
    study = {name: value for name, value in profile.study.items() if name != "kept_inputs"}
    return kind_of(TypeAdapter(STUDY_FILES[str(study["kind"])]).validate_python(study))


def read_batch(profile: Profile, files: Sequence[str | Path]) -> WatchedEvents:
    """Return new events of *files* as the study of the profile reads them.

    Raises
    ------
    DataError
        The profile names no study, a file cannot be read, or no event passes the selection.
    """
    if profile.study is None:
        raise DataError(
            "the profile was made of plain integers",
            field="events",
            value=str(files[0]),
            remedy="give the network's input integers, .npy, .npz or text",
        )
    kept = np.array(profile.study["kept_inputs"], np.int64)
    kind = kind_of_profile(profile)
    events = [load_unlabelled(file, kind.measured_kind) for file in files]
    for file, table in zip(files, events, strict=True):
        _refuse_other_channels(profile, file, table)
    found = kind.batch(EventTable.concatenate(events))
    if kept.max() >= found.inputs.shape[1]:
        raise DataError(
            f"holds {found.inputs.shape[1]} channels or samples, the network reads "
            f"number {kept.max()}",
            file=files[0],
            remedy=OF_ITS_DETECTOR,
        )
    return _kept(found, kept)


def _refuse_other_channels(profile: Profile, file: str | Path, events: EventTable) -> None:
    known = profile.reference.charges
    if known is None:
        return
    channels = events["charge_adc"].shape[-1]
    if channels != known.shape[1]:
        raise DataError(
            f"holds {channels} channels, the reference {known.shape[1]}",
            file=file,
            field="charge_adc",
            remedy=OF_ITS_DETECTOR,
        )
