"""Open whatever holds a scan: a trace, a table of centroids, or list mode."""

from __future__ import annotations

from pathlib import Path

from pulsefront.errors import DataError
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.motion.readers.list_mode import (
    ListModeSettings,
    is_list_mode,
    trace_of_list_mode,
)
from pulsefront.motion.readers.tables import is_trace_table, trace_of_table
from pulsefront.motion.traces.store import is_trace_file, read_trace
from pulsefront.motion.traces.trace import MotionTrace
from pulsefront.progress import Report, silent

__all__ = ["open_trace"]


def open_trace(
    path: str | Path,
    options: ReadOptions | None = None,
    *,
    format_name: str | None = None,
    list_mode: ListModeSettings | None = None,
    report: Report = silent,
) -> tuple[MotionTrace, tuple[float, ...]]:
    """Return the trace of a scan, and the times at which its uninterrupted parts end.

    Raises
    ------
    DataError
        The file is missing or damaged, or holds no trace.
    """
    path = Path(path)
    if is_trace_file(path):
        return read_trace(path)
    file = open_events(path, options or ReadOptions(), format_name=format_name)
    if is_trace_table(file):
        return trace_of_table(file)
    if is_list_mode(file):
        return trace_of_list_mode(file, list_mode or ListModeSettings(), report=report)
    raise DataError(
        "holds neither a centre of distribution nor coincidences",
        file=path,
        field="centre_mm",
        remedy="name in the mapping file its columns centre_mm (pulsefront motion mapping), or "
        "end_0_mm and end_1_mm of lines of response",
    )
