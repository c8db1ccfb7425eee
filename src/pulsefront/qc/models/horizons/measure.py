"""Measure on simulated fleets what to expect of the hazards by days ahead (see `horizon_shape`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from pulsefront import __version__
from pulsefront.errors import ConfigError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import split_time
from pulsefront.qc.features.sources import simulated_fleet
from pulsefront.qc.models.choice.folds import score_folds
from pulsefront.qc.models.choice.protocol import BacktestSettings, one_in_seven, spaced
from pulsefront.qc.models.horizons.counts import Promised, promised_failures
from pulsefront.qc.models.horizons.curve import (
    CURVE_DAYS,
    HORIZON_DAYS,
    AtRisk,
    Bends,
    HorizonCurve,
    Outcomes,
    at_risk,
    outcomes_of,
)
from pulsefront.qc.models.horizons.fit import (
    CENTRE,
    ROWS_OF_ONE,
    Expected,
    binned,
    fit_horizons,
    misfit,
)
from pulsefront.qc.models.horizons.shape import (
    NODES,
    SPAN_DAYS,
    WHOLE_SHARE,
    HorizonPrior,
    HorizonShape,
    expected_of,
)
from pulsefront.qc.simulate.kinds import draw_fleet
from pulsefront.qc.times import DAY_S

__all__ = ["Residual", "fit_shape", "fleets_apart", "likely_drift", "measure_horizons"]

Floats = npt.NDArray[np.float64]

_LEAST_SQUARE = 0.02**2  # fleets that agree by chance are no proof that all do
_ROUGH = 0.4  # of a day's log-odds between neighbouring intervals
_LENGTHS = np.diff(np.array(HORIZON_DAYS, dtype=float), prepend=0.0)
_YEARS = 5.0
_MOST_DRIFT = 2.0  # of log-odds: with it, an interval tells nothing
_START = date(2015, 1, 7)  # so that rows a week apart are the days that `thinned` keeps


class _Part(NamedTuple):
    """Log-odds of a fleet's rows a week apart, and what became of them.

    ``known`` is what was known of them when the last part of the time began; ``late`` rows lie in
    it.
    """

    log_odds: Floats
    outcomes: Outcomes
    known: Outcomes
    late: npt.NDArray[np.bool_]
    unit: npt.NDArray[np.int32]
    as_of_s: npt.NDArray[np.int64]

    def of(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Outcomes:
        """Return what became of some rows."""
        return Outcomes(*(each[rows] for each in self.outcomes))


def measure_horizons(
    *, fleets: int, scanners: int = 15, first_seed: int = 8100, report: Report = silent
) -> HorizonPrior:
    """Return what simulated fleets with seeds from *first_seed* on let expect.

    Parameters
    ----------
    scanners
        Of each fleet, in thirds of three sites.

    Raises
    ------
    ConfigError
        There are too few scanners for three sites, or no fleet whose blend is more than the prior.
    """
    if scanners % 3 or fleets < 1:
        raise ConfigError(
            "a fleet has three sites with as many scanners each", field="scanners", value=scanners,
            remedy="give a multiple of 3, and at least one fleet",
        )  # fmt: skip
    found: dict[str, list[_Part]] = {"prior": [], "blend": []}
    failures = dict.fromkeys(found, 0)
    for done in range(fleets):
        for name, part, many in _parts_of(first_seed + done, scanners):
            found[name].append(part)
            failures[name] += many
        report(done + 1, fleets)
    if not found["blend"]:
        raise ConfigError(
            "no fleet has failures enough for models of its own", field="fleets", value=fleets,
            remedy="simulate more fleets, or larger ones",
        )  # fmt: skip
    shapes = {name: _shape_of(parts, failures[name]) for name, parts in found.items()}
    return HorizonPrior(
        pulsefront=__version__,
        first_seed=first_seed,
        fleets=fleets,
        scanners=scanners,
        prior=shapes["prior"],
        blend=shapes["blend"],
    )


def _parts_of(seed: int, scanners: int) -> list[tuple[str, _Part, int]]:
    """Return the rows of a fleet by model; the blend's where it is more than the prior."""
    settings = draw_fleet(seed, scanners=scanners // 3, years=_YEARS)
    settings = settings.model_copy(update={"start": _START})
    plan = BacktestSettings(candidates=("prior", "blend"))
    fleet, _ = simulated_fleet(settings, Target(), daily_from=1.0)
    scores = score_folds(fleet, plan, need_test=False)
    samples, many = fleet.samples, sum(len(times) for times in fleet.failures_s)
    scored = (scores.early | scores.selection | scores.test) & (scores.no_decision == "")
    found = []
    for name in ("prior", "blend"):
        if name == "blend" and scores.shares.get("prior", 0.0) > WHOLE_SHARE:
            continue
        log_odds = scores.log_odds[name]
        rows = np.flatnonzero(scored & np.isfinite(log_odds) & one_in_seven(samples.as_of_s))
        cut_s = split_time(fleet, plan.calibrate_until)
        known = outcomes_of(fleet, rows, until_s=cut_s)
        part = _Part(
            log_odds[rows], outcomes_of(fleet, rows), known, samples.as_of_s[rows] >= cut_s,
            samples.unit[rows], samples.as_of_s[rows],
        )  # fmt: skip
        found.append((name, part, many))
    return found


def fit_shape(log_odds: Floats, outcomes: Outcomes) -> Floats:
    """Return (interval, node) log-odds of the hazards that suit rows of many fleets together.

    They are straight between nodes; a day's are tied to those of the intervals beside it.
    """
    score, failed, total = binned(log_odds, at_risk(outcomes))
    failed, total = failed * ROWS_OF_ONE, total * ROWS_OF_ONE
    hat = np.stack([np.interp(score, NODES, one) for one in np.eye(len(NODES))], axis=1)
    size = (len(_LENGTHS), len(NODES))
    day = np.log(_LENGTHS)[:, None]

    def loss(p: Floats) -> tuple[float, Floats]:
        hazard = p.reshape(size)
        value, residual = misfit(hat @ hazard.T, failed, total)
        apart = np.diff(hazard - day, axis=0) / _ROUGH
        gradient = residual.T @ hat
        gradient[1:] += apart / _ROUGH
        gradient[:-1] -= apart / _ROUGH
        return value + 0.5 * float((apart**2).sum()), gradient.ravel()

    first = np.tile(np.linspace(-9.0, -1.5, size[1]), (size[0], 1)) + day
    found = minimize(
        loss, first.ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": 3_000, "maxfun": 6_000},
    )  # fmt: skip
    return np.asarray(found.x).reshape(size)


def _shape_of(parts: Sequence[_Part], failures: int) -> HorizonShape:
    """Return the shape of one model, and how far fleets lie from it, early and later."""
    together = zip(*(part.outcomes for part in parts), strict=True)
    outcomes = Outcomes(*(np.concatenate(each) for each in together))
    hazard = fit_shape(np.concatenate([part.log_odds for part in parts]), outcomes)
    bends = Bends(np.array(NODES), hazard)
    early = [_residual(part, bends, ~part.late) for part in parts]
    late = [_residual(part, bends, part.late) for part in parts]
    shared, own = fleets_apart(early, late)
    shape = HorizonShape(
        failures=failures,
        hazard=tuple(tuple(float(f"{v:.2f}") for v in row) for row in hazard),
        deviation=shared[0],
        slope_deviation=shared[1],
        own=own[0],
        own_slope=own[1],
    )
    return shape.model_copy(update=_later(parts, expected_of(np.array(NODES), shape)))


class Residual(NamedTuple):
    """What fleets have beyond the shape, by level and slope, and how much they tell of both.

    ``beyond`` (interval, 2) are failures beyond those expected, once as they are and once times
    how far the log-odds of the hazard lie from `CENTRE`; ``told`` (interval, 2, 2) what a level and
    a slope of 1 add to both.
    """

    beyond: Floats
    told: Floats


def _residual(part: _Part, bends: Bends, rows: npt.NDArray[np.bool_]) -> Residual:
    """Return what some rows of a fleet have beyond the shape; rows of one failure count as one."""
    risk = at_risk(part.of(rows))
    bent = bends.at(part.log_odds[rows])
    hazard = expit(bent)
    by = np.stack([np.ones_like(bent), bent - CENTRE])
    off, spread = risk.fails - risk.weight * hazard, risk.weight * hazard * (1.0 - hazard)
    return Residual(
        np.einsum("pri,ri->ip", by, off) / ROWS_OF_ONE,
        np.einsum("pri,qri,ri->ipq", by, by, spread) / ROWS_OF_ONE,
    )


def fleets_apart(
    early: Sequence[Residual], late: Sequence[Residual]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return how far fleets lie apart in level and slope: in all intervals, and in each beyond.

    What both parts of a fleet's time have beyond the shape is the fleet's own: chance is not. What
    one interval shares with the others is told by pairs of different ones. Few hazards lie at the
    centre that slopes turn about, so a slope looks like a level too and a level like a slope: the
    products of both parts are solved for both at once, or each would be counted twice.
    """
    same = np.eye(len(_LENGTHS), dtype=np.bool_)
    found = []
    for pairs in (~same, same):
        both, of = np.zeros(2), np.zeros((2, 2))
        for a, b in zip(early, late, strict=True):
            both += np.einsum("ip,jp,ij->p", a.beyond, b.beyond, pairs)
            of += np.einsum("ipq,jqp,ij->pq", a.told, b.told, pairs)
        found.append(np.asarray(np.linalg.solve(of, both), dtype=np.float64))
    others, alone = found
    return _deviations(others), _deviations(alone - np.maximum(others, 0.0))


def _deviations(squares: Floats) -> tuple[float, float]:
    level, slope = (float(f"{v:.2f}") for v in np.sqrt(np.maximum(squares, _LEAST_SQUARE)))
    return level, slope


def _later(parts: Sequence[_Part], expected: Expected) -> dict[str, object]:
    """Return how far the later part of fleets' time lies from the earlier.

    What came is compared with what the curve of the earlier part promises. The shift is what makes
    both alike over all fleets, in one step of Newton's method; the drift is how far single fleets
    lie from that.
    """
    size = len(NODES)
    beyond, told = np.zeros(size), np.eye(size)  # as if one row had told that nothing moves
    for part in parts:
        curve, score = _early_curve(part, expected), part.log_odds[part.late]
        risk, hazard = at_risk(part.of(part.late)), curve.hazard(score)
        off, spread = risk.fails - risk.weight * hazard, risk.weight * hazard * (1.0 - hazard)
        hat = np.stack([np.interp(score, NODES, one) for one in np.eye(size)], axis=1)
        beyond += hat.T @ (off @ curve.slope)
        told += (hat * (spread @ curve.slope**2)[:, None]).T @ hat
    shift = np.asarray(np.linalg.solve(told, beyond), dtype=np.float64)
    shifted = replace(expected, shift=shift)
    still = [_early_curve(part, shifted) for part in parts]
    moved = [_early_curve(part, replace(shifted, drift=1.0)) for part in parts]
    late = [_counted(part) for part in parts]

    def promised(drift: float) -> list[Promised]:
        return [
            promised_failures(_between(a, b, drift), *rows, days)
            for a, b, counted in zip(still, moved, late, strict=True)
            for days, rows in counted.items()
        ]

    return {
        "shift": tuple(float(f"{v:.2f}") for v in shift),
        "drift": float(f"{likely_drift(promised):.3f}"),
    }


def likely_drift(promised: Callable[[float], Sequence[Promised]]) -> float:
    """Return the drift with which the numbers of failures that came are most likely.

    The distribution that intervals are made of is judged by its logarithmic score (Gneiting and
    Raftery 2007, section 4.1), all numbers together. To bring their mean square to what it should
    be (Paule and Mandel 1982) hangs on the few fleets with the fewest failures promised, whose
    distribution is skewed.
    """

    def surprise(drift: float) -> float:
        told = np.array([(count.below, count.up_to) for count in promised(drift)])
        return -float(np.log(np.maximum(told[:, 1] - told[:, 0], 1e-12)).sum())

    found = minimize_scalar(
        surprise, bounds=(0.0, _MOST_DRIFT), method="bounded", options={"xatol": 0.002}
    )
    return float(found.x)


def _counted(part: _Part) -> dict[int, tuple[Floats, AtRisk]]:
    """Return the rows of the later part whose failures are counted, by days ahead."""
    late = np.flatnonzero(part.late)
    rows = {days: late[spaced(part.as_of_s[late], days * DAY_S)] for days in CURVE_DAYS}
    return {days: (part.log_odds[some], at_risk(part.of(some))) for days, some in rows.items()}


def _between(still: HorizonCurve, moved: HorizonCurve, drift: float) -> HorizonCurve:
    """Return a curve with some drift, from those with none and with 1: replicates move evenly."""
    assert still.replicates is not None
    assert moved.replicates is not None
    replicates = still.replicates + drift * (moved.replicates - still.replicates)
    return replace(still, replicates=replicates)


def _early_curve(part: _Part, expected: Expected) -> HorizonCurve:
    """Return the curve of the earlier part, fitted to what was known when the later began."""
    early = ~part.late
    return fit_horizons(
        part.log_odds[early], Outcomes(*(each[early] for each in part.known)),
        SPAN_DAYS, expected=expected, unit=part.unit[early],
    )  # fmt: skip
