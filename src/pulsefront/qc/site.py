"""What a site tells about itself: its scanners, clock, limits and the shape of its tables."""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pulsefront.config import FrozenModel
from pulsefront.qc.site_mapping import Mapping, TableColumns, WideTest
from pulsefront.qc.times import find_zone

__all__ = ["LimitFile", "Mapping", "Site", "TableColumns", "UnitSettings", "WideTest"]


class UnitSettings(FrozenModel):
    """One scanner.

    Attributes
    ----------
    aliases
        The names by which its logs call it, and called it before it was renamed.
    serial, installed_on
        Of the scanner that bears the name now; a new serial number begins a new life.
    active_from, active_to
        First and last day in clinical use.
    idle
        Pairs of days, first and last, on which it was not used.
    components
        Own name of a component → the names by which logs call it.
    """

    unit_id: str
    aliases: tuple[str, ...] = ()
    site: str = ""
    modality: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    installed_on: date | None = None
    timezone: str = ""
    active_from: date | None = None
    active_to: date | None = None
    idle: tuple[tuple[date, date], ...] = ()
    components: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("idle")
    @classmethod
    def _in_order(cls, idle: tuple[tuple[date, date], ...]) -> tuple[tuple[date, date], ...]:
        for first, last in idle:
            if last < first:
                raise ValueError(f"the idle days end on {last}, before they begin on {first}")
        return idle

    def component(self, name: str) -> str:
        """Return the own name of a component that a log calls *name*."""
        if name in self.components:
            return name
        wanted = {name, plain_number(name)}
        for own, aliases in self.components.items():
            if not wanted.isdisjoint(aliases):
                return own
        return name


class LimitFile(FrozenModel):
    """A WAD-QC limit file and the unit it is for."""

    unit_id: str
    file: Path


def _several(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


class Site(FrozenModel):
    """A site's file, ``site.toml``. Everything may be left out."""

    site: str = ""
    timezone: str = ""
    units: tuple[UnitSettings, ...] = ()
    limits: tuple[LimitFile, ...] = ()
    mappings: dict[str, Annotated[tuple[Mapping, ...], BeforeValidator(_several)]] = Field(
        default_factory=dict
    )
    """Pattern of file names (``*_daily.csv``) or paths (``PET1/*.csv``) → how to read such a file,
    in one way or, as a list, in several; the first pattern that fits counts."""
    ignore: tuple[str, ...] = ()
    """Patterns of files that are no quality control."""
    service_kinds: dict[str, str] = Field(default_factory=dict)
    """The site's words for kinds of service, for files that no mapping reads."""

    @model_validator(mode="after")
    def _zones_exist(self) -> Self:
        for name in (self.timezone, *(unit.timezone for unit in self.units)):
            if name:
                find_zone(name)
        return self

    @model_validator(mode="after")
    def _names_tell_units(self) -> Self:
        seen: dict[tuple[str, str], str] = {}
        for unit in self.units:
            for name in dict.fromkeys((unit.unit_id, *unit.aliases)):
                other = seen.setdefault((unit.site, name), unit.unit_id)
                if other != unit.unit_id:
                    raise ValueError(
                        f"{name!r} is the name of both {other!r} and {unit.unit_id!r}; "
                        "give their sites if they differ"
                    )
        return self

    def unit(self, name: str, site: str = "") -> UnitSettings:
        """Return the settings of the unit that a log of some *site* calls *name*.

        A number that a spreadsheet wrote with a decimal (``1.0``) names the unit ``1``.
        """
        found = self._named(name, site) or self._named(plain_number(name), site)
        return found or UnitSettings(unit_id=plain_number(name))

    def _named(self, name: str, site: str) -> UnitSettings | None:
        units = [u for u in self.units if name == u.unit_id or name in u.aliases]
        here = [unit for unit in units if site and unit.site == site]
        if here:
            return here[0]
        # A name that several sites use needs the site; any other one does not.
        return units[0] if units and (len(units) == 1 or not site) else None

    def zone(self, name: str, site: str = "") -> str:
        """Return the time zone of a unit, empty where the site does not say."""
        return self.unit(name, site).timezone or self.timezone

    def mappings_of(self, path: Path) -> tuple[str, tuple[Mapping, ...]]:
        """Return the first pattern that fits a file and its mappings; nothing where none does."""
        for pattern, mappings in self.mappings.items():
            if fits(path, pattern):
                return pattern, mappings
        return "", ()

    def ignores(self, path: Path) -> bool:
        """Return whether a file is said to be no quality control."""
        return any(fits(path, pattern) for pattern in self.ignore)


def fits(path: PurePath, pattern: str) -> bool:
    """Return whether a pattern fits a file's name or, where it has a slash, the end of its path."""
    parts = pattern.strip("/").split("/")
    names = path.parts[-len(parts) :]
    return len(names) == len(parts) and all(map(fnmatch, names, parts))


_WHOLE = re.compile(r"\s*(\d+)\.0+\s*")


def plain_number(text: str) -> str:
    """Return ``1`` for ``1.0``, and any other text as it is."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text
