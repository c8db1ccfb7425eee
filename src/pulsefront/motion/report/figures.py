"""The trace, and what was found drawn over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pulsefront.motion.find import FoundMotion
from pulsefront.motion.traces.trace import AXES
from pulsefront.report.style import MUTED, colour_of, legend, new_figure

__all__ = ["trace_figure"]

MOST_POINTS = 500
BAD, MOVE, DOUBT, TRUE = colour_of(3), colour_of(1), MUTED, colour_of(4)


def trace_figure(found: FoundMotion, true_s: Sequence[float] = ()) -> Figure:
    """Return the centre along x, y, z and the rate over time.

    Movements are vertical lines, true ones dashed where they are known; what is wrong with the data
    is shaded; frames without a decision are hatched.

    Parameters
    ----------
    true_s
        Begins of the true movements.
    """
    figure, axes = new_figure(9.6, 7.6, rows=4, height_ratios=(1, 1, 1, 0.7))
    trace = found.trace
    minutes = (trace.time_s + trace.duration_s / 2) / 60
    step = max(len(trace) // MOST_POINTS, 1)
    known = np.zeros(len(trace), np.bool_)
    for frame in found.frames:
        if frame.decided:
            known |= (trace.time_s >= frame.start_s) & (trace.time_s < frame.stop_s)
    for a, axis in enumerate(axes[:3]):
        middle = np.nanmedian(trace.centre_mm[:, a]) if len(trace) else 0.0
        values = trace.centre_mm[:, a] - middle
        axis.errorbar(
            minutes[::step], values[::step], trace.error_mm[::step, a], fmt=".", markersize=2.5,
            elinewidth=0.5, color=colour_of(0), ecolor=MUTED, alpha=0.75, zorder=2,
        )  # fmt: skip
        axis.set_ylabel(f"centre {AXES[a]} (mm)")
        if known.any():
            # What cannot be decided may lie anywhere: the axes follow the rest.
            low, high = values[known].min(), values[known].max()
            room = 0.08 * (high - low) + 3 * float(np.median(trace.error_mm[known, a]))
            axis.set_ylim(low - room, high + room)
    axes[3].plot(minutes[::step], trace.rate_per_s[::step] / 1e3, color=colour_of(2), linewidth=0.9)
    axes[3].set_ylabel("1000 counts/s")
    axes[3].set_ylim(bottom=0)
    axes[3].set_xlabel("time (min)")
    shown: set[str] = set()

    def once(label: str) -> str:
        new = label not in shown
        shown.add(label)
        return label if new else "_"

    for axis in axes:
        for when in true_s:
            axis.axvline(when / 60, color=TRUE, linewidth=1.1, linestyle="--", zorder=3,
                         label=once("true movement"))  # fmt: skip
        for move in found.moves:
            axis.axvline(move.start_s / 60, color=MOVE, linewidth=1.3, label=once("movement"))
        for one in found.findings:
            if one.kind in {"times out of order", "start"}:
                continue
            wide = max(one.stop_s - one.start_s, 0.002 * max(trace.stop_s, 1.0))
            axis.axvspan(one.start_s / 60, (one.start_s + wide) / 60, color=BAD, alpha=0.22,
                         linewidth=0, label=once("not motion: see findings"))  # fmt: skip
        for frame in found.frames:
            if not frame.decided:
                axis.axvspan(frame.start_s / 60, frame.stop_s / 60, facecolor="none",
                             edgecolor=DOUBT, hatch="///", linewidth=0, alpha=0.35,
                             label=once("no decision"))  # fmt: skip
    for axis in axes[:3]:
        axis.tick_params(labelbottom=False)
    if shown:
        legend(axes[0])
    return figure
