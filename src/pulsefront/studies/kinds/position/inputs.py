"""What the network of a position study reads of its events, and how its answers are read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.networks.front_end import FrontEnd, row_column_sums
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.scan import normalised

__all__ = [
    "fold_of",
    "input_format",
    "input_names",
    "network_inputs",
    "positions_mm",
    "preparation",
]


def fold_of(study: PositionStudy) -> Mirrors | None:
    """Return the mirrors that the events of a study are folded by; None where they are not.

    Raises
    ------
    ConfigError
        The photosensors of its detector are no mirror images of each other.
    """
    if study.events.fold == "none":
        return None
    detector, diagonal = load_detector(study.detector), study.events.fold == "square"
    sensors, size = detector.sensors, detector.crystal.size_mm
    uneven = {"sensors.offset_mm": any(sensors.offset_mm)}
    if diagonal:
        uneven |= {
            "sensors.grid": sensors.grid[0] != sensors.grid[1],
            "sensors.pitch_mm": sensors.pitch_mm[0] != sensors.pitch_mm[1],
            "crystal.size_mm": size[0] != size[1],
        }
    for name in (name for name, differs in uneven.items() if differs):
        ways = '"none"' if name == "sensors.offset_mm" else '"rectangle" or "none"'
        raise ConfigError(
            f"the {name} of {study.detector} is not the same in the mirrors",
            field="events.fold",
            value=study.events.fold,
            remedy=f"use fold = {ways}",
        )
    return Mirrors(*sensors.grid, diagonal=diagonal)


def preparation(study: PositionStudy) -> ChargePreparation:
    """Return what happens to the charges of a study before its network.

    Of a network that reads sums of rows and columns, this is what happens to the charges before
    they are summed: nothing.
    """
    bits = load_detector(study.detector).charge_readout.adc_bits
    if study.events.inputs != "charges":
        return ChargePreparation(bits)
    return ChargePreparation(
        bits, study.events.normalised_sum, fold_of(study), study.events.drop_bits
    )


def network_inputs(study: PositionStudy, events: EventTable) -> NDArray[np.integer]:
    """Return the charges (event, photosensor), or the sums of rows and columns (event, sum).

    They are brought to one sum, folded and shortened where the study says so.
    """
    charges = np.asarray(events["charge_adc"])
    if study.events.inputs == "charges":
        return preparation(study).apply(charges)
    return normalised(study, _sums(study).apply(charges), input_format(study))


def positions_mm(
    study: PositionStudy, events: EventTable, outputs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where *events* were by a network's *outputs* (…, event, axis): turned back."""
    found = preparation(study).back(np.asarray(events["charge_adc"]), outputs)
    return np.asarray(found, np.float64)


def input_format(study: PositionStudy) -> FixedPointFormat:
    """Return the format of what the network reads."""
    single = preparation(study).format
    return single if study.events.inputs == "charges" else _sums(study).sum_format(single)


def input_names(study: PositionStudy) -> tuple[str, ...]:
    """Return the names of what the network reads."""
    if study.events.inputs == "charges":
        # Where a photosensor stands after the turns, not which it is.
        what = "sensor" if study.events.fold == "none" else "folded_sensor"
        return tuple(f"{what}_{i}" for i in range(load_detector(study.detector).sensors.count))
    return _sums(study).names


def _sums(study: PositionStudy) -> FrontEnd:
    columns, rows = load_detector(study.detector).sensors.grid
    return row_column_sums(rows, columns)
