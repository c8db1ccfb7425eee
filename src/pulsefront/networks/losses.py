"""What training minimizes, and its derivative, for many candidates at once."""

from __future__ import annotations

import torch

from pulsefront.networks.settings import LossSettings

__all__ = ["loss_of", "slope_of"]


def loss_of(outputs: torch.Tensor, targets: torch.Tensor, loss: LossSettings) -> torch.Tensor:
    """Return the mean loss (C,) of outputs (C, n_out, event) against targets (event, n_target).

    For coincidences the outputs are those of the first detectors followed by those of the second.
    """
    if loss.kind == "classification":
        chances = torch.log_softmax(outputs, dim=1)
        return -chances.gather(1, _classes(outputs, targets)).mean((1, 2))
    residual = _residuals(outputs, targets, loss)
    weights = _output_weights(loss, outputs)
    if loss.cauchy is not None:
        # All outputs together: an event that is far off in one says little in the others.
        squared = (residual.square() * weights).sum(1)
        return torch.log1p(squared / loss.cauchy**2).mean(1)
    size = residual.abs()
    near = size.clamp_max(loss.huber)
    # Huber 1964: near²/2 + δ·(size − near), divided by δ so that far slopes are one.
    value = near * (size - 0.5 * near) * (1.0 / loss.huber)
    return (value * weights).mean((1, 2))


def slope_of(outputs: torch.Tensor, targets: torch.Tensor, loss: LossSettings) -> torch.Tensor:
    """Return the derivative of `loss_of` by the outputs, (C, n_out, event)."""
    if loss.kind == "classification":
        slope = torch.softmax(outputs, dim=1)
        return slope.scatter_add_(
            1, _classes(outputs, targets), -torch.ones_like(outputs[:, :1])
        ).div_(outputs.shape[2])
    residual = _residuals(outputs, targets, loss)
    n_out, events = residual.shape[1:]
    weights = _output_weights(loss, outputs)
    if loss.cauchy is not None:
        squared = (residual.square() * weights).sum(1, keepdim=True)
        slope = residual.mul_(weights).mul_(2.0 / events).div_(squared.add_(loss.cauchy**2))
    else:
        slope = residual.clamp_(-loss.huber, loss.huber)
        slope.mul_(weights * (1.0 / (loss.huber * n_out * events)))
    return torch.cat((slope, -slope), 2) if loss.kind == "coincidence" else slope


def _classes(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return targets.T.expand(len(outputs), -1, -1)


def _residuals(outputs: torch.Tensor, targets: torch.Tensor, loss: LossSettings) -> torch.Tensor:
    if loss.kind == "coincidence":
        events = len(targets)
        return outputs[:, :, :events] - outputs[:, :, events:] - targets.T
    return outputs - targets.T


def _output_weights(loss: LossSettings, like: torch.Tensor) -> torch.Tensor:
    """Return (n_out, 1), or one number where all outputs weigh the same."""
    if loss.output_weights is None:
        return torch.ones((), device=like.device)
    return torch.tensor(loss.output_weights, device=like.device)[:, None]
