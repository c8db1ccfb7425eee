"""Verification of an export folder: every executor, every vector, zero differing integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError, PulsefrontError, ToolMissing
from pulsefront.evaluate.spread import spread_over
from pulsefront.firmware.checksums import changed_files
from pulsefront.firmware.executor import Executor, ExportFolder, Outputs
from pulsefront.firmware.executors import EXECUTORS
from pulsefront.firmware.front_end.check import front_end_checks
from pulsefront.firmware.hls4ml.bench import check_bench
from pulsefront.firmware.hls4ml.settings import BACKENDS, HlsSettings
from pulsefront.firmware.onnx.real import measure_difference
from pulsefront.firmware.targets import REAL_TARGETS
from pulsefront.firmware.vector_files import read_hex_vectors, read_text_vectors, read_vectors
from pulsefront.firmware.vectors import VectorSet, drawn_vectors
from pulsefront.firmware.verification import Mismatch, Verification, VerificationRow
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["verify_export"]

EXTRA, DRAWN = "extra", "drawn"
"""Sets that a user brings or asks for; no file holds what is expected of them."""


@dataclass(frozen=True)
class _Folder(ExportFolder):
    """An export folder with its model, its vectors, and the executors that it has."""

    sets: Sequence[VectorSet]
    executors: Mapping[str, Executor]


def verify_export(
    directory: str | Path,
    *,
    extra_inputs: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    drawn: int = 0,
    seed: int = 2,
) -> Verification:
    """Run every executor in an export folder on its golden vectors and compare every integer.

    Parameters
    ----------
    directory
        An export folder; nothing else is needed, and nothing in it is changed.
    extra_inputs
        More input integers, for which the model's own emulator gives what is expected.
    drawn
        So many more vectors, random and extreme, made with a *seed*; slow executors run some.

    Returns
    -------
    A table of backends and vector sets; call ``raise_on_failure`` to turn a difference into an
    error.

    Raises
    ------
    ExportError
        The folder is no export, its model or vectors cannot be read, or *drawn* is negative.
    ToolMissing
        The export holds an hls4ml project and g++ is not installed.
    """
    directory = Path(directory)
    if drawn < 0:
        raise ExportError("is no number of vectors", field="vectors", value=drawn)
    changed = changed_files(directory)
    executors = {name: one for name, one in EXECUTORS.items() if one.is_in(directory)}
    for one in executors.values():
        one.needs()
    folder = _read(directory, executors, changed, extra_inputs)
    if drawn:
        folder = replace(folder, sets=[*folder.sets, drawn_vectors(folder.model, drawn, seed)])
    rows: list[VerificationRow] = []
    broken: dict[str, str] = {}
    for name, found in _checks(folder):
        try:
            for row in found:
                rows.append(row)  # noqa: PERF402 - those before an error count
        except ToolMissing as error:
            rows.append(_not_run(name, error))
        except ExportError as error:
            broken[name] = str(error)
    return Verification(
        directory=directory, changed_files=changed, broken_backends=broken, rows=tuple(rows)
    )


def _read(
    directory: Path,
    executors: Mapping[str, Executor],
    changed: Mapping[str, str],
    extra_inputs: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None,
) -> _Folder:
    """Read model and vectors; where that fails, a changed file is named first."""
    try:
        model = FixedPointModel.load(directory / "model.json")
        sets = list(read_vectors(directory / "vectors" / "vectors.npz"))
        for one in sets:
            model.input_arrays(one.inputs)
        if extra_inputs is not None:
            arrays = {k: a.astype(np.int64) for k, a in model.input_arrays(extra_inputs).items()}
            sets.append(VectorSet(EXTRA, arrays, model.emulator.run(arrays)))
    except PulsefrontError as error:
        if changed:
            name, what = next(iter(changed.items()))
            raise ExportError(
                f"was {what} after the export, and the export cannot be read: {error.problem}",
                file=directory / name,
                remedy="export again, or restore the file",
            ) from error
        raise
    return _Folder(directory, model, sets, executors)


def _checks(folder: _Folder) -> Iterator[tuple[str, Iterator[VerificationRow]]]:
    """Yield every check of a folder by name, with the rows that it gives when asked."""
    for name, executor in folder.executors.items():
        yield name, _executed(name, executor, folder)
    yield from front_end_checks(folder.directory, folder.model)
    yield from _text_checks(folder)
    for target in REAL_TARGETS.values():
        if (folder.directory / target.file).exists():
            yield target.file, _measured(folder.directory / target.file, folder)


def _executed(name: str, executor: Executor, folder: _Folder) -> Iterator[VerificationRow]:
    """Yield a row for each set; building counts among the seconds of the first."""
    sets = [
        _spread(one, executor.most_drawn if one.name == DRAWN else executor.most_vectors)
        for one in folder.sets
    ]
    found = executor.run(folder, [one.inputs for one in sets])
    start = perf_counter()
    for one, outputs in zip(sets, found, strict=True):
        yield _row(name, one, outputs, perf_counter() - start)
        start = perf_counter()


def _not_run(name: str, error: ToolMissing) -> VerificationRow:
    return VerificationRow(backend=name, vector_set="all", status=f"not run: {error}", exact=False)


def _spread(one: VectorSet, most: int | None) -> VectorSet:
    """Return *most* vectors of a set, evenly spread; None stands for all."""
    if most is None or len(one) <= most:
        return one
    chosen = spread_over(len(one), most)
    inputs, outputs = (
        {name: array[chosen] for name, array in part.items()} for part in (one.inputs, one.outputs)
    )
    return VectorSet(one.name, inputs, outputs)


def _text_checks(folder: _Folder) -> Iterator[tuple[str, Iterator[VerificationRow]]]:
    """Compare the vectors that test benches read, inputs and expected, with ``vectors.npz``."""
    vectors = folder.directory / "vectors"
    yield "vectors .txt", _texts("vectors .txt", vectors, folder, read_text_vectors)
    yield "vectors .hex", _texts("vectors .hex", vectors, folder, read_hex_vectors)
    for backend in BACKENDS:
        project = folder.directory / HlsSettings(backend).folder
        if (project / "tb_data" / "sets.txt").exists():
            yield f"test bench {backend}", _bench(f"test bench {backend}", project, folder)


def _bench(name: str, project: Path, folder: _Folder) -> Iterator[VerificationRow]:
    """Compare the vectors beside a project's test bench, then build and run the bench itself."""
    yield from _texts(name, project / "tb_data", folder, read_text_vectors)
    check_bench(project, folder.model)


