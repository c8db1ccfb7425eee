"""Verification of an export folder: every executor, every vector, zero differing integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError, PulsefrontError, VerificationFailed
from pulsefront.firmware.checksums import changed_files
from pulsefront.firmware.hls4ml.csim import CSimulation, check_weight_files, require_compiler
from pulsefront.firmware.hls4ml.settings import BACKENDS
from pulsefront.firmware.hls4ml.synthesis import TOOLS
from pulsefront.firmware.onnx.exact import run_onnx
from pulsefront.firmware.onnx.real import measure_difference
from pulsefront.firmware.text_table import text_table
from pulsefront.firmware.vectors import (
    VectorSet,
    read_hex_vectors,
    read_text_vectors,
    read_vectors,
)
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["Mismatch", "Verification", "VerificationRow", "verify_export"]

EXTRA = "extra"
"""Name of the set of inputs that a user brings; no file holds what is expected of them."""

OPTIMIZED_FROM = 10_000
"""With more vectors than this, the compiler's optimization takes less time than it saves."""

Results = dict[str, Integers]
Executor = Callable[[Mapping[str, Integers]], Results]


@dataclass(frozen=True)
class Mismatch:
    """The first integer that differs; *vector* counts within its set."""

    vector: int
    output: str
    expected: int
    got: int


@dataclass(frozen=True)
class VerificationRow:
    """One executor on one set of vectors.

    *status* is ``equal``, ``DIFFERENT``, ``not run: …`` with the reason, or ``approximate: …``
    for files that are not meant to be bit-exact, with the measured difference.
    """

    backend: str
    vector_set: str
    vectors: int
    integers: int
    mismatches: int
    status: str
    first: Mismatch | None = None


