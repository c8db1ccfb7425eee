"""What a report says of where the network fails: parts to keep it from, and its worst events."""

from __future__ import annotations

import numpy as np

from pulsefront.detector import load_detector
from pulsefront.events.container import EventTable
from pulsefront.report import Block, Callout, FigureBlock, Paragraph, Table
from pulsefront.report.figures import light_patterns, pulses
from pulsefront.studies.failures import SHOWN
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.use_records import Failures, WorstEvent

__all__ = ["failure_blocks"]


def failure_blocks(kind: StudyKind, found: Failures | None, folders: RunFolders) -> list[Block]:
    """Return where not to use the model, and the worst test events as they were recorded."""
    if found is None:
        return []
    events = kind.test_events(folders)
    return [*_weak(found), *_worst(kind, found, events)]


def _weak(found: Failures) -> list[Block]:
    percent = f"{100 * found.significance:g} %"
    how = (
        f"{found.parts_searched} parts of the test events, by all that is known of them and by "
        "two of these at a time, were searched on one half of the events (whole positions where "
        "there are some). Those that looked worst are tested on the other half, against a mean "
        f"loss {found.factor:g} times that of all other events, adjusted after Holm: the chance "
        f"that any is told without being true is at most {percent}."
    )
    confirmed = [row for row in found.weak if row.confirmed]
    blocks: list[Block] = [Paragraph(how)]
    if confirmed:
        worse = [
            row.part
            for row in confirmed
            if row.baseline_loss is not None and row.baseline_loss < row.loss
        ]
        text = "Where not to use this model: " + "; ".join(f"“{row.part}”" for row in confirmed)
        if worse:
            text += f". {found.baseline} is better there in: " + "; ".join(worse)
        blocks.append(Callout(f"{text}.", "warning"))
    else:
        blocks.append(
            Paragraph("No part is confirmed to be worse; that is not the same as none being so.")
        )
    if found.weak:
        blocks.append(
            Table(
                (
                    "part",
                    "events",
                    "ratio where found",
                    "ratio where tested",
                    "adjusted p",
                    "confirmed",
                    "network",
                    found.baseline,
                ),
                [
                    (
                        row.part,
                        row.events,
                        row.ratio_found,
                        row.ratio,
                        row.adjusted_p,
                        row.confirmed,
                        row.loss,
                        row.baseline_loss,
                    )
                    for row in found.weak
                ],
                caption=f"Where not to use this model. The last two columns: {found.loss}, of both "
                "halves.",
                highlight=[k for k, row in enumerate(found.weak) if row.confirmed],
            )
        )
    return blocks


def _worst(kind: StudyKind, found: Failures, events: EventTable) -> list[Block]:
    rows = found.worst
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row.known))
    table = Table(
        ("test event", "network", found.baseline, *(name.replace("_", " ") for name in names)),
        [
            (
                f"{row.event:,}",
                row.loss,
                row.baseline_loss,
                *(_short(row.known.get(name)) for name in names),
            )
            for row in rows
        ],
        caption=f"The worst test events of the network ({found.loss}) with all that is known of "
        "them.",
    )
    return [*_drawn(kind, rows[:SHOWN], events), table]


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"


def _drawn(kind: StudyKind, rows: tuple[WorstEvent, ...], events: EventTable) -> list[Block]:
    shown = np.array([row.event for row in rows])
    if "charge_adc" in events.columns:
        sensors = load_detector(str(kind.study.detector)).sensors
        nx, ny = sensors.grid
        if nx * ny != events["charge_adc"].shape[1]:
            return []
        half_x, half_y = (0.5 * n * p for n, p in zip((nx, ny), sensors.pitch_mm, strict=True))
        truth = [
            (row.known["first_interaction_0_mm"], row.known["first_interaction_1_mm"])
            for row in rows
            if "first_interaction_0_mm" in row.known
        ]
        figure = light_patterns(
            [row.reshape(ny, nx).T for row in events["charge_adc"][shown]],
            extent_mm=(-half_x, half_x, -half_y, half_y),
            titles=[f"event {row.event:,}" for row in rows],
            truth_mm=truth,
        )
        caption = "The worst test events as they were recorded"
        caption += "; the ring is the first interaction." if truth else "."
        return [FigureBlock(figure, "Charges of the worst test events", caption)]
    if "waveform_adc" not in events.columns:
        return []
    waveforms = events["waveform_adc"][shown]
    interval = float(events.provenance.get("sample_interval_ns", 1.0))
    figure = pulses(
        np.arange(waveforms.shape[-1]) * interval,
        {f"detector {side}": waveforms[:, side] for side in (0, 1)},
    )
    return [
        FigureBlock(
            figure,
            "Pulses of the worst test events",
            f"Pulses of the {len(rows)} worst test events, and their mean.",
        )
    ]
