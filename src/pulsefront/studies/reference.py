"""The reference pages of ``docs/reference``, made from the models that they describe.

``python -m pulsefront.studies.reference docs/reference`` writes them; a test holds them against
the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulsefront.files import write_text
from pulsefront.reference import reference_page
from pulsefront.studies.evaluation.records import EvaluationResults
from pulsefront.studies.files.kinds import FILE_KINDS
from pulsefront.studies.kinds.crystal.records import CrystalTest
from pulsefront.studies.kinds.motion.records import MotionSplit, MotionTest
from pulsefront.studies.kinds.position.records import PositionTest
from pulsefront.studies.kinds.scan import ScanSplit
from pulsefront.studies.kinds.timing.records import TimingSplit, TimingTest
from pulsefront.studies.results import StudyResults

__all__ = ["pages", "write_pages"]


OWN_PAGES = ("study", "evaluation", "detector", "material", "board", "front_end", "failure_tables")
"""Of the files; the others have theirs from `pulsefront.measured.reference`."""


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    return {
        "results.md": reference_page(
            [
                StudyResults,
                ScanSplit,
                TimingSplit,
                MotionSplit,
                PositionTest,
                TimingTest,
                CrystalTest,
                MotionTest,
            ],
            "`results.json`",
            "Every number of a study's report, with units in the keys. A metric with an interval "
            "stands under its name, the ends of the interval under `name_low` and `name_high`. "
            "`data` and `test` have the keys of their kind of study: `ScanSplit` and "
            "`PositionTest` or `CrystalTest`, `TimingSplit` and `TimingTest`, `MotionSplit` and "
            "`MotionTest`.",
        ),
        "evaluation_results.md": reference_page(
            [EvaluationResults],
            "`results.json` of an evaluation",
            "Every number of the report of an evaluation study, with units in the keys. A metric "
            "with an interval stands under its name, the ends of the interval under `name_low` and "
            "`name_high`.",
        ),
        **{
            f"{kind.name}.md": reference_page(
                list(kind.models.values()),
                f"{kind.name.capitalize().replace('_', ' ')} files",
                f"TOML: {kind.what}. `pulsefront new` writes a start of one, `pulsefront check` "
                "lists all that is missing or wrong in it, `pulsefront help KEY` looks a key up.",
                mode="validation",
            )
            for kind in FILE_KINDS
            if kind.name in OWN_PAGES
        },
    }


def write_pages(folder: Path) -> None:
    """Write all pages into *folder*."""
    for name, text in pages().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
