"""Units that a mapping file states, and the factor to those that the names of columns promise."""

from __future__ import annotations

from collections.abc import Mapping

from pulsefront.errors import DataError
from pulsefront.events.readers.base import EventFile

__all__ = ["factor_of"]

_SI = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "": 1.0}
_TIME = {prefix + "s": factor for prefix, factor in _SI.items()} | {"min": 60.0, "h": 3600.0}
_LENGTH = {prefix + "m": factor for prefix, factor in _SI.items()} | {"cm": 1e-2, "dm": 0.1}
_NUMBER = dict.fromkeys(("1", "", "counts", "events", "prompts", "coincidences"), 1.0)
_RATE = {"1/s": 1.0, "/s": 1.0, "s^-1": 1.0, "counts/s": 1.0, "Hz": 1.0, "cps": 1.0, "kHz": 1e3,
         "kcps": 1e3, "MHz": 1e6, "Mcps": 1e6, "1/min": 1 / 60, "cpm": 1 / 60}  # fmt: skip

_NUMBERS = ("counts", "trues", "randoms", "views")


def factor_of(file: EventFile, name: str) -> float:
    """Return what the values of a column are multiplied by to be in the unit of its name.

    ``centre_mm`` with the unit ``cm`` gives 10. Columns whose name promises no unit give 1.

    Raises
    ------
    DataError
        The unit is not known, or is one of something else.
    """
    known, wanted = _family(name)
    if wanted is None:
        return 1.0
    told = file.quantities[name].unit.strip()
    if told not in known:
        raise DataError(
            "has a unit that cannot be turned into that of its name",
            file=file.path,
            field=f"unit of {name}",
            value=told,
            remedy=f"write in the mapping file one of {', '.join(one for one in known if one)}; "
            "scale multiplies the numbers of the file first",
        )
    return known[told] / known[wanted]


def _family(name: str) -> tuple[Mapping[str, float], str | None]:
    """Return the units that a column may have, and the one that its name promises."""
    if name in _NUMBERS:
        return _NUMBER, "1"
    if name.endswith("_per_s"):
        return _RATE, "1/s"
    ending = name.rpartition("_")[2]
    return next(((units, ending) for units in (_LENGTH, _TIME) if ending in units), ({}, None))