@dataclass(frozen=True)
class Verification:
    """The result of `verify_export`.

    ``changed`` are the files that no longer fit the checksums, ``broken`` the backends that could
    not run at all, each with the reason.
    """

    directory: Path
    rows: tuple[VerificationRow, ...]
    changed: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every executor that can run here ran and agreed, and no file has changed."""
        ran = self.exact_rows
        equal = all(row.status == "equal" for row in ran)
        return equal and bool(ran) and not self.changed and not self.broken

    @property
    def exact_rows(self) -> tuple[VerificationRow, ...]:
        """The rows that are meant to be bit-exact and have run."""
        return tuple(
            row for row in self.rows if not row.status.startswith(("not run", "approximate"))
        )

    def raise_on_failure(self) -> None:
        """Raise where anything is wrong: a differing integer first, then a changed file.

        Raises
        ------
        VerificationFailed
            Names the backend, the vector, the output and both integers.
        ExportError
            A file does not fit its checksum, or a backend cannot run.
        """
        for row in self.rows:
            if row.first is not None:
                raise VerificationFailed(
                    row.backend,
                    vector=row.first.vector,
                    output=f"{row.first.output} (vectors {row.vector_set!r})",
                    expected=row.first.expected,
                    got=row.first.got,
                    mismatches=row.mismatches,
                    compared=row.integers,
                )
        for name, what in self.changed.items():
            raise ExportError(
                f"was {what} after the export: its checksum does not fit",
                file=self.directory / name,
                remedy="export again, or restore the file",
            )
        for backend, reason in self.broken.items():
            raise ExportError(f"{backend} cannot run: {reason}", file=self.directory)
        if not self.passed:
            raise ExportError("nothing was compared", file=self.directory)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "passed": self.passed,
            "integers_compared": sum(row.integers for row in self.exact_rows),
            "mismatches": sum(row.mismatches for row in self.exact_rows),
            "changed_files": dict(self.changed),
            "broken_backends": dict(self.broken),
            "rows": [
                {
                    "backend": row.backend,
                    "vector_set": row.vector_set,
                    "vectors": row.vectors,
                    "integers": row.integers,
                    "mismatches": row.mismatches,
                    "status": row.status,
                    "first_mismatch": None if row.first is None else vars(row.first),
                }
                for row in self.rows
            ],
        }

    def table(self) -> str:
        """Return the rows as a text table."""
        head = ("backend", "vectors", "number", "integers", "differing", "status")
        rows = [
            (
                row.backend,
                row.vector_set,
                f"{row.vectors:,}",
                f"{row.integers:,}",
                f"{row.mismatches:,}",
                row.status,
            )
            for row in self.rows
        ]
        return text_table(head, rows, right=frozenset({2, 3, 4}))


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
    rows: list[VerificationRow] = []
    broken: dict[str, str] = {}
    _compare("emulator", lambda x: _emulated(model, x), sets, rows, broken)
    _compare_texts(directory, model, sets, rows, broken)
    if (directory / "model.onnx").exists():
        _compare("onnxruntime", lambda x: run_onnx(directory / "model.onnx", x), sets, rows, broken)
    for name in ("model_float.onnx", "model_int8_qdq.onnx"):
        if (directory / name).exists():
            _measure(directory / name, model, sets, rows, broken)
    vectors = sum(len(one) for one in sets)
    for backend, project in projects.items():
        if not (project / "build_lib.sh").exists():
            reason = f"not run: needs the vendor's compiler ({TOOLS[backend][0]})"
            rows.append(VerificationRow(f"hls4ml {backend}", "all", 0, 0, 0, reason))
            continue
        try:
            check_weight_files(project)
            with CSimulation(project, model, optimize=vectors > OPTIMIZED_FROM) as simulation:
                _compare(f"hls4ml {backend}", simulation.run, sets, rows, broken)
        except ExportError as error:
            broken[f"hls4ml {backend}"] = str(error)
    return Verification(directory, tuple(rows), changed, broken)


def _emulated(model: FixedPointModel, arrays: Mapping[str, Integers]) -> Results:
    """Run the model as users do: by the compiled chain where there is one.

    The golden vectors come from the general emulator, so that each proves the other.
    """
    only = next(iter(arrays.values())) if len(arrays) == 1 else dict(arrays)
    found = model.run(only)
    return found if isinstance(found, dict) else {model.outputs[0]: found}


def _projects(directory: Path) -> dict[str, Path]:
    """Return the hls4ml projects in an export, by back-end."""
    return {
        name: directory / f"hls4ml_{name.lower()}"
        for name in BACKENDS
        if (directory / f"hls4ml_{name.lower()}").is_dir()
    }


def _compare(
    backend: str,
    run: Executor,
    sets: list[VectorSet],
    rows: list[VerificationRow],
    broken: dict[str, str],
) -> None:
    for one in sets:
        try:
            found = run(one.inputs)
        except ExportError as error:
            broken[backend] = str(error)
            return
        rows.append(_row(backend, one, found))


def _compare_texts(
    directory: Path,
    model: FixedPointModel,
    sets: list[VectorSet],
    rows: list[VerificationRow],
    broken: dict[str, str],
) -> None:
    """Compare the vectors that test benches read, inputs and expected, with ``vectors.npz``.

    They are no executors: only a form that differs gets a row.
    """
    places = [
        ("vectors .txt", directory / "vectors", read_text_vectors),
        ("vectors .hex", directory / "vectors", read_hex_vectors),
        *(
            (f"test bench {name}", folder / "tb_data", read_text_vectors)
            for name, folder in _projects(directory).items()
            if (folder / "tb_data" / "sets.txt").exists()
        ),
    ]
    for name, folder, read in places:
        try:
            texts = {one.name: one for one in read(folder, model)}
            for one in sets:
                if one.name == EXTRA:
                    continue
                if one.name not in texts:
                    raise ExportError(f"holds no vectors {one.name!r}", file=folder)
                whole = VectorSet(one.name, one.inputs, {**one.inputs, **one.outputs})
                found = texts[one.name]
                row = _row(name, whole, {**found.inputs, **found.outputs})
                if row.mismatches:
                    rows.append(row)
        except ExportError as error:
            broken[name] = str(error)


def _measure(
    path: Path,
    model: FixedPointModel,
    sets: list[VectorSet],
    rows: list[VerificationRow],
    broken: dict[str, str],
) -> None:
    for one in sets:
        try:
            found = measure_difference(path, model, one.inputs, one.outputs)
        except ExportError as error:
            broken[path.name] = str(error)
            return
        integers = sum(array.size for array in one.outputs.values())
        equal = sum(d.equal_fraction * one.outputs[d.output].size for d in found)
        largest = max(d.largest_steps for d in found)
        status = f"approximate: within {largest:.3g} output steps"
        different = integers - round(equal)
        rows.append(VerificationRow(path.name, one.name, len(one), integers, different, status))


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
            place = tuple(int(index) for index in different[0])
            label = f"{name}[{', '.join(map(str, place[1:]))}]"
            first = Mismatch(place[0], label, int(expected[place]), int(got[place]))
    status = "equal" if mismatches == 0 else "DIFFERENT"
    return VerificationRow(backend, vectors.name, len(vectors), integers, mismatches, status, first)
