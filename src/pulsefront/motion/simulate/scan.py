"""A whole simulated scan: a patient, his tracer, his movements, a ring; trace and truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.motion.simulate.attenuation import WATER_PER_MM, survival
from pulsefront.motion.simulate.kernel import draw_lines
from pulsefront.motion.simulate.moments import mixture_moments, random_moments
from pulsefront.motion.simulate.moves import (
    PatientMotion,
    RigidMove,
    bed_numbers,
    breathing_course,
    pose_at,
)
from pulsefront.motion.simulate.phantom import VoxelPhantom, make_phantom
from pulsefront.motion.simulate.scanner import RingScanner
from pulsefront.motion.traces.sums import SUMS, trace_from_sums
from pulsefront.motion.traces.trace import MotionTrace

__all__ = [
    "MoveTruth",
    "ScanPlan",
    "SimulatedScan",
    "simulate_lines",
    "simulate_scan",
    "with_motion",
]

Floats = NDArray[np.float64]

HALF_LIFE_S = 6586.2
"""Of ¹⁸F: 109.77 min (DDEP/LNHB table of radionuclides, vol. 5, 2010)."""


@dataclass(frozen=True)
class ScanPlan:
    """What is simulated.

    Attributes
    ----------
    phantom, patient
        Which phantom, and the seed of the patient; None is the phantom itself.
    duration_s, interval_s
        Length of the scan and of an interval of the trace.
    start_s
        Time of its begin since the tracer came.
    rate_per_s
        Prompt coincidences in the field per second, mean over the scan, before dead time.
    randoms
        Share of random coincidences among them.
    redistribution
        Strength of the tracer's redistribution: 0 none, 1 that of the phantom.
    dead_time_s
        Non-paralysable dead time of the scanner per coincidence.
    attenuation
        Whether the patient attenuates, as water in his outline does; scattered photons are lost.
    motion
        All that moves.
    dead
        (start, stop, part of the ring) where detectors record nothing.
    samples
        Poses per interval.
    """

    phantom: Literal["brain", "torso"] = "brain"
    patient: int | None = None
    duration_s: float = 600.0
    interval_s: float = 1.0
    start_s: float = 60.0
    rate_per_s: float = 200_000.0
    randoms: float = 0.15
    redistribution: float = 1.0
    dead_time_s: float = 0.0
    voxel_mm: float = 10.0
    attenuation: bool = False
    motion: PatientMotion = field(default_factory=PatientMotion)
    dead: tuple[tuple[float, float, int], ...] = ()
    samples: int = 2
    scanner: RingScanner = field(default_factory=RingScanner)


@dataclass(frozen=True)
class MoveTruth:
    """A movement, and by how much it displaced the centre of what the scanner sees.

    Attributes
    ----------
    shift_mm
        Mean place with this movement done less without, at the moment when it ended.
    """

    move: RigidMove
    shift_mm: tuple[float, float, float]


@dataclass(frozen=True)
class SimulatedScan:
    """A trace with its truth; ``drift_mm`` (interval, axis) is the centre had nobody moved."""

    trace: MotionTrace
    moves: tuple[MoveTruth, ...]
    drift_mm: Floats
    plan: ScanPlan


@dataclass(frozen=True)
class _Course:
    """All that both ways of sampling need, per sub-interval."""

    phantom: VoxelPhantom
    begin_s: Floats
    activity: Floats
    pose: tuple[Floats, Floats]
    breath: Floats
    survival: Floats
    moments: Floats
    along_z: Floats
    scale: float


def simulate_scan(
    plan: ScanPlan, seed: int, *, way: Literal["moments", "kernel"] = "moments"
) -> SimulatedScan:
    """Return the trace of a scan and what is true of it.

    With ``moments`` the sum of the places of an interval is drawn as a Gaussian of the exact mean
    and variance, its squares as one of the exact fourth moment, and counts as Poisson numbers:
    exact but for the Gaussian's shape, which the central limit theorem gives from about a hundred
    counts.
    With ``kernel`` each coincidence is drawn.
    """
    random = np.random.default_rng([seed, 18])
    course = _course(plan, random)
    if way == "moments":
        sums, views = _sums_of_moments(plan, course, random)
    else:
        sums, views, _ = _sums_of_kernel(plan, course, random, 0)
    count = len(sums) // plan.samples
    joined = sums.reshape(count, plan.samples, SUMS).sum(axis=1)
    parts = views.reshape(count, plan.samples, -1).sum(axis=1)
    time_s = np.arange(count, dtype=np.float64) * plan.interval_s
    told: dict[str, Any] = {
        "made_by": "pulsefront.motion.simulate", "seed": seed, "way": way, "settings": asdict(plan)
    }  # fmt: skip
    trace = trace_from_sums(
        time_s,
        np.full(count, plan.interval_s),
        joined,
        delayed_known=plan.randoms > 0,
        views=parts,
        bed=bed_numbers(time_s, plan.interval_s, plan.motion.moves),
        provenance=told,
    )
    return SimulatedScan(trace, _truths(plan, course), _drift(plan, course), plan)


def simulate_lines(plan: ScanPlan, seed: int, room: int) -> tuple[Floats, SimulatedScan]:
    """Return (event, 9) lines of response of a scan in the order of time, and the scan.

    At most *room* events, as `draw_lines` describes them; the rest counts in the trace alone.
    """
    random = np.random.default_rng([seed, 18])
    course = _course(plan, random)
    sums, views, lines = _sums_of_kernel(plan, course, random, room)
    count = len(sums) // plan.samples
    trace = trace_from_sums(
        np.arange(count, dtype=np.float64) * plan.interval_s,
        np.full(count, plan.interval_s),
        sums.reshape(count, plan.samples, SUMS).sum(axis=1),
        delayed_known=plan.randoms > 0,
        views=views.reshape(count, plan.samples, -1).sum(axis=1),
        bed=bed_numbers(
            np.arange(count, dtype=np.float64) * plan.interval_s, plan.interval_s, plan.motion.moves
        ),
    )
    scan = SimulatedScan(trace, _truths(plan, course), _drift(plan, course), plan)
    return lines[np.argsort(lines[:, 0], kind="stable")], scan


def _course(plan: ScanPlan, random: np.random.Generator) -> _Course:
    phantom = make_phantom(plan.phantom, voxel_mm=plan.voxel_mm, seed=plan.patient)
    step = plan.interval_s / plan.samples
    subs = round(plan.duration_s / plan.interval_s) * plan.samples
    begin = np.arange(subs, dtype=np.float64) * step
    middle = begin + step / 2
    decay = np.exp2(-middle / HALF_LIFE_S)
    activity = phantom.activity(middle + plan.start_s, plan.redistribution) * decay[:, None]
    pose = pose_at(middle, plan.motion.moves)
    breath = breathing_course(middle, plan.motion.breathing, random)
    everything = np.ones(len(phantom.place_mm))
    leave = survival(phantom, WATER_PER_MM) if plan.attenuation else everything
    moments, along_z = mixture_moments(phantom, plan.scanner, activity, pose, breath, leave)
    scale = plan.rate_per_s * (1 - plan.randoms) / float(moments[:, 0].mean())
    return _Course(phantom, begin, activity, pose, breath, leave, moments, along_z, scale)


def _live(plan: ScanPlan, course: _Course) -> Floats:
    """Return (sub,) the share of coincidences that the dead time lets through."""
    rate = course.moments[:, 0] * course.scale / (1 - plan.randoms)
    return np.asarray(1 / (1 + rate * plan.dead_time_s))


def _sums_of_moments(
    plan: ScanPlan, course: _Course, random: np.random.Generator
) -> tuple[Floats, Floats]:
    step = plan.interval_s / plan.samples
    trues = course.moments[:, 0] * course.scale * step * _live(plan, course)
    randoms = trues * plan.randoms / (1 - plan.randoms)
    _, second, fourth = random_moments(plan.scanner)
    still = np.zeros((len(trues), 3))
    kinds = (
        (random.poisson(trues), course.moments[:, 1:4], course.moments[:, 4:7],
         course.moments[:, 7:10], 1.0),
        (random.poisson(randoms), still, still + second, still + fourth, 1.0),
        (random.poisson(randoms), still, still + second, still + fourth, -1.0),
    )  # fmt: skip
    sums = np.zeros((len(trues), SUMS))
    for counts, mean, variance, four, sign in kinds:
        n = counts[:, None].astype(np.float64)
        offset = np.sqrt(n * variance) * random.standard_normal(mean.shape)
        squares = n * variance + np.sqrt(n * np.maximum(four - variance**2, 0)) * (
            random.standard_normal(mean.shape)
        )
        place = n * mean + offset
        # Σp² = Σ(p − mean)² + 2·mean·Σ(p − mean) + n·mean²
        square = squares + 2 * mean * offset + n * mean**2
        sums[:, 0 if sign > 0 else 7] += counts
        sums[:, 1:4] += sign * place
        sums[:, 4:7] += sign * square
        sums[:, 8:11] += place
        sums[:, 11:14] += square
    return sums, _views_of_moments(course, sums, random)


def _views_of_moments(course: _Course, sums: Floats, random: np.random.Generator) -> Floats:
    """Return rates of rings along z alone, of the share of places: sectors take the kernel."""
    share = np.maximum(course.along_z, 0)
    expected = sums[:, 0, None] * share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(random.poisson(expected), np.float64)


def _sums_of_kernel(
    plan: ScanPlan, course: _Course, random: np.random.Generator, room: int
) -> tuple[Floats, Floats, Floats]:
    scanner, phantom = plan.scanner, course.phantom
    step = plan.interval_s / plan.samples
    subs = len(course.begin_s)
    live = _live(plan, course)
    voxels = np.diff(phantom.first)
    # The acceptance is the share of all directions; lines are drawn within the steepest alone.
    emissions = (course.activity * voxels).sum(axis=1) * course.scale * scanner.largest_sine
    share, _, _ = random_moments(scanner)
    odds = plan.randoms / (1 - plan.randoms) / share
    randoms = course.moments[:, 0] * course.scale * odds * step * live
    sums = np.zeros((subs, SUMS))
    views = np.zeros((subs, scanner.sectors * scanner.rings))
    dead = np.zeros(views.shape, np.bool_)
    for start, stop, part in plan.dead:
        dead[(course.begin_s >= start) & (course.begin_s < stop), part] = True
    lines = np.zeros((room, 9))
    written = draw_lines(
        random, phantom.place_mm, phantom.first, phantom.breathing, phantom.voxel_mm,
        course.activity, course.pose[0], course.pose[1], course.breath,
        emissions * step * live, randoms, randoms,
        scanner.radius_mm, scanner.length_mm, scanner.largest_sine, scanner.blur_mm,
        scanner.tof_sigma_mm, scanner.field_radius_mm,
        WATER_PER_MM if plan.attenuation else 0.0, phantom.outline_mm, course.begin_s, step,
        scanner.sectors, scanner.rings, dead,
        lines, sums, views,
    )  # fmt: skip
    return sums, views, lines[:written]


def _truths(plan: ScanPlan, course: _Course) -> tuple[MoveTruth, ...]:
    """Return every movement of the patient with the displacement of the centre it alone made."""
    found = []
    for move in plan.motion.moves:
        if move.table:
            continue
        when = np.array([min(move.start_s + move.duration_s, plan.duration_s)])
        activity = course.phantom.activity(when + plan.start_s, plan.redistribution)
        places = []
        before = tuple(other for other in plan.motion.moves if other is not move)
        for moves in ((*before, move), before):
            moments, _ = mixture_moments(
                course.phantom,
                plan.scanner,
                activity,
                pose_at(when, moves),
                np.zeros((1, 3)),
                course.survival,
            )
            places.append(moments[0, 1:4])
        x, y, z = (places[0] - places[1]).tolist()
        found.append(MoveTruth(move, (x, y, z)))
    return tuple(found)


def _drift(plan: ScanPlan, course: _Course) -> Floats:
    """Return (interval, axis) the centre had the patient kept still and held his breath."""
    activity = course.activity[:: plan.samples]
    still = pose_at(course.begin_s[:: plan.samples], ())
    moments, _ = mixture_moments(
        course.phantom,
        plan.scanner,
        activity,
        still,
        np.zeros((len(activity), 3)),
        course.survival,
    )
    return moments[:, 1:4]


def with_motion(plan: ScanPlan, moves: Sequence[RigidMove]) -> ScanPlan:
    """Return the plan with these movements."""
    return replace(plan, motion=replace(plan.motion, moves=tuple(moves)))
