"""The pictures of a position study: detector, light patterns, spectrum, errors over position."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.evaluate.metrics import euclidean_error
from pulsefront.events import store
from pulsefront.report import Block, FigureBlock, Grid, Paragraph, Table
from pulsefront.report.figures import (
    bias_curves,
    error_map,
    heat_map,
    importance_bars,
    light_patterns,
    residual_histograms,
)
from pulsefront.report.figures.spectrum import spectrum
from pulsefront.simulate.inspect import describe_detector
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds.base import Ranking
from pulsefront.studies.kinds.position.inputs import preparation
from pulsefront.studies.kinds.position.records import PositionLimit, PositionTest
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.scan import ScanSplit, charge_rows, stage_rows
from pulsefront.studies.measured_events import polarity_rows
from pulsefront.studies.metrics import FWHM_2D
from pulsefront.studies.settings import ScanStudy

__all__ = ["data_blocks", "error_blocks", "ranking_figure"]

SHOWN_EVENTS = 4


def data_blocks(study: PositionStudy, folders: RunFolders) -> list[Block]:
    """Return detector, light patterns and spectrum."""
    detector = load_detector(study.detector)
    numbers, drawing = describe_detector(study.detector)
    data = ScanSplit.read(folders.split)
    parts = read_split(folders)
    with np.load(folders.evaluation_arrays) as arrays:
        truth, found = arrays["truth_mm"], arrays["network_mm"]
    # Spread over the test events, which lie position by position.
    shown = np.linspace(0, len(truth) - 1, SHOWN_EVENTS + 2).astype(int)[1:-1]
    charges = parts.events["charge_adc"][parts.split.test[shown]]
    nx, ny = detector.sensors.grid
    half_x, half_y = (
        0.5 * n * p for n, p in zip(detector.sensors.grid, detector.sensors.pitch_mm, strict=True)
    )
    events = store.read(folders.events)
    everything = events["charge_adc"].sum(axis=1)
    peak, sigma = data.photopeak_adc, data.photopeak_sigma_adc
    reach = data.photopeak_window_sigmas * sigma
    return [
        Paragraph(f"{detector.description}."),
        Table(
            ("quantity", "value", "unit"),
            [
                *numbers,
                (
                    "energy resolution in these data, FWHM",
                    f"{data.energy_resolution_fwhm_percent:.1f}",
                    "%",
                ),
                *stage_rows(study),
                *charge_rows(preparation(study)),
                *polarity_rows(events),
            ],
        ),
        FigureBlock(drawing, "Side view of the detector, and its photosensors from the front"),
        FigureBlock(
            light_patterns(
                [row.reshape(ny, nx).T for row in charges],
                extent_mm=(-half_x, half_x, -half_y, half_y),
                titles=[_words(truth[i]) for i in shown],
                truth_mm=[(float(truth[i, 0]), float(truth[i, 1])) for i in shown],
                estimate_mm=[(float(found[i, 0]), float(found[i, 1])) for i in shown],
            ),
            "Charges of the photosensors for four test events",
            "Four test events: ring, first interaction; cross, the network's estimate.",
        ),
        FigureBlock(
            spectrum(
                {"all events": everything},
                label="charge sum (ADC counts)",
                windows={"all events": (peak - reach, peak + reach)},
            ),
            "Spectrum of the charge sum with the photopeak window",
            "Charge sum of all events; events in the shaded window are used.",
        ),
    ]


def _words(truth: NDArray[np.float64]) -> str:
    if len(truth) == 3:
        return f"depth {truth[2]:.1f} mm"
    return f"({truth[0]:.1f}, {truth[1]:.1f}) mm"


def error_blocks(folders: RunFolders) -> list[Block]:
    """Return residual histograms, error over position and bias over depth."""
    test = PositionTest.read(folders.evaluation)
    names = list(test.estimators)
    with np.load(folders.evaluation_arrays) as arrays:
        residuals = {name: arrays[f"residual_{name}_mm"] for name in names}
        truth, stage = arrays["truth_mm"], arrays["stage_mm"]
    x_residuals = {name: residual[:, 0] for name, residual in residuals.items()}
    return [
        FigureBlock(
            residual_histograms(
                x_residuals,
                label="estimated − true x",
                unit="mm",
                reach=4.0,
                fwhm={name: row[FWHM_2D.key].value for name, row in test.estimators.items()},
            ),
            "Histograms of the residuals in x",
            "Residuals in x; the widths are those of the 2-D point-spread function.",
        ),
        FigureBlock(
            error_map(
                stage[:, :2],
                {name: euclidean_error(residual) for name, residual in residuals.items()},
                bins=len(np.unique(stage[:, 0])),
            ),
            "Median error over the face of the crystal",
            "Median error at the test positions, which lie between training positions.",
        ),
        Grid(_bias_figures(truth, residuals)),
        *([] if test.limit is None else [_limit(test.limit)]),
    ]


def _bias_figures(
    truth: NDArray[np.float64], residuals: Mapping[str, NDArray[np.float64]]
) -> list[FigureBlock]:
    """Return the bias of x over x, and of depth over depth where it is known."""
    captions = {
        2: ("depth", "Depth bias over depth", "Bias of the depth over the true depth."),
        0: ("x", "Bias in x over x", "Bias of x over x: pulled inward at the edges."),
    }
    return [
        FigureBlock(
            bias_curves(
                truth[:, axis],
                {name: residual[:, axis] for name, residual in residuals.items()},
                label=f"true {name} (mm)",
                residual_label=f"{name} bias (mm)",
                width=4.6,
            ),
            title,
            caption,
        )
        for axis, (name, title, caption) in captions.items()
        if axis < truth.shape[1]
    ]


def _limit(limit: PositionLimit) -> Table:
    return Table(
        ("", "median 3-D error (mm)", "FWHM of x and y (mm)"),
        [
            ("network", limit.network_median_error_3d_mm, limit.network_fwhm_xy_mm),
            ("Cramér–Rao bound", limit.bound_median_error_3d_mm, limit.bound_fwhm_xy_mm),
        ],
        caption=f"{limit.events:,} test events of {limit.events_are}: the network beside "
        "an ideal unbiased estimator that knows the light map.",
    )


def ranking_figure(study: ScanStudy, ranking: Ranking) -> Figure:
    """Draw the inputs' ranking as a map of the photosensors, or as bars where they are sums."""
    if not all("sensor_" in name for name, _ in ranking):
        values = {name.replace("_", " "): (100.0 * rise,) * 3 for name, rise in ranking}
        return importance_bars(values, label="rise (%)")
    nx, ny = load_detector(study.detector).sensors.grid
    rise = {int(name.rpartition("_")[2]): 100.0 * value for name, value in ranking}
    # The highest y comes first, as on the detector.
    matrix = np.array([rise[k] for k in range(nx * ny)]).reshape(ny, nx)[::-1]
    rows = [f"y {k}" for k in range(ny)][::-1]
    return heat_map(matrix, rows, [f"x {k}" for k in range(nx)], label="rise (%)")
