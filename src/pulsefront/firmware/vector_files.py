"""Golden vectors in files: an archive for Python, decimal text, and hexadecimal words for HDL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.specification import Specification

__all__ = [
    "read_hex_vectors",
    "read_text_vectors",
    "read_vectors",
    "unpacked",
    "write_hex_vectors",
    "write_text_vectors",
    "write_vectors",
]


def write_vectors(
    sets: tuple[VectorSet, ...], directory: str | Path, model: FixedPointModel
) -> None:
    """Write vectors as ``vectors.npz``, as decimal text, and as hexadecimal for HDL.

    See `write_text_vectors` for the text. ``*.hex`` holds the same vectors as one packed word a
    line, element 0 in the least significant bits, two's complement: ``$readmemh`` of Verilog and
    ``hread`` of VHDL read it.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{one.name}/{kind}/{name}": _narrow(array)
        for one in sets
        for kind, part in (("inputs", one.inputs), ("outputs", one.outputs))
        for name, array in part.items()
    }
    # Not compressed: the bytes would depend on the version of zlib.
    np.savez(directory / "vectors.npz", **arrays)  # type: ignore[arg-type]
    write_text_vectors(sets, directory)
    write_hex_vectors(sets, directory, model)


def write_hex_vectors(
    sets: tuple[VectorSet, ...], directory: str | Path, model: Specification
) -> None:
    """Write vectors as one packed word a line, all sets one after the other, for ``$readmemh``."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for stem, rows in _whole(sets).items():
        width = model.tensors[stem.partition("_")[2]].format.width
        digits = -(-rows.shape[1] * width // 4)
        text = "\n".join(f"{_packed(row, width):0{digits}x}" for row in rows.tolist())
        (directory / f"{stem}.hex").write_text(text + "\n")


def _packed(row: list[int], width: int) -> int:
    """Return one word of all elements, element 0 in the least significant bits."""
    word = 0
    for index, value in enumerate(row):
        word |= (value & ((1 << width) - 1)) << (index * width)
    return word


def _whole(sets: tuple[VectorSet, ...]) -> dict[str, Integers]:
    """Return the arrays of all sets, one after the other, by the stem of their text files."""
    return {stem: np.concatenate([one.texts[stem] for one in sets]) for stem in sets[0].texts}


def write_text_vectors(sets: tuple[VectorSet, ...], directory: str | Path) -> None:
    """Write vectors as text: one vector a line, decimal raw integers.

    ``inputs_NAME.txt`` and ``expected_NAME.txt`` hold all sets one after the other, in the order
    and with the lengths of ``sets.txt``.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    lines = [f"{one.name} {len(one)}" for one in sets]
    (directory / "sets.txt").write_text("\n".join(lines) + "\n")
    for stem, rows in _whole(sets).items():
        text = "\n".join(" ".join(map(str, row)) for row in rows.tolist())
        (directory / f"{stem}.txt").write_text(text + "\n")


def _narrow(array: Integers) -> npt.NDArray[Any]:
    """Return *array* in the narrowest signed type that holds it, for a small file."""
    for kind in (np.int8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if array.size and array.min() >= limits.min and array.max() <= limits.max:
            return array.astype(kind)
    return array


def read_vectors(path: str | Path) -> tuple[VectorSet, ...]:
    """Read ``vectors.npz``.

    Raises
    ------
    ExportError
        The file is missing or not what `write_vectors` writes.
    """
    found: dict[str, dict[str, dict[str, Integers]]] = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for key in archive.files:
                origin, kind, name = key.split("/")
                parts = found.setdefault(origin, {"inputs": {}, "outputs": {}})
                parts[kind][name] = archive[key].astype(np.int64)
    except FileNotFoundError:
        raise ExportError("no such file", file=path) from None
    except Exception as error:  # noqa: BLE001 - a damaged archive fails in many ways
        raise ExportError(f"cannot be read as golden vectors: {error}", file=path) from None
    if not found:
        raise ExportError("holds no vectors", file=path)
    return tuple(VectorSet(name, part["inputs"], part["outputs"]) for name, part in found.items())


def read_text_vectors(directory: str | Path, model: FixedPointModel) -> tuple[VectorSet, ...]:
    """Read what `write_text_vectors` wrote.

    Raises
    ------
    ExportError
        A file is missing, or a line does not hold as many integers as its port has elements.
    """

    def numbers(line: str, name: str) -> list[int]:
        values = [int(one) for one in line.split()]
        if len(values) != model.tensors[name].size:
            raise ValueError(f"{len(values)} numbers instead of {model.tensors[name].size}")
        return values

    return _read_lines(Path(directory), model, ".txt", numbers)


def read_hex_vectors(directory: str | Path, model: FixedPointModel) -> tuple[VectorSet, ...]:
    """Read the packed words that `write_vectors` wrote; errors as `read_text_vectors`."""

    def numbers(line: str, name: str) -> list[int]:
        tensor = model.tensors[name]
        return unpacked(line, tensor.size, tensor.format)

    return _read_lines(Path(directory), model, ".hex", numbers)


def unpacked(line: str, size: int, one: FixedPointFormat) -> list[int]:
    """Return the *size* integers of a packed word in hexadecimal.

    Raises
    ------
    ValueError
        It is no word in hexadecimal, or longer than its elements.
    """
    width, low = one.width, one.minimum
    word = int(line, 16)
    if word >> (width * size):
        raise ValueError("a word longer than its port")
    parts = [(word >> (index * width)) & ((1 << width) - 1) for index in range(size)]
    return [((part - low) & ((1 << width) - 1)) + low for part in parts]


def _read_lines(
    directory: Path,
    model: FixedPointModel,
    suffix: str,
    numbers: Callable[[str, str], list[int]],
) -> tuple[VectorSet, ...]:
    lengths = {}
    for line in _lines(directory / "sets.txt"):
        name, _, count = line.partition(" ")
        if not count.isdigit():
            raise ExportError("is no list of sets", file=directory / "sets.txt", value=line)
        lengths[name] = int(count)
    whole: dict[str, dict[str, Integers]] = {"inputs": {}, "expected": {}}
    ports = {"inputs": [one.name for one in model.inputs], "expected": list(model.outputs)}
    for stem, names in ports.items():
        for name in names:
            path = directory / f"{stem}_{name}{suffix}"
            rows = []
            for number, line in enumerate(_lines(path)):
                try:
                    rows.append(numbers(line, name))
                except ValueError as error:
                    raise ExportError(f"vector {number}: {error}", file=path) from None
            if len(rows) != sum(lengths.values()):
                raise ExportError(
                    f"holds {len(rows)} vectors instead of {sum(lengths.values())}", file=path
                )
            whole[stem][name] = np.array(rows, dtype=np.int64).reshape(
                -1, *model.tensors[name].shape
            )
    sets, start = [], 0
    for name, length in lengths.items():
        inputs, outputs = (
            {port: array[start : start + length] for port, array in part.items()}
            for part in whole.values()
        )
        sets.append(VectorSet(name, inputs, outputs))
        start += length
    return tuple(sets)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ExportError("no such file", file=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"cannot be read: {error}", file=path) from None
