"""The position of interaction by a quantized network."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError, PrecisionError
from pulsefront.fixed_point import FixedPointFormat, FixedPointModel, format_holding
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.preparation import ChargePreparation, note_preparation
from pulsefront.learn.arrays import counts
from pulsefront.learn.base import EstimateWarning, PositionRegressor
from pulsefront.learn.quantized import QuantizedNetwork, output_format
from pulsefront.networks.settings import LossSettings
from pulsefront.search.task import Task, median_distance

__all__ = ["PositionNetwork"]

MOST_CLIPPED = 0.01
"""Share of training events with a charge beyond its bits, as in studies."""
FEWEST_STEPS = 8
"""Of the brightest input of the middle event, below which rounding takes what it says."""


class PositionNetwork(QuantizedNetwork, PositionRegressor):
    """Position of interaction in mm from charges in ADC counts.

    ``X`` is (event, photosensor), ``y`` (event, 2) or (event, 3): x, y and, where it is known,
    depth.

    Parameters
    ----------
    hidden
        Nodes of each hidden layer.
    weight_bits, activation_bits
        Widths that the network is quantized to.
    epochs
        Passes of the training in floats; 8 through the quantizers follow.
    batch
        Events of a step of training; few events want small ones.
    input_bits
        Bits of the ADC; those that the training events need where left out. A count beyond them is
        refused when it is met.
    output_bits
        Of each coordinate; the range is twice that of the labels.
    initializations
        Beginnings that are trained side by side; the best on selection events is the model.
    selection_fraction
        Share of the groups (of the events without groups) that choices are made on.
    seed
        Of initializations, minibatches and the choice of selection groups.
    device
        ``cpu``, ``cuda`` or ``cuda:N``.
    name
        Of the model.
    fold
        Mirrors of the block, such as a scan's ``mirrors``: every event is turned into one part of
        it, which alone the network learns, and the answer turned back.
    normalised_sum
        To which the charges of every event are brought before.

    What happens to charges before the network is `preparation`; it is no part of the model. Give
    `provenance` to `export_model`, so that the export says it.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> PositionNetwork(hidden=(16,), weight_bits=6)
    PositionNetwork(hidden=(16,), weight_bits=6)
    >>> clone(PositionNetwork(seed=4)).get_params()["seed"]
    4
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (64, 32),
        *,
        weight_bits: int = 8,
        activation_bits: int = 10,
        epochs: float = 30.0,
        batch: int = 256,
        input_bits: int | None = None,
        output_bits: int = 16,
        initializations: int = 3,
        selection_fraction: float = 0.3,
        seed: int = 1,
        device: str = "cpu",
        name: str = "position",
        fold: Mirrors | None = None,
        normalised_sum: int | None = None,
    ) -> None:
        self.hidden = hidden
        self.weight_bits = weight_bits
        self.activation_bits = activation_bits
        self.epochs = epochs
        self.batch = batch
        self.input_bits = input_bits
        self.output_bits = output_bits
        self.initializations = initializations
        self.selection_fraction = selection_fraction
        self.seed = seed
        self.device = device
        self.name = name
        self.fold = fold
        self.normalised_sum = normalised_sum

    def _task(
        self,
        events: NDArray[np.integer],
        known: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
    ) -> Task:
        if known.ndim != 2:
            raise DataError(
                "positions must be (event, 2) or (event, 3)", field="y", value=known.shape
            )
        low, high = int(events.min()), int(events.max())
        found = format_holding(min(low, 0), high, 0)
        bits = self.input_bits or found.width
        input_format = FixedPointFormat(bits, bits, signed=found.signed)
        inputs, targets, names = events, known, "sensor"
        self.preparation_ = None
        self._refuse_wrong_preparation()
        if self.fold is not None or self.normalised_sum is not None:
            if low < 0:
                raise DataError("charges below zero cannot be turned", field="X", value=low)
            total = None if self.normalised_sum is None else int(self.normalised_sum)
            prepared = ChargePreparation(bits, total, self.fold)
            _refuse_beyond(events, bits)
            inputs, input_format = prepared.apply(events), prepared.format
            if self.normalised_sum is not None:
                _refuse_clipped(inputs, bits, self.normalised_sum)
                _tell_of_few_steps(inputs, self.normalised_sum)
            if self.fold is not None:
                targets, names = self.fold.forward(known, self.fold.turns(events)), "folded_sensor"
            self.preparation_ = prepared
        train, selection = self._parts(len(events), groups)
        return Task(
            name=self.name,
            inputs=inputs,
            targets=targets,
            train=train,
            selection=selection,
            input_format=input_format,
            output_format=output_format(float(np.abs(known).max()), self.output_bits),
            loss=LossSettings(),
            metric=median_distance,
            metric_name=f"median {known.shape[1]}-D error (mm)",
            input_names=tuple(f"{names}_{i}" for i in range(events.shape[1])),
            output_names=("x_mm", "y_mm", "depth_mm")[: known.shape[1]],
            groups=groups,
            grid=None if self.fold is None else (self.fold.rows, self.fold.columns),
        )

    def _refuse_wrong_preparation(self) -> None:
        if self.fold is not None and not isinstance(self.fold, Mirrors):
            raise ConfigError(
                "are no mirrors",
                field="fold",
                value=self.fold,
                remedy="give a scan's mirrors, or Mirrors(columns, rows)",
            )
        total = self.normalised_sum
        whole = isinstance(total, (int, np.integer)) and not isinstance(total, bool)
        if total is not None and not (whole and 16 <= total < 1 << 24):
            raise ConfigError(
                "is no sum of charges",
                field="normalised_sum",
                value=total,
                remedy="give a whole number from 16 to 16,777,215, near the photopeak of the sum",
            )

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return positions, (event, axis), in mm: those of the integers, not of floats.

        Raises
        ------
        PrecisionError
            A count lies outside the input's format.
        """
        self._require_fitted()
        events = counts(X, self.axes)
        if self.preparation_ is None:
            return self._run(events)
        _refuse_beyond(events, self.preparation_.bits)
        return self.preparation_.back(events, self._run(self.preparation_.apply(events)))

    @property
    def preparation(self) -> ChargePreparation | None:
        """What happens to the charges of an event before the model; None where nothing does."""
        self._require_fitted()
        return self.preparation_

    @property
    def model(self) -> FixedPointModel:
        """The integers that firmware computes; `export_model` is told what happens before them."""
        model = super().model
        if self.preparation is not None:
            note_preparation(model, self.preparation)
        return model

    @property
    def provenance(self) -> dict[str, Any]:
        """What an export is told of where the model comes from: what happens before it."""
        return {} if self.preparation is None else self.preparation.document()


def _refuse_clipped(inputs: NDArray[np.integer], bits: int, total: int) -> None:
    """Refuse a sum that brings charges to the end of their bits in more than 1 % of the events."""
    share = float((inputs >= (1 << bits) - 1).any(axis=1).mean())
    if share > MOST_CLIPPED:
        raise DataError(
            f"brings a charge beyond {bits} bits in {100 * share:.1f} % of the events",
            field="normalised_sum",
            value=total,
            remedy="lower it, or give input_bits, those of the ADC, where it has more",
        )


def _tell_of_few_steps(inputs: NDArray[np.integer], total: int) -> None:
    """Warn where the brightest input of the middle event has few steps, as `pulsefront check`."""
    steps = float(np.median(inputs.max(axis=1)))
    if steps < FEWEST_STEPS:
        warnings.warn(
            f"normalised_sum: {total} leaves the brightest input of the middle event {steps:.0f} "
            "steps; raise it",
            EstimateWarning,
            stacklevel=4,
        )


def _refuse_beyond(events: NDArray[np.integer], bits: int) -> None:
    """Refuse counts that the ADC's bits do not hold, before anything is done to them."""
    wrong = np.argwhere((events < 0) | (events >= 1 << bits))
    if len(wrong):
        event, channel = (int(one) for one in wrong[0])
        raise PrecisionError(
            f"the count of event {event}, channel {channel}, lies outside {bits} bits",
            field="X",
            value=int(events[event, channel]),
            remedy="give input_bits, those of the ADC",
        )
