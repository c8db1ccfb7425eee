"""Power-of-two quantizers, and the choice of binary points."""

from __future__ import annotations

import torch

__all__ = [
    "activation_fraction",
    "quantize_weights",
    "quantized_relu",
    "round_half_up",
    "saturate_round",
    "weight_fraction",
]

CHANNEL_SPREAD = 3

SMALLEST_WEIGHT = 2.0**-24
SMALLEST_ACTIVATION = 2.0**-8
"""Peaks below these count as these: a layer that is all zero still gets a usable format."""


def round_half_up(value: torch.Tensor) -> torch.Tensor:
    """Return floor(value + ½): the rounding that firmware calls RND.

    Where training overwrites a tensor, ``add_(0.5).floor_()`` stands for it and allocates nothing.
    """
    return torch.floor(value + 0.5)


def saturate_round(value: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Return RND rounding of *value* with SAT overflow to [low, high]."""
    return torch.minimum(torch.maximum(round_half_up(value), low), high)


def quantize_weights(
    weight: torch.Tensor, bits: torch.Tensor, fraction: torch.Tensor
) -> torch.Tensor:
    """Return *weight* on the grid of a signed format (RND, SAT); formats broadcast."""
    scale = torch.exp2(fraction)
    half = torch.exp2(bits - 1)
    return saturate_round(weight * scale, -half, half - 1) / scale


def quantized_relu(value: torch.Tensor, scale: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
    """Return max(value, 0) on the grid of an unsigned format (RND, SAT).

    ``scale`` is 2^fraction and ``top`` the largest raw integer, 2^bits − 1; both broadcast.
    """
    return saturate_round(value * scale, torch.zeros_like(top), top) / scale


def weight_fraction(
    weight: torch.Tensor, bits: torch.Tensor, *, per_channel: bool = False
) -> torch.Tensor:
    """Return the binary points with the least squared rounding error, (C, 1) or (C, n_out).

    ``weight`` is (C, n_in, n_out) and ``bits`` (C,), (C, 1) or (C, n_out). Tried are the finest
    point that clips nothing and the two beyond it, which clip the tails and round the rest more
    finely. Points of channels lie at most `CHANNEL_SPREAD` bits beyond their layer's: a channel
    that is all but zero would only widen the accumulators.
    """
    wide_bits = bits.reshape(len(bits), 1, -1)
    best = _best_fraction(weight, wide_bits.amax(2, keepdim=True), (1, 2))
    if per_channel:
        own = _best_fraction(weight, wide_bits, (1,))
        best = torch.minimum(own, best + CHANNEL_SPREAD)
    return best[:, 0]


def _best_fraction(
    weight: torch.Tensor, wide_bits: torch.Tensor, over: tuple[int, ...]
) -> torch.Tensor:
    peak = weight.abs().amax(over, keepdim=True).clamp_min(SMALLEST_WEIGHT)
    first = torch.floor(torch.log2((torch.exp2(wide_bits - 1) - 0.5) / peak))
    best = first.clone()
    least = torch.full_like(first, torch.inf)
    for extra in range(3):
        fraction = first + extra
        rounded = quantize_weights(weight, wide_bits, fraction)
        error = (rounded - weight).square().sum(over, keepdim=True)
        better = error < least
        best = torch.where(better, fraction, best)
        least = torch.where(better, error, least)
    return best


def activation_fraction(value: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """Return the binary points of a ReLU with the least squared error, as many as *bits*.

    ``value`` is (C, node, event) before the ReLU, ``bits`` (C, 1), or (C, node) for a binary point
    of every node.
    """
    over = (2,) if bits.shape[1] > 1 else (1, 2)
    positive = value.clamp_min(0.0)
    peak = positive.amax(over).reshape(bits.shape).clamp_min(SMALLEST_ACTIVATION)
    first = torch.floor(torch.log2((torch.exp2(bits) - 0.5) / peak))
    top = torch.exp2(bits)[:, :, None] - 1
    best = first.clone()
    least = torch.full_like(first, torch.inf)
    rounded = torch.empty_like(positive)
    for extra in range(4):
        fraction = first + extra
        scale = torch.exp2(fraction)[:, :, None]
        torch.mul(positive, scale, out=rounded)
        torch.minimum(rounded.add_(0.5).floor_(), top, out=rounded)
        error = rounded.div_(scale).sub_(positive).square_().sum(over).reshape(bits.shape)
        better = error < least
        best = torch.where(better, fraction, best)
        least = torch.where(better, error, least)
    return best
