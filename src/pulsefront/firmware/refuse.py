"""What an export refuses before anything is written."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware.checksums import CHECKSUMS
from pulsefront.firmware.front_end.chains import check_fit
from pulsefront.firmware.front_end.settings import AnyChainSettings
from pulsefront.firmware.hls4ml.csim import require_compiler
from pulsefront.firmware.hls4ml.refuse import refuse_unwritable
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.targets import FRONT_END
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["refuse_front_end", "refuse_projects", "refuse_to_replace", "refuse_units"]


def refuse_to_replace(directory: Path) -> None:
    """Refuse a folder with other content: writing an export replaces the folder as a whole."""
    if directory.is_dir() and (directory / CHECKSUMS).exists():
        return
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ExportError(
            "exists and is no earlier export",
            file=directory,
            remedy="choose a new folder; an export replaces its folder as a whole",
        )


def refuse_units(model: FixedPointModel, units: Mapping[str, str]) -> None:
    """Refuse the unit of what is no input or output."""
    ports = {one.name for one in model.inputs} | set(model.outputs)
    for name in units:
        if name not in ports:
            raise ExportError(
                "is no input or output", field=name, remedy=f"the model has {sorted(ports)}"
            )


def refuse_front_end(
    model: FixedPointModel,
    targets: tuple[str, ...],
    settings: AnyChainSettings | None,
    waveforms: npt.NDArray[Any] | None,
) -> None:
    """Refuse a front end without settings, what is its own without it, and what does not fit."""
    if (FRONT_END in targets) != (settings is not None):
        raise ExportError(
            f"the target {FRONT_END} and the settings of its chain belong together",
            field="front_end",
            remedy="give both, or neither",
        )
    if settings is not None:
        check_fit(model, settings)
    elif waveforms is not None:
        raise ExportError(
            f"only the target {FRONT_END} reads waveforms",
            field="waveforms",
            remedy="give the settings of a front end, or leave them out",
        )


def refuse_projects(
    model: FixedPointModel, settings: tuple[HlsSettings, ...], strategy: str
) -> None:
    """Refuse projects that lack a tool to check or to write them, or that cannot be exact."""
    if settings:
        require_compiler()
    if strategy == "distributed_arithmetic" and importlib.util.find_spec("da4ml") is None:
        raise ToolMissing(
            "da4ml",
            needed_for="the strategy distributed_arithmetic",
            install="install it with: pip install da4ml",
        )
    for one in settings:
        refuse_unwritable(model, one)
