"""Measure on simulated fleets what to expect of the hazards by days ahead (see `horizon_shape`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize
from scipy.special import expit

from pulsefront import __version__
from pulsefront.errors import ConfigError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import split_time
from pulsefront.qc.features.sources import simulated_fleet
from pulsefront.qc.models.folds import score_folds
from pulsefront.qc.models.horizon_counts import promised_failures
from pulsefront.qc.models.horizon_fit import (
    CENTRE,
    ROWS_OF_ONE,
    Expected,
    binned,
    fit_horizons,
    misfit,
)
from pulsefront.qc.models.horizon_shape import (
    NODES,
    SPAN_DAYS,
    WHOLE_SHARE,
    HorizonPrior,
    HorizonShape,
    expected_of,
)
from pulsefront.qc.models.horizons import (
    CURVE_DAYS,
    HORIZON_DAYS,
    Bends,
    HorizonCurve,
    Outcomes,
    at_risk,
    outcomes_of,
)
from pulsefront.qc.models.protocol import BacktestSettings, one_in_seven, spaced
from pulsefront.qc.simulate.kinds import draw_fleet
from pulsefront.qc.times import DAY_S

__all__ = ["Residual", "fit_shape", "fleets_apart", "measure_horizons"]

Floats = npt.NDArray[np.float64]

_LEAST_SQUARE = 0.02**2  # fleets that agree by chance are no proof that all do
_ROUGH = 0.4  # of a day's log-odds between neighbouring intervals
_LENGTHS = np.diff(np.array(HORIZON_DAYS, dtype=float), prepend=0.0)
_YEARS = 5.0
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
    """(2, interval) failures beyond those expected, by level and slope, and how many of each."""

    beyond: Floats
    expected: Floats


def _residual(part: _Part, bends: Bends, rows: npt.NDArray[np.bool_]) -> Residual:
    """Return what some rows of a fleet have beyond the shape; rows of one failure count as one."""
    risk = at_risk(part.of(rows))
    bent = bends.at(part.log_odds[rows])
    hazard, x = expit(bent), bent - CENTRE
    off, told = risk.fails - risk.weight * hazard, risk.weight * hazard * (1.0 - hazard)
    return Residual(
        np.array([off.sum(axis=0), (off * x).sum(axis=0)]) / ROWS_OF_ONE,
        np.array([told.sum(axis=0), (told * x * x).sum(axis=0)]) / ROWS_OF_ONE,
    )


def fleets_apart(
    early: Sequence[Residual], late: Sequence[Residual]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return how far fleets lie apart in level and slope: in all intervals, and in each beyond.

    What both parts of a fleet's time have beyond the shape is the fleet's own: chance is not. What
    one interval shares with the others is told by pairs of different ones.
    """
    both, of = (
        sum(np.einsum("pk,pj->pkj", a[k], b[k]) for a, b in zip(early, late, strict=True))
        for k in (0, 1)
    )
    same = np.eye(len(_LENGTHS), dtype=np.bool_)
    others = both[:, ~same].sum(axis=1) / of[:, ~same].sum(axis=1)
    alone = both[:, same].sum(axis=1) / of[:, same].sum(axis=1) - np.maximum(others, 0.0)
    return _deviations(others), _deviations(alone)


def _deviations(squares: Floats) -> tuple[float, float]:
    level, slope = (float(f"{v:.2f}") for v in np.sqrt(np.maximum(squares, _LEAST_SQUARE)))
    return level, slope


def _later(parts: Sequence[_Part], expected: Expected) -> dict[str, object]:
    """Return how far the later part of fleets' time lies from the earlier.

    What came is compared with what the curve of the earlier part promises. The shift is what makes
    both alike over all fleets, in one step of Newton's method. What single fleets scatter beyond
    what was promised with them is drift: as much as brings their mean square to what it should be
    (Paule and Mandel 1982), over all days ahead that are told.
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
    counts = []
    for part in parts:
        curve, late = _early_curve(part, shifted), np.flatnonzero(part.late)
        for days in CURVE_DAYS:
            rows = late[spaced(part.as_of_s[late], days * DAY_S)]
            risk = at_risk(part.of(rows))
            counts.append(promised_failures(curve, part.log_odds[rows], risk, days))
    came, promised, scatter = (
        np.array([getattr(count, name) for count in counts], dtype=float)
        for name in ("came", "expected", "scatter")
    )

    def too_wide(drift: float) -> float:
        square = (came - promised) ** 2 / (scatter**2 + (drift * promised) ** 2)
        return 1.0 - float(square.mean())

    drift = 0.0 if too_wide(0.0) > 0.0 else brentq(too_wide, 0.0, 3.0)
    return {
        "shift": tuple(float(f"{v:.2f}") for v in shift),
        "drift": float(f"{drift:.3f}"),
    }


def _early_curve(part: _Part, expected: Expected) -> HorizonCurve:
    """Return the curve of the earlier part, fitted to what was known when the later began."""
    early = ~part.late
    return fit_horizons(
        part.log_odds[early], Outcomes(*(each[early] for each in part.known)),
        SPAN_DAYS, expected=expected, unit=part.unit[early],
    )  # fmt: skip
