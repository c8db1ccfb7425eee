"""Trained networks for tests of what comes after training."""

from __future__ import annotations

from pulsefront.networks import (
    Candidate,
    Convolution,
    MlpSettings,
    TrainingData,
    TrainingSettings,
    initial_candidate,
    train,
)


def coarse_networks(
    data: TrainingData, count: int, *, per_channel: bool, filters: Convolution | None = None
) -> list[Candidate]:
    """Return *count* times one trained network of two layers, with widths that fit it."""
    shape = MlpSettings(hidden=(16, 8), convolution=filters)
    n_in = data.inputs.shape[1]
    full = train(
        [initial_candidate(shape, n_in, 3, seed=0)], data, TrainingSettings(epochs=6), seed=1
    )[0]
    layers = len(full.weights)
    return [
        full.with_bits(
            weight_bits=(9,) * layers,
            bias_bits=(16,) * layers,
            activation_bits=(10,) * (layers - 1),
            per_channel=per_channel,
        )
    ] * count
