"""The figure of a calibration: spectra with their fitted peaks, gains, time offsets."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pulsefront.estimators.energy.calibration import EnergyCalibration
from pulsefront.estimators.timing.walk import WalkCorrection
from pulsefront.events.container import EventTable
from pulsefront.measured.calibration.fit import charges_by_channel
from pulsefront.measured.calibration.record import Calibration

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
        From `pulsefront.measured.calibration.fit.calibrate`.
    """
    from matplotlib.figure import Figure

    column, time = calibration.charge_column, calibration.time_column
    charges = charges_by_channel(events, column, calibration.layout, calibration.gains)
    numbers = calibration.channels or (0,)
    shown = list(zip(numbers, calibration.energies, strict=True))[:MOST_SPECTRA]
    told = calibration.resolutions or ()
    extra = bool(calibration.gains) + (time is not None) + bool(calibration.walks) + bool(told)
    panels = len(shown) + extra + (len(shown) == 1)
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(4.4 * columns, 3.4 * rows), layout="constrained")
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for number, fitted in shown:
        panel = axes.pop(0)
        draw_spectrum(panel, charges[number], fitted)
        panel.set_title("charge sum" if calibration.layout == "sum" else f"channel {number}")
        panel.set(xlabel=column, ylabel="events")
    if len(shown) == 1:
        _draw_line(axes.pop(0), shown[0][1])
    if calibration.gains:
        panel = axes.pop(0)
        panel.stem(np.array(calibration.gains), basefmt=" ")
        panel.axhline(1.0, color="0.7", zorder=0)
        panel.set(xlabel="photosensor", ylabel="gain factor", title="gains")
    if time is not None:
        panel = axes.pop(0)
        panel.plot(numbers, calibration.offsets_ns, "o")
        panel.axhline(0.0, color="0.7", zorder=0)
        panel.set(xlabel="channel", ylabel="offset (ns)", title=f"offset of {time}")
        if len(numbers) <= 2 * MOST_SPECTRA:
            panel.set_xticks(numbers)
    if calibration.walks:
        _draw_walks(axes.pop(0), calibration, calibration.walks)
    if told:
        panel = axes.pop(0)
        which = [f"{pair.channels[0]} − {pair.channels[1]}" for pair in told]
        widths, errors = zip(*((p.ctr_fwhm_ps, p.ctr_fwhm_error_ps) for p in told), strict=True)
        panel.errorbar(which, widths, yerr=errors, fmt="o")
        panel.set(xlabel="channels", ylabel="CTR (ps FWHM)", title="time resolution")
        panel.set_ylim(bottom=0.0)
        if len(told) > MOST_SPECTRA:
            panel.set_xticks([])
    for panel in axes:
        panel.set_axis_off()
    if calibration.provenance.doubts:
        doubts = "; ".join(calibration.provenance.doubts[:3])
        figure.suptitle(textwrap.fill(f"Doubtful: {doubts}", 110), color="C3", fontsize=8)
    return figure


def draw_spectrum(axes: Axes, charges: NDArray[np.float64], fitted: EnergyCalibration) -> None:
    """Draw a spectrum of charges with its fitted peaks."""
    top = max(peak.fitted_to_charge for peak in fitted.peaks) * 1.15
    counts, edges = np.histogram(charges[np.isfinite(charges)], 200, (0, top))
    axes.stairs(counts, edges, color="0.4")
    width = edges[1] - edges[0]
    highest = 0.0
    for peak in fitted.peaks:
        x = np.linspace(peak.fitted_from_charge, peak.fitted_to_charge, 200)
        y = peak.density(x) * width / peak.bin_width_charge
        label = (
            f"{peak.energy_kev:.0f} keV: {peak.resolution_fwhm_percent:.1f} % FWHM, "
            f"χ²/n {peak.chi_square_per_degree:.2f}"
        )
        axes.plot(x, y, label=label)
        highest = max(highest, float(y.max()))
    # Noise at the low end would press the peaks to the floor.
    axes.set(xlim=(0, top), ylim=(0, min(3.0 * highest, 1.1 * float(counts.max()))))
    axes.legend(fontsize=7, loc="upper right")


def _draw_line(axes: Axes, fitted: EnergyCalibration) -> None:
    x = np.array([0.0, max(peak.fitted_to_charge for peak in fitted.peaks) * 1.15])
    axes.plot(x, fitted.kev(x), color="0.4")
    for peak in fitted.peaks:
        axes.errorbar(peak.centre_charge, peak.energy_kev, xerr=peak.centre_error_charge, fmt="o")
    axes.set(xlabel="charge", ylabel="energy (keV)", title="energy scale")


def _draw_walks(
    axes: Axes, calibration: Calibration, walks: Sequence[WalkCorrection | None]
) -> None:
    for number, walk in zip(calibration.channels, walks, strict=True):
        if walk is not None:
            amplitudes = np.geomspace(walk.amplitude_low, walk.amplitude_high, 200)
            late = walk.walk(amplitudes)
            axes.plot(amplitudes, late - late[-1], label=f"channel {number}")
    axes.set(xlabel=calibration.walk_column, ylabel="later than the largest (ns)", title="walk")
    if len(walks) <= MOST_SPECTRA:
        axes.legend(fontsize=7)
