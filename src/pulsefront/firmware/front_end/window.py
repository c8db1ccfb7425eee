"""Which samples a network reads, where its export says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pulsefront.config import validate
from pulsefront.firmware.front_end.settings import TimingChainSettings

__all__ = ["with_window"]


def with_window(settings: TimingChainSettings, model_file: Path) -> TimingChainSettings:
    """Return *settings* with the samples that ``provenance.json`` beside a model names.

    A study names its inputs ``sample_-8`` … ``sample_+7``; where the settings name samples
    themselves, or no such file is there, they stay as they are.
    """
    if settings.window_samples is not None:
        return settings
    provenance = model_file.parent / "provenance.json"
    try:
        content = json.loads(provenance.read_text(encoding="utf-8"))
        names = [re.fullmatch(r"sample_([+-]\d+)", name) for name in content["input_names"]]
    except (OSError, ValueError, KeyError, TypeError):
        return settings
    if not names or not all(names):
        return settings
    samples = tuple(int(found[1]) for found in names if found)
    # Checked anew: they must lie within the window.
    content = {**settings.model_dump(), "window_samples": samples}
    return validate(TimingChainSettings, content, file=provenance)
