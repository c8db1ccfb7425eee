"""The mapping that explains tables of machine failures: which files, which columns.

``docs/failure_tables.md`` has an example of each shape.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel

__all__ = [
    "ErrorTable",
    "FailureTable",
    "FailureTables",
    "MachineTable",
    "ReadingTable",
    "RowTable",
]


class RowTable(FrozenModel):
    """A file, and its columns with the name of the machine and the time.

    *component* is the column that names the part; the whole machine if left out.
    """

    file: str
    unit: str
    time: str
    component: str = ""


class ReadingTable(RowTable):
    """Readings: columns of their own, named in *values*; or a row each, named by column *test*."""

    values: tuple[str, ...] = ()
    test: str = ""
    value: str = ""

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if bool(self.values) == bool(self.test and self.value):
            raise ValueError("give values, the columns of readings, or test and value")
        return self


class ErrorTable(RowTable):
    """Error events; *code* is the column that names them."""

    code: str


class FailureTable(RowTable):
    """Failures: every row is one, or the first of each run of rows where column *flag* says so."""

    flag: str = ""


class MachineTable(FrozenModel):
    """What is known of each machine: columns with its model and its age in years at the start."""

    file: str
    unit: str
    model: str = ""
    age_years: str = ""


class FailureTables(FrozenModel):
    """A mapping file.

    Attributes
    ----------
    timezone
        Of times that do not name theirs.
    time_format
        As strptime has it, where times are not ISO 8601.
    time_unit
        Where times are numbers: what they count. They then begin in the year 2000.
    readings, errors, replacements, failures, machines
        Where they stand. A replacement within a day of a failure of the same component is its
        repair; any other is preventive.
    """

    name: str = "failure tables"
    timezone: str = "UTC"
    time_format: str = ""
    time_unit: Literal["", "seconds", "minutes", "hours", "days"] = ""
    readings: tuple[ReadingTable, ...] = Field(min_length=1)
    failures: tuple[FailureTable, ...] = Field(min_length=1)
    errors: tuple[ErrorTable, ...] = ()
    replacements: tuple[RowTable, ...] = ()
    machines: MachineTable | None = None
