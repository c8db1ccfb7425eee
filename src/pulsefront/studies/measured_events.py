"""Measured events as a study takes them: pulses upright, charges in whole counts.

What follows (windows in firmware, classical estimators, the network) knows pulses that go up.
Pulses that go down become their complement, as an inverter per bit makes it in a front end: all
that is measured from their baseline is then that of the same pulse upright, to the bit.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.polarity import Side, find_polarities
from pulsefront.estimators.pulses.resolve import FIRST_EVENTS, signs_of
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events.channels import with_channels
from pulsefront.events.container import EventTable
from pulsefront.events.external import ExternalData, load_external
from pulsefront.events.readers.base import EventFile
from pulsefront.events.readers.open import open_events
from pulsefront.measured.charges import ChargesSummary, charge_tables
from pulsefront.progress import progress

__all__ = ["load_measured", "load_unlabelled", "polarity_rows"]

LEAST_COUNTS = 64.0
"""Of the brightest photosensor of half the events: fewer lose the position to rounding."""


def load_measured(
    data: ExternalData,
    kind: Literal["position", "timing"],
    *,
    relative_to: str | Path | None = None,
    channels: int | None = None,
) -> EventTable:
    """Return measured events with the columns that a study of *kind* needs, pulses upright.

    A position study takes charges, or waveforms, whose charges are measured as
    `pulsefront charges` does. Which side the pulses of each channel lie on is found unless *data*
    says it, and told in the provenance.

    Parameters as `pulsefront.events.external.load_external`.

    Raises
    ------
    ConfigError, DataError
        As there; or polarities of another number of channels, or charges that are no counts.
    """
    read = _upright if kind == "timing" else _with_charges
    table = load_external(
        data, kind, relative_to=relative_to, channels=channels, read=partial(read, data)
    )
    return table if kind == "timing" else _whole_counts(table)


def load_unlabelled(
    path: str | Path,
    kind: Literal["position", "timing"],
    *,
    channels: tuple[int, ...] = (),
    polarity: Literal["positive", "negative", "auto"] = "auto",
) -> EventTable:
    """Return the events of a measured file or store as a study of *kind* takes them, pulses
    upright, whatever is known of where they come from.

    Parameters
    ----------
    channels
        Channels to take, in this order; all where left out.

    Raises
    ------
    DataError
        The file cannot be read, or holds neither charges nor waveforms.
    """
    data = ExternalData(path=Path(path), channels=channels, polarity=polarity)
    source = with_channels(open_events(path), channels)
    needed = "waveform_adc" if kind == "timing" else "charge_adc"
    table = _upright(data, source) if kind == "timing" else _with_charges(data, source)
    if needed not in table.columns:
        raise DataError(
            f"lacks what a {kind} network reads",
            file=path,
            field=needed,
            remedy=f"it holds {', '.join(table.columns)}",
        )
    return table if kind == "timing" else _whole_counts(table)


def polarity_rows(events: EventTable) -> list[tuple[str, str, str]]:
    """Return the (quantity, value, unit) row that tells the polarity; none of simulated events."""
    sides = events.provenance.get("polarity")
    if not sides:
        return []
    each = sides[0] if len(set(sides)) == 1 else ", ".join(sides)
    return [("pulses", f"{each} ({events.provenance['polarity_origin']})", "")]


def _upright(data: ExternalData, source: EventFile) -> EventTable:
    """Return the events with the waveforms of all channels upright."""
    table = source.read()
    waveforms = table.columns.get("waveform_adc")
    if waveforms is None or waveforms.ndim != 3:
        return table
    sides = _sides(data, waveforms.shape[1])
    if sides is None:
        sides = find_polarities(waveforms[np.flatnonzero(table.status == 0)[:FIRST_EVENTS]])
    turned = waveforms.copy() if "negative" in sides else waveforms
    for channel, side in enumerate(sides):
        if side == "negative":
            turned[:, channel] = _complement(waveforms[:, channel])
    return _told(table.with_columns({"waveform_adc": turned}, {}), data, sides)


def _complement(values: NDArray[Any]) -> NDArray[Any]:
    """Return what goes up where *values* go down: each bit inverted, or the sign."""
    return np.invert(values) if values.dtype.kind in "iu" else -values


def _with_charges(data: ExternalData, source: EventFile) -> EventTable:
    """Return the events with upright charges, measured where there are waveforms alone."""
    if "charge_adc" not in source.quantities and "waveform_adc" in source.quantities:
        seen = ChargesSummary()
        with progress("Measuring charges", "events") as report:
            asked = PickoffSettings(polarity=data.polarity)
            table = EventTable.concatenate([*charge_tables(source, asked, seen, report)])
        signs = signs_of(seen.settings, seen.channels)
        return _told(table, data, tuple(map(_side, signs)))
    table = source.read()
    charges = table.columns.get("charge_adc")
    if charges is None or charges.ndim != 2:
        return table
    given = _sides(data, charges.shape[1])
    sides = given or _sides_of_charges(charges[table.status == 0])
    if "negative" in sides:
        factors = np.array([-1 if side == "negative" else 1 for side in sides])
        if charges.dtype.kind == "u":
            raise ConfigError(
                "charges without a sign cannot be negative", field="polarity", value=data.polarity
            )
        table = table.with_columns({"charge_adc": charges * factors.astype(charges.dtype)}, {})
    return _told(table, data, sides)


def _sides_of_charges(charges: NDArray[Any]) -> tuple[Side, ...]:
    """Return the side on which the larger charges of each channel lie."""
    if charges.dtype.kind == "u" or not len(charges):
        return (_side(1.0),) * int(charges.shape[1])
    low, high = np.nanquantile(charges, [0.01, 0.99], axis=0)
    return tuple(_side(up - down) for down, up in zip(-low, high, strict=True))


def _side(sign: float) -> Side:
    return "negative" if sign < 0 else "positive"


def _sides(data: ExternalData, channels: int) -> tuple[Side, ...] | None:
    """Return the given polarity of each channel; None where it is to be found."""
    if data.polarity == "auto":
        return None
    given = data.polarity
    sides: tuple[Side, ...] = given if isinstance(given, tuple) else (given,) * channels
    if len(sides) != channels:
        raise ConfigError(
            f"gives {len(sides)} polarities for {channels} channel(s)", field="measured.polarity"
        )
    return sides


def _told(table: EventTable, data: ExternalData, sides: tuple[Side, ...]) -> EventTable:
    origin = "found" if data.polarity == "auto" else "given"
    told = {**table.provenance, "polarity": list(sides), "polarity_origin": origin}
    return table.with_provenance(told)


def _whole_counts(table: EventTable) -> EventTable:
    """Return the events with charges as an unsigned converter gives them: whole, none below zero.

    Raises
    ------
    DataError
        They are so small that rounding would lose what they tell.
    """
    charges = table["charge_adc"]
    if charges.dtype.kind in "iu":
        return table
    typical = float(np.median(charges.max(axis=1)))
    if typical < LEAST_COUNTS:
        raise DataError(
            f"charges of {typical:.3g} are no counts of a converter",
            field="charge_adc",
            remedy="scale them, so that a network can read whole numbers",
        )
    whole = np.rint(np.maximum(charges, 0)).astype(np.int32)
    return table.with_columns({"charge_adc": whole}, {})
