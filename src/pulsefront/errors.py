"""Everything that can go wrong, as one tree.

::

    PulsefrontError
    ├── ConfigError              a TOML file, a command line or a setting
    ├── DataError                a measured or stored file
    │   ├── TruncatedFile        it ends inside a record
    │   └── UnsupportedFormat    it is not what the reader reads
    ├── PrecisionError           fixed-point numbers
    │   ├── OverflowPossible     a WRAP could happen that nobody asked for
    │   └── UnsupportedLayer     the layer has no bit-exact counterpart
    ├── BudgetError              no candidate fits
    ├── ExportError              writing firmware
    │   └── VerificationFailed   two executors disagree on one integer
    ├── ToolMissing              an outside program is not installed
    └── QCDataError              quality-control logs

An error says one line: what is wrong, where, the value, and what to do about it. The parts are
kept as attributes, so that a caller can act on them without reading the sentence.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "BudgetError",
    "ConfigError",
    "DataError",
    "ExportError",
    "OverflowPossible",
    "PrecisionError",
    "PulsefrontError",
    "QCDataError",
    "ToolMissing",
    "TruncatedFile",
    "UnsupportedFormat",
    "UnsupportedLayer",
    "VerificationFailed",
]


class PulsefrontError(Exception):
    """Base of all errors that a user can mend.

    Parameters
    ----------
    problem
        What is wrong, without a full stop.
    file, line, field, value
        Where: the file, the line in it, the key or quantity, and the offending value.
    remedy
        What the user can do.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
        value: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = Path(file) if file is not None else None
        self.line = line
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(problem, str(file) if file is not None else None, field, value, remedy)

    def __str__(self) -> str:
        file = self.file if self.line is None else f"{self.file}, line {self.line}"
        where = ": ".join(str(part) for part in (file, self.field) if part is not None)
        text = f"{where}: {self.problem}" if where else self.problem
        if self.value is not None:
            text += f" (got {self.value!r})"
        if self.remedy:
            text += f"; {self.remedy}"
        return " ".join(text.split())

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process boundaries: rebuild without calling __init__, whose arguments
        # differ from class to class.
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(
    cls: type[PulsefrontError], args: tuple[object, ...], state: dict[str, object]
) -> PulsefrontError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(PulsefrontError):
    """A configuration file, option or combination of settings is not usable."""


class DataError(PulsefrontError):
    """A data file or table does not hold what it should."""


class TruncatedFile(DataError):
    """A file ends inside a record.

    ``byte_offset`` is where the incomplete record starts, ``events_kept`` how many whole events
    lie before it.
    """

    def __init__(
        self, file: str | Path, *, byte_offset: int, events_kept: int, problem: str | None = None
    ) -> None:
        self.byte_offset = byte_offset
        self.events_kept = events_kept
        super().__init__(
            problem
            or f"ends inside the record at byte {byte_offset} after {events_kept} whole events",
            file=file,
            remedy="read it without --strict to keep the whole events",
        )


class UnsupportedFormat(DataError):
    """A file is of another format than the reader expects, or of none it knows."""


class PrecisionError(PulsefrontError):
    """A fixed-point model cannot be built or run as asked."""


class OverflowPossible(PrecisionError):
    """A layer can wrap for an input within its declared range.

    ``layer`` is its name, ``interval`` the proven range of its result in units of the output's
    least significant bit, and ``missing_bits`` how many integer bits would cure it.
    """

    def __init__(
        self, layer: str, *, interval: tuple[int, int], missing_bits: int, detail: str = ""
    ) -> None:
        self.layer = layer
        self.interval = interval
        self.missing_bits = missing_bits
        super().__init__(
            f"layer {layer!r} can reach {interval[0]} … {interval[1]} least significant bits"
            f" and would wrap{': ' + detail if detail else ''}",
            remedy=f"give it {missing_bits} more integer bit(s), ask for SAT overflow, or let it "
            f"wrap: --allow-wrap {layer}",
        )


class UnsupportedLayer(PrecisionError):
    """A layer or activation has no bit-exact counterpart in firmware."""

    def __init__(self, layer: str, *, problem: str, remedy: str) -> None:
        self.layer = layer
        super().__init__(f"layer {layer!r}: {problem}", remedy=remedy)


class BudgetError(PulsefrontError):
    """No candidate fits a budget.

    ``budget`` is its name, ``limit`` its value and ``best`` the smallest value any candidate
    reached.
    """

    def __init__(self, budget: str, *, limit: float, best: float, remedy: str) -> None:
        self.budget = budget
        self.limit = limit
        self.best = best
        super().__init__(
            f"no candidate fits {budget} ≤ {limit:g}: the best came to {best:g}", remedy=remedy
        )


class ExportError(PulsefrontError):
    """An export cannot be written or read back."""


class VerificationFailed(ExportError):
    """Two executors of one model disagree.

    ``backend`` disagrees with the reference on ``output`` of vector number ``vector``:
    ``expected`` is the integer of the reference, the model where nothing else is said, ``got`` the
    backend's.
    """

    exit_code = 1

    def __init__(
        self,
        backend: str,
        *,
        vector: int,
        output: str,
        expected: int,
        got: int,
        mismatches: int,
        compared: int,
        reference: str = "the model",
        remedy: str = "do not use this build; export again and rerun pulsefront verify",
    ) -> None:
        self.backend = backend
        self.vector = vector
        self.output = output
        self.expected = expected
        self.got = got
        self.mismatches = mismatches
        self.compared = compared
        super().__init__(
            f"{backend} differs from {reference} at vector {vector}, output {output}: "
            f"expected {expected}, got {got} ({mismatches} of {compared} integers differ)",
            remedy=remedy,
        )


class ToolMissing(PulsefrontError):
    """An outside program is needed and not there.

    ``tool`` is its name, ``install`` how to get it.
    """

    exit_code = 3

    def __init__(self, tool: str, *, needed_for: str, install: str) -> None:
        self.tool = tool
        self.install = install
        super().__init__(f"{tool} is needed for {needed_for} and was not found", remedy=install)


class QCDataError(PulsefrontError):
    """Quality-control records cannot be used."""

    exit_code = 3
