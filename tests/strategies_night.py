"""Pages of a night for tests: small ones that hold a case each, and one of a thousand scanners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.pages.night.data import (
    AlertNight,
    CalibrationPoint,
    Chart,
    ComponentNight,
    DriftRow,
    LimitSpan,
    Mark,
    ModelPanel,
    ModelPeriod,
    NightPage,
    NightScore,
    UnitNight,
    WaitingRows,
)
from strategies_qc import DAY

AS_OF = 20_420 * DAY
"""The end of 27 November 2025."""

HOSTILE = '<img src=x onerror=alert(1)>\'"&</script><script>alert(2)</script>=HYPERLINK("x")'
"""A name that an export might hold, by accident or not."""

MODEL = ModelPanel(
    name="hazard",
    file_hash="c0ffee" * 10,
    version="pulsefront 0.0",
    trained="40 scanners and 60 failures, 2019-01-01 to 2024-12-31",
    threshold=0.2,
    false_alerts_per_unit_year=1.0,
)


AHEAD = tuple(
    Interval(value, value / 2.0, min(1.5 * value, 1.0), 0.95) for value in (0.14, 0.25, 0.44, 0.61)
)
"""A chance to fail within 7, 14, 28 and 60 days."""


def interval(value: float) -> Interval:
    return Interval(value, value / 2.0, min(2.0 * value, 1.0), 0.95)


def chart(component_id: str = "block1", test: str = "photopeak_kev", *, seed: int = 0, **fields):
    """Return 120 daily readings around 511, whose baseline began on the fortieth."""
    random = np.random.default_rng(seed)
    days = np.arange(120)
    measured_s = AS_OF - (119 - days) * DAY - DAY // 4
    content = {
        "component_id": component_id,
        "test": test,
        "measurement_unit": "keV",
        "measured_s": measured_s,
        "known_s": measured_s + 3600,
        "value": 511.0 + random.normal(size=120),
        "limits": (
            LimitSpan(0, 511.0, 480.0, 490.0, 532.0, 542.0),
            LimitSpan(40, 511.0, 490.0, 501.0, 521.0, 532.0),
        ),
        "mean": 511.0,
        "sigma": 1.0,
        "ewma": 0.4,
        "baseline_from": 40,
        **fields,
    }
    return Chart(**content)


def part(
    decision="no alert", probability=0.004, reasons="nothing unusual", component="block1", **more
):
    known = None if decision == "no decision" else interval(probability)
    return ComponentNight(component, decision, reasons, known, **more)


def unit(unit_id: str, *parts: ComponentNight, **fields) -> UnitNight:
    content = {
        "site": "north",
        "model": "ring12",
        "serial": "1",
        "software": "VG50",
        "components": parts or (part(),),
        "charts": (chart(),),
        "marks": (Mark(AS_OF - 79 * DAY, "", "calibration", "calibration service"),),
        "series": 1,
        "last_qc_s": AS_OF - DAY // 4,
        **fields,
    }
    return UnitNight(unit_id, **content)


def page(*units: UnitNight, **fields) -> NightPage:
    content = {
        "as_of_s": AS_OF,
        "lead_days": 2,
        "horizon_days": 28,
        "run_id": "run1",
        "confidence": 0.95,
        "units": units,
        "model": MODEL,
        **fields,
    }
    return NightPage(**content)


def history(last: float, nights: int = 60) -> tuple[NightScore, ...]:
    """Return nights whose probability grows to *last*, with one night without decision."""
    shares = np.geomspace(last / 20.0, last, nights)
    return tuple(
        NightScore(AS_OF - (nights - 1 - k) * DAY, None if k == 5 else p, p / 2, min(2 * p, 1.0))
        for k, p in enumerate(shares.tolist())
    )


def period(name: str) -> ModelPeriod:
    """Return figures of a span of time."""
    found = [Interval(*three, 0.95) for three in (
        (0.6, 0.3, 0.8), (11.0, 6.0, 19.0), (0.7, 0.3, 1.4), (1.1, 0.6, 1.9))]  # fmt: skip
    return ModelPeriod(name, 9, *found[:3], 8, 5, found[3])


def night(**fields) -> NightPage:
    """Return a page with one of everything."""
    alert = AlertNight(17, "open", AS_OF - 3 * DAY)
    taken = AlertNight(12, "acknowledged", AS_OF - 9 * DAY, by="mk", why="service on Monday")
    units = (
        unit(
            "PET1",
            part("alert", 0.46, "photopeak kev 1.7 limit-units in 30 days", "block7",
                 alert=alert, history=history(0.46), ahead=AHEAD),
            part("alert", 0.3, "block efficiency 2 limit-units from its neighbours", "block2",
                 alert=taken, history=history(0.3)),
            *(part(component=f"block{k}", probability=0.002) for k in range(8, 14)),
            charts=tuple(chart(f"block{k}", seed=k) for k in (7, 7, 2, 8)),
            series=9,
        ),
        unit("PET2", part("watch", 0.01, "sensitivity drifting slowly", ""), site="south"),
        unit("PET3", part("no decision", reasons="no QC for 9 working days"), missed_days=9.0,
             last_qc_s=AS_OF - 12 * DAY),
        unit("PET4", part("no decision", reasons="in service")),
        unit("PET5", failed="the store cannot be read", components=(), charts=()),
        unit("PET6", part(probability=0.03, history=history(0.03)), site="south"),
    )  # fmt: skip
    model = replace(
        MODEL,
        periods=(period("2025-Q2"), period("2025-Q3"), period("all")),
        undecided=2,
        calibration=(CalibrationPoint(400, 1.1, Interval(1.2, 0.2, 3.0, 0.95)),),
        drift=(DriftRow("photopeak kev: level", 0.31, 0.2, True),
               DriftRow("randoms: level", 0.02, 0.2, False)),
    )  # fmt: skip
    waiting = (WaitingRows("is from the future", 3, "set the clock of the console right", "a.csv"),)
    return page(*units, **{"model": model, "waiting": waiting, **fields})


def thousand() -> NightPage:
    """Return a page of 1,000 scanners of 13 components each, with as many charts as there is room.

    Names, reasons and charts are as long as those of real exports.
    """
    reasons = (
        "photopeak kev on average 1.81 limit-units from its reference; block efficiency 2.19 "
        "limit-units from its neighbours; 2 × unit communication error in 30 days"
    )
    charts = [chart(f"module{k:02d}", seed=k) for k in range(50)]
    marks = tuple(
        Mark(AS_OF - 10 * k * DAY, f"module{k:02d}", "event", "communication_error")
        for k in range(8)
    )
    units = []
    for k in range(1000):
        decision = "alert" if k < 12 else "watch" if k < 30 else "no alert"
        share = 0.6 / (1.0 + 0.2 * k)
        parts = [part(decision, share, reasons, "module00", history=history(share), ahead=AHEAD)]
        parts += [
            part(component=f"module{m:02d}", probability=0.001, ahead=AHEAD) for m in range(1, 13)
        ]
        many = 40 if k < 30 else 7
        units.append(
            unit(f"hospital-{k:04d}", *parts, site=f"site {k % 7}", marks=marks,
                 charts=tuple(charts[(k + m) % 50] for m in range(many)), series=40)
        )  # fmt: skip
    return page(*units)


_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def unpack(text: str) -> list[int]:
    """Return the numbers of a packed text, as the page's script does."""
    found: list[int] = []
    total = value = shift = 0
    for sign in text:
        digit = _DIGITS.index(sign)
        value |= (digit & 31) << shift
        shift += 5
        if digit < 32:
            total += -(value >> 1) if value & 1 else value >> 1
            found.append(total)
            value = shift = 0
    return found
