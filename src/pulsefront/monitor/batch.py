"""What one check looks at: charges, what the network reads, what was counted on the way to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["LEAST_VECTORS", "WatchedEvents"]

LEAST_VECTORS = 500
"""Fewer say nothing of a gain, and their means are not yet normal."""


@dataclass(frozen=True)
class WatchedEvents:
    """Events of one check, or of the reference.

    Attributes
    ----------
    inputs
        What the network reads, integers, (vector, input).
    spectra
        Name → charge of every event before any of it was selected, (event,): where the photopeak
        is looked for. Empty where only the inputs are known.
    counts
        Name of a share → (events that have it, events looked at).
    duration_s
        How long the events were recorded; None where that is not known.
    charges
        (event, channel) ADC counts of the selected events, before anything was made of them: gains
        are told from these. None where the inputs are no charges.
    """

    inputs: NDArray[np.integer]
    spectra: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    duration_s: float | None = None
    charges: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        inputs = np.asarray(self.inputs)
        if inputs.ndim != 2 or not np.issubdtype(inputs.dtype, np.integer):
            raise DataError(
                "the network's inputs are integers, (vector, input)",
                field="inputs",
                value=f"{inputs.dtype} {inputs.shape}",
            )
        if len(inputs) < LEAST_VECTORS:
            raise DataError(
                "too few vectors to compare",
                field="inputs",
                value=len(inputs),
                remedy=f"give at least {LEAST_VECTORS}",
            )
        if self.charges is not None and self.charges.ndim != 2:
            raise DataError(
                "charges are (event, channel)", field="charges", value=self.charges.shape
            )
        if self.duration_s is not None and not self.duration_s > 0:
            raise DataError("a duration is positive", field="duration_s", value=self.duration_s)

    @property
    def recorded(self) -> int:
        """Events before any selection, or vectors where these are not known."""
        return max((len(charges) for charges in self.spectra.values()), default=len(self.inputs))

    def sha256(self) -> str:
        """Return what tells this batch from any other."""
        digest = hashlib.sha256(np.ascontiguousarray(self.inputs, np.int64).tobytes())
        return digest.hexdigest()

    def reduced(self, most: int, rng: np.random.Generator) -> WatchedEvents:
        """Return at most *most* vectors, and events of each spectrum, in random order."""
        return WatchedEvents(
            _some(self.inputs, most, rng),
            {name: _some(charges, most, rng) for name, charges in self.spectra.items()},
            self.counts,
            self.duration_s,
            None if self.charges is None else _some(self.charges, most, rng),
        )


def _some(values: NDArray[Any], most: int, rng: np.random.Generator) -> NDArray[Any]:
    return values[rng.permutation(len(values))[:most]]
