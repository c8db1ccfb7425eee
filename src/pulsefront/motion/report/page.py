"""The page of one scan: the answer first, then the frames, the trace, and what is wrong."""

from __future__ import annotations

from pathlib import Path

from pulsefront import __version__
from pulsefront.motion.find import FoundMotion
from pulsefront.motion.report.figures import trace_figure
from pulsefront.motion.report.record import Z95, sentence
from pulsefront.report import (
    Block,
    Callout,
    FigureBlock,
    Page,
    Paragraph,
    Section,
    Table,
    Tile,
    Tiles,
)
from pulsefront.report.page import Tone

__all__ = ["motion_page"]

MOST_ROWS = 60

_HOW = (
    "The centre is the mean place of the true coincidences. Where the tracer goes it moves slowly; "
    "such drift is carried by a level with slope and curvature and is never a movement. A movement "
    "is a sudden displacement that the drift does not explain. Displacements are those of the "
    "centre: a turn of the head moves it less than the nose."
)
_DRIFT = (
    "A patient who sinks slowly into the cushion looks like a tracer that moves: that is not seen "
    "here. Parts are what lies between gaps, beds and broken detectors; the centre is not compared "
    "across them, and displacements start at 0 with each."
)


def motion_page(found: FoundMotion, file: str | Path) -> Page:
    """Return the page."""
    trace = found.trace
    frames = found.frames
    longest = max((f.duration_s for f in frames), default=0.0)
    tone: Tone = {"motion": "warning", "still": "good", "no decision": "bad"}[found.decision]  # type: ignore[assignment]
    largest = max((move.size_mm for move in found.moves), default=0.0)
    reach = [r for r, f in zip(found.detectable_mm, frames, strict=True) if f.decided]
    tiles = [
        Tile("decision", found.decision, tone=tone),
        Tile("movements", len(found.moves), note=f"the largest {largest:.2f} mm"
             if found.moves else ""),
        Tile("still frames", len(frames), note=f"the longest {longest / 60:.1f} min"),
        Tile("would be found", f"{max(reach):.2f}" if reach else "–", "mm",
             note="step, within 30 s, nine of ten" if reach else "too few counts"),
        Tile("could be seen", f"{100 * found.decided_share:.0f}", "%", note="of the scan"),
    ]  # fmt: skip
    blocks: list[Block] = [Tiles(tiles), Callout(sentence(found) + ".", tone=tone)]
    sections = [
        Section("The answer", blocks),
        Section("Frames without motion", [_frames(found), Paragraph(_DRIFT)]),
        Section("The trace", [
            FigureBlock(trace_figure(found), "Centre of distribution along x, y and z and count "
                        "rate over time, with movements, findings and undecided stretches marked",
                        f"Each point is {trace.interval_s:.3g} s; bars are one standard error. The "
                        "median of each axis is taken off."),
            Paragraph(_HOW),
        ]),
    ]  # fmt: skip
    if found.moves:
        sections.append(Section("Movements", [_moves(found)]))
    sections.append(Section("What is wrong with the data, and no motion", [_findings(found)]))
    sections.append(Section("Breathing", [Paragraph(_breathing(found))]))
    facts = {"pulsefront": __version__, "detector": found.settings.detector}
    subtitle = f"{len(trace):,} intervals of {trace.interval_s:.3g} s"
    return Page(f"Motion in {Path(file).name}", subtitle, sections, facts)


def _plus_minus(value: float, error: float) -> str:
    return f"{value:.2f} ± {Z95 * error:.2f}"


def _frames(found: FoundMotion) -> Table:
    rows = [
        (
            number,
            round(frame.start_s, 1),
            round(frame.stop_s, 1),
            frame.part + 1,
            _plus_minus(frame.size_mm, frame.size_error_mm) if frame.size_mm else "0",
            *(f"{value:+.2f}" for value in frame.shift_mm),
            f"{reach:.2f}" if reach < 1e3 else "–",
            "yes" if frame.decided else "no decision",
        )
        for number, (frame, reach) in enumerate(
            zip(found.frames, found.detectable_mm, strict=True), start=1
        )
    ]
    more = f"; the first {MOST_ROWS} of {len(rows)}" if len(rows) > MOST_ROWS else ""
    return Table(
        ("frame", "start (s)", "stop (s)", "part", "displacement (mm)", "x (mm)", "y (mm)",
         "z (mm)", "would be found (mm)", "decided"),
        rows[:MOST_ROWS],
        f"Displacement since the first frame of the part, ± 95 %{more}",
        [n for n, frame in enumerate(found.frames[:MOST_ROWS]) if not frame.decided],
    )  # fmt: skip


def _moves(found: FoundMotion) -> Table:
    rows = [
        (
            round(move.start_s, 1),
            round(move.decided_s - move.start_s, 1),
            _plus_minus(move.size_mm, move.size_error_mm),
            *(f"{value:+.2f}" for value in move.shift_mm),
            f"{move.largest_mm:.2f}",
            move.steps,
        )
        for move in found.moves
    ]
    return Table(
        ("at (s)", "decided after (s)", "displacement (mm)", "x (mm)", "y (mm)", "z (mm)",
         "farthest (mm)", "steps"),
        rows[:MOST_ROWS],
        "Steps within 5 s of each other are one movement; ± 95 %",
    )  # fmt: skip


def _findings(found: FoundMotion) -> Block:
    if not found.findings:
        return Paragraph("Nothing: no gaps, resets, bed changes, dead channels or bad rates.")
    rows = [
        (one.kind, round(one.start_s, 1), round(one.stop_s, 1), one.text) for one in found.findings
    ]
    return Table(
        ("what", "from (s)", "to (s)", ""),
        rows[:MOST_ROWS],
        f"The first {MOST_ROWS} of {len(rows)}" if len(rows) > MOST_ROWS else "",
    )


def _breathing(found: FoundMotion) -> str:
    breathing = found.breathing
    if breathing is None:
        return "Not looked for: no part of the scan can be used."
    if breathing.why:
        return f"Not looked for: {breathing.why}."
    if breathing.frequency_hz is None:
        return (
            f"None found between 0.1 and 0.7 Hz: the highest peak of the spectrum is "
            f"{breathing.peak:.1f} times its median, and chance reaches {breathing.needed:.1f} in "
            "one of a thousand scans."
        )
    low, high = breathing.frequency_hz.low, breathing.frequency_hz.high
    x, y, z = breathing.direction
    return (
        f"{breathing.frequency_hz.value:.3f} Hz ({low:.3f} to {high:.3f} Hz), amplitude of the "
        f"centre {breathing.amplitude_mm:.2f} mm along ({x:.2f}, {y:.2f}, {z:.2f}). Movements were "
        "looked for in means over whole breaths."
    )
