"""Verification of an export folder: every executor, every vector, zero differing integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError, PulsefrontError
from pulsefront.firmware.checksums import changed_files
from pulsefront.firmware.hls4ml.csim import CSimulation, check_weight_files, require_compiler
from pulsefront.firmware.hls4ml.settings import BACKENDS, HlsSettings
from pulsefront.firmware.hls4ml.synthesis import TOOLS
from pulsefront.firmware.onnx.exact import run_onnx
from pulsefront.firmware.onnx.real import measure_difference
from pulsefront.firmware.targets import EXACT_GRAPH, REAL_TARGETS
from pulsefront.firmware.vector_files import read_hex_vectors, read_text_vectors, read_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.firmware.verification import Mismatch, Verification, VerificationRow
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["verify_export"]

EXTRA = "extra"
"""Name of the set of inputs that a user brings; no file holds what is expected of them."""

OPTIMIZED_FROM = 10_000
"""With more vectors than this, the compiler's optimization takes less time than it saves."""

Results = dict[str, Integers]
Executor = Callable[[Mapping[str, Integers]], Results]


@dataclass(frozen=True)
class _Folder:
    """An export folder with its model, its vectors, and its hls4ml projects by back-end."""

    directory: Path
    model: FixedPointModel
    sets: Sequence[VectorSet]
    projects: Mapping[str, Path]


def verify_export(
    directory: str | Path,
    *,
    extra_inputs: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
) -> Verification:
    """Run every executor in an export folder on its golden vectors and compare every integer.

    Parameters
    ----------
    directory
        An export folder; nothing else is needed, and nothing in it is changed.
    extra_inputs
        More input integers, for which the model's own emulator gives what is expected.

    Returns
    -------
    A table of backends and vector sets; call ``raise_on_failure`` to turn a difference into an
    error.

    Raises
    ------
    ExportError
        The folder is no export, or its model or vectors cannot be read.
    ToolMissing
        The export holds an hls4ml project and g++ is not installed.
    """
    directory = Path(directory)
    changed = changed_files(directory)
    projects = _projects(directory)
    if projects:
        require_compiler()
    folder = _read(directory, projects, changed, extra_inputs)
    rows: list[VerificationRow] = []
    broken: dict[str, str] = {}
    for name, found in _checks(folder):
        try:
            for row in found:
                rows.append(row)  # noqa: PERF402 - those before an error count
        except ExportError as error:
            broken[name] = str(error)
    return Verification(
        directory=directory, changed_files=changed, broken_backends=broken, rows=tuple(rows)
    )


def _projects(directory: Path) -> dict[str, Path]:
    """Return the hls4ml projects in an export, by back-end."""
    folders = {name: directory / HlsSettings(name).folder for name in BACKENDS}
    return {name: folder for name, folder in folders.items() if folder.is_dir()}


def _read(
    directory: Path,
    projects: Mapping[str, Path],
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
    return _Folder(directory, model, sets, projects)


def _checks(folder: _Folder) -> Iterator[tuple[str, Iterator[VerificationRow]]]:
    """Yield every executor of a folder by name, with the rows that it gives when asked."""
    model, directory = folder.model, folder.directory
    yield "emulator", _compared("emulator", folder, lambda x: _emulated(model, x))
    yield from _text_checks(folder)
    graph = directory / EXACT_GRAPH
    if graph.exists():
        yield "onnxruntime", _compared("onnxruntime", folder, lambda x: run_onnx(graph, x))
    for target in REAL_TARGETS.values():
        if (directory / target.file).exists():
            yield target.file, _measured(directory / target.file, folder)
    for backend in folder.projects:
        yield f"hls4ml {backend}", _simulated(backend, folder)


def _emulated(model: FixedPointModel, arrays: Mapping[str, Integers]) -> Results:
    """Run the model as users do: by the compiled chain where there is one.

    The golden vectors come from the general emulator, so that each proves the other.
    """
    only = next(iter(arrays.values())) if len(arrays) == 1 else dict(arrays)
    found = model.run(only)
    return found if isinstance(found, dict) else {model.outputs[0]: found}


def _compared(backend: str, folder: _Folder, run: Executor) -> Iterator[VerificationRow]:
    for one in folder.sets:
        yield _row(backend, one, run(one.inputs))


def _simulated(backend: str, folder: _Folder) -> Iterator[VerificationRow]:
    """Build and run a project's C simulation."""
    project, name = folder.projects[backend], f"hls4ml {backend}"
    if not (project / "build_lib.sh").exists():
        reason = f"not run: needs the vendor's compiler ({TOOLS[backend][0]})"
        yield VerificationRow(backend=name, vector_set="all", status=reason, exact=False)
        return
    check_weight_files(project)
    vectors = sum(len(one) for one in folder.sets)
    with CSimulation(project, folder.model, optimize=vectors > OPTIMIZED_FROM) as simulation:
        yield from _compared(name, folder, simulation.run)


def _text_checks(folder: _Folder) -> Iterator[tuple[str, Iterator[VerificationRow]]]:
    """Compare the vectors that test benches read, inputs and expected, with ``vectors.npz``."""
    vectors = folder.directory / "vectors"
    yield "vectors .txt", _texts("vectors .txt", vectors, folder, read_text_vectors)
    yield "vectors .hex", _texts("vectors .hex", vectors, folder, read_hex_vectors)
    for backend, project in folder.projects.items():
        name, data = f"test bench {backend}", project / "tb_data"
        if (data / "sets.txt").exists():
            yield name, _texts(name, data, folder, read_text_vectors)


def _texts(
    name: str,
    data: Path,
    folder: _Folder,
    read: Callable[[Path, FixedPointModel], tuple[VectorSet, ...]],
) -> Iterator[VerificationRow]:
    """Yield a row for each set whose form in text differs: they are no executors."""
    texts = {one.name: one for one in read(data, folder.model)}
    for one in folder.sets:
        if one.name == EXTRA:
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
        )


def _row(backend: str, vectors: VectorSet, found: Results) -> VerificationRow:
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
    )
