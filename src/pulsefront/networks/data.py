"""Training events in standardized units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.candidate import Scaling
from pulsefront.networks.goals import GOALS, Labels
from pulsefront.networks.settings import LossSettings
from pulsefront.networks.stream import FreshEvents, InputStream

__all__ = ["TrainingData", "prepare", "standardized"]

INPUT_SCALE_FLOOR = 0.1


@dataclass(frozen=True)
class TrainingData:
    """Training events as float32 tensors in standardized units, with what standardized them.

    ``inputs`` is (event, n_in), for coincidences (event, 2, n_in). ``targets`` is (event, n_out);
    for coincidences the difference that the two corrections must have; for classification the
    class (event, 1) int64. ``selection`` are other events, standardized alike, that decide when a
    candidate stops (``TrainingSettings.patience``). With a ``stream`` training takes new events
    from there and each once; those here then only standardize and calibrate.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    scaling: Scaling
    loss: LossSettings
    selection: TrainingData | None = None
    stream: InputStream | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> TrainingData:
        """Return the same events in the memory of *device*."""
        if self.inputs.device == device:
            return self
        return replace(
            self,
            inputs=self.inputs.to(device),
            targets=self.targets.to(device),
            selection=self.selection and self.selection.to(device),
        )


def prepare(
    inputs: NDArray[np.integer],
    targets: NDArray[np.floating],
    input_format: FixedPointFormat,
    loss: LossSettings,
    *,
    coarse: NDArray[np.floating] | None = None,
    scaling: Scaling | None = None,
    common_scale: bool = False,
) -> TrainingData:
    """Standardize training events.

    Parameters
    ----------
    inputs
        Raw integers of *input_format*: (event, n_in), or (event, 2, n_in) for coincidences.
    targets
        (event, n_out); for coincidences the known difference t0 − t1 (event,); for
        classification the class (event,), 0, 1, ….
    coarse
        (event, 2) time that the network corrects, in the target's unit; coincidences only.
    scaling
        Use this one instead of fitting it on these events.
    common_scale
        Give all inputs one mean and scale, as a convolution over them needs.

    Raises
    ------
    DataError
        Shapes do not fit the loss, coarse times are missing, or a number is not finite.
    """
    values = np.ldexp(np.asarray(inputs, dtype=np.float32), -input_format.fraction)
    goal = GOALS[loss.kind]
    wanted = goal.targets(values, Labels(targets, coarse))
    if len(wanted) != len(values) or len(wanted) == 0:
        raise DataError("no events to train on, or no target for some", value=len(wanted))
    if not np.isfinite(wanted).all():
        raise DataError(
            "a target is not finite", field="targets", remedy="select events that have a label"
        )
    if scaling is None:
        scaling = _fit_scaling(values.reshape(-1, values.shape[-1]), goal.scaling(wanted))
        if common_scale:
            scaling = _common(scaling, values)
    standard = (values - scaling.input_mean) / scaling.input_scale
    return TrainingData(
        torch.from_numpy(standard.astype(np.float32)),
        torch.from_numpy(goal.standardized(wanted, scaling.output_mean, scaling.output_scale)),
        scaling,
        loss,
    )


def standardized(
    block: FreshEvents, like: TrainingData, input_format: FixedPointFormat
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and targets of new events, standardized as *like*."""
    found = prepare(block.inputs, block.targets, input_format, like.loss, scaling=like.scaling)
    return found.inputs, found.targets


def _fit_scaling(
    inputs: NDArray[np.float32], outputs: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> Scaling:
    deviation = inputs.std(0, dtype=np.float64)
    typical = float(np.sqrt(np.mean(deviation**2))) or 1.0
    output_mean, output_scale = outputs
    return Scaling(
        input_mean=inputs.mean(0, dtype=np.float64),
        # A channel that hardly varies carries noise: do not blow it up to unit variance.
        input_scale=np.maximum(deviation, INPUT_SCALE_FLOOR * typical),
        output_mean=output_mean,
        output_scale=np.where(output_scale > 0, output_scale, 1.0),
    )


def _common(scaling: Scaling, inputs: NDArray[np.float32]) -> Scaling:
    same = np.ones_like(scaling.input_mean)
    return replace(
        scaling,
        input_mean=same * inputs.mean(dtype=np.float64),
        input_scale=same * (inputs.std(dtype=np.float64) or 1.0),
    )
