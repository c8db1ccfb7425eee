"""A complete export folder: everything that a firmware engineer needs, and nothing of Python."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pulsefront import __version__
from pulsefront.files import (
    atomic_directory,
    canonical_json,
    hash_file,
    hash_json,
    write_json,
    write_text,
)
from pulsefront.firmware.board import Board, board_for, load_board
from pulsefront.firmware.c99.write import FOLDER, write_c99
from pulsefront.firmware.checksums import write_checksums
from pulsefront.firmware.contents import Contents, MeasuredGraph, Project
from pulsefront.firmware.front_end.settings import AnyChainSettings
from pulsefront.firmware.front_end.write import write_front_end
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.hls4ml.settings import BACKENDS, HlsSettings
from pulsefront.firmware.hls4ml.synthesis import find_tool, synthesize
from pulsefront.firmware.hls4ml.synthesis_report import SynthesisReport
from pulsefront.firmware.hls4ml.testbench import write_testbench
from pulsefront.firmware.onnx.exact import write_onnx
from pulsefront.firmware.onnx.qonnx import write_qonnx
from pulsefront.firmware.onnx.real import measure_difference, write_real_onnx
from pulsefront.firmware.origin import PROVENANCE
from pulsefront.firmware.readme import readme
from pulsefront.firmware.refuse import (
    refuse_front_end,
    refuse_projects,
    refuse_to_replace,
    refuse_units,
)
from pulsefront.firmware.rtl.resources.parts import registers_behind
from pulsefront.firmware.rtl.targets import refuse_hdl, write_hdl
from pulsefront.firmware.rtl.time_shared.plan import plan
from pulsefront.firmware.targets import (
    DEFAULT_TARGETS,
    EXACT_GRAPH,
    FRONT_END,
    HLS_TARGETS,
    QONNX_GRAPH,
    REAL_TARGETS,
    RTL_TARGETS,
    RealTarget,
    known_targets,
)
from pulsefront.firmware.text_table import text_table
from pulsefront.firmware.vector_files import write_vectors
from pulsefront.firmware.vectors import VectorSet, golden_vectors
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.preparation import ChargePreparation, noted_preparation
from pulsefront.fixed_point.resources import estimate_resources

__all__ = ["Export", "export_model", "synthesize_export"]


@dataclass(frozen=True)
class Export:
    """What `export_model` wrote, and where."""

    directory: Path
    contents: Contents

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets that were written."""
        return self.contents.targets

    @property
    def vectors(self) -> dict[str, int]:
        """Number of golden vectors by set."""
        return {one.name: len(one) for one in self.contents.vectors}

    def table(self) -> str:
        """Return what was written as a text table, with the estimated resources of projects."""
        head = ("target", "file", "to be compared", "LUT", "FF", "DSP", "latency")
        rows = [("onnx", EXACT_GRAPH, "by ONNX Runtime, bit for bit", "", "", "", "")]
        rows.append(("qonnx", QONNX_GRAPH, "by the ONNX reference, bit for bit", "", "", "", ""))
        rows += [
            (target, one.file, "approximate, measured", "", "", "", "")
            for target, one in REAL_TARGETS.items()
        ]
        rows = [row for row in rows if row[0] in self.targets]
        if "c99" in self.targets:
            rows.append(("c99", f"{FOLDER}/", "by C on this host and a Cortex-M4", "", "", "", ""))
        targets = {backend: target for target, backend in HLS_TARGETS.items()}
        for one in self.contents.projects:
            found = one.estimate
            rows.append(
                (
                    targets[one.settings.backend],
                    f"{one.settings.folder}/",
                    "by C simulation, bit for bit",
                    f"{found.lut:,}",
                    f"{found.ff:,}",
                    f"{found.dsp:,}",
                    f"{found.latency_cycles} x {one.board.clock_period_ns:g} ns",
                )
            )
        for hdl in self.contents.hdl:
            clocks = f"<= {hdl.latency_cycles} clocks"
            proof = f"by {hdl.language} and its test bench"
            rows.append((hdl.target, f"{hdl.folder}/", proof, "", "", f"{hdl.dsp:,}", clocks))
        if self.contents.front_end is not None:
            clocks = f"<= {self.contents.front_end.latency_clocks} clocks"
            proof = "by its emulator and Verilog"
            rows.append((FRONT_END, f"{FRONT_END}/", proof, "", "", "", clocks))
        text = text_table(head, rows, right=frozenset({3, 4, 5, 6}))
        text += "\nNothing has been compared yet: pulsefront verify does it, integer by integer."
        note = "LUT, FF, DSP and latency are estimated: no synthesis tool has run."
        return f"{text}\n{note}" if self.contents.projects else text

    def to_json(self) -> dict[str, Any]:
        """Return what was written as JSON-ready data."""
        return {
            "directory": str(self.directory),
            "targets": list(self.targets),
            "vectors": self.vectors,
            **(
                {}
                if self.contents.front_end is None
                else {"front_end": self.contents.front_end.model_dump(mode="json")}
            ),
            "estimates": {
                one.settings.backend: asdict(one.estimate) for one in self.contents.projects
            },
        }


