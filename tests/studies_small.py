"""Shipped studies with small numbers, so that they run in seconds."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pulsefront.files import sim_data_directory
from pulsefront.simulate.light.grid import LightMapSettings

__all__ = ["COARSE", "POSITION_CHANGES", "TIMING_CHANGES", "shipped", "small", "without_host"]

TRAINING = """
[search.float_training]
epochs = 4
batch = 256
[search.quantized_training]
epochs = 1
[search.fine_tuning]
epochs = 0.5
[search.final_training]
epochs = 1
"""

COARSE = LightMapSettings(pitch_mm=6.0, depth_pitch_mm=4.0, photons=4000)
"""A light map that is traced in a second, where a whole one takes longer than all the rest."""

_COARSE_TOML = "light_map = { pitch_mm = 6.0, depth_pitch_mm = 4.0, photons = 4000 }"

TIMING_CHANGES = {
    "offsets_mm": "[-60, -40, -20, 0, 20, 40, 60]",
    "events_per_offset": "120",
    "held_out_vectors": "100",
    "replicates": "100",
    "hidden": "[4, 3]",
}

POSITION_CHANGES = {
    "pitch_mm": "6.0",
    "half_extent_mm": "21.0",
    "events_even_even": "120",
    "events_odd_odd": "60",
    "held_out_vectors": "100",
    "replicates": "100",
    "hidden": "[8, 6]",
}


def shipped(name: str) -> str:
    return (sim_data_directory() / "studies" / f"{name}.toml").read_text()


def small(
    name: str, changes: dict[str, str], *, targets: str = '["onnx"]', fold: bool = False
) -> str:
    """Return a shipped study with small numbers, so that it runs in seconds.

    Events are folded, and charges brought to one sum, in tests of just that: classical estimators
    are tuned twice then. The light map is `COARSE`.
    """
    text = shipped(name)
    if not fold:
        text = re.sub(r"^(?:fold|normalised_sum) = .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[search\.\w+_(?:training|tuning)\]\n(?:\w+ = .*\n)+", "", text)
    # Trainings beside the search, and light maps of changed crystals, take longest.
    text = re.sub(r"(?:#.*\n)*\[augment\]\n(?:#.*\n|\w+ = .*\n)+", "", text)
    text = re.sub(r"\[coincidences\.light_map\]\n(?:#.*\n|\w+ = .*\n)+", "", text)
    text = re.sub(r"(?:#.*\n)*\[uncertainty\]\n(?:#.*\n|\w+ = .*\n)+", "", text)
    text = re.sub(r"\[diagnosis\]\n(?:\w+ = .*\n)+", "", text)
    other = r'\[\[external\]\]\nname = .*\nperturb = \["(?!noise).*\n(?:events = .*\n)?'
    text = re.sub(other, "", text)
    if "light_map]" not in text:
        text = re.sub(
            r"^\[(scan|coincidences)\]$", rf"[\1]\n{_COARSE_TOML}", text, flags=re.MULTILINE
        )
    for key, value in changes.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        if not count:
            assert key == "held_out_vectors"
            text += f"\n[verification]\n{key} = {value}\n"
    text = re.sub(r"^(\[search\])$", r"\1\nmax_rounds = 1\nproposals = 2", text, flags=re.MULTILINE)
    return text + TRAINING + f"\n[export]\ntargets = {targets}\n"


def without_host(path: Path) -> dict[str, object]:
    content = json.loads((path / "results.json").read_text())
    return {k: v for k, v in content.items() if k not in ("environment", "seconds")}
