"""The page of the night as one HTML file: words and table here, charts by its own script."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pulsefront.qc.nightly.unscored import NO_MODEL
from pulsefront.qc.pages.night.advice import Advice, advice, in_hand
from pulsefront.qc.pages.night.around import SCORE_DAYS
from pulsefront.qc.pages.night.data import ComponentNight, NightPage, UnitNight
from pulsefront.qc.pages.night.packing import packed_night
from pulsefront.qc.pages.night.quality import (
    false_alert_words,
    life_blocks,
    model_facts,
    quality_blocks,
)
from pulsefront.qc.pages.night.rows import COLUMNS, alert_words, fleet_row
from pulsefront.qc.pages.night.wording import (
    counted,
    date_words,
    day_words,
    listed,
    percent,
)
from pulsefront.qc.pages.words import MODEL_NAMES, level
from pulsefront.qc.times import DAY_S
from pulsefront.report.page import Tile, Tiles, Tone
from pulsefront.report.scripted import ScriptedPage, render_scripted

__all__ = ["SHOWN_AT_FIRST", "render_night"]

SHOWN_AT_FIRST = 100
"""Rows laid out at first: more come on demand, and searching looks through all."""

_SCRIPTS = (
    "unpack.js",
    "drawing.js",
    "chart.js",
    "scores.js",
    "ahead.js",
    "drawer.js",
    "table.js",
    "start.js",
)


@dataclass(frozen=True)
class _Item:
    """An advice with the numbers of its scanners' rows."""

    advice: Advice
    numbers: str

    def __getattr__(self, name: str) -> object:
        return getattr(self.advice, name)


def render_night(page: NightPage) -> str:
    """Return the page; the same data give the same bytes."""
    numbers = {unit.unit_id: k for k, unit in enumerate(page.units)}
    rows = [fleet_row(page, unit) for unit in page.units]
    sites = sorted({unit.site for unit in page.units if unit.site})
    todo = [
        _Item(item, " ".join(str(numbers[unit]) for unit in item.units)) for item in advice(page)
    ]
    last_day = page.as_of_s - DAY_S
    context = {
        "day": date_words(last_day),
        "title": f"Night of {day_words(last_day)}",
        "subtitle": f"{counted(len(page.units), 'scanner')}"
        + (f" of {counted(len(sites), 'site')}" if len(sites) > 1 else "")
        + f", {counted(len(page.components), 'component')}; "
        + (NO_MODEL if page.model.missing else _ahead(page)),
        "facts": _facts(page),
        "tiles": Tiles(_counts(page)),
        "advice": todo,
        "numbers": numbers,
        "in_hand": _in_hand(page),
        "closed": "; ".join(page.closed),
        "columns": COLUMNS,
        "rows": rows,
        "states": dict(Counter(row.state for row in rows)),
        "sites": sites,
        "models": sorted({unit.model for unit in page.units if unit.model}),
        "shown_at_first": SHOWN_AT_FIRST,
        "level": level(page.confidence),
        "threshold": percent(page.model.threshold),
        "score_days": SCORE_DAYS,
        "rate": false_alert_words(page),
        "quality": quality_blocks(page),
        "has_model": not page.model.missing,
        "model": model_facts(page),
        "life": life_blocks(page),
    }
    return render_scripted(
        ScriptedPage(
            "pulsefront.qc.pages.night",
            "night.html.jinja",
            styles=("night.css",),
            scripts=_SCRIPTS,
            context=context,
            data={"night": packed_night(page)},
        )
    )


def _ahead(page: NightPage) -> str:
    until = page.lead_days + page.horizon_days
    return f"a failure foreseen {page.lead_days} to {until} days ahead"


def _facts(page: NightPage) -> dict[str, str]:
    kind = MODEL_NAMES.get(page.model.name, page.model.name)
    return {
        "Known until": f"{date_words(page.as_of_s - DAY_S)}, 24:00 UTC",
        "Run": page.run_id,
        "Model": NO_MODEL if page.model.missing else f"{kind}, {page.model.file_hash[:12]}",
        "Version": page.model.version,
        **page.facts,
    }


def _counts(page: NightPage) -> list[Tile]:
    """Return how many components call for what, and on how many scanners."""
    standing = [(u, p) for u, p in page.components if p.alert is not None and p.alert.stands]
    found: dict[str, list[tuple[UnitNight, ComponentNight]]] = {"alerts": standing}
    for unit, part in page.components:
        found.setdefault(part.decision, []).append((unit, part))

    def tile(name: str, key: str, some: Tone, none: Tone = "good") -> Tile:
        parts = found.get(key, [])
        scanners = counted(len({unit.unit_id for unit, _ in parts}), "scanner")
        note = f"components on {scanners}"
        return Tile(name, len(parts), "", note, some if parts else none)

    tiles = [
        tile("alerts not closed", "alerts", "bad"),
        tile("slow drift", "watch", "warning"),
        tile("no decision", "no decision", "neutral"),
        tile("no alert", "no alert", "good", "neutral"),
    ]
    failed = sum(bool(unit.failed) for unit in page.units)
    if failed:
        tiles.append(Tile("not scored", failed, "", "scanners", "bad"))
    return tiles


def _in_hand(page: NightPage) -> str:
    parts = [
        f"{unit.unit_id} {part.name} ({alert_words(part.alert)})"
        for unit, part in in_hand(page)
        if part.alert is not None
    ]
    return listed(parts, 12)
