"""Training of networks of regions: one network for all, then each region's from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.evaluate.spread import spread_over
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.batches import one_by_one
from pulsefront.networks.candidate import Candidate, initial_candidate
from pulsefront.networks.data import TrainingData
from pulsefront.networks.deploy import deploy
from pulsefront.networks.precision import Precision
from pulsefront.networks.regions.coarse import coarse_stage
from pulsefront.networks.regions.lower import lower_regions
from pulsefront.networks.regions.settings import RegionNetworkSettings
from pulsefront.networks.settings import TrainingSettings
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import train

__all__ = ["RegionData", "in_common_formats", "train_regions"]

COLUMNS = {"cells": (0, 1), "depth": (2,)}
"""Which targets the coarse stage estimates: x and y, or the depth."""

LEAST_BATCH = 256

Mapper = Callable[..., Iterable[list[Candidate]]]
"""Like `map`; an executor's does the regions side by side."""


@dataclass(frozen=True)
class RegionData:
    """Training events as raw integers of *input_format* (event, input), and standardized.

    *data* are the same events with their targets, positions in mm: x, y and, where known, depth.
    """

    inputs: NDArray[np.integer]
    input_format: FixedPointFormat
    output_format: FixedPointFormat
    data: TrainingData


def train_regions(
    given: RegionData,
    settings: RegionNetworkSettings,
    count: int,
    seeds: Sequence[int],
    *,
    name: str,
    mapper: Mapper = map,
) -> list[FixedPointModel | None]:
    """Return a network of *count* regions of each seed as integers; None where training diverged.

    They read all inputs in their order. The same seeds give the same integers; put
    `networks.device.repeatable` around it.

    Raises
    ------
    ConfigError
        The depth is not known, or a region has no events.
    """
    data, told = given.data, COLUMNS[settings.by]
    n_out = data.targets.shape[1]
    if max(told) >= n_out:
        raise ConfigError(
            f"the events have {n_out} targets, and no depth among them",
            field="regions.by",
            value=settings.by,
            remedy='use by = "cells"',
        )
    network, n_in = settings.network, given.inputs.shape[-1]
    starts = [initial_candidate(network, n_in, n_out, seed) for seed in seeds]
    shared = train(starts, data, settings.shared_training, seed=seeds[0])
    stage, parts = None, [data]
    if count > 1:
        stage = coarse_stage(
            data, given.inputs, given.input_format, told, count, settings.coarse_bits
        )
        parts = _divided(data, stage.regions(given.inputs), count)
    sharing = [len(part) / len(data) for part in parts]

    def trained(
        networks: Sequence[Sequence[Candidate]], how: TrainingSettings, *, keep_formats: bool
    ) -> list[list[Candidate]]:
        def one(
            candidates: Sequence[Candidate], part: TrainingData, share: float
        ) -> list[Candidate]:
            least = min(how.batch, LEAST_BATCH)
            batch = max(least, round(share * how.batch))
            own = how.model_copy(update={"batch": batch})
            return train(candidates, part, own, seed=seeds[0], keep_formats=keep_formats)

        return list(mapper(one, networks, parts, sharing))

    floats = trained([shared] * len(parts), settings.region_training, keep_formats=False)
    coarse = in_common_formats(
        [
            _calibrated([_with_bits(one, settings) for one in candidates], part)
            for candidates, part in zip(floats, parts, strict=True)
        ]
    )
    found = trained(coarse, settings.quantized_training, keep_formats=True)
    models: list[FixedPointModel | None] = []
    for regions in zip(*found, strict=True):
        if not all(one.finite for one in regions):
            models.append(None)
            continue
        networks = [
            deploy(one, data.scaling, given.input_format, given.output_format) for one in regions
        ]
        models.append(lower_regions(networks, stage, name=name))
    return models


def _divided(data: TrainingData, region: NDArray[np.intp], count: int) -> list[TrainingData]:
    rows = [torch.from_numpy(np.flatnonzero(region == number)) for number in range(count)]
    return [replace(data, inputs=data.inputs[one], targets=data.targets[one]) for one in rows]


def _with_bits(candidate: Candidate, settings: RegionNetworkSettings) -> Candidate:
    layers = len(candidate.weights)
    return candidate.with_bits(
        weight_bits=(settings.weight_bits,) * layers,
        bias_bits=(settings.bias_bits,) * layers,
        activation_bits=(settings.activation_bits,) * (layers - 1),
        per_channel=True,
    )


def _calibrated(candidates: Sequence[Candidate], data: TrainingData) -> list[Candidate]:
    """Return *candidates* with binary points that suit the events of their region."""
    with torch.no_grad():
        stack = Stack(candidates, data.scaling)
        few = torch.from_numpy(spread_over(len(data), stack.calibration_events))
        stack.calibrate(one_by_one(data.inputs[few]))
        return stack.unstack()


def in_common_formats(regions: Sequence[Sequence[Candidate]]) -> list[list[Candidate]]:
    """Return the networks (region, initialization) with the same formats in all regions.

    The binary points of each initialization are those that clip in no region: multipliers and
    what follows them are the same for all.
    """
    formats = [
        _common([one.precision for one in each if one.precision is not None])
        for each in zip(*regions, strict=True)
    ]
    return [
        [replace(one, precision=form) for one, form in zip(candidates, formats, strict=True)]
        for candidates in regions
    ]


def _common(precisions: Sequence[Precision]) -> Precision:
    def least(points: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
        return tuple(map(min, zip(*points, strict=True)))

    return replace(
        precisions[0],
        weight_fraction=tuple(
            least(layers) for layers in zip(*(p.weight_fraction for p in precisions), strict=True)
        ),
        activation_fraction=least(p.activation_fraction for p in precisions),
    )
