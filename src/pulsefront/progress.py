"""Progress for people: a bar on a terminal, plain lines in a log, nothing when not wanted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Report", "progress", "silent"]

Report = Callable[[int, int], None]
"""Called with (done, total) as work goes on; cheap enough to call once per chunk."""


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
        start = time.monotonic()

        def report(done: int, total: int) -> None:
            elapsed = max(time.monotonic() - start, 1e-6)
            bar.update(task, completed=done, total=total, rate=f"{done / elapsed:,.0f} {unit}/s")

        yield report


def _lines(title: str, unit: str, seconds_between_lines: float) -> Report:
    start = time.monotonic()
    last = start

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < seconds_between_lines and done < total:
            return
        last = now
        rate = done / max(now - start, 1e-6)
        left = (total - done) / rate if rate > 0 else float("nan")
        sys.stderr.write(
            f"{title}: {done:,} of {total:,} {unit}, {rate:,.0f} {unit}/s, {left:.0f} s left\n"
        )
        sys.stderr.flush()

    return report
