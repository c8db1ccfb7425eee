"""The figure of a calibration: spectra with their fitted peaks, gains, time offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pulsefront.estimators.energy.calibration import EnergyCalibration
from pulsefront.events.container import EventTable
from pulsefront.measured.calibrate import Calibration, charges_by_channel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["calibration_figure", "draw_spectrum"]

MOST_SPECTRA = 8


def calibration_figure(calibration: Calibration, events: EventTable) -> Figure:
    """Return the spectra of up to eight channels, and what else was calibrated.

    Parameters
    ----------
    calibration, events
        From `pulsefront.measured.calibrate.calibrate`.
    """
    from matplotlib.figure import Figure

    charges = charges_by_channel(events, calibration.column, calibration.layout, calibration.gains)
    numbers = calibration.channels or (0,)
    shown = list(zip(numbers, calibration.energies, strict=True))[:MOST_SPECTRA]
    extra = bool(calibration.gains) + (calibration.time is not None)
    panels = len(shown) + extra + (len(shown) == 1)
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(4.4 * columns, 3.4 * rows), layout="constrained")
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for number, fitted in shown:
        panel = axes.pop(0)
        draw_spectrum(panel, charges[number], fitted)
        panel.set_title("charge sum" if calibration.layout == "sum" else f"channel {number}")
        panel.set(xlabel=f"{calibration.column}", ylabel="events")
    if len(shown) == 1:
        _draw_line(axes.pop(0), shown[0][1])
    if calibration.gains:
        panel = axes.pop(0)
        panel.stem(np.array(calibration.gains), basefmt=" ")
        panel.axhline(1.0, color="0.7", zorder=0)
        panel.set(xlabel="photosensor", ylabel="gain factor", title="gains")
    if calibration.time is not None:
        panel = axes.pop(0)
        panel.plot(numbers, calibration.time_offsets_ns, "o")
        panel.axhline(0.0, color="0.7", zorder=0)
        panel.set(xlabel="channel", ylabel="offset (ns)", title=f"offset of {calibration.time}")
        if len(numbers) <= 2 * MOST_SPECTRA:
            panel.set_xticks(numbers)
    for panel in axes:
        panel.set_axis_off()
    return figure


def draw_spectrum(axes: Axes, charges: NDArray[np.float64], fitted: EnergyCalibration) -> None:
    """Draw a spectrum of charges with its fitted peaks."""
    top = max(fit.high for fit in fitted.fits) * 1.15
    counts, edges = np.histogram(charges[np.isfinite(charges)], 200, (0, top))
    axes.stairs(counts, edges, color="0.4")
    width = edges[1] - edges[0]
    highest = 0.0
    for energy, fit in zip(fitted.peaks_kev, fitted.fits, strict=True):
        x = np.linspace(fit.low, fit.high, 200)
        y = fit.density(x) * width / fit.bin_width
        label = (
            f"{energy:.0f} keV: {100 * fit.resolution_fwhm:.1f} % FWHM, χ²/n {fit.chi_square:.2f}"
        )
        axes.plot(x, y, label=label)
        highest = max(highest, float(y.max()))
    # Noise at the low end would press the peaks to the floor.
    axes.set(xlim=(0, top), ylim=(0, min(3.0 * highest, 1.1 * float(counts.max()))))
    axes.legend(fontsize=7, loc="upper right")


def _draw_line(axes: Axes, fitted: EnergyCalibration) -> None:
    x = np.array([0.0, max(fit.high for fit in fitted.fits) * 1.15])
    axes.plot(x, fitted.kev(x), color="0.4")
    for energy, fit in zip(fitted.peaks_kev, fitted.fits, strict=True):
        axes.errorbar(fit.centre, energy, xerr=fit.centre_error, fmt="o")
    axes.set(xlabel="charge", ylabel="energy (keV)", title="energy scale")
