"""What is saved as JSON and read back: frozen, with a schema, refused by file and field."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from pulsefront.evaluate.intervals import Interval

__all__ = ["Document", "Range"]


class Document(BaseModel):
    """Base of saved results: frozen, unknown keys refused, no NaN or infinity.

    Texts are kept as they are: names of tests and units come from logs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values in the order of the fields, without those never set."""
        return self.model_dump(mode="json", exclude_unset=True)


class Range(Document):
    """A value and the ends of its interval, None where there is none."""

    value: float | None
    low: float | None
    high: float | None

    def interval(self, confidence: float, scale: float = 1.0) -> Interval | float | None:
        """Return the value with its interval at that level, scaled, or as much as there is."""
        if self.value is None:
            return None
        if self.low is None or self.high is None:
            return self.value * scale
        return Interval(self.value * scale, self.low * scale, self.high * scale, confidence)
