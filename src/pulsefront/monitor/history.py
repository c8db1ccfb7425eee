"""The checks of one profile, oldest first, in a JSON file that is written whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from pulsefront.errors import ConfigError, DataError
from pulsefront.evaluate.sequential import ShiftEstimate
from pulsefront.files import write_text
from pulsefront.monitor.batch import WatchedEvents
from pulsefront.monitor.check import Checked, Estimates
from pulsefront.monitor.profile import Profile

__all__ = ["MOST_CHECKS", "CheckHistory", "CheckRecord", "read_history"]

MOST_CHECKS = 1440
"""Two months of hourly checks are kept; the longest mean is over a week."""

JUDGED_CHECKS = 336
"""The newest of them say since when; older ones change no mean."""


@checked_dataclass(frozen=True)
class CheckRecord:
    """One check as it is kept: when, of what, the estimates of all quantities, what had moved."""

    at: str
    source: str
    vectors: int
    data_sha256: str
    estimates: dict[str, ShiftEstimate | None]
    moved: tuple[str, ...]


@dataclass(frozen=True)
class CheckHistory:
    """Checks against one profile."""

    profile_sha256: str
    checks: tuple[CheckRecord, ...] = ()

    def judged(self) -> tuple[CheckRecord, ...]:
        """Return the checks that are looked at."""
        return self.checks[-JUDGED_CHECKS:]

    def past(self) -> dict[str, list[ShiftEstimate | None]]:
        """Return quantity → its estimates, oldest first; None where a check has none."""
        names = dict.fromkeys(name for one in self.judged() for name in one.estimates)
        return {name: [one.estimates.get(name) for one in self.judged()] for name in names}

    def refuse_again(self, batch: WatchedEvents, source: str) -> None:
        """Refuse events that were checked already: they would count as new evidence.

        Raises
        ------
        DataError
            The same integers stand in the history.
        """
        digest = batch.sha256()
        for one in self.checks:
            if one.data_sha256 == digest:
                raise DataError(
                    f"the same events were checked at {one.at}; nothing is counted twice",
                    file=source,
                    remedy="check new events, or leave --history out",
                )

    def added(
        self, checked: Checked, batch: WatchedEvents, *, source: str, at: str
    ) -> CheckHistory:
        """Return the history with a check more.

        Raises
        ------
        ConfigError
            *at* (ISO 8601) is not after the newest check.
        """
        if self.checks and at <= self.checks[-1].at:
            raise ConfigError(
                f"the newest check of the history is of {self.checks[-1].at}",
                field="--at",
                value=at,
                remedy="check events in the order in which they were recorded",
            )
        names = tuple(verdict.name for verdict in checked.moved)
        record = CheckRecord(
            at, source, checked.vectors, batch.sha256(), _rounded(checked.estimates), names
        )
        return replace(self, checks=(*self.checks, record)[-MOST_CHECKS:])

    def write(self, path: str | Path) -> None:
        """Write the history, whole or not at all."""
        write_text(path, ADAPTER.dump_json(self, indent=None).decode() + "\n")


ADAPTER = TypeAdapter(CheckHistory)


def _rounded(estimates: Estimates) -> Estimates:
    """Return the estimates with six digits: a year of them is to stay readable."""
    return {
        name: None
        if one is None
        else ShiftEstimate(
            float(f"{one.shift:.6g}"),
            float(f"{one.variance:.6g}"),
            float(f"{one.reference_variance:.6g}"),
            one.degrees_of_freedom,
        )
        for name, one in estimates.items()
    }


def read_history(path: str | Path, profile: Profile) -> CheckHistory:
    """Read the checks of *profile*; none where there is no such file yet.

    Raises
    ------
    DataError
        The file is damaged, or belongs to another profile.
    """
    file = Path(path)
    if not file.exists():
        return CheckHistory(profile.sha256)
    try:
        found = ADAPTER.validate_json(file.read_bytes())
    except ValidationError:
        raise DataError(
            "is no history of checks", file=file, remedy="name another file, or remove it"
        ) from None
    if found.profile_sha256 != profile.sha256:
        raise DataError(
            "belongs to another profile",
            file=file,
            field="profile_sha256",
            value=found.profile_sha256[:12],
            remedy="keep a history for each profile, or begin a new one",
        )
    return found