def _texts(
    name: str,
    data: Path,
    folder: _Folder,
    read: Callable[[Path, FixedPointModel], tuple[VectorSet, ...]],
) -> Iterator[VerificationRow]:
    """Yield a row for each set whose form in text differs: they are no executors."""
    texts = {one.name: one for one in read(data, folder.model)}
    for one in folder.sets:
        if one.name in (EXTRA, DRAWN):
            continue
        if one.name not in texts:
            raise ExportError(f"holds no vectors {one.name!r}", file=data)
        whole = VectorSet(one.name, one.inputs, {**one.inputs, **one.outputs})
        found = texts[one.name]
        row = _row(name, whole, {**found.inputs, **found.outputs})
        if row.mismatches:
            yield row


def _measured(path: Path, folder: _Folder) -> Iterator[VerificationRow]:
    """Yield how far a graph that is not bit-exact lies from the model."""
    for one in folder.sets:
        start = perf_counter()
        found = measure_difference(path, folder.model, one.inputs, one.outputs)
        integers = sum(array.size for array in one.outputs.values())
        equal = sum(d.equal_fraction * one.outputs[d.output].size for d in found)
        largest = max(d.largest_steps for d in found)
        yield VerificationRow(
            backend=path.name,
            vector_set=one.name,
            vectors=len(one),
            integers=integers,
            mismatches=integers - round(equal),
            status=f"approximate: within {largest:.3g} output steps",
            exact=False,
            seconds=perf_counter() - start,
        )


def _row(backend: str, vectors: VectorSet, found: Outputs, seconds: float = 0.0) -> VerificationRow:
    integers = mismatches = 0
    first: Mismatch | None = None
    for name, expected in vectors.outputs.items():
        got = found.get(name)
        if got is None or got.shape != expected.shape:
            got_shape = None if got is None else got.shape
            raise ExportError(
                f"{backend} gives output {name!r} of the shape {got_shape}, not {expected.shape}"
            )
        different = np.argwhere(got != expected)
        integers += expected.size
        mismatches += len(different)
        if len(different) and (first is None or different[0][0] < first.vector):
            index = tuple(map(int, different[0]))
            first = Mismatch(
                vector=index[0],
                output=f"{name}[{', '.join(map(str, index[1:]))}]",
                expected=int(expected[index]),
                got=int(got[index]),
            )
    return VerificationRow(
        backend=backend,
        vector_set=vectors.name,
        vectors=len(vectors),
        integers=integers,
        mismatches=mismatches,
        status="equal" if mismatches == 0 else "DIFFERENT",
        first_mismatch=first,
        exact=True,
        seconds=seconds,
    )
