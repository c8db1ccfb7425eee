"""The pictures of a motion study: scans, steps found over size, traces with what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.motion import FindSettings, find_motion
from pulsefront.motion.detectors.network import NetworkSettings
from pulsefront.motion.judge.study import proportion
from pulsefront.motion.report.figures import trace_figure
from pulsefront.report import Block, Callout, FigureBlock, Paragraph, Table
from pulsefront.report.style import colour_of, legend, new_figure
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds.motion.data import scans_of, trace_of_rows
from pulsefront.studies.kinds.motion.measure import network_of
from pulsefront.studies.kinds.motion.records import MotionSplit, MotionTest
from pulsefront.studies.kinds.motion.scans import KnownScan
from pulsefront.studies.kinds.motion.settings import MotionStudy

__all__ = ["data_blocks", "error_blocks"]

SHOWN_FINDINGS = 30
MOST_TRACES = 6
SIZE_GROUPS = 6
TICKS_MM = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def data_blocks(study: MotionStudy, folders: RunFolders) -> list[Block]:
    """Return scans, and what is wrong with them and never motion."""
    data = MotionSplit.read(folders.split)
    rows = [
        (part, data.scans[part], round(data.minutes[part], 1), data.moves[part])
        for part in data.scans
    ]
    blocks: list[Block] = [
        Table(
            ("part", "scans", "minutes", "movements"),
            rows,
            caption="Minutes are those that can be looked at. No patient and no scan is in two "
            "parts. An event, on this page, is an interval of a scan.",
        )
    ]
    if study.simulated is not None:
        chosen = study.simulated
        rates = ", ".join(f"{rate:,.0f}" for rate in chosen.rates_per_s)
        low, high = chosen.sizes_in_errors
        blocks.append(
            Paragraph(
                "Simulated scans: a head of simple solids, another one for every patient, whose "
                f"tracer moves between regions (strength {chosen.redistribution:g}), "
                f"{chosen.duration_s / 60:g} minutes at {rates} counts/s, {chosen.randoms:.0%} of "
                f"them random. Steps are translations in any direction, {low:g} to {high:g} times "
                "as large as the error of the centre in an interval. Test patients keep still in "
                "one scan and move in the other."
            )
        )
    if data.findings_in_all:
        blocks.append(
            Callout(
                f"{data.findings_in_all} findings in the scans are no motion: the data are cut "
                "there, and nothing is compared across a cut.",
                "warning",
            )
        )
        blocks.append(
            Table(
                ("scan", "finding", "from (s)", "to (s)", "what it is"),
                [
                    (one.scan, one.finding, f"{one.start_s:.1f}", f"{one.stop_s:.1f}", one.text)
                    for one in data.findings[:SHOWN_FINDINGS]
                ],
                caption=f"The first {min(SHOWN_FINDINGS, len(data.findings))} of "
                f"{data.findings_in_all}; results.json holds more.",
            )
        )
    return blocks


def error_blocks(folders: RunFolders) -> list[Block]:
    """Return steps found over their size, and traces with what was found drawn over them."""
    test = MotionTest.read(folders.evaluation)
    events = store.read(folders.events)
    scans = scans_of(events, "test")
    return [
        Paragraph(
            f"{test.test_steps} steps and {test.test_minutes:,.0f} minutes in {test.test_scans} "
            "test scans, each detector deciding for itself as in use. "
            + (
                f"{test.steps_not_judged} movements lie beside a cut or at the end of a scan and "
                "are not judged. "
                if test.steps_not_judged
                else ""
            )
            + "Where no step is missed, or nobody split, half of one is counted. "
            "Thresholds, tuned on selection scans: "
            + ", ".join(f"{name} {value:g}" for name, value in test.thresholds.items())
            + "."
        ),
        FigureBlock(
            _found_over_size(folders, test),
            "Share of steps found within 30 s over their size, one panel a count rate",
            "Each point is a sixth of the steps of that rate; bars are 95 % intervals of steps "
            "taken as independent.",
        ),
        *_traces(folders, test, scans, events),
    ]


def _found_over_size(folders: RunFolders, test: MotionTest) -> Figure:
    with np.load(folders.evaluation_arrays) as arrays:
        size, rate = arrays["size_mm"], arrays["counts_per_s"]
        missed = {name: arrays[f"missed_{name}"] > 0 for name in test.estimators}
    rates = np.unique(rate)[:6].tolist()
    figure, axes = new_figure(
        9.6, 2.9 * -(-max(len(rates), 1) // 3), columns=3, rows=-(-max(len(rates), 1) // 3)
    )
    for axis, one in zip(axes, rates, strict=False):
        here = np.flatnonzero(rate == one)
        order = here[np.argsort(size[here])]
        groups = [g for g in np.array_split(order, min(SIZE_GROUPS, len(order))) if len(g)]
        for number, name in enumerate(("network", test.best_baseline)):
            middle = [float(np.median(size[g])) * (1 + 0.03 * number) for g in groups]
            shares = [proportion(int((~missed[name][g]).sum()), len(g)) for g in groups]
            values = [share.value for share in shares]
            ends = [
                [share.value - share.low for share in shares],
                [share.high - share.value for share in shares],
            ]
            axis.errorbar(middle, values, ends, color=colour_of(number), marker="o",
                          markersize=3, linewidth=1.2, elinewidth=0.7, label=name)  # fmt: skip
        axis.set_xscale("log", base=2)
        low, high = axis.get_xlim()
        ticks = [tick for tick in TICKS_MM if low <= tick <= high]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ylim(-0.03, 1.03)
        axis.set_title(f"{one:,.0f} counts/s", fontsize=9)
        axis.set_xlabel("step (mm)")
    axes[0].set_ylabel("found within 30 s")
    for axis in axes[len(rates) :]:
        axis.set_visible(False)
    if rates:
        legend(axes[0])
    return figure


def _traces(
    folders: RunFolders, test: MotionTest, scans: Sequence[KnownScan], events: EventTable
) -> list[Block]:
    """Return the traces of some test scans: recorded ones first, then one for each count rate."""
    chosen = [one for one in scans if not one.simulated]
    rates: set[float] = set()
    for one in scans:
        if one.simulated and one.rate_per_s not in rates and one.moves:
            rates.add(one.rate_per_s)
            chosen.append(one)
    settings = FindSettings(
        "network",
        # What is drawn is what was counted: whatever the network decided, however small.
        smallest_mm=0.0,
        matters_mm=float("inf"),
        network=NetworkSettings(test.thresholds["network"]),
        model=network_of(folders),
    )
    blocks: list[Block] = []
    for scan in chosen[:MOST_TRACES]:
        trace = trace_of_rows(events.select(events["scan"] == scan.number))
        breaks = [float(one.time_s[0]) for one in scan.stretches[1:]]
        found = replace(find_motion(trace, settings, breaks=breaks), findings=scan.findings)
        blocks.append(
            FigureBlock(
                trace_figure(found, [m.move.start_s for m in scan.moves]),
                f"Scan {scan.name}, {scan.rate_per_s:,.0f} counts/s: what the network found, drawn "
                "over the trace",
                f"Scan {scan.name}, {scan.rate_per_s:,.0f} counts/s. Dashed: true movements, "
                f"{len(scan.moves)}; found by the network: {len(found.moves)}. What is wrong with "
                "the data is shaded, and never motion.",
            )
        )
    return blocks
