"""The pictures of a timing study: pulses, spectra, time differences, bias over the offset."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from pulsefront.detector import load_detector
from pulsefront.events import store
from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import (
    bias_curves,
    importance_bars,
    pulses,
    residual_histograms,
)
from pulsefront.report.figures.spectrum import spectrum
from pulsefront.simulate.inspect import describe_detector
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds.base import Ranking
from pulsefront.studies.kinds.timing.data import charges_adc
from pulsefront.studies.kinds.timing.records import TimingLimit, TimingSplit, TimingTest
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.measured_events import polarity_rows
from pulsefront.studies.metrics import BIAS, CTR_FWHM

__all__ = ["data_blocks", "error_blocks", "ranking_figure"]


def data_blocks(study: TimingStudy, folders: RunFolders) -> list[Block]:
    """Return detector, pulses and spectra."""
    detector = load_detector(study.detector)
    numbers, drawing = describe_detector(study.detector)
    digitizer = detector.waveform_digitizer
    data = TimingSplit.read(folders.split)
    parts = read_split(folders)
    interval = digitizer.sample_interval_ns
    shown = parts.events["waveform_adc"][parts.split.test[:60]]
    time = np.arange(shown.shape[2]) * interval
    start = digitizer.pre_trigger_samples * interval
    everything = store.read(folders.events)
    charge = charges_adc(study, everything)
    names = [f"detector {side}" for side in (0, 1)]
    peaks = (
        (data.photopeak_0_adc, data.photopeak_0_sigma_adc),
        (data.photopeak_1_adc, data.photopeak_1_sigma_adc),
    )
    reach = data.photopeak_window_sigmas
    windows = {
        name: (peak - reach * sigma, peak + reach * sigma)
        for name, (peak, sigma) in zip(names, peaks, strict=True)
    }
    offsets = sorted({float(o) for o in np.unique(everything["source_offset_mm"])})
    return [
        Paragraph(f"{detector.description}."),
        Table(
            ("quantity", "value", "unit"),
            [
                *numbers,
                (
                    "energy resolution in these data, FWHM",
                    f"{data.energy_resolution_0_fwhm_percent:.1f}",
                    "%",
                ),
                ("sampling interval", f"{interval:g}", "ns"),
                ("converter", digitizer.adc_bits, "bits"),
                *polarity_rows(everything),
                ("source offsets", ", ".join(f"{o:g}" for o in offsets), "mm"),
            ],
        ),
        FigureBlock(drawing, "Side view of one detector, and its photosensor from the front"),
        FigureBlock(
            pulses(
                time,
                {name: shown[:, side] for side, name in enumerate(names)},
                zoom_ns=(start - 8 * interval, start + 12 * interval),
            ),
            "Pulses of both detectors",
            "Sixty test coincidences and their mean; right, the leading edge.",
        ),
        FigureBlock(
            spectrum(
                {name: charge[:, side] for side, name in enumerate(names)},
                label="charge (ADC counts × samples)",
                windows=windows,
            ),
            "Spectra of both detectors with the photopeak windows",
            "Charge of all coincidences; both must lie in the shaded windows.",
        ),
    ]


def error_blocks(folders: RunFolders) -> list[Block]:
    """Return residual histograms, bias over the source offset and the check against truth."""
    test = TimingTest.read(folders.evaluation)
    rows = test.estimators
    names = list(rows)
    with np.load(folders.evaluation_arrays) as arrays:
        residuals = {name: arrays[f"residual_{name}_ps"] for name in names}
        offsets = arrays["known_difference_ps"]
    return [
        FigureBlock(
            residual_histograms(
                residuals,
                label="estimated − known time difference",
                unit="ps",
                fwhm={name: rows[name][CTR_FWHM.key].value for name in names},
            ),
            "Histograms of the time differences",
            "Time differences after subtraction of the known source offset.",
        ),
        FigureBlock(
            bias_curves(
                offsets,
                residuals,
                label="known time difference (ps)",
                residual_label="mean residual (ps)",
            ),
            "Bias over the source offset",
            "Mean residual at each test offset, none of which was trained on.",
        ),
        Table(
            ("estimator", "bias per 10 ps of offset (ps)", "largest median bias of an offset (ps)"),
            [
                (
                    name,
                    row.intervals.get(BIAS.key, "one offset"),
                    row.numbers["largest_offset_bias_ps"],
                )
                for name, row in rows.items()
            ],
            caption="Largest distance of an offset's median residual from that of all offsets.",
        ),
        *_against_truth(test),
    ]


def _against_truth(test: TimingTest) -> list[Block]:
    """Return what only simulated events can tell."""
    limit, told, check = test.limit, test.truth_reference, test.truth_check
    if limit is None or told is None or check is None:
        return []
    fwhm, fwtm = told.ctr_fwhm_ps, told.ctr_fwtm_ps
    return [
        Paragraph(_bound_words(limit)),
        Paragraph(
            "What the samples hold: a float network of "
            f"{'-'.join(map(str, told.hidden))} nodes that was told the simulation's true "
            f"arrival of each detector in training reaches {fwhm.value:.0f} ps "
            f"[{fwhm.low:.0f}, {fwhm.high:.0f}] FWHM and {fwtm.value:.0f} ps [{fwtm.low:.0f}, "
            f"{fwtm.high:.0f}] FWTM on the same test events."
        ),
        Paragraph(
            "Against the simulation's truth, which training never saw, the pickoff of a single "
            f"detector has a central width of {check.single_detector_0_central_width_ps:.0f} "
            f"and {check.single_detector_1_central_width_ps:.0f} ps; the difference over √2 "
            f"has {check.difference_over_root_2_central_width_ps:.0f} ps, and the errors of "
            f"the two detectors correlate by {check.correlation_of_errors:.3f}."
        ),
    ]


def _bound_words(limit: TimingLimit) -> str:
    bound = limit.bound_ctr_fwhm_ps
    if limit.kind == "photons":
        text = (
            "A detector that stamped every detected photon, and took the most likely arrival from "
            f"the stamps, would reach {bound:.0f} ps FWHM and {limit.bound_ctr_fwtm_ps:.0f} ps "
            f"FWTM (drawn photons: {limit.scintillation_photoelectrons:.0f} of scintillation "
            f"and {limit.cherenkov_photoelectrons:.1f} of Cherenkov light detected per 511 keV; "
            "depth unknown; no electronics, no crosstalk)"
        )
    else:
        text = (
            "The best linear look at the samples around the edge of these pulses, for a known "
            f"arrival within the sample, would reach a CTR of {bound:.0f} ps"
        )
    closed = limit.gap_closed_percent
    if closed is None:
        return f"{text}: the best classical estimator is there already, within its interval."
    return (
        f"{text}; the network closes {closed:.0f} % of the gap between the best classical "
        "estimator and that bound."
    )


def ranking_figure(ranking: Ranking) -> Figure:
    """Draw the ranking of the samples as bars."""
    values = {name.replace("_", " "): (100.0 * rise,) * 3 for name, rise in ranking}
    return importance_bars(values, label="rise (%)")
