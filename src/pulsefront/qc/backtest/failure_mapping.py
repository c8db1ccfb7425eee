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
    """A file, and its columns with the name of the machine and the time."""

    file: str
    """within the folder of the tables"""
    unit: str
    """column with the name of the machine"""
    time: str
    """column with the time"""
    component: str = ""
    """column that names the part; the whole machine if left out"""


class ReadingTable(TimedTable):
    """Readings: columns of their own, named in *values*; or a row each, named by column *test*."""

    values: tuple[str, ...] = ()
    """columns of readings, one for each quantity"""
    test: str = ""
    """column that names the quantity, where every reading has a row"""
    value: str = ""
    """column with the reading, where every reading has a row"""

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if bool(self.values) == bool(self.test and self.value):
            raise ValueError("give values, the columns of readings, or test and value")
        return self


class ErrorTable(TimedTable):
    """Error events."""

    code: str
    """column that names the error"""


class FailureTable(TimedTable):
    """Failures: every row is one, or the first of each run of rows where column *flag* says so."""

    flag: str = ""
    """column that says which rows are failures; every row if left out"""


class MachineTable(FrozenModel):
    """What is known of each machine."""

    file: str
    """within the folder of the tables"""
    unit: str
    """column with the name of the machine"""
    model: str = ""
    """column with its model"""
    age_years: str = ""
    """column with its age in years at the start"""


class FailureTables(FrozenModel):
    """A mapping file."""

    name: str = "failure tables"
    """in results and on the page"""
    timezone: str = "UTC"
    """of times that do not name theirs"""
    time_format: str = ""
    """as strptime has it, where times are not ISO 8601"""
    time_unit: Literal["", "seconds", "minutes", "hours", "days"] = ""
    """where times are numbers: what they count; they then begin in the year 2000"""
    every_hours: int | None = None
    """hours from one row to the next, which divide a day; left out, a quarter of the horizon, from
    3 hours to a day"""
    readings: tuple[ReadingTable, ...] = Field(min_length=1)
    """where the readings stand"""
    failures: tuple[FailureTable, ...] = Field(min_length=1)
    """where the failures stand"""
    errors: tuple[ErrorTable, ...] = ()
    """where the errors stand"""
    replacements: tuple[TimedTable, ...] = ()
    """where the replacements stand; one within a day of a failure of the same component is its
    repair, any other is preventive"""
    machines: MachineTable | None = None
    """where model and age of the machines stand"""

    @field_validator("every_hours")
    @classmethod
    def _divides_a_day(cls, hours: int | None) -> int | None:
        if hours is not None and hours not in HOURS_OF_A_DAY:
            raise ValueError(f"give one of {', '.join(map(str, HOURS_OF_A_DAY))}, or leave it out")
        return hours
