"""How a site's own tables are read: which column, test or part of the path holds which quantity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from pulsefront.config import FrozenModel
from pulsefront.qc.times import DateOrder, check_date_format, find_zone

__all__ = ["FileFormat", "Mapping", "TableColumns", "WideTest"]

FileFormat = Literal[
    "table", "qatrack", "siemens", "varian-mpc", "philips-gemini", "ge-qap", "dicom-sr"
]
"""What a mapping reads: a table by its columns, or a format that tells everything but the unit."""

ColumnName = str | tuple[str, ...]
"""A column, or several whose texts are joined: a date and a time, a head and a block."""


class TableColumns(FrozenModel):
    """Which column of a table holds which quantity; empty where the table has none.

    ``unit`` is another word for ``measurement_unit``. Several columns in a list are joined: times
    with a space, anything else with a slash.
    """

    unit_id: ColumnName = ""
    component_id: ColumnName = ""
    test: ColumnName = ""
    value: ColumnName = ""
    measurement_unit: ColumnName = Field(
        default="", validation_alias=AliasChoices("measurement_unit", "unit")
    )
    reference: ColumnName = ""
    action_low: ColumnName = ""
    tolerance_low: ColumnName = ""
    tolerance_high: ColumnName = ""
    action_high: ColumnName = ""
    limit_unit: ColumnName = ""
    status: ColumnName = ""
    measured_at: ColumnName = ""
    available_at: ColumnName = ""
    baseline_id: ColumnName = ""
    software_version: ColumnName = ""
    code: ColumnName = ""
    severity: ColumnName = ""
    occurred_at: ColumnName = ""
    kind: ColumnName = ""
    reported_at: ColumnName = ""
    started_at: ColumnName = ""
    completed_at: ColumnName = ""
    logged_at: ColumnName = ""
    downtime_hours: ColumnName = ""
    site: ColumnName = ""
    modality: ColumnName = ""
    vendor: ColumnName = ""
    model: ColumnName = ""
    serial: ColumnName = ""
    installed_on: ColumnName = ""
    timezone: ColumnName = ""
    active_from: ColumnName = ""
    active_to: ColumnName = ""

    def given(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each quantity that has columns, and their names."""
        for quantity in type(self).model_fields:
            columns = getattr(self, quantity)
            names = (columns,) if isinstance(columns, str) else columns
            if any(names):
                yield quantity, tuple(names)


class WideTest(FrozenModel):
    """What one column of a wide table is: a test, and what no column tells of it."""

    test: str
    component_id: str = ""
    measurement_unit: str = Field(
        default="", validation_alias=AliasChoices("measurement_unit", "unit")
    )
    reference: float | None = None
    action_low: float | None = None
    tolerance_low: float | None = None
    tolerance_high: float | None = None
    action_high: float | None = None


def _wide_test(value: Any) -> Any:
    return {"test": value} if isinstance(value, str) else value


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_REQUIRED: dict[str, tuple[str, ...]] = {
    "measurement": ("unit_id", "test", "value", "measured_at"),
    "event": ("unit_id", "code", "occurred_at"),
    "service": ("unit_id", "kind", "reported_at"),
    "unit": ("unit_id",),
}


class Mapping(FrozenModel):
    """How to read one kind of CSV or Parquet table.

    ``table`` says what its rows are. In a wide table, ``tests`` says by column which test it is.
    ``fixed`` gives quantities that no column holds, such as the unit of a table about one scanner;
    ``path`` is a regular expression for the path of the file, whose named groups are quantities
    too. A record is known ``available_delay_hours`` after it was measured where that is given and
    no column says so, and when its file arrives where it is not.
    """

    table: Literal["measurement", "event", "service", "unit"] = "measurement"
    format: FileFormat = "table"
    columns: TableColumns = TableColumns()
    tests: dict[str, Annotated[WideTest, BeforeValidator(_wide_test)]] = Field(default_factory=dict)
    fixed: dict[str, str] = Field(default_factory=dict)
    path: str = ""
    skip_lines: int = Field(default=0, ge=0)
    header: tuple[str, ...] = ()
    """Names of the columns of a table whose first line holds values already."""
    date_order: DateOrder | None = None
    date_format: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    timezone: str = ""
    delimiter: str = ""
    decimal_comma: bool | None = None
    available_delay_hours: float | None = Field(default=None, ge=0.0)
    kinds: dict[str, str] = Field(default_factory=dict)
    """The site's words for kinds of service, each with the kind it means."""

    @field_validator("fixed")
    @classmethod
    def _one_word_for_the_unit(cls, fixed: dict[str, str]) -> dict[str, str]:
        renamed = {"measurement_unit" if n == "unit" else n: text for n, text in fixed.items()}
        unknown = sorted(set(renamed) - set(TableColumns.model_fields))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no quantity of a record")
        return renamed

    @field_validator("delimiter", mode="wrap")
    @classmethod
    def _one_sign(cls, value: Any, text_of: ValidatorFunctionWrapHandler) -> str:
        if value in {"\t", " "}:  # stripped, it would be nothing
            return str(value)
        text = str(text_of(value))
        named = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}
        sign = named.get(text.lower(), text)
        if len(sign) > 1:
            raise ValueError("a delimiter is one sign, or tab or space")
        return sign

    @field_validator("date_format")
    @classmethod
    def _formats_of_dates(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for text in formats:
            check_date_format(text)
        return formats

    @field_validator("path")
    @classmethod
    def _groups_are_quantities(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        unknown = sorted(set(groups) - set(TableColumns.model_fields))
        if unknown:
            raise ValueError(f"the group {unknown[0]!r} is no quantity of a record")
        return pattern

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.timezone:
            find_zone(self.timezone)
        if self.tests and self.table != "measurement":
            raise ValueError("only a table of measurements has tests as columns")
        if self.format != "table":
            return self
        there = {name for name, _ in self.columns.given()} | set(self.fixed)
        there |= set(re.compile(self.path).groupindex)
        if self.tests:
            there |= {"test", "value"}
        for name in _REQUIRED[self.table]:
            if name not in there:
                raise ValueError(f"a {self.table} table needs a column or fixed value for {name!r}")
        return self
