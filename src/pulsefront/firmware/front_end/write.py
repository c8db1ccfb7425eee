"""A complete folder of a front end: modules, top, memories, bench, golden stream, README."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pulsefront.files import firmware_export_directory, write_text
from pulsefront.firmware.board import Board
from pulsefront.firmware.front_end.bench import StreamSizes
from pulsefront.firmware.front_end.chains import AnyChain, chain_of, golden_stream, hdl, stated
from pulsefront.firmware.front_end.readme import readme
from pulsefront.firmware.front_end.record.fields import Records
from pulsefront.firmware.front_end.settings import AnyChainSettings
from pulsefront.firmware.front_end.simulate import hex_words
from pulsefront.firmware.front_end.statement import (
    FOLDER,
    FrontEndStatement,
    clock_mhz,
    write_statement,
)
from pulsefront.firmware.front_end.timing.chain import TimingChain
from pulsefront.firmware.rtl.projects.time_shared import UNROLLED_ALONE, bench_script
from pulsefront.firmware.rtl.time_shared.memories import matrix_numbers, write_memories
from pulsefront.firmware.rtl.time_shared.plan import WEIGHTED, SharedPlan
from pulsefront.firmware.rtl.time_shared.top import top_module
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.specification import Specification

__all__ = ["write_chain", "write_front_end"]


def write_front_end(
    model: FixedPointModel,
    settings: AnyChainSettings,
    export: Path,
    board: Board,
    waveforms: npt.NDArray[np.integer] | None = None,
) -> FrontEndStatement:
    """Write the folder ``front_end`` of an *export*.

    Parameters
    ----------
    waveforms
        Measured records (record, sample) for a timing chain; up to 100 join the golden stream.

    Raises
    ------
    ExportError, ConfigError
        Settings and model do not fit together.
    """
    chain = chain_of(model, settings, board.part)
    stream = golden_stream(chain, waveforms)
    records = chain.run(stream)
    folder = export / FOLDER
    write_chain(chain, folder, stream, records)
    clocks = stated(chain)
    statement = FrontEndStatement(
        settings=_resolved(chain),
        board=board.name,
        part=board.part,
        clock_mhz=clock_mhz(board),
        dead_clocks=clocks.dead,
        interval_clocks=clocks.interval,
        latency_clocks=clocks.latency,
        loses_none=clocks.loses_none,
        multipliers={name: one.lanes for name, one in chain.layout.design.matrices.items()},
        samples=len(stream),
        records=len(records),
    )
    write_statement(statement, folder)
    write_text(folder / "README.md", readme(chain.layout, statement))
    return statement


def _resolved(chain: AnyChain) -> AnyChainSettings:
    """Return the settings of a chain with what the network reads."""
    if isinstance(chain, TimingChain):
        return chain.layout.settings.model_copy(update={"window_samples": chain.layout.window})
    return chain.layout.settings.model_copy(update={"network_channels": chain.layout.chosen})


def write_chain(
    chain: AnyChain, folder: Path, stream: npt.NDArray[np.integer], records: Records
) -> None:
    """Write the Verilog of a chain with its bench into *folder*.

    Parameters
    ----------
    stream, records
        Golden samples, or charges in a row, and the records that they give.
    """
    layout = chain.layout
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in hdl(chain, StreamSizes(len(stream), len(records))).items():
        write_text(folder / name, text)
    _write_network(layout.model, layout.design, folder)
    write_text(folder / "run_testbench.sh", bench_script(f"{layout.model.name}_front_end"))
    data = folder / "tb_data"
    data.mkdir(exist_ok=True)
    (data / "stream.hex").write_text(hex_words(stream, layout.stream_bits))
    (data / "records.hex").write_text("\n".join(records.words()) + "\n")


def _write_network(model: Specification, design: SharedPlan, folder: Path) -> None:
    """Write the time-shared network of a front end, and all modules that either needs."""
    write_text(folder / f"{model.name}_top.v", top_module(model, design))
    rtl = firmware_export_directory() / "rtl"
    for module in sorted([*rtl.glob("pf_*.v"), *(rtl / "front_end").glob("pf_*.v")]):
        if module.stem not in UNROLLED_ALONE:
            shutil.copy(module, folder)
    for step in model.steps:
        if isinstance(step.layer, WEIGHTED):
            name = step.layer.name
            write_memories(folder, name, matrix_numbers(step), design.matrices[name])
