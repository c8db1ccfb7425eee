"""The coarse stage: a linear estimate in integers, and in which region that lies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    format_holding,
)
from pulsefront.fixed_point.layers import Dense, Input, LargestIndex, Layer
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.data import TrainingData
from pulsefront.networks.deploy import deploy
from pulsefront.networks.stack import Stack

__all__ = ["CoarseStage", "coarse_stage"]

TAILS = 0.001
"""Share of the estimates that may lie beyond either end of their format."""
DRAWN = 20_000
"""Estimates that the middles of cells are sought among, at most."""
BIAS_BITS = 8
"""Bits of the estimate's biases more than those of its weights."""


@dataclass(frozen=True)
class CoarseStage:
    """The layers from the raw counts to the number of a region, ``region``."""

    layers: tuple[Layer, ...]
    inputs: tuple[Input, ...]
    count: int

    def regions(self, raw: NDArray[np.integer]) -> NDArray[np.intp]:
        """Return the number of the region of each event (event, input), as hardware will."""
        model = FixedPointModel("coarse_stage", self.inputs, self.layers, ("region",))
        found: NDArray[np.intp] = model.run(np.asarray(raw, np.int64))[:, 0].astype(np.intp)
        return found


def coarse_stage(
    data: TrainingData,
    raw: NDArray[np.integer],
    input_format: FixedPointFormat,
    told: tuple[int, ...],
    count: int,
    bits: int,
) -> CoarseStage:
    """Return what divides events into *count* regions by an estimate of the targets *told*.

    The estimate is linear, by least squares. Of one target, regions are ranges with as many
    events each; of two, cells: the nearest of so many middles, by k-means.

    Parameters
    ----------
    raw
        The events of *data* as raw integers of *input_format*, (event, input).
    bits
        Of the estimate's weights, and of the estimate.

    Raises
    ------
    ConfigError
        A region has no events: there are too many.
    """
    estimate = _estimate(data, input_format, told, bits)
    inputs = (Input("counts", raw.shape[1:], input_format),)
    first = FixedPointModel("coarse_stage", inputs, (estimate,), (estimate.name,))
    said = first.run(np.asarray(raw, np.int64))
    fraction = first.output_formats[estimate.name].fraction
    scores = _ranges(said, count, fraction) if len(told) == 1 else _cells(said, count, fraction)
    stage = CoarseStage((estimate, scores, LargestIndex("region", ("scores",))), inputs, count)
    events = np.bincount(stage.regions(raw), minlength=count)
    if events.min() == 0:
        raise ConfigError(
            f"{int((events == 0).sum())} of {count} regions have no events",
            field="regions.counts",
            value=count,
            remedy="ask for fewer regions, or for more coarse_bits",
        )
    return stage


def _estimate(
    data: TrainingData, input_format: FixedPointFormat, told: tuple[int, ...], bits: int
) -> Dense:
    """Return the linear estimate as a layer of raw counts."""
    columns = list(told)
    standard = data.inputs.double().numpy()
    targets = data.targets.double().numpy()[:, columns]
    ones = np.column_stack([standard, np.ones(len(standard))])
    slope = np.linalg.lstsq(ones, targets, rcond=None)[0]
    scaling = replace(
        data.scaling,
        output_mean=data.scaling.output_mean[columns],
        output_scale=data.scaling.output_scale[columns],
    )
    linear = Candidate(
        np.arange(standard.shape[1]),
        (slope[:-1].astype(np.float32),),
        (slope[-1].astype(np.float32),),
        None,
        seed=0,
    ).with_bits(
        weight_bits=(bits,), bias_bits=(bits + BIAS_BITS,), activation_bits=(), per_channel=True
    )
    stack = Stack([linear], scaling)
    stack.calibrate(data.inputs[: stack.calibration_events])
    to = _format(ones @ slope, scaling, bits)
    network = deploy(stack.candidate(0), scaling, input_format, to)
    return Dense(
        "coarse",
        ("counts",),
        network.weights[0],
        network.weight_formats[0],
        network.biases[0],
        network.bias_formats[0],
        to=Assignment(to, Rounding.RND, Overflow.SAT),
    )


def _format(said: NDArray[np.float64], scaling: Scaling, bits: int) -> FixedPointFormat:
    """Return the finest format of so many bits that holds nearly all estimates."""
    ends = np.quantile(said * scaling.output_scale + scaling.output_mean, [TAILS, 1.0 - TAILS])
    reach = float(np.abs(ends).max())
    integer = int(np.ceil(np.log2(max(reach, 2.0**-16)))) + 1
    return FixedPointFormat(bits, integer)


def _cells(said: Integers, count: int, fraction: int) -> Dense:
    """Return scores of estimates (event, 2): the largest is that of the nearest middle.

    2 c·p − c·c is largest where |p − c|² is least.
    """
    few = said[:: max(1, len(said) // DRAWN)].astype(np.float64)
    middles, _ = kmeans2(few, count, minit="++", seed=1)
    whole = np.rint(middles).astype(np.int64)
    bias = -((whole * whole).sum(1) >> 1)
    # 2 c has one fraction bit less, and so has all of the sum.
    return _scores(whole.T, fraction - 1, bias, 2 * fraction - 1)


def _ranges(said: Integers, count: int, fraction: int) -> Dense:
    """Return scores of estimates (event, 1): the largest is that of the range.

    k·d − (t_1 + … + t_k) is above the score of k − 1 where d is above the threshold t_k.
    """
    parts = np.arange(1, count) / count
    thresholds = np.quantile(said[:, 0], parts, method="higher").astype(np.int64)
    bias = -np.concatenate([[0], np.cumsum(thresholds)])
    return _scores(np.arange(count, dtype=np.int64)[None, :], 0, bias, fraction)


def _scores(weights: Integers, fraction: int, bias: Integers, bias_fraction: int) -> Dense:
    low, high = (int(end(weights)) for end in (np.min, np.max))
    return Dense(
        "scores",
        ("coarse",),
        weights,
        format_holding(low, high, fraction),
        bias,
        format_holding(int(bias.min()), int(bias.max()), bias_fraction),
    )
