"""What the network of a position study reads of its events, and how its answers are read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.networks.front_end import FrontEnd, row_column_sums
from pulsefront.studies.kinds.folding import fold_of
from pulsefront.studies.kinds.folding import input_names as charge_names
from pulsefront.studies.kinds.position.settings import PositionStudy

__all__ = [
    "input_format",
    "input_grid",
    "input_names",
    "network_inputs",
    "positions_mm",
    "preparation",
]


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
    sums = ChargePreparation(input_format(study).width, study.events.normalised_sum)
    return sums.apply(_sums(study).apply(charges))


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


def input_grid(study: PositionStudy) -> tuple[int, int] | None:
    """Return rows and columns of what the network reads; None of sums of these."""
    columns, rows = load_detector(study.detector).sensors.grid
    return (rows, columns) if study.events.inputs == "charges" else None


def input_names(study: PositionStudy) -> tuple[str, ...]:
    """Return the names of what the network reads."""
    if study.events.inputs == "charges":
        return charge_names(study)
    return _sums(study).names


def _sums(study: PositionStudy) -> FrontEnd:
    columns, rows = load_detector(study.detector).sensors.grid
    return row_column_sums(rows, columns)
