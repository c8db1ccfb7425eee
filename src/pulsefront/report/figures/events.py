"""What the detector gives: pulses and light patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pulsefront.report.style import (
    SEQUENTIAL,
    colour_bar,
    colour_of,
    legend,
    new_figure,
    style_axes,
    title,
)

__all__ = ["light_patterns", "pulses"]


def pulses(
    time_ns: ArrayLike,
    waveforms: Mapping[str, ArrayLike],
    *,
    unit: str = "ADC counts",
    most: int = 60,
    zoom_ns: tuple[float, float] | None = None,
) -> Figure:
    """Draw single pulses faintly and their mean strongly, one colour per name.

    Parameters
    ----------
    time_ns
        (sample,).
    waveforms
        Name → (event, sample); the first *most* events are drawn.
    zoom_ns
        A second panel shows this range of time.
    """
    figure, panels = new_figure(7.2, 2.9, columns=2 if zoom_ns else 1)
    time = np.asarray(time_ns, dtype=np.float64)
    for axes in panels:
        for number, (name, values) in enumerate(waveforms.items()):
            samples = np.asarray(values, dtype=np.float64)[:most]
            colour = colour_of(number)
            axes.plot(time, samples.T, color=colour, linewidth=0.5, alpha=0.25)
            axes.plot(time, samples.mean(axis=0), color=colour, linewidth=1.8, label=name)
        axes.set_xlabel("time (ns)")
        axes.margins(x=0.01)
    panels[0].set_ylabel(unit)
    legend(panels[0], loc="best")
    if zoom_ns:
        panels[1].set_xlim(*zoom_ns)
        inside = (time >= zoom_ns[0]) & (time <= zoom_ns[1])
        seen = np.concatenate([np.asarray(v)[:most, inside].ravel() for v in waveforms.values()])
        if seen.size:
            room = 0.05 * float(np.ptp(seen) or 1)
            panels[1].set_ylim(float(seen.min()) - room, float(seen.max()) + room)
    return figure


def light_patterns(
    patterns: Sequence[ArrayLike],
    *,
    extent_mm: tuple[float, float, float, float],
    titles: Sequence[str] = (),
    truth_mm: Sequence[tuple[float, float]] = (),
    estimate_mm: Sequence[tuple[float, float]] = (),
    unit: str = "ADC counts",
) -> Figure:
    """Draw the charges of photosensor arrays as squares of colour on one scale.

    Parameters
    ----------
    patterns
        Each (ix, iy), the first axis along x.
    extent_mm
        Left, right, bottom and top edge of the array.
    truth_mm, estimate_mm
        One x, y per pattern, marked with a ring and a cross.
    """
    count = len(patterns)
    figure, panels = new_figure(min(2.4 * count + 0.6, 9.6), 2.9, columns=count)
    top = max(float(np.max(pattern)) for pattern in patterns)
    image = None
    for number, (axes, pattern) in enumerate(zip(panels, patterns, strict=True)):
        style_axes(axes, grid="none")
        image = axes.imshow(
            np.asarray(pattern, dtype=np.float64).T,
            origin="lower",
            extent=extent_mm,
            cmap=SEQUENTIAL,
            vmin=0,
            vmax=top,
            interpolation="nearest",
        )
        if number < len(truth_mm):
            axes.plot(
                *truth_mm[number], "o", mfc="none", mec="#ffffff", ms=10, mew=1.6, label="truth"
            )
        if number < len(estimate_mm):
            axes.plot(*estimate_mm[number], "x", color="#ffffff", ms=7, mew=1.6, label="estimate")
        axes.set_xlabel("x (mm)")
        if number < len(titles):
            title(axes, titles[number])
    panels[0].set_ylabel("y (mm)")
    if image is not None:
        colour_bar(image, panels, unit, shrink=0.85)
    return figure
