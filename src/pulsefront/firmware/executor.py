"""What an executor of an export folder is, for the registry in executors.py.

An executor computes a model's integers from nothing but the files of an export folder: a graph, a
C simulation, Verilog, C. Whatever it needs to be built is built in a temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["Executor", "ExportFolder", "Inputs", "Outputs"]

Inputs = Mapping[str, Integers]
Outputs = dict[str, Integers]


@dataclass(frozen=True)
class ExportFolder:
    """An export folder and the model in it."""

    directory: Path
    model: FixedPointModel


def _needs_nothing() -> None:
    """Stand for an executor that needs no outside tool."""


@dataclass(frozen=True)
class Executor:
    """One way to compute a model's integers from an export folder.

    Parameters
    ----------
    file
        The file or folder of the export that it runs, relative to the export; an export without it
        does not have this executor.
    run
        Builds once and yields the outputs of each set of inputs in turn: raw integers by name,
        shapes (vector, …). Raises `ExportError` where the files do not build or run, and
        `ToolMissing` where a tool is not there: that is a row of the table, and the other
        executors run all the same.
    most_vectors
        It is slow: so many vectors of each set are run, spread over it; None for all.
    most_drawn
        The same for vectors that are drawn because someone asks for so many.
    needs
        Raises `ToolMissing` for a tool without which the verification as a whole is refused.
    """

    file: str
    run: Callable[[ExportFolder, Sequence[Inputs]], Iterator[Outputs]]
    most_vectors: int | None = None
    most_drawn: int | None = None
    needs: Callable[[], object] = _needs_nothing

    def is_in(self, directory: Path) -> bool:
        """Whether an export folder holds what this executor runs."""
        return (directory / self.file).exists()
