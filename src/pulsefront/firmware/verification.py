"""The result of a verification: which executors ran on which vectors, and whether all agreed."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import ExportError, VerificationFailed
from pulsefront.firmware.text_table import text_table

__all__ = ["Mismatch", "Verification", "VerificationRow"]


class Mismatch(FrozenModel):
    """The first integer that differs; *vector* counts within its set."""

    vector: int
    output: str
    expected: int
    got: int


class VerificationRow(FrozenModel):
    """One executor on one set of vectors.

    *status* is ``equal``, ``DIFFERENT``, ``not run: …`` with the reason, or ``approximate: …``
    for files that are not meant to be bit-exact, with the measured difference; *exact* tells
    whether the executor is meant to be bit-exact and has run.
    """

    backend: str
    vector_set: str
    vectors: int = 0
    integers: int = 0
    mismatches: int = 0
    status: str
    first_mismatch: Mismatch | None = None
    exact: bool = Field(exclude=True)
    seconds: float = 0.0
    """taken; in an executor's first row with what it took to build"""


class Verification(FrozenModel):
    """The result of `verify_export`.

    ``changed_files`` no longer fit the checksums: name and ``changed``, ``missing`` or ``added``.
    ``broken_backends`` could not run at all, each with the reason.
    """

    directory: Path = Field(exclude=True)
    changed_files: dict[str, str]
    broken_backends: dict[str, str]
    rows: tuple[VerificationRow, ...]

    @property
    def passed(self) -> bool:
        """Whether every executor that can run here ran and agreed, and no file has changed."""
        equal = all(row.mismatches == 0 for row in self.exact_rows)
        sound = not self.changed_files and not self.broken_backends
        return equal and bool(self.exact_rows) and sound

    @property
    def exact_rows(self) -> tuple[VerificationRow, ...]:
        """The rows that are meant to be bit-exact and have run."""
        return tuple(row for row in self.rows if row.exact)

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
            first = row.first_mismatch
            if first is not None:
                error = VerificationFailed(
                    row.backend,
                    vector=first.vector,
                    output=f"{first.output} (vectors {row.vector_set!r})",
                    expected=first.expected,
                    got=first.got,
                    mismatches=row.mismatches,
                    compared=row.integers,
                )
                if self.changed_files:
                    # The file that was touched is a likelier cause than the executor.
                    error.remedy = f"restore first what was touched: {self._touched()}"
                raise error
        for name, what in self.changed_files.items():
            raise ExportError(
                f"was {what} after the export: its checksum does not fit",
                file=self.directory / name,
                remedy="export again, or restore the file",
            )
        for backend, reason in self.broken_backends.items():
            raise ExportError(f"{backend} cannot run: {reason}", file=self.directory)
        if not self.passed:
            raise ExportError("nothing was compared", file=self.directory)

    def __repr__(self) -> str:
        compared = sum(row.integers for row in self.exact_rows)
        backends = len({row.backend for row in self.exact_rows})
        said = "all equal" if self.passed else "NOT PASSED"
        return f"<Verification: {compared:,} integers of {backends} executors, {said}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the line and the table of executors."""
        return f"<p>{escape(repr(self)[1:-1])}</p><pre>{escape(self.table(timed=False))}</pre>"

    def _touched(self) -> str:
        names = [f"{name} ({what} after the export)" for name, what in self.changed_files.items()]
        return ", ".join([*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])])

    def to_json(self, *, timed: bool = True) -> dict[str, Any]:
        """Return the result as JSON-ready data; not *timed* gives the same on every run."""
        rows = None if timed else {"rows": {"__all__": {"seconds"}}}
        return {
            "passed": self.passed,
            "integers_compared": sum(row.integers for row in self.exact_rows),
            "mismatches": sum(row.mismatches for row in self.exact_rows),
            **self.model_dump(mode="json", exclude=rows),
        }

    def table(self, *, timed: bool = True) -> str:
        """Return one line for each executor: its vectors, its differences, its seconds."""
        head = ["executor", "vectors", "integers", "differences", "seconds", "status"]
        lines = [self._line(name) for name in dict.fromkeys(row.backend for row in self.rows)]
        lines += [
            [name, "0", "0", "0", "0.0", f"cannot run: {reason}"]
            for name, reason in self.broken_backends.items()
        ]
        if not timed:
            for line in (head, *lines):
                del line[4]
        return text_table(head, lines, right=frozenset(range(1, len(head) - 1)))

    def _line(self, backend: str) -> list[str]:
        rows = [row for row in self.rows if row.backend == backend]
        vectors = sum(row.vectors for row in rows)
        integers = sum(row.integers for row in rows)
        mismatches = sum(row.mismatches for row in rows)
        seconds = sum(row.seconds for row in rows)
        status = max(rows, key=lambda row: row.mismatches).status
        counts = (f"{vectors:,}", f"{integers:,}", f"{mismatches:,}")
        return [backend, *counts, f"{seconds:.1f}", status]
