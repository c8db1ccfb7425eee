"""The rows of `verify` for a front end: emulator and Verilog on the golden stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from pulsefront.errors import ExportError
from pulsefront.firmware.front_end.chains import AnyChain, chain_of
from pulsefront.firmware.front_end.record.fields import Records
from pulsefront.firmware.front_end.simulate import FrontEndRun
from pulsefront.firmware.front_end.statement import FOLDER, read_statement
from pulsefront.firmware.verification import Mismatch, VerificationRow
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["front_end_checks"]


def front_end_checks(
    directory: Path, model: FixedPointModel
) -> Iterator[tuple[str, Iterator[VerificationRow]]]:
    """Yield the checks of an export's front end by name, with the rows that each gives."""
    folder = directory / FOLDER
    if folder.exists():
        yield "front end emulator", _emulated(folder, model)
        yield "front end Verilog", _simulated(folder, model)


def _emulated(folder: Path, model: FixedPointModel) -> Iterator[VerificationRow]:
    chain, samples, expected = _golden(folder, model)
    start = perf_counter()
    yield _row("front end emulator", expected, chain.run(samples), perf_counter() - start)


def _simulated(folder: Path, model: FixedPointModel) -> Iterator[VerificationRow]:
    """Run the bench, which compares every field; where it fails, count what differs."""
    chain, samples, expected = _golden(folder, model)
    start = perf_counter()
    with FrontEndRun(folder, f"{model.name}_front_end_tb") as run:
        try:
            run.check()
            row = _row("front end Verilog", expected, expected)
        except ExportError:
            found = run.run(samples, chain.layout.stream_bits, expected.fields)
            row = _row("front end Verilog", expected, found)
            if not row.mismatches:
                raise
    yield row.model_copy(update={"seconds": perf_counter() - start})


def _golden(folder: Path, model: FixedPointModel) -> tuple[AnyChain, Integers, Records]:
    statement = read_statement(folder)
    chain = chain_of(model, statement.settings, statement.part)
    data = folder / "tb_data"
    try:
        words = (data / "stream.hex").read_text().split()
        samples = np.array([int(word, 16) for word in words], np.int64)
        records = (data / "records.hex").read_text().split()
        return chain, samples, Records.of_words(chain.layout.fields, records)
    except (OSError, ValueError) as error:
        raise ExportError(f"the golden stream cannot be read: {error}", file=data) from None


def _row(backend: str, expected: Records, found: Records, seconds: float = 0.0) -> VerificationRow:
    if len(found) != len(expected):
        raise ExportError(f"{backend} gives {len(found)} records, not {len(expected)}")
    mismatches = 0
    first: Mismatch | None = None
    for one in expected.fields:
        wanted, got = expected[one.name], found[one.name]
        different = np.flatnonzero(wanted != got)
        mismatches += len(different)
        if len(different) and (first is None or different[0] < first.vector):
            event = int(different[0])
            first = Mismatch(
                vector=event, output=one.name, expected=int(wanted[event]), got=int(got[event])
            )
    return VerificationRow(
        backend=backend,
        vector_set="stream",
        vectors=len(expected),
        integers=len(expected) * len(expected.fields),
        mismatches=mismatches,
        status="equal" if mismatches == 0 else "DIFFERENT",
        first_mismatch=first,
        exact=True,
        seconds=seconds,
    )
