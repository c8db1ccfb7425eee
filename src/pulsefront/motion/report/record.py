"""What was found, as plain values for a JSON file."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pulsefront import __version__
from pulsefront.motion.detectors.network import EvidenceNetwork
from pulsefront.motion.find import FoundMotion

__all__ = ["as_record", "sentence"]

Z95 = 1.959964


def as_record(found: FoundMotion, file: str | Path) -> dict[str, Any]:
    """Return the answer as plain values; docs/motion.md says what the keys mean."""
    breathing, network = found.breathing, found.settings.model
    model = network.model if isinstance(network, EvidenceNetwork) else network
    record: dict[str, Any] = {
        "format": "pulsefront motion 1",
        "version": __version__,
        "file": Path(file).name,
        "decision": found.decision,
        "decided_share": _rounded(found.decided_share, 4),
        "scan_s": _rounded(found.scan_s, 3),
        "lost_s": _rounded(found.lost_s, 3),
        "parts": found.parts,
        "detector": found.settings.detector,
        "interval_s": found.trace.interval_s,
        "settings": asdict(replace(found.settings, detector="bayes", model=None))
        | {"detector": found.settings.detector, "model": model.name if model else None},
        "frames": [
            {
                "start_s": _rounded(frame.start_s, 3),
                "stop_s": _rounded(frame.stop_s, 3),
                "part": frame.part,
                "shift_mm": [_rounded(v) for v in frame.shift_mm],
                "displacement_mm": _rounded(frame.size_mm),
                **_ends(frame.size_mm, frame.size_error_mm),
                "decided": frame.decided,
                "detectable_mm": _rounded(reach),
            }
            for frame, reach in zip(found.frames, found.detectable_mm, strict=True)
        ],
        "moves": [
            {
                "start_s": _rounded(move.start_s, 3),
                "stop_s": _rounded(move.stop_s, 3),
                "decided_s": _rounded(move.decided_s, 3),
                "shift_mm": [_rounded(v) for v in move.shift_mm],
                "error_mm": [_rounded(v) for v in move.error_mm],
                "displacement_mm": _rounded(move.size_mm),
                **_ends(move.size_mm, move.size_error_mm),
                "largest_mm": _rounded(move.largest_mm),
                "score": _rounded(move.score),
                "steps": move.steps,
            }
            for move in found.moves
        ],
        "findings": [
            {"kind": one.kind, "start_s": one.start_s, "stop_s": one.stop_s, "text": one.text}
            for one in found.findings
        ],
        "breathing": None,
    }
    if breathing is not None:
        frequency = breathing.frequency_hz
        record["breathing"] = {
            **(frequency.as_dict("frequency_hz") if frequency else {"frequency_hz": None}),
            "amplitude_mm": _rounded(breathing.amplitude_mm),
            "direction": list(breathing.direction),
            "peak": _rounded(breathing.peak),
            "needed": _rounded(breathing.needed),
            "why": breathing.why,
        }
    return record


def _ends(value: float, error: float) -> dict[str, float | None]:
    """Return the ends of the 95 % interval of a length."""
    low, high = max(value - Z95 * error, 0.0), value + Z95 * error
    return {"displacement_mm_low": _rounded(low), "displacement_mm_high": _rounded(high)}


def _rounded(value: float, digits: int = 5) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def sentence(found: FoundMotion) -> str:
    """Return the answer in one line."""
    return _answer(found) + _cuts(found)


def _cuts(found: FoundMotion) -> str:
    """Return what a reader must know of a scan that is cut; empty where it is whole."""
    text = ""
    if found.lost_s:
        share = found.lost_s / found.scan_s
        text += f"; {found.lost_s:.0f} s ({share:.0%}) are lost, in no frame"
    if found.parts > 1:
        text += (
            f"; the scan is cut into {found.parts} parts, and what lies before and after a cut is "
            "not compared: a movement between them is not seen"
        )
    return text


def _answer(found: FoundMotion) -> str:
    if found.decision == "motion":
        count = len(found.moves)
        largest = max(found.moves, key=lambda one: one.size_mm)
        return (
            f"motion: {count} movement{'' if count == 1 else 's'}, the largest of "
            f"{largest.size_mm:.2f} mm at {largest.start_s:.0f} s; "
            f"{len(found.frames)} still frames"
        )
    if found.decision == "still":
        usable = [r for r, f in zip(found.detectable_mm, found.frames, strict=True) if f.decided]
        return (
            f"still: no movement found; one of {max(usable):.2f} mm would have been found within "
            "30 s in nine of ten cases"
        )
    return (
        f"no decision: motion of {found.settings.matters_mm:g} mm could have been seen in "
        f"{found.decided_share:.0%} of the time"
    )
