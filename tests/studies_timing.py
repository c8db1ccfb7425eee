"""A timing bench: its files as WaveDump writes them, a manifest and a study of few numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, simulate_coincidences
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.base import Selection
from pulsefront.studies.load import load_study
from strategies_events import wavedump_bytes
from studies_small import COARSE, TIMING_CHANGES, small

OFFSETS_MM = (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0)
Waves = NDArray[np.uint16]


def coincidences(
    events: int, offsets_mm: Sequence[float] = OFFSETS_MM, seed: int = 5
) -> list[Waves]:
    """Simulate *events* coincidences, (event, 2, sample), of every source offset."""
    settings = CoincidenceSettings(
        offsets_mm=tuple(offsets_mm), events_per_offset=events, light_map=COARSE
    )
    found = simulate_coincidences(load_detector("lyso_pair_3x3x20"), settings, seed)
    return [found["waveform_adc"][found["offset_index"] == n] for n in range(len(offsets_mm))]


def measured_pair(
    folder: Path,
    pulses: Sequence[Waves],
    stated_mm: Sequence[float] = OFFSETS_MM,
    detectors: Sequence[str] = ("pair",),
) -> Path:
    """Write two WaveDump files per source offset, as a digitizer does, and their manifest."""
    lines = ['kind = "timing"', "sample_interval_ns = 1.0"]
    for number, (waves, offset) in enumerate(zip(pulses, stated_mm, strict=True)):
        names = [f"run{number}_wave{channel}.dat" for channel in (0, 1)]
        for channel, name in enumerate(names):
            (folder / name).write_bytes(wavedump_bytes(waves[:, channel], channel=channel))
        lines += [
            "[[scan]]",
            f"files = {json.dumps(names)}",
            f"source_offset_mm = {offset}",
            "stage_uncertainty_mm = 0.05",
            'source = "Na-22"',
            "duration_s = 60",
            f'detector_id = "{detectors[number % len(detectors)]}"',
            f'run = "run {number}"',
        ]
    (folder / "pair.toml").write_text("\n".join(lines))
    return folder / "pair.toml"


def bench(
    folder: Path,
    pulses: Sequence[Waves],
    stated_mm: Sequence[float] = OFFSETS_MM,
    *,
    detectors: Sequence[str] = ("pair",),
    events: str = "",
) -> Path:
    """Write what a bench would: a measured pair, and a study that learns from it."""
    measured_pair(folder, pulses, stated_mm, detectors)
    text = re.sub(
        r"\[coincidences\]\n(#.*\n|\w+ = .*\n)+", "", small("timing_lyso_pair", TIMING_CHANGES)
    )
    text = text.replace("[events]\n", f"[events]\n{events}")
    text = re.sub(r"\[\[external\]\]\n(\w+ = .*\n)+", "", text)
    (folder / "study.toml").write_text(text + '\n[measured]\npath = "pair.toml"\n')
    return folder / "study.toml"


def selection_of(study_file: Path) -> Selection:
    study, file = load_study(study_file)
    kind = kind_of(study)
    return kind.split(kind.generate(file.parent, file.parent))


def later(waves: Waves, samples: int) -> Waves:
    """Return the pairs with channel 0 later, as behind a longer cable."""
    changed = waves.copy()
    if samples > 0:
        changed[:, 0, samples:] = waves[:, 0, :-samples]
    return changed


def gain(waves: Waves, factor: float) -> Waves:
    """Return the pairs with another gain in channel 1."""
    changed = waves.astype(np.float64)
    level = changed[:, 1, :8].mean(axis=1, keepdims=True)
    changed[:, 1] = level + factor * (changed[:, 1] - level)
    return np.rint(changed).astype(np.uint16)
