"""How a patient moves: steps, slow drift, nodding, breathing, and the table under him."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = [
    "Breathing",
    "PatientMotion",
    "RigidMove",
    "bed_numbers",
    "breathing_course",
    "nodding",
    "pose_at",
    "table_move",
]

Floats = NDArray[np.float64]

NECK_MM = (0.0, -20.0, -90.0)
"""About which a head turns, in the frame of the patient."""


TABLE_MM_PER_S = 50.0
"""Our choice, of the order of clinical tables."""


@dataclass(frozen=True)
class RigidMove:
    """A movement from one pose to the next, even over its duration.

    Attributes
    ----------
    start_s, duration_s
        A step where it is short, slow drift where it lasts minutes.
    shift_mm, turn_deg
        Translation, and rotation vector about the neck.
    table
        Whether the table moved and not the patient: it is no truth to be found, and the trace
        tells another position of the bed.
    """

    start_s: float
    duration_s: float = 0.5
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    table: bool = False


@dataclass(frozen=True)
class Breathing:
    """Breathing: amplitude from middle to end, frequency, and how unsteady its phase is.

    The frequency wanders: after a breath the phase is off by ``unsteadiness`` of a breath
    (standard deviation).
    """

    frequency_hz: float
    amplitude_mm: tuple[float, float, float] = (0.0, 1.5, 6.0)
    unsteadiness: float = 0.05


@dataclass(frozen=True)
class PatientMotion:
    """All that moves in a scan."""

    moves: tuple[RigidMove, ...] = ()
    breathing: Breathing | None = None
    notes: dict[str, float] = field(default_factory=dict)


def pose_at(time_s: Floats, moves: Sequence[RigidMove]) -> tuple[Floats, Floats]:
    """Return (time, 3, 3) rotations and (time, 3) translations of the patient's frame.

    Turns are about the neck and add up as rotation vectors, which is exact for one axis and good
    to the square of the angle (a few degrees) for several.
    """
    vector, shift = np.zeros((len(time_s), 3)), np.zeros((len(time_s), 3))
    for move in moves:
        done = np.clip((time_s - move.start_s) / max(move.duration_s, 1e-9), 0.0, 1.0)
        vector += done[:, None] * np.deg2rad(move.turn_deg)
        shift += done[:, None] * np.array(move.shift_mm)
    turns = Rotation.from_rotvec(vector).as_matrix()
    neck = np.array(NECK_MM)
    return turns, shift + neck - turns @ neck


def table_move(start_s: float, shift_mm: float) -> RigidMove:
    """Return a movement of the table along z, at `TABLE_MM_PER_S`."""
    return RigidMove(start_s, abs(shift_mm) / TABLE_MM_PER_S, (0.0, 0.0, shift_mm), table=True)


def bed_numbers(time_s: Floats, interval_s: float, moves: Sequence[RigidMove]) -> NDArray[np.int64]:
    """Return (interval,) the position of the bed, counted; on its way it has a number of its own.

    An interval belongs to the way from the moment in which the table begins to move within it.
    """
    number = np.zeros(len(time_s), np.int64)
    for move in moves:
        if move.table:
            number += move.start_s < time_s + interval_s
            number += move.start_s + move.duration_s <= time_s
    return number


def breathing_course(
    time_s: Floats, breathing: Breathing | None, random: np.random.Generator
) -> Floats:
    """Return (time, axis) displacement in mm of what moves with the whole amplitude.

    A breath rests at its end: the course is 1 − 2·cos⁴ of half the phase, after Lujan et al.,
    Med. Phys. 26 (1999) 715, eq. 1 with n = 2, less its mean.
    """
    if breathing is None:
        return np.zeros((len(time_s), 3))
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    per_step = breathing.unsteadiness * 2 * np.pi * np.sqrt(breathing.frequency_hz * step)
    wander = np.cumsum(per_step * random.standard_normal(len(time_s)))
    phase = 2 * np.pi * breathing.frequency_hz * time_s + wander
    course = 1 - 2 * np.cos(phase / 2) ** 4 - 0.25
    return np.asarray(course[:, None] * np.array(breathing.amplitude_mm))


def nodding(
    start_s: float, stop_s: float, period_s: float, degrees: float
) -> tuple[RigidMove, ...]:
    """Return nods between two times: down and up again, each half in a tenth of the period."""
    count = int((stop_s - start_s) / period_s)
    quick = period_s / 10
    return tuple(
        RigidMove(start_s + period_s * (k + side / 2), quick, turn_deg=(sign * degrees, 0.0, 0.0))
        for k in range(count)
        for side, sign in ((0, 1.0), (1, -1.0))
    )
