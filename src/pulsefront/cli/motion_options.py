"""Options of the commands for motion, checked before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from pulsefront.fixed_point import FixedPointModel
    from pulsefront.motion.detectors.network import EvidenceNetwork, NetworkSettings
    from pulsefront.motion.simulate.moves import RigidMove

__all__ = [
    "beside_json",
    "between",
    "loaded_model",
    "move_of",
    "network_settings",
    "one_of",
    "page_name",
    "table_of",
]


def network_settings(model: Path | None, interval_s: float) -> NetworkSettings:
    """Return how a network decides: at its own threshold where it is that of a study.

    Raises
    ------
    ConfigError
        It was trained on other intervals.
    """
    from pulsefront.errors import ConfigError
    from pulsefront.motion.detectors.network import NetworkSettings

    if model is None or not model.is_dir():
        return NetworkSettings()
    from pulsefront.studies.kinds.motion.deployed import network_of_run

    found = network_of_run(model)
    if found.interval_s != interval_s:
        raise ConfigError(
            f"was trained on intervals of {found.interval_s:g} s",
            file=model,
            field="--model",
            value=f"--interval-s {interval_s:g}",
            remedy=f"give --interval-s {found.interval_s:g}",
        )
    return NetworkSettings(found.threshold)


def loaded_model(model: Path | None) -> FixedPointModel | EvidenceNetwork | None:
    """Return the network of a file or of a study's run directory, which must be one for motion."""
    if model is None:
        return None
    if model.is_dir():
        from pulsefront.studies.kinds.motion.deployed import network_of_run

        return network_of_run(model).network
    from pulsefront.errors import ConfigError
    from pulsefront.fixed_point import FixedPointModel
    from pulsefront.motion.detectors.network import problem_of_model

    loaded = FixedPointModel.load(model)
    problem = problem_of_model(loaded)
    if problem:
        raise ConfigError(
            f"is no network of motion: {problem}",
            file=model,
            field="--model",
            remedy="pulsefront motion train makes one",
        )
    return loaded


def between(value: float, low: float, high: float, unit: str, option: str) -> float:
    """Return a number of the command line; NaN lies between nothing."""
    from pulsefront.errors import ConfigError

    if not low <= value <= high:
        raise ConfigError(f"must lie between {low:g} and {high:g} {unit}", field=option,
                          value=value)  # fmt: skip
    return value


def page_name(out: Path) -> Path:
    """Return the page to write, beside which JSON of the same name will lie."""
    return beside_json(out, f"name the page, as in {out.with_suffix('.html').name}")


def beside_json(out: Path, remedy: str) -> Path:
    """Return a file to write beside which JSON of the same name will lie; refuse that very name."""
    from pulsefront.errors import ConfigError

    if out.suffix.lower() == ".json":
        raise ConfigError("is the name of the JSON file that is written beside it", field="--out",
                          value=str(out), remedy=remedy)  # fmt: skip
    return out


def one_of(value: str, valid: Collection[str], field: str) -> None:
    """Refuse what is none of the valid names."""
    from pulsefront.errors import ConfigError

    if value not in valid:
        raise ConfigError("no such choice", field=field, value=value,
                          remedy=f"use {', '.join(valid)}")  # fmt: skip


def move_of(text: str) -> RigidMove:
    """Return the step that ``SECONDS:X,Y,Z`` says."""
    from pulsefront.errors import ConfigError
    from pulsefront.motion.simulate.moves import RigidMove

    try:
        when, _, shift = text.partition(":")
        x, y, z = (float(part) for part in shift.split(","))
        return RigidMove(float(when), 0.5, (x, y, z))
    except ValueError:
        raise ConfigError("is no step", field="--step", value=text,
                          remedy="write it like 300:0,1.5,-2") from None  # fmt: skip


def table_of(text: str) -> RigidMove:
    """Return the movement of the table that ``SECONDS:MM`` says."""
    from pulsefront.errors import ConfigError
    from pulsefront.motion.simulate.moves import table_move

    try:
        when, _, shift = text.partition(":")
        return table_move(float(when), float(shift))
    except ValueError:
        raise ConfigError("is no movement of the table", field="--table", value=text,
                          remedy="write it like 300:-40") from None  # fmt: skip
