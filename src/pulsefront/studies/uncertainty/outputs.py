"""Outputs of a network with a head: estimates, and the scale of their error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.studies.settings import StudyBase

__all__ = ["estimates_in", "scales_in"]


def estimates_in(study: StudyBase, outputs: NDArray[Any]) -> NDArray[Any]:
    """Return the outputs (…, vector, output) that are estimates, without the head of *study*."""
    return outputs[..., :-1] if study.has_head else outputs


def scales_in(integers: NDArray[np.int64], vectors: int, least: int) -> NDArray[np.int64]:
    """Return the scale of every event's error in steps of the output, (event,).

    Parameters
    ----------
    integers
        Raw outputs (vector, output) of a network with a head.
    vectors
        Of an event, such as the two of a coincidence: their scales are added.
    least
        That the scale of a vector counts as, where it is lower.
    """
    scales = np.maximum(integers[:, -1], least).reshape(-1, vectors)
    return np.asarray(scales.sum(axis=1), np.int64)
