"""What a study file says of uncertainty per event."""

from __future__ import annotations

from pydantic import Field, field_validator

from pulsefront.search.head import HeadSettings

__all__ = ["UncertaintySettings"]


class UncertaintySettings(HeadSettings):
    """A head beside the outputs that foretells how far off they are.

    It is calibrated on selection events.

    It reads what the last hidden layer but one gives and is trained when the network is finished,
    so that the network's own outputs keep their integers.

    A study of crystals has no head: the margin between its scores is calibrated, and takes shares,
    parts and false_rate alone.
    """

    shares: tuple[float, ...] = Field(default=(0.68, 0.95), min_length=1)
    """of events that lie within the regions that are told, or whose set holds the true class"""
    parts: int = Field(default=8, ge=1, le=64)
    """parts of the events, by what the head says, that have a factor of their own; fewer where
    there are too few selection events"""
    quantile: float = Field(default=0.5, gt=0, lt=1)
    """of the error of an event that the head learns"""

    false_rate: float = Field(default=0.002, gt=0, lt=0.5)
    """share of usual inputs that each integer test of the inputs may flag"""

    @field_validator("shares")
    @classmethod
    def _within(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < share < 1 for share in shares) or len(set(shares)) < len(shares):
            raise ValueError("takes different numbers between 0 and 1")
        return shares
