"""The pictures of a crystal study: flood map, right crystals over the array, misplacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.position.flood_map import light_centroids
from pulsefront.estimators.position.patterns import check_charges
from pulsefront.events import store
from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures.crystals import crystal_maps, flood_maps, misplacement_bars
from pulsefront.report.figures.spectrum import spectrum
from pulsefront.simulate.inspect import describe_detector
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds.crystal.data import preparation
from pulsefront.studies.kinds.crystal.records import CrystalTest
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.kinds.scan import ScanSplit, charge_rows, charge_sum_adc, stage_rows

__all__ = ["data_blocks", "error_blocks"]

DISTANCES = (
    ("right", -0.5, 0.5),
    ("next to it", 0.5, 1.2),
    ("diagonal", 1.2, 1.6),
    ("two away", 1.6, 2.5),
    ("farther", 2.5, np.inf),
)
"""Classes of misplacement, in pitches of the array."""


def data_blocks(study: CrystalStudy, folders: RunFolders) -> list[Block]:
    """Return detector, flood map and spectrum."""
    detector = load_detector(study.detector)
    numbers, drawing = describe_detector(study.detector)
    data, test = ScanSplit.read(folders.split), CrystalTest.read(folders.evaluation)
    parts = read_split(folders)
    charges = check_charges(parts.events["charge_adc"])
    centroid = light_centroids(charges, detector.sensors.centres_mm)
    scattered = np.asarray(parts.events["elements_hit"]) > 1
    everything = charge_sum_adc(store.read(folders.events))
    # Sums are whole numbers: spread over one count, they leave no comb in the histogram's bins.
    everything += np.random.default_rng(study.seed).uniform(-0.5, 0.5, len(everything))
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
                (
                    "test events that scatter from one crystal into another",
                    f"{100.0 * test.share_scattered_between_crystals:.1f}",
                    "%",
                ),
                *stage_rows(study),
                *charge_rows(preparation(study)),
            ],
        ),
        FigureBlock(drawing, "Side view of the array, and its photosensors from the front"),
        FigureBlock(
            flood_maps(
                {
                    "one crystal hit": centroid[~scattered],
                    "several crystals hit": centroid[scattered],
                }
            ),
            "Flood maps of the light's centroid",
            "Centroids of the light of events in the photopeak. One crystal makes a spot; a gamma "
            "ray that scatters lands on the line between its crystals.",
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


def error_blocks(study: CrystalStudy, folders: RunFolders) -> list[Block]:
    """Return right crystals over the array, and where wrong choices lie."""
    detector = load_detector(study.detector)
    test = CrystalTest.read(folders.evaluation)
    with np.load(folders.evaluation_arrays) as arrays:
        chosen = {name: arrays[f"crystal_{name}"] for name in test.estimators}
        truth, hit = arrays["first_crystal"], arrays["crystals_hit"]
    best = test.best_baseline
    columns, rows = detector.crystal.elements
    shown = {name: _right_percent(chosen[name], truth, rows, columns) for name in ("network", best)}
    centres = detector.crystal.element_centres_mm
    pitch = detector.crystal.element_pitch_mm[0]
    several = hit > 1
    shares = {
        name: _by_distance(
            np.linalg.norm(centres[crystal] - centres[truth], axis=1)[several] / pitch
        )
        for name, crystal in chosen.items()
    }
    return [
        FigureBlock(
            crystal_maps(shown, label="right (%)"),
            "Share of events given the right crystal, crystal by crystal",
            "By the crystal that was hit first; all test events in the photopeak.",
        ),
        FigureBlock(
            misplacement_bars(shares, label="share of events (%)"),
            "Where events that hit several crystals are placed",
            "Test events that hit several crystals, by the distance of the chosen crystal from the "
            "one hit first. Which of two crystals came first shows only in how they share the "
            "energy: no estimator can be right in all of these events.",
        ),
    ]


def _right_percent(
    chosen: NDArray[np.int64], truth: NDArray[np.int64], rows: int, columns: int
) -> NDArray[np.float64]:
    count = np.bincount(truth, minlength=rows * columns)
    right = np.bincount(truth[chosen == truth], minlength=rows * columns)
    share = np.full(rows * columns, np.nan)
    np.divide(100.0 * right, count, out=share, where=count > 0)
    return share.reshape(rows, columns)


def _by_distance(pitches: NDArray[np.float64]) -> dict[str, float]:
    return {
        name: float(100.0 * ((pitches >= low) & (pitches < high)).mean())
        for name, low, high in DISTANCES
    }