def export_model(
    model: FixedPointModel,
    directory: str | Path,
    *,
    targets: Sequence[str] = DEFAULT_TARGETS,
    board: str | Path | Board | None = None,
    data_vectors: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    units: Mapping[str, str] | None = None,
    allow_wrap: Sequence[str] = (),
    strategy: str = "Latency",
    reuse_factor: int | Mapping[str, int] = 1,
    io_type: str = "io_parallel",
    multipliers: int | Mapping[str, int] = 1,
    dsp_multipliers: int | None = None,
    front_end: AnyChainSettings | None = None,
    waveforms: npt.NDArray[Any] | None = None,
) -> Export:
    """Write a complete export of *model* into *directory*, whole or not at all.

    Parameters
    ----------
    targets
        ``onnx``; ``qonnx``, with QONNX's quantizers, for tools that read these; ``onnx_float`` and
        ``onnx_qdq``, which are not bit-exact; ``hls4ml`` (the Vitis back-end), ``hls4ml_vivado``,
        ``hls4ml_quartus``, ``hls4ml_oneapi``, ``hls4ml_catapult``; ``c99``, one function of
        integers alone; ``rtl``, ``rtl_unrolled``, ``rtl_gates``, Verilog; ``rtl_unrolled_vhdl``,
        VHDL; ``front_end``, Verilog of the whole chain around the network.
    board
        Name of a shipped board, path of a TOML file, or a `Board`. A back-end of another vendor
        is written for that vendor's default board.
    data_vectors
        Input integers from data; up to 1,000 of them become golden vectors.
    provenance
        JSON-ready data on where the model comes from; written to ``provenance.json`` and into the
        ONNX file's metadata. What a `pulsefront.PositionNetwork` does before its model is known.
    units
        Unit of the real value of inputs and outputs, by name, such as ``mm``.
    allow_wrap
        Layers that may wrap around, by name.
    strategy, reuse_factor, io_type
        Of the hls4ml projects: ``Latency``, ``Resource`` or ``distributed_arithmetic``; how often
        one multiplier is used per event, one number or by layer (1 for those not named);
        ``io_parallel`` or ``io_stream``.
    multipliers, dsp_multipliers
        Of each layer of ``rtl`` and ``rtl_gates``, one number for all or by name; and how many of
        all of them ask for a DSP block, those of the widest products first (None: all).
    front_end, waveforms
        Of the target ``front_end``: the settings of the chain, and measured records
        (record, sample) that join its golden stream.

    Raises
    ------
    OverflowPossible
        A layer can wrap that *allow_wrap* does not name.
    ToolMissing
        g++ is missing, without which the hls4ml project could not be checked, or da4ml for the
        distributed arithmetic; nothing is written.
    ExportError
        A target is not known, or the model does not fit it.
    """
    noted = noted_preparation(model)
    if noted is not None:
        provenance = {**noted.document(), **(provenance or {})}
    targets = known_targets(targets)
    refuse_to_replace(Path(directory))
    refuse_units(model, units or {})
    model.audit().refuse_wrap(tuple(allow_wrap))
    whole, by_layer = (1, reuse_factor) if isinstance(reuse_factor, Mapping) else (reuse_factor, {})
    settings = tuple(
        HlsSettings(backend, strategy, whole, io_type, by_layer)
        for target, backend in HLS_TARGETS.items()
        if target in targets
    )
    refuse_projects(model, settings, strategy)
    board = board if isinstance(board, Board) else load_board(board)
    behind = registers_behind(board.part)
    design = plan(model, multipliers, dsp=dsp_multipliers, registers_behind=behind)
    refuse_hdl(model, targets)
    refuse_front_end(model, targets, front_end, waveforms)
    sets = golden_vectors(model, data_vectors)
    with atomic_directory(directory) as folder:
        model.save(folder / "model.json")
        write_vectors(sets, folder / "vectors", model)
        graphs = _write_graphs(model, folder, targets, sets, provenance or {}, units or {})
        if "c99" in targets:
            write_c99(model, folder / FOLDER)
        projects = tuple(_write_project(model, folder, one, board, sets) for one in settings)
        hdl = tuple(
            write_hdl(model, folder, one, sets, design, board)
            for one in targets
            if one in RTL_TARGETS
        )
        chain = None
        if front_end is not None:
            chain = write_front_end(model, front_end, folder, board, waveforms)
        before = ChargePreparation.of_document(provenance or {})
        contents = Contents(model, targets, sets, graphs, projects, units or {}, hdl, chain, before)
        write_text(folder / "README.md", readme(contents))
        write_checksums(folder)
    return Export(Path(directory), contents)


