"""The mapping that explains tables of machine failures: which files, which columns.

``docs/failure_tables.md`` has an example of each shape.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pulsefront.config import FrozenModel

__all__ = [
    "HOURS_OF_A_DAY",
    "ErrorTable",
    "FailureTable",
    "FailureTables",
    "MachineTable",
    "ReadingTable",
    "TimedTable",
]


HOURS_OF_A_DAY = (1, 2, 3, 4, 6, 8, 12, 24)
"""Hours that divide a day, so that every day has its rows at the same times."""


class TimedTable(FrozenModel):
    """A file, and its columns with the name of the machine and the time.

    *component* is the column that names the part; the whole machine if left out.
    """

    file: str
    unit: str
    time: str
    component: str = ""


class ReadingTable(TimedTable):
    """Readings: columns of their own, named in *values*; or a row each, named by column *test*."""

    values: tuple[str, ...] = ()
    test: str = ""
    value: str = ""

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if bool(self.values) == bool(self.test and self.value):
            raise ValueError("give values, the columns of readings, or test and value")
        return self


class ErrorTable(TimedTable):
    """Error events; *code* is the column that names them."""

    code: str


class FailureTable(TimedTable):
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
    every_hours
        Hours from one row to the next, which divide a day; left out, a quarter of the horizon, from
        3 hours to a day.
    readings, errors, replacements, failures, machines
        Where they stand. A replacement within a day of a failure of the same component is its
        repair; any other is preventive.
    """

    name: str = "failure tables"
    timezone: str = "UTC"
    time_format: str = ""
    time_unit: Literal["", "seconds", "minutes", "hours", "days"] = ""
    every_hours: int | None = None
    readings: tuple[ReadingTable, ...] = Field(min_length=1)
    failures: tuple[FailureTable, ...] = Field(min_length=1)
    errors: tuple[ErrorTable, ...] = ()
    replacements: tuple[TimedTable, ...] = ()
    machines: MachineTable | None = None

    @field_validator("every_hours")
    @classmethod
    def _divides_a_day(cls, hours: int | None) -> int | None:
        if hours is not None and hours not in HOURS_OF_A_DAY:
            raise ValueError(f"give one of {', '.join(map(str, HOURS_OF_A_DAY))}, or leave it out")
        return hours
