"""The page of a calibration: spectra, energy resolution and coincidence time resolution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pulsefront.files import write_text
from pulsefront.measured.calibration.record import Calibration
from pulsefront.report import Callout, FigureBlock, Page, Paragraph, Section, Table, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pulsefront.report import Block

__all__ = ["write_calibration_page"]

_HOW = (
    "The peaks were looked for in the spectrum of each channel and fitted with a Gaussian on a "
    "straight background. The time resolution is the FWHM of the difference of the times of two "
    "channels whose energies both lie in the photopeak window, read from the histogram; the "
    "source's position and constant delays are taken out."
)


def write_calibration_page(found: Calibration, figure: Figure, out: Path) -> None:
    """Write the page *out* of a calibration and its figure."""
    blocks: list[Block] = [Paragraph(_HOW)]
    doubts = found.provenance.doubts or ()
    blocks += [Callout(f"Doubtful: {doubt}.", tone="warning") for doubt in doubts]
    names = [f"channel {number}" for number in found.channels] or ["charge sum"]
    peaks = [
        (
            name,
            f"{peak.energy_kev:.4g}",
            f"{peak.centre_charge:.5g} ± {peak.centre_error_charge:.2g}",
            f"{peak.resolution_fwhm_percent:.1f}",
            f"{peak.counts:,.0f}",
        )
        for name, fitted in zip(names, found.energies, strict=True)
        for peak in fitted.peaks
    ]
    head = ("", "energy (keV)", found.charge_column, "resolution (% FWHM)", "events")
    sections = [
        Section("How to read this", blocks),
        Section("Spectrum", [Table(head, peaks), FigureBlock(figure, "Spectra and time offsets")]),
    ]
    if found.resolutions:
        rows = [
            (
                f"{pair.channels[0]} − {pair.channels[1]}",
                f"{pair.ctr_fwhm_ps:.4g} ± {pair.ctr_fwhm_error_ps:.2g}",
                f"{pair.events:,}",
            )
            for pair in found.resolutions
        ]
        table = Table(("channels", "CTR (ps FWHM)", "events in both photopeaks"), rows)
        sections.append(Section(f"Coincidence time resolution, {found.time_column}", [table]))
    title = f"Calibration of {found.provenance.file}"
    told = f"{found.provenance.events:,} events without flags"
    write_text(out, render(Page(title, told, sections, {})))
