"""What a crystal study finds beside what all studies find."""

from __future__ import annotations

from pulsefront.studies.records import TestRecord

__all__ = ["CrystalTest"]


class CrystalTest(TestRecord):
    """What every estimator of the crystal reaches on the test set."""

    share_scattered_between_crystals: float
    """share of the test events that leave energy in several crystals"""
