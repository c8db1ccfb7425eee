"""The kinds of study, in one place: what each is called and what it is made of.

A new kind is a folder beside this file that fits `base.StudyKind`, and its lines here.
"""

from __future__ import annotations

from pulsefront.studies.kinds.base import StudyKind
from pulsefront.studies.kinds.crystal.kind import CrystalKind
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.kinds.motion.kind import MotionKind
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.kinds.position.kind import PositionKind
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.timing.kind import TimingKind
from pulsefront.studies.kinds.timing.settings import TimingStudy

__all__ = ["STUDY_FILES", "AnyStudy", "StudyKind", "kind_of"]

AnyStudy = CrystalStudy | MotionStudy | PositionStudy | TimingStudy

STUDY_FILES: dict[str, type[AnyStudy]] = {
    "crystal": CrystalStudy,
    "motion": MotionStudy,
    "position": PositionStudy,
    "timing": TimingStudy,
}
"""What ``kind`` in a study file stands for."""


def kind_of(study: AnyStudy) -> StudyKind:
    """Return everything that is particular to the kind of *study*."""
    match study:
        case CrystalStudy():
            return CrystalKind(study)
        case MotionStudy():
            return MotionKind(study)
        case PositionStudy():
            return PositionKind(study)
        case TimingStudy():
            return TimingKind(study)
