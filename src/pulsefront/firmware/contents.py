"""What an export folder holds, as its README and its table tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulsefront.firmware.board import Board
from pulsefront.firmware.front_end.statement import FrontEndStatement
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.onnx.real import Difference
from pulsefront.firmware.rtl.targets import HdlFolder
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.fixed_point.resources import ResourceEstimate

__all__ = ["Contents", "MeasuredGraph", "Project"]


@dataclass(frozen=True)
class Project:
    """An hls4ml project of an export: how it was written, for which board, what it may take.

    *reuse_factors* are hls4ml's, by layer.
    """

    settings: HlsSettings
    board: Board
    reuse_factors: Mapping[str, int]
    estimate: ResourceEstimate


@dataclass(frozen=True)
class MeasuredGraph:
    """A graph that is not bit-exact, with its differences from the model by set of vectors."""

    file: str
    differences: Mapping[str, tuple[Difference, ...]]


@dataclass(frozen=True)
class Contents:
    """Everything in an export folder; *units* are those of inputs and outputs, by name.

    *preparation* is what happens to the charges of each event before the network, if anything does.
    """

    model: FixedPointModel
    targets: tuple[str, ...]
    vectors: tuple[VectorSet, ...]
    graphs: tuple[MeasuredGraph, ...]
    projects: tuple[Project, ...]
    units: Mapping[str, str]
    hdl: tuple[HdlFolder, ...] = ()
    front_end: FrontEndStatement | None = None
    preparation: ChargePreparation | None = None
