"""A mapping file to begin with: an example, or one that lists the columns of a table."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events

__all__ = ["EXAMPLE", "example_for"]

EXAMPLE = """\
# Which array of a table is what, and in which unit. Give this file with --mapping.

# sample_interval_ns = 0.5            # where there are waveforms
# delimiter = ";"                     # of a text, where it cannot be found
# decimal = ","

[columns.charge_adc]
source = "adc_*"                      # an array, a list of them, or a pattern
unit = "ADC counts"
description = "charge of each photosensor"

[columns.stage_position_mm]
source = ["stage_x", "stage_y"]       # several become one (event, n) column
unit = "mm"
description = "stage position"
scale = 10.0                          # the file holds centimetres

# [provenance]
# detector = "block 7"
"""

HEAD = """\
# Which array of {name} is what: mend names, units and meanings, and leave out what is not needed.
# Names that mean something: charge_adc (event, photosensor), waveform_adc (event, sample),
# time_ps or time_ns, channel, energy_kev, stage_position_mm (event, 2).
"""

TABLES = ("csv", "parquet", "npy", "npz", "hdf5", "root")
UNIT = re.compile(r"[(\[]([^)\]]+)[)\]]\s*$|_(ns|ps|mm|cm|kev|mv|v|adc|s)$", re.IGNORECASE)


def example_for(path: Path) -> str:
    """Return a mapping file with every array of a table; numbered ones become one column.

    Raises
    ------
    UnsupportedFormat
        The file says itself what it holds.
    DataError
        The file is missing or damaged.
    """
    opened = open_events(path, ReadOptions(unmapped=True))
    if opened.format not in TABLES:
        raise UnsupportedFormat(
            f"is {opened.format} data, which says itself what it holds",
            file=path,
            remedy="it needs no mapping file",
        )
    groups: dict[str, list[str]] = {}
    for name in opened.quantities:
        groups.setdefault(re.sub(r"\d+$", "*", name), []).append(name)
    parts = [HEAD.format(name=path.name)]
    for pattern, names in groups.items():
        several = len(names) > 1 and pattern.endswith("*")
        # A pattern fits longer names too; what it must not fit is listed instead.
        for source in [pattern] if several else names:
            column = re.sub(r"\W+", "_", source.removesuffix("*")).strip("_").lower() or "column"
            unit = UNIT.search(source.removesuffix("*").rstrip("_"))
            told = (unit[1] or unit[2]) if unit else "1"
            parts.append(
                f"[columns.{column}]\nsource = {json.dumps(source, ensure_ascii=False)}\n"
                f'unit = {json.dumps(told)}\ndescription = "what it is"\n'
            )
    return "\n".join(parts)
