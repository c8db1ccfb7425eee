"""The page of the study of detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from matplotlib.figure import Figure

from pulsefront import __version__
from pulsefront.motion.judge.study import WITHIN_S, DetectionStudy
from pulsefront.motion.judge.tune import Tuned
from pulsefront.report import Callout, FigureBlock, Page, Paragraph, Section, Table
from pulsefront.report.style import colour_of, legend, new_figure

__all__ = ["study_page", "study_record"]

_HOW = (
    "Every scan is a simulated patient of his own: a head of simple solids whose tracer moves "
    "strongly between regions (millimetres of the centre in minutes), 10 minutes, from one minute "
    "after the tracer came. A step is a translation in a direction uniform on the sphere, three in "
    "a scan. Thresholds were tuned on other seeds, so that nobody who lies still is split more "
    "than once in 10 minutes; the figures here are of fresh seeds, of which nothing was chosen. "
    "Intervals are 95 %: exact for shares and rates, by resampling of whole scans for differences."
)
GATES = ((200_000.0, 1.0, 10.0), (200_000.0, 0.5, 30.0))


def study_page(study: DetectionStudy, tuned: Mapping[str, Tuned]) -> Page:
    """Return the page."""
    names = list(dict.fromkeys(point.detector for point in study.points))
    sections = [
        Section("What is asked", [_gates(study), _false(study), Paragraph(_HOW)]),
        Section("Found within 30 s", [FigureBlock(
            _figure(study, names), "Share of steps found within 30 s over their size, one panel a "
            "count rate, one line a detector", "Bars are 95 % intervals.")]),
        Section("Every point", [_points(study)]),
    ]  # fmt: skip
    if study.gains:
        sections.append(Section("The last detector against the others", [_gains(study)]))
    sections.append(Section("Breathing", [_breathing(study)]))
    rows = [(name, one.threshold, one.worst_per_10_min) for name, one in tuned.items()]
    sections.append(
        Section("Tuning", [Table(("detector", "threshold", "false per 10 min, worst rate"), rows)])
    )
    trials = study.trials
    facts = {"pulsefront": __version__, "first seed": str(trials.seed)}
    subtitle = (
        f"{trials.scans} scans of three steps for each rate and size, {trials.still} without "
        "motion for each rate"
    )
    return Page("How well motion is found", subtitle, sections, facts)


def _gates(study: DetectionStudy) -> Table:
    rows = []
    for rate, size, seconds in GATES:
        at = WITHIN_S.index(seconds)
        for point in study.points:
            if point.rate_per_s == rate and point.size_mm == size:
                found = point.found[at]
                rows.append((point.detector, f"{size:g} mm within {seconds:g} s at {rate:,.0f}/s",
                             found, found.value >= 0.9))  # fmt: skip
    return Table(("detector", "asked", "found", "at least 0.90"), rows)


def _false(study: DetectionStudy) -> Table:
    rows = [
        (one.detector, one.rate_per_s, one.count, one.per_10_min, one.per_10_min.value <= 1)
        for one in study.false
    ]
    return Table(
        ("detector", "counts/s", "false splits", "per 10 min", "at most 1"),
        rows,
        f"In {study.false[0].minutes:,.0f} minutes without motion for each rate",
    )


def _figure(study: DetectionStudy, names: list[str]) -> Figure:
    rates = list(study.trials.rates_per_s)
    figure, axes = new_figure(9.6, 2.9 * ((len(rates) + 2) // 3), columns=3,
                              rows=(len(rates) + 2) // 3)  # fmt: skip
    at = WITHIN_S.index(30.0)
    for axis, rate in zip(axes, rates, strict=False):
        for number, name in enumerate(names):
            here = [p for p in study.points if p.detector == name and p.rate_per_s == rate]
            values = [p.found[at].value for p in here]
            low = [p.found[at].value - p.found[at].low for p in here]
            high = [p.found[at].high - p.found[at].value for p in here]
            sizes = [p.size_mm * (1 + 0.03 * (number - 1)) for p in here]
            axis.errorbar(sizes, values, [low, high], color=colour_of(number), marker="o",
                          markersize=3, linewidth=1.2, elinewidth=0.7, label=name)  # fmt: skip
        axis.set_xscale("log", base=2)
        axis.set_xticks(study.trials.sizes_mm, [f"{s:g}" for s in study.trials.sizes_mm])
        axis.set_ylim(-0.03, 1.03)
        axis.set_title(f"{rate:,.0f} counts/s", fontsize=9)
        axis.set_xlabel("step (mm)")
    axes[0].set_ylabel("found within 30 s")
    for axis in axes[len(rates) :]:
        axis.set_visible(False)
    legend(axes[0])
    return figure


def _points(study: DetectionStudy) -> Table:
    rows = [
        (p.detector, p.rate_per_s, p.size_mm, p.steps, *p.found, p.delay_s, p.error_mm,
         p.error_sd_mm)
        for p in study.points
    ]  # fmt: skip
    return Table(
        ("detector", "counts/s", "step (mm)", "steps", "in 10 s", "in 30 s", "in 90 s",
         "delay (s)", "size error (mm)", "its spread (mm)"),
        rows,
        "Delay is the median of those found; size error is the length found less the true one",
    )  # fmt: skip


def _gains(study: DetectionStudy) -> Table:
    rows = [(f"{g.first} − {g.second}", g.rate_per_s, g.gain) for g in study.gains]
    return Table(
        ("", "counts/s", "found within 30 s"), rows, "All sizes together, on the same scans"
    )


def _breathing(study: DetectionStudy) -> Table | Callout:
    rows = [(b.rate_per_s, b.scans, b.found, b.error_hz, b.largest_hz) for b in study.breathing]
    return Table(
        ("counts/s", "scans", "found", "median error (Hz)", "largest (Hz)"),
        rows,
        "A torso for 5 minutes, breathing at 0.15 to 0.40 Hz with a wandering phase; the centre "
        "twice a second",
    )


def study_record(study: DetectionStudy, tuned: Mapping[str, Tuned]) -> dict[str, Any]:
    """Return the study as plain values."""
    return {
        "format": "pulsefront motion detection 1",
        "version": __version__,
        "tuned": {name: asdict(one) for name, one in tuned.items()},
        **asdict(study),
    }