def _write_graphs(
    model: FixedPointModel,
    folder: Path,
    targets: tuple[str, ...],
    sets: tuple[VectorSet, ...],
    provenance: Mapping[str, Any],
    units: Mapping[str, str],
) -> tuple[MeasuredGraph, ...]:
    """Write ``provenance.json``, and the ONNX graphs, which hold the same as metadata."""
    origin = {
        "pulsefront_version": __version__,
        "model_sha256": hash_json(model.to_json()),
        "vectors_sha256": hash_file(folder / "vectors" / "vectors.npz"),
        **provenance,
        **({"units": dict(units)} if units else {}),
    }
    write_json(folder / PROVENANCE, origin)
    metadata = {
        f"pulsefront.{key}": value if isinstance(value, str) else canonical_json(value)
        for key, value in origin.items()
    }
    if "onnx" in targets:
        write_onnx(model, folder / EXACT_GRAPH, metadata)
    if "qonnx" in targets:
        write_qonnx(model, folder / QONNX_GRAPH, metadata)
    return tuple(
        _write_real_graph(model, folder, one, sets, metadata)
        for target, one in REAL_TARGETS.items()
        if target in targets
    )


def _write_real_graph(
    model: FixedPointModel,
    folder: Path,
    target: RealTarget,
    sets: tuple[VectorSet, ...],
    metadata: Mapping[str, str],
) -> MeasuredGraph:
    path = folder / target.file
    write_real_onnx(model, path, int8=target.int8, metadata=metadata)
    differences = {
        one.name: measure_difference(path, model, one.inputs, one.outputs) for one in sets
    }
    return MeasuredGraph(target.file, differences)


def _write_project(
    model: FixedPointModel,
    folder: Path,
    settings: HlsSettings,
    board: Board,
    sets: tuple[VectorSet, ...],
) -> Project:
    project = folder / settings.folder
    own = board_for(BACKENDS[settings.backend], board)
    reuse = write_hls4ml(model, project, board=own, settings=settings)
    write_testbench(model, project, sets, library=not settings.has_namespace)
    estimate = estimate_resources(
        model,
        strategy=settings.strategy,
        reuse_factor=reuse,
        clock_period_ns=own.clock_period_ns,
        family=own.family,
    )
    return Project(settings, own, reuse, estimate)


def synthesize_export(export: Export) -> dict[str, SynthesisReport]:
    """Run the vendors' tools on copies of the projects of an *export*; reports by back-end.

    The reports go beside the export, into ``DIRECTORY-synthesis``, so that its checksums hold.

    Raises
    ------
    ToolMissing
        A tool is not on PATH; the export is complete and builds where the tool is.
    ExportError
        A tool fails; its log is in the folder of the reports.
    """
    for project in export.contents.projects:
        find_tool(project.settings.backend)
    reports = {}
    for project in export.contents.projects:
        settings = project.settings
        work = export.directory.with_name(f"{export.directory.name}-synthesis") / settings.folder
        shutil.copytree(export.directory / settings.folder, work, dirs_exist_ok=True)
        report = synthesize(export.contents.model, work, settings)
        if report is not None:
            reports[settings.backend] = report
    return reports
