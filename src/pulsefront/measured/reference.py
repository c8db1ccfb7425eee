"""The reference pages of the files about measured data, made from the models that they describe.

``python -m pulsefront.measured.reference docs/reference`` writes them; a test holds them against
the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events.manifest import Manifest
from pulsefront.events.readers.tables.mapping import TableMapping
from pulsefront.files import write_text
from pulsefront.measured.calibration.record import Calibration
from pulsefront.measured.pickoff import PickoffSummary
from pulsefront.measured.scans import SplitReport
from pulsefront.reference import reference_page

__all__ = ["pages", "write_pages"]


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    return {
        "pickoff.md": reference_page(
            [PickoffSettings, PickoffSummary],
            "`pulsefront pickoff`: settings and `summary.json`",
            "`pulsefront pickoff --settings FILE.toml` takes the keys of `PickoffSettings`; what "
            "is found if it is not given is found once, from the first events, and written to "
            "`summary.json`.",
        ),
        "manifest.md": reference_page(
            [Manifest],
            "Manifests of point-source sets",
            "A manifest (TOML) makes one labelled set of a folder of measured files, for "
            "`pulsefront ingest`, for `pulsefront split` and for the `[measured]` table of a "
            "study. As CSV it has a line per scan with the columns file (several with `;` "
            "between), stage_x_mm and stage_y_mm or source_offset_mm, stage_uncertainty_mm, "
            "source, duration_s, detector_id and run.",
        ),
        "mapping.md": reference_page(
            [TableMapping],
            "Mapping files",
            "A mapping file (TOML, `--mapping`) says which array of a CSV, Parquet, NumPy, HDF5 or "
            "ROOT table is what, and in which unit.",
        ),
        "calibration.md": reference_page(
            [Calibration],
            "Calibration files",
            "`pulsefront calibrate` writes them as JSON, and `--apply` reads them.",
        ),
        "split.md": reference_page(
            [SplitReport],
            "Reports of `pulsefront split`",
            "What `pulsefront split --out` writes.",
        ),
    }


def write_pages(folder: Path) -> None:
    """Write all pages into *folder*."""
    for name, text in pages().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
