"""Which samples or channels a network reads, where its export says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pulsefront.config import validate
from pulsefront.firmware.front_end.settings import AnyChainSettings, TimingChainSettings

__all__ = ["with_window"]


def with_window(settings: AnyChainSettings, model_file: Path) -> AnyChainSettings:
    """Return *settings* with the samples or channels that ``provenance.json`` beside a model names.

    A study names its inputs ``sample_-8`` … ``sample_+7`` or ``sensor_0`` …; where the settings
    name them themselves, or no such file is there, they stay as they are.
    """
    timing = isinstance(settings, TimingChainSettings)
    key = "window_samples" if timing else "network_channels"
    pattern = r"sample_([+-]\d+)" if timing else r"sensor_(\d+)"
    if getattr(settings, key) is not None:
        return settings
    provenance = model_file.parent / "provenance.json"
    try:
        content = json.loads(provenance.read_text(encoding="utf-8"))
        names = [re.fullmatch(pattern, name) for name in content["input_names"]]
    except (OSError, ValueError, KeyError, TypeError):
        return settings
    if not names or not all(names):
        return settings
    samples = tuple(int(found[1]) for found in names if found)
    # Checked anew: they must lie within the window.
    return validate(type(settings), {**settings.model_dump(), key: samples}, file=provenance)
