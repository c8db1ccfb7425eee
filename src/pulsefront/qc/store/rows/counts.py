"""What became of the rows of a file: counted one by one, and adding up."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Counts"]


@dataclass(frozen=True)
class Counts:
    """What became of the records of a batch, a file or a run.

    Attributes
    ----------
    new
        Stored.
    duplicate
        Known already, from this file or another one.
    late
        How many of the new ones became known more than a day after they were measured.
    quarantined
        Refused, each with its reason.
    replaced
        Stored in place of another reading, which they correct.
    passed
        Looked at and nothing to store: a test that was skipped, an answer that is no number.
    withdrawn
        Withdrawn by hand before, and so left out.
    """

    new: int = 0
    duplicate: int = 0
    late: int = 0
    quarantined: int = 0
    replaced: int = 0
    passed: int = 0
    withdrawn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def rows(self) -> int:
        """All rows that are accounted for."""
        return (
            self.new + self.duplicate + self.quarantined + self.replaced + self.passed
            + self.withdrawn
        )  # fmt: skip
