"""What a network reads and how, where its export says so: samples or channels, and their sum."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pulsefront.config import validate
from pulsefront.errors import ConfigError
from pulsefront.firmware.front_end.settings import (
    AnyChainSettings,
    PositionChainSettings,
    TimingChainSettings,
)

__all__ = ["with_window"]


def with_window(settings: AnyChainSettings, model_file: Path) -> AnyChainSettings:
    """Return *settings* with what ``provenance.json`` beside a model says of its inputs.

    A study names its inputs ``sample_-8`` … ``sample_+7`` or ``sensor_0`` …; where the settings
    name them themselves, or no such file is there, they stay as they are. So it is with the sum
    that charges are brought to.

    Raises
    ------
    ConfigError
        The settings bring charges to another sum than that of the network's training.
    """
    provenance = model_file.parent / "provenance.json"
    try:
        content = json.loads(provenance.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings
    told = {**_chosen(settings, content), **_sum(settings, content)} if content else {}
    if not told:
        return settings
    # Checked anew: they must lie within the window.
    return validate(type(settings), {**settings.model_dump(), **told}, file=provenance)


def _chosen(settings: AnyChainSettings, content: Any) -> dict[str, Any]:
    timing = isinstance(settings, TimingChainSettings)
    key = "window_samples" if timing else "network_channels"
    pattern = r"sample_([+-]\d+)" if timing else r"(?:folded_)?sensor_(\d+)"
    if getattr(settings, key) is not None:
        return {}
    try:
        names = [re.fullmatch(pattern, name) for name in content["input_names"]]
    except (KeyError, TypeError):
        return {}
    if not names or not all(names):
        return {}
    return {key: tuple(int(found[1]) for found in names if found)}


def _sum(settings: AnyChainSettings, content: Any) -> dict[str, Any]:
    if not isinstance(settings, PositionChainSettings) or not isinstance(content, dict):
        return {}
    trained = content.get("normalised_sum")
    if trained is None:
        return {}
    if settings.normalised_sum not in (None, trained):
        raise ConfigError(
            f"the network was trained on charges at a sum of {trained}",
            field="normalised_sum",
            value=settings.normalised_sum,
            remedy=f"write normalised_sum = {trained}, or leave it out",
        )
    return {"normalised_sum": trained}
