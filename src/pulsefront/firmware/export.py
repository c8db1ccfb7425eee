"""A complete export folder: everything that a firmware engineer needs, and nothing of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pulsefront import __version__
from pulsefront.errors import ExportError
from pulsefront.files import atomic_directory, hash_file, hash_json, write_json, write_text
from pulsefront.firmware.board import Board, load_board
from pulsefront.firmware.checksums import CHECKSUMS, write_checksums
from pulsefront.firmware.csim import require_compiler
from pulsefront.firmware.hls4ml import write_hls4ml
from pulsefront.firmware.onnx import write_onnx
from pulsefront.firmware.readme import readme
from pulsefront.firmware.testbench import write_testbench
from pulsefront.firmware.vectors import golden_vectors, write_vectors
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["Export", "export_model"]

TARGETS = ("onnx", "hls4ml")


@dataclass(frozen=True)
class Export:
    """What `export_model` wrote: the folder, and the number of golden vectors by set."""

    directory: Path
    targets: tuple[str, ...]
    vectors: dict[str, int]


def export_model(
    model: FixedPointModel,
    directory: str | Path,
    *,
    targets: Sequence[str] = TARGETS,
    board: str | Path | Board | None = None,
    data_vectors: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    allow_wrap: Sequence[str] = (),
    strategy: str = "Latency",
    reuse_factor: int = 1,
) -> Export:
    """Write a complete export of *model* into *directory*, whole or not at all.

    Parameters
    ----------
    targets
        ``onnx`` and ``hls4ml`` (the Vitis back-end).
    board
        Name of a shipped board, path of a TOML file, or a `Board`.
    data_vectors
        Input integers from data; up to 1,000 of them become golden vectors.
    provenance
        JSON-ready data on where the model comes from; written to ``provenance.json`` and, where
        the values are text, into the ONNX file's metadata.
    allow_wrap
        Layers that may wrap around, by name.

    Raises
    ------
    OverflowPossible
        A layer can wrap that *allow_wrap* does not name.
    ToolMissing
        g++ is missing, without which the hls4ml project could not be checked; nothing is written.
    ExportError
        A target is not known, or the model does not fit it.
    """
    targets = tuple(dict.fromkeys(targets))
    for target in targets:
        if target not in TARGETS:
            raise ExportError(
                "unknown target", value=target, remedy=f"use some of {', '.join(TARGETS)}"
            )
    _refuse_to_replace(Path(directory))
    model.audit().refuse_wrap(tuple(allow_wrap))
    if "hls4ml" in targets:
        require_compiler()
    board = board if isinstance(board, Board) else load_board(board)
    sets = golden_vectors(model, data_vectors)
    with atomic_directory(directory) as folder:
        model.save(folder / "model.json")
        write_vectors(sets, folder / "vectors", model)
        origin = {
            "pulsefront_version": __version__,
            "model_sha256": hash_json(model.to_json()),
            "vectors_sha256": hash_file(folder / "vectors" / "vectors.npz"),
            **(provenance or {}),
        }
        write_json(folder / "provenance.json", origin)
        if "onnx" in targets:
            texts = {f"pulsefront.{k}": v for k, v in origin.items() if isinstance(v, str)}
            write_onnx(model, folder / "model.onnx", texts)
        if "hls4ml" in targets:
            write_hls4ml(
                model,
                folder / "hls4ml_vitis",
                board=board,
                strategy=strategy,
                reuse_factor=reuse_factor,
            )
            write_testbench(model, folder / "hls4ml_vitis", sets)
        vectors = {one.name: len(one) for one in sets}
        write_text(folder / "README.md", readme(model, targets, board, vectors, reuse_factor))
        write_checksums(folder)
    return Export(Path(directory), targets, vectors)


def _refuse_to_replace(directory: Path) -> None:
    """Refuse a folder with other content: writing an export replaces the folder as a whole."""
    if directory.is_dir() and (directory / CHECKSUMS).exists():
        return
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ExportError(
            "exists and is no earlier export",
            file=directory,
            remedy="choose a new folder; an export replaces its folder as a whole",
        )
