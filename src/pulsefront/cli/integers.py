"""Input integers of a network, read from the files that a user gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from pulsefront.fixed_point import FixedPointModel

__all__ = ["INTEGERS", "input_integers", "tell_steps"]


def input_integers(path: Path, model: FixedPointModel) -> dict[str, npt.NDArray[Any]]:
    """Read input integers for *model* and check them, so that an error names the file.

    They are raw integers of the input's format; where a step is not one, stderr says so.
    """
    from pulsefront.errors import DataError, PrecisionError

    try:
        arrays = model.input_arrays(_read_integers(path, [one.name for one in model.inputs]))
    except PrecisionError as error:
        error.file = path
        raise
    if not len(next(iter(arrays.values()))):
        raise DataError("holds no events", file=path)
    tell_steps(path, model, arrays)
    return arrays


def _read_integers(path: Path, names: list[str]) -> npt.NDArray[Any] | dict[str, npt.NDArray[Any]]:
    """Read input integers: one array, or in an .npz one per input name."""
    import numpy as np

    from pulsefront.errors import DataError

    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                absent = [name for name in names if name not in archive.files]
                if absent:
                    raise DataError(
                        "has no array of that name",
                        file=path,
                        field=absent[0],
                        remedy=f"name the arrays {', '.join(names)}",
                    )
                return {name: archive[name] for name in names}
        if path.suffix == ".npy":
            array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
            return array
        text = path.read_text()
        if not text.strip():
            raise DataError("holds no events", file=path)
        delimiter = "," if "," in text else None
        return np.loadtxt(path, dtype=np.int64, ndmin=2, delimiter=delimiter)
    except FileNotFoundError:
        raise DataError("no such file", file=path) from None
    except (EOFError, OSError, ValueError) as error:  # EOFError: an empty .npy
        name = _format_of_events(path)
        if name is not None:
            raise DataError(
                f"is a file of events ({name}), and the network's input integers are asked for",
                file=path,
                remedy=INTEGERS,
            ) from None
        raise DataError(f"cannot be read as integers: {error}", file=path) from None


INTEGERS = "give these as .npy, .npz or text"
"""What to do where a file holds no integers."""


def _format_of_events(path: Path) -> str | None:
    """Return the name of a file's format where it holds events and no plain numbers."""
    from contextlib import suppress

    from pulsefront.errors import PulsefrontError
    from pulsefront.events.readers.open import recognise

    if path.suffix in (".npy", ".npz"):
        return None
    with suppress(PulsefrontError):
        return recognise(path)
    return None


def tell_steps(path: Path, model: FixedPointModel, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Say on stderr that a file was taken for raw integers, where a step is not one."""
    import typer

    for one in model.inputs:
        if one.format.fraction:
            typer.echo(
                f"{path}: {len(arrays[one.name]):,} events of raw integers of {one.name}, "
                f"{one.format}: 1 stands for {one.format.step:g}",
                err=True,
            )
