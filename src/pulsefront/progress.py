"""Progress for people: a bar on a terminal, plain lines in a log, nothing when not wanted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Report", "progress", "silent"]

Report = Callable[[int, int], None]
"""Called with (done, total) as work goes on; cheap enough to call once per chunk.

A total of 0 is not known yet; the last call states it.
"""


def silent(done: int, total: int) -> None:
    """Report nothing."""


@contextmanager
def progress(title: str, unit: str, *, seconds_between_lines: float = 10.0) -> Iterator[Report]:
    """Yield a `Report` that shows *title*, rate in *unit*/s and time left on standard error."""
    if sys.stderr.isatty():
        with _bar(title, unit) as report:
            yield report
    else:
        yield _lines(title, unit, seconds_between_lines)


@contextmanager
def _bar(title: str, unit: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task(title, total=None, rate="")
        pace = _Pace()

        def report(done: int, total: int) -> None:
            rate = pace.rate(done, time.monotonic())
            bar.update(task, completed=done, total=total or None, rate=_rate_text(rate, unit))

        yield report


class _Pace:
    """Units per second since the first second; what is done by then may be an earlier run's."""

    def __init__(self) -> None:
        self.start = self.since = time.monotonic()
        self.done_before = 0

    def rate(self, done: int, now: float) -> float:
        if now - self.start < 1.0:
            self.since, self.done_before = now, done
            return done / max(now - self.start, 1e-6)
        return (done - self.done_before) / max(now - self.since, 1e-6)


def _rate_text(rate: float, unit: str) -> str:
    """Return a rate as people say it: slow units in seconds each."""
    if 0 < rate < 1:
        return f"{1 / rate:,.0f} s per {unit.removesuffix('s')}"
    return f"{rate:,.0f} {unit}/s"


def _lines(title: str, unit: str, seconds_between_lines: float) -> Report:
    pace = _Pace()
    last = pace.start

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        rate = pace.rate(done, now)
        if now - last < seconds_between_lines and (done < total or not total):
            return
        last = now
        of = f" of {total:,}" if total else ""
        until = f", {(total - done) / rate:.0f} s left" if total and rate > 0 else ""
        sys.stderr.write(f"{title}: {done:,}{of} {unit}, {_rate_text(rate, unit)}{until}\n")
        sys.stderr.flush()

    return report
