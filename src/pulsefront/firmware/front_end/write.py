"""A complete folder of a front end: modules, top, memories, bench, golden stream, README."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pulsefront.files import firmware_export_directory, write_text
from pulsefront.firmware.board import Board
from pulsefront.firmware.front_end.golden import made_stream, stream_of_records
from pulsefront.firmware.front_end.readme import timing_readme
from pulsefront.firmware.front_end.records import Records
from pulsefront.firmware.front_end.settings import TimingChainSettings
from pulsefront.firmware.front_end.simulate import hex_words
from pulsefront.firmware.front_end.statement import (
    FOLDER,
    FrontEndStatement,
    clock_mhz,
    write_statement,
)
from pulsefront.firmware.front_end.timing import TimingChain
from pulsefront.firmware.front_end.timing_bench import StreamSizes, timing_bench
from pulsefront.firmware.front_end.timing_top import timing_clocks, timing_top
from pulsefront.firmware.rtl.memories import matrix_numbers, write_memories
from pulsefront.firmware.rtl.plan import SharedPlan
from pulsefront.firmware.rtl.project import UNROLLED_ALONE, bench_script
from pulsefront.firmware.rtl.top import top_module
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.specification import Specification

__all__ = ["write_front_end", "write_timing"]

MOST_RECORDS = 100
"""Measured records in a golden stream."""


def write_front_end(
    model: FixedPointModel,
    settings: TimingChainSettings,
    export: Path,
    board: Board,
    waveforms: npt.NDArray[np.integer] | None = None,
) -> FrontEndStatement:
    """Write the folder ``front_end`` of an *export*.

    Parameters
    ----------
    waveforms
        Measured records (record, sample); up to 100 of them join the golden stream.

    Raises
    ------
    ExportError, ConfigError
        Settings and model do not fit together.
    """
    chain = TimingChain(model, settings)
    samples = made_stream(settings)
    if waveforms is not None:
        measured = stream_of_records(waveforms[:MOST_RECORDS], settings)
        samples = np.concatenate([samples, measured])
    samples = chain.with_flat_end(samples)
    records = chain.run(samples)
    folder = export / FOLDER
    write_timing(chain, folder, samples, records)
    clocks = timing_clocks(chain.layout)
    statement = FrontEndStatement(
        settings=settings.model_copy(update={"window_samples": chain.layout.window}),
        board=board.name,
        clock_mhz=clock_mhz(board),
        dead_clocks=clocks.dead,
        interval_clocks=clocks.interval,
        latency_clocks=clocks.latency,
        loses_none=clocks.loses_none,
        multipliers={name: one.lanes for name, one in chain.layout.design.matrices.items()},
        samples=len(samples),
        records=len(records),
    )
    write_statement(statement, folder)
    write_text(folder / "README.md", timing_readme(chain.layout, statement))
    return statement


def write_timing(
    chain: TimingChain, folder: Path, samples: npt.NDArray[np.integer], records: Records
) -> None:
    """Write the Verilog of a timing chain with its bench into *folder*.

    Parameters
    ----------
    samples, records
        A golden stream (sample,) and the records that it gives.
    """
    layout = chain.layout
    folder.mkdir(parents=True, exist_ok=True)
    top = f"{layout.model.name}_front_end"
    write_text(folder / f"{top}.v", timing_top(layout))
    sizes = StreamSizes(len(samples), len(records))
    write_text(folder / f"{top}_tb.v", timing_bench(layout, sizes))
    _write_network(layout.model, layout.design, folder)
    write_text(folder / "run_testbench.sh", bench_script(top))
    data = folder / "tb_data"
    data.mkdir(exist_ok=True)
    (data / "samples.hex").write_text(hex_words(samples, layout.settings.adc_bits))
    (data / "records.hex").write_text("\n".join(records.words()) + "\n")


def _write_network(model: Specification, design: SharedPlan, folder: Path) -> None:
    """Write the time-shared network of a front end, and all modules that either needs."""
    write_text(folder / f"{model.name}_top.v", top_module(model, design))
    rtl = firmware_export_directory() / "rtl"
    for module in sorted([*rtl.glob("pf_*.v"), *(rtl / "front_end").glob("pf_*.v")]):
        if module.stem not in UNROLLED_ALONE:
            shutil.copy(module, folder)
    for step in model.steps:
        if isinstance(step.layer, MatrixLayer):
            name = step.layer.name
            write_memories(folder, name, matrix_numbers(step), design.matrices[name])
