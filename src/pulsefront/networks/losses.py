"""What training minimizes, and its derivative, for many candidates at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch

from pulsefront.networks.settings import LossKind, LossSettings

__all__ = ["LOSSES", "Loss", "loss_of", "slope_of"]


class Loss(Protocol):
    """One kind of loss; outputs are (C, n_out, event), targets (event, n_target).

    For coincidences the outputs are those of the first detectors followed by those of the second.
    """

    def mean(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return the mean loss (C,)."""

    def slope(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return its derivative by the outputs; may overwrite what it computes with."""


def loss_of(outputs: torch.Tensor, targets: torch.Tensor, loss: LossSettings) -> torch.Tensor:
    """Return the mean loss (C,) of outputs (C, n_out, event) against targets (event, n_target)."""
    return LOSSES[loss.kind].mean(outputs, targets, loss)


def slope_of(outputs: torch.Tensor, targets: torch.Tensor, loss: LossSettings) -> torch.Tensor:
    """Return the derivative of `loss_of` by the outputs, (C, n_out, event)."""
    return LOSSES[loss.kind].slope(outputs, targets, loss)


class RegressionLoss:
    """Huber, Lorentzian or quantile loss of the residual."""

    def mean(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return the mean loss."""
        if settings.quantile is not None:
            return _quantile_mean(outputs - targets.T, settings, settings.quantile)
        return _robust_mean(outputs - targets.T, settings)

    def slope(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return its derivative."""
        if settings.quantile is not None:
            return _quantile_slope(outputs - targets.T, settings, settings.quantile)
        return _robust_slope(outputs - targets.T, settings)


class CoincidenceLoss:
    """The same of the corrections' difference minus the known one."""

    def mean(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return the mean loss."""
        return _robust_mean(_difference(outputs, targets), settings)

    def slope(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return its derivative: that of the second detector has the other sign."""
        slope = _robust_slope(_difference(outputs, targets), settings)
        return torch.cat((slope, -slope), 2)


class PairSumLoss:
    """Any loss of a regression, of the sum of the outputs for both detectors."""

    def mean(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return the mean loss."""
        return RegressionLoss().mean(_sum(outputs, targets), targets, settings)

    def slope(
        self, outputs: torch.Tensor, targets: torch.Tensor, settings: LossSettings
    ) -> torch.Tensor:
        """Return its derivative, the same for both."""
        slope = RegressionLoss().slope(_sum(outputs, targets), targets, settings)
        return torch.cat((slope, slope), 2)


class CrossEntropy:
    """Cross entropy of one linear output per class."""

    def mean(
        self,
        outputs: torch.Tensor,
        targets: torch.Tensor,
        settings: LossSettings,  # noqa: ARG002 - every loss is asked by the same call
    ) -> torch.Tensor:
        """Return the mean loss."""
        chances = torch.log_softmax(outputs, dim=1)
        return -chances.gather(1, _classes(outputs, targets)).mean((1, 2))

    def slope(
        self,
        outputs: torch.Tensor,
        targets: torch.Tensor,
        settings: LossSettings,  # noqa: ARG002
    ) -> torch.Tensor:
        """Return its derivative: the softmax minus the true class."""
        slope = torch.softmax(outputs, dim=1)
        return slope.scatter_add_(
            1, _classes(outputs, targets), -torch.ones_like(outputs[:, :1])
        ).div_(outputs.shape[2])


LOSSES: Mapping[LossKind, Loss] = {
    "regression": RegressionLoss(),
    "coincidence": CoincidenceLoss(),
    "classification": CrossEntropy(),
    "pair_sum": PairSumLoss(),
}


def _robust_mean(residual: torch.Tensor, loss: LossSettings) -> torch.Tensor:
    weights = _output_weights(loss, residual)
    if loss.cauchy is not None:
        # All outputs together: an event that is far off in one says little in the others.
        squared = (residual.square() * weights).sum(1)
        return torch.log1p(squared / loss.cauchy**2).mean(1)
    size = residual.abs()
    near = size.clamp_max(loss.huber)
    # Huber 1964: near²/2 + δ·(size − near), divided by δ so that far slopes are one.
    value = near * (size - 0.5 * near) * (1.0 / loss.huber)
    return (value * weights).mean((1, 2))


def _robust_slope(residual: torch.Tensor, loss: LossSettings) -> torch.Tensor:
    n_out, events = residual.shape[1:]
    weights = _output_weights(loss, residual)
    if loss.cauchy is not None:
        squared = (residual.square() * weights).sum(1, keepdim=True)
        return residual.mul_(weights).mul_(2.0 / events).div_(squared.add_(loss.cauchy**2))
    slope = residual.clamp_(-loss.huber, loss.huber)
    slope.mul_(weights * (1.0 / (loss.huber * n_out * events)))
    return slope


def _quantile_mean(residual: torch.Tensor, loss: LossSettings, quantile: float) -> torch.Tensor:
    # Koenker and Bassett 1978, eq. 2.1: an output below its target costs *quantile* for each unit.
    value = torch.maximum(-quantile * residual, (1.0 - quantile) * residual)
    return (value * _output_weights(loss, residual)).mean((1, 2))


def _quantile_slope(residual: torch.Tensor, loss: LossSettings, quantile: float) -> torch.Tensor:
    n_out, events = residual.shape[1:]
    slope = (residual > 0).to(residual.dtype).sub_(quantile)
    return slope.mul_(_output_weights(loss, residual) / (n_out * events))


def _difference(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    events = len(targets)
    return outputs[:, :, :events] - outputs[:, :, events:] - targets.T


def _sum(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    events = len(targets)
    return outputs[:, :, :events] + outputs[:, :, events:]


def _classes(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return targets.T.expand(len(outputs), -1, -1)


def _output_weights(loss: LossSettings, like: torch.Tensor) -> torch.Tensor:
    """Return (n_out, 1), or one number where all outputs weigh the same."""
    if loss.output_weights is None:
        return torch.ones((), device=like.device)
    return torch.tensor(loss.output_weights, device=like.device)[:, None]
