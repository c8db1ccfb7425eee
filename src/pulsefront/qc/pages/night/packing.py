"""Charts as compact JSON, so that a thousand scanners fit in a page that opens at once.

A list of numbers becomes a text of base-64 digits, five bits each and the lowest first, as in
source maps: a steady series costs one or two signs a reading. Readings are rounded to a fiftieth
of their spread; times to six hours.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.qc.pages.night.data import Chart, ComponentNight, Mark, NightPage, UnitNight
from pulsefront.qc.times import DAY_S

__all__ = ["QUARTER_S", "pack", "packed_night"]

QUARTER_S = DAY_S // 4
_DIGITS = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8
)
_MOST_DIGITS = 13  # of 64 bits, five each
_REASONS = 3  # components of a scanner that tell them whatever was decided
_STEPS_IN_SPREAD = 50.0
_LEAST, _MOST_PLACES = 1e-290, 15


def pack(numbers: npt.ArrayLike) -> str:
    """Return whole numbers as text: the first, then the difference of each to the one before."""
    whole = np.asarray(numbers, dtype=np.int64)
    if not len(whole):
        return ""
    steps = whole.copy()
    steps[1:] -= whole[:-1]
    rest = np.where(steps < 0, -2 * steps + 1, 2 * steps)
    digits = np.zeros((_MOST_DIGITS, len(rest)), dtype=np.uint8)
    used = np.zeros((_MOST_DIGITS, len(rest)), dtype=np.bool_)
    for k in range(_MOST_DIGITS):
        used[k] = rest > 0 if k else True
        more = rest > 31
        digits[k] = (rest & 31) | (more << 5)
        rest = rest >> 5
        if not more.any():
            break
    return _DIGITS[digits.T[used.T]].tobytes().decode("ascii")


def packed_night(page: NightPage) -> dict[str, Any]:
    """Return what the page's script draws from."""
    tests, words = _Table(), _Table()
    first_s = [int(chart.measured_s[0]) for unit in page.units for chart in unit.charts]
    start_s = min([page.as_of_s, *first_s]) // DAY_S * DAY_S
    units = [_unit(unit, tests, words, start_s) for unit in page.units]
    return {
        "asOf": _quarters(page.as_of_s, start_s),
        "start": start_s,
        "threshold": _short(page.model.threshold),
        "tests": tests.entries,
        "words": words.entries,
        "units": units,
        "ahead": page.ahead_days,
        "report": page.command("report"),
    }


class _Table:
    """Entries that repeat, each once, by number."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._number: dict[Any, int] = {}

    def number(self, entry: Any) -> int:
        if entry not in self._number:
            self._number[entry] = len(self.entries)
            self.entries.append(entry)
        return self._number[entry]


def _unit(unit: UnitNight, tests: _Table, words: _Table, start_s: int) -> dict[str, Any]:
    times = _Table()
    charts = [_chart(chart, tests, words, times, start_s) for chart in unit.charts]
    return {
        "id": unit.unit_id,
        "about": [words.number(text) for text in (unit.site, unit.model, unit.software)],
        "serial": unit.serial,
        "failed": unit.failed,
        "lastQc": None if unit.last_qc_s is None else _quarters(unit.last_qc_s, start_s),
        "series": unit.series,
        "parts": [_part(part, words, start_s, k) for k, part in enumerate(unit.components)],
        "marks": [_mark(mark, words, start_s) for mark in unit.marks],
        "times": times.entries,
        "charts": charts,
    }


def _part(part: ComponentNight, words: _Table, start_s: int, place: int) -> list[Any]:
    """Return a component; one far down and far from any alert is told without reasons and curve."""
    p, alert = part.probability, part.alert
    told = place < _REASONS or part.decision != "no alert"
    return [
        words.number(part.component_id),
        words.number(part.decision),
        None if p is None else [_share(p.value), _share(p.low), _share(p.high)],
        words.number(part.reasons if told else ""),
        None
        if alert is None
        else [
            alert.number,
            "in service" if alert.suppressed else alert.state,
            _quarters(alert.opened_s, start_s),
            alert.by,
            alert.why,
        ],
        _history(part, start_s),
        [[_share(v) for v in (c.value, c.low, c.high)] for c in part.ahead]
        if told and part.ahead
        else None,
    ]


def _history(part: ComponentNight, start_s: int) -> list[str] | None:
    """Return the days of past nights with a decision, and probability, low and high on each."""
    nights = [night for night in part.history if night.probability is not None]
    if not nights:
        return None
    days = [(night.as_of_s - start_s) // DAY_S for night in nights]
    shares = [[_log(v) for v in (n.probability, n.low, n.high)] for n in nights]
    return [pack(days), *(pack(column) for column in zip(*shares, strict=True))]


def _log(share: float | None) -> int:
    """Return a probability as its logarithm, in hundredths of a decade; −999 for none."""
    return -999 if share is None else round(100.0 * math.log10(max(share, 1e-6)))


def _mark(mark: Mark, words: _Table, start_s: int) -> list[Any]:
    texts = (mark.component_id, mark.kind, mark.text)
    return [_quarters(mark.when_s, start_s), *(words.number(text) for text in texts)]


def _chart(chart: Chart, tests: _Table, words: _Table, times: _Table, start_s: int) -> list[Any]:
    decimals = _decimals(chart)
    spans = [
        [span.first, *map(_short, (span.reference, span.action_low, span.tolerance_low,
                                   span.tolerance_high, span.action_high))]
        for span in chart.limits
    ]  # fmt: skip
    return [
        words.number(chart.component_id),
        tests.number((chart.test, chart.measurement_unit)),
        times.number(pack((chart.measured_s - start_s) // QUARTER_S)),
        decimals,
        pack(np.round(chart.value * 10.0**decimals)),
        spans,
        _short(chart.mean),
        _short(chart.sigma),
        _short(chart.ewma),
        chart.baseline_from,
    ]


def _decimals(chart: Chart) -> int:
    """Return how many decimals tell a fiftieth of the spread of the middle half of the readings.

    Fewer, or less than none, where the largest reading leaves no room for them.
    """
    ordered = np.sort(chart.value)
    quarter, half, three = (float(ordered[k * len(ordered) // 4]) for k in (1, 2, 3))
    spread = next(
        (s for s in (three - quarter, chart.sigma, abs(half) / 20.0) if 0.0 < s < np.inf), 1.0
    )
    largest = max(abs(float(ordered[0])), abs(float(ordered[-1])), _LEAST)
    needed = math.ceil(-math.log10(max(spread, _LEAST) / _STEPS_IN_SPREAD))
    return min(needed, _MOST_PLACES - math.ceil(math.log10(largest)))


def _quarters(seconds: int, start_s: int) -> int:
    return (seconds - start_s) // QUARTER_S


def _share(value: float) -> float:
    return float(f"{value:.4g}")


def _short(value: float) -> float | None:
    """Return six digits of a number, None for one that is none: JSON knows no NaN."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
