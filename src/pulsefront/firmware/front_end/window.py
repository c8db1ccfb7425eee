"""What a network reads and how, where its export says so: samples or channels, and their sum."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulsefront.config import validate
from pulsefront.errors import ConfigError
from pulsefront.firmware.front_end.settings import (
    AnyChainSettings,
    PositionChainSettings,
    TimingChainSettings,
)
from pulsefront.firmware.origin import PROVENANCE, origin_of

__all__ = ["with_window"]

WORDS = {
    "normalised_sum": "charges at a sum of {}",
    "fold": "events turned by the mirrors of a {}",
    "drop_bits": "charges without their {} lowest bits",
}
"""What an export may say of the charges before its network."""


CUTS = (
    ("largest_error", "error_scale", "largest_kept"),
    ("least_margin", "class_margin", "least_kept"),
)
"""Cuts in settings, and where an export says those of its study in steps."""


def with_window(settings: AnyChainSettings, model_file: Path) -> AnyChainSettings:
    """Return *settings* with what is said beside a model, or in its run, of its inputs.

    A study names its inputs ``sample_-8`` … ``sample_+7`` or ``sensor_0`` …; where the settings
    name them themselves, or no such file is there, they stay as they are. So it is with the sum
    that charges are brought to, the mirrors that events are turned by, bits that are dropped, and
    whether the last output foretells the error of the others.

    Raises
    ------
    ConfigError
        The settings do something else to the charges than was done for the network's training, or
        take a cut in steps for one in the unit of the outputs.
    """
    content = origin_of(model_file)
    _refuse_steps(settings, content)
    told = {**_chosen(settings, content), **_before(settings, content)}
    if "error_scale" in content and settings.error_output is None:
        told["error_output"] = True
    tests = content.get("input_tests") if isinstance(content, dict) else None
    if settings.input_tests == "study" and tests is not None:
        told["input_tests"] = tests
    if not told:
        return settings
    # Checked anew: they must lie within the window.
    where = model_file.parent / PROVENANCE
    return validate(type(settings), {**settings.model_dump(), **told}, file=where)


def _refuse_steps(settings: AnyChainSettings, content: Mapping[str, Any]) -> None:
    """Refuse a cut as the export lists it, in steps, where it is wanted in the outputs' unit.

    Hardly any event would be below such an error, or above such a margin, and nothing would tell.
    """
    for key, table, cuts in CUTS:
        told, given = content.get(table), getattr(settings, key, None)
        if given is None or not isinstance(told, Mapping) or told["step"] == 1:
            continue
        if given in told[cuts].values():
            raise ConfigError(
                f"is a cut of the study in steps of {told['step']:g}",
                field=key,
                value=given,
                remedy=f"write {given * told['step']:g}, in the unit of the outputs",
            )


def _chosen(settings: AnyChainSettings, content: Mapping[str, Any]) -> dict[str, Any]:
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


def _before(settings: AnyChainSettings, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what happened to the charges that the network was trained on."""
    if not isinstance(settings, PositionChainSettings):
        return {}
    if "classes" in content:
        raise ConfigError(
            "the network says classes of a folded array, and a front end turns x and y back alone",
            field="fold",
            value=content.get("fold"),
            remedy='train with fold = "none", or compute what the export\'s README says around '
            "the network",
        )
    trained = {key: content[key] for key in WORDS if content.get(key) is not None}
    for key, value in trained.items():
        given = getattr(settings, key)
        if given not in (None, value):
            raise ConfigError(
                f"the network was trained on {WORDS[key].format(value)}",
                field=key,
                value=given,
                remedy=f"write {key} = {json.dumps(value)}, or leave it out",
            )
    # A study's export says all that was done to its charges; one from elsewhere may say nothing.
    for key in WORDS if {"study", "charge_bits"} & content.keys() else ():
        given = getattr(settings, key)
        if key not in trained and given:
            raise ConfigError(
                f"the network was not trained on {WORDS[key].format(given)}",
                field=key,
                value=given,
                remedy="leave it out",
            )
    if "fold" in trained:
        trained["grid"] = tuple(content["grid"])
        if settings.grid not in (None, trained["grid"]):
            raise ConfigError(
                "the network was trained on another grid of channels",
                field="grid",
                value=settings.grid,
                remedy=f"write grid = {content['grid']}, or leave it out",
            )
    return trained
