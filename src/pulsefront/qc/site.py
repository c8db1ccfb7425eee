"""What a site tells about itself: its scanners, clock, limits and the shape of its tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, field_validator, model_validator

from pulsefront.config import FrozenModel
from pulsefront.qc.times import DateOrder, find_zone

__all__ = ["LimitFile", "Mapping", "Site", "TableColumns", "UnitSettings"]


class TableColumns(FrozenModel):
    """Which column of a table holds which quantity; empty where the table has none.

    ``unit`` is another word for ``measurement_unit``.
    """

    unit_id: str = ""
    component_id: str = ""
    test: str = ""
    value: str = ""
    measurement_unit: str = Field(
        default="", validation_alias=AliasChoices("measurement_unit", "unit")
    )
    reference: str = ""
    action_low: str = ""
    tolerance_low: str = ""
    tolerance_high: str = ""
    action_high: str = ""
    limit_unit: str = ""
    status: str = ""
    measured_at: str = ""
    available_at: str = ""
    baseline_id: str = ""
    software_version: str = ""
    code: str = ""
    severity: str = ""
    occurred_at: str = ""
    kind: str = ""
    reported_at: str = ""
    started_at: str = ""
    completed_at: str = ""
    logged_at: str = ""
    downtime_hours: str = ""
    site: str = ""
    modality: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    installed_on: str = ""
    timezone: str = ""


_REQUIRED: dict[str, tuple[str, ...]] = {
    "measurement": ("unit_id", "test", "value", "measured_at"),
    "event": ("unit_id", "code", "occurred_at"),
    "service": ("unit_id", "kind", "reported_at"),
    "unit": ("unit_id",),
}


class Mapping(FrozenModel):
    """How to read one kind of CSV or Parquet table.

    ``table`` says what its rows are. ``fixed`` gives quantities that no column holds, such as the
    unit of a table about one scanner. A record is taken to be known ``available_delay_hours``
    after it was measured where no column says so.
    """

    table: Literal["measurement", "event", "service", "unit"] = "measurement"
    columns: TableColumns
    fixed: dict[str, str] = Field(default_factory=dict)
    date_order: DateOrder | None = None
    timezone: str = ""
    delimiter: str = ""
    decimal_comma: bool | None = None
    available_delay_hours: float = Field(default=0.0, ge=0.0)
    kinds: dict[str, str] = Field(default_factory=dict)
    """The site's words for kinds of service, each with the kind it means."""

    @field_validator("fixed")
    @classmethod
    def _one_word_for_the_unit(cls, fixed: dict[str, str]) -> dict[str, str]:
        return {"measurement_unit" if n == "unit" else n: text for n, text in fixed.items()}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in _REQUIRED[self.table]:
            if not getattr(self.columns, name) and name not in self.fixed:
                raise ValueError(f"a {self.table} table needs a column or fixed value for {name!r}")
        if self.timezone:
            find_zone(self.timezone)
        return self


class UnitSettings(FrozenModel):
    """One scanner; ``aliases`` are the names by which its logs call it."""

    unit_id: str
    aliases: tuple[str, ...] = ()
    modality: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    installed_on: date | None = None
    timezone: str = ""


class LimitFile(FrozenModel):
    """A WAD-QC limit file and the unit it is for."""

    unit_id: str
    file: Path


class Site(FrozenModel):
    """A site's file, ``site.toml``. Everything may be left out."""

    site: str = ""
    timezone: str = ""
    units: tuple[UnitSettings, ...] = ()
    limits: tuple[LimitFile, ...] = ()
    mappings: dict[str, Mapping] = Field(default_factory=dict)
    """File name pattern (``*_daily.csv``) → how to read such a file."""

    @model_validator(mode="after")
    def _zones_exist(self) -> Self:
        for name in (self.timezone, *(unit.timezone for unit in self.units)):
            if name:
                find_zone(name)
        return self

    def unit(self, name: str) -> UnitSettings:
        """Return the settings of the unit that a log calls *name*."""
        for unit in self.units:
            if name == unit.unit_id or name in unit.aliases:
                return unit
        return UnitSettings(unit_id=name)

    def zone(self, name: str) -> str:
        """Return the time zone of a unit, empty where the site does not say."""
        return self.unit(name).timezone or self.timezone
