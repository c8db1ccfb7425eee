"""The pages of published detectors and of sensitivities."""

from __future__ import annotations

from collections.abc import Sequence

from pulsefront.evaluate.intervals import Interval
from pulsefront.report.figures.ratios import Ratio, ratio_rows
from pulsefront.report.page import (
    Block,
    Callout,
    FigureBlock,
    Page,
    Paragraph,
    Section,
    Table,
)
from pulsefront.report.render import render
from pulsefront.simulate.trust.explain import Explained, spread_of
from pulsefront.simulate.trust.published import UNITS, WITHIN, Compared
from pulsefront.simulate.trust.sensitivity import Sensitivity

__all__ = ["published_page", "sensitivity_page"]

_COLUMNS = {
    "light_per_mev": "light",
    "energy_resolution_percent": "energy resolution",
    "ctr_ps": "CTR",
}


def published_page(found: Sequence[Explained], events: int, seed: int) -> str:
    """Return the HTML page of published detectors beside their simulations.

    The first of *found* is as described; the others say what changes of a constant do.
    """
    rows = found[0].rows
    names = [f"{row.published.name}: {row.figure.what}, {_name(row)}" for row in rows]
    figure = ratio_rows(
        names,
        {"ratio": [_ratio(row.ratio) for row in rows]},
        label="simulated / published",
        within=[WITHIN[row.figure.quantity] for row in rows],
    )
    agree = sum(row.agrees for row in rows)
    blocks: list[Block] = [
        Callout(
            f"{agree} of {len(rows)} values agree: light within 25 %, energy resolution and CTR "
            "within 15 %, positions within 25 %.",
            "good" if agree == len(rows) else "warning",
        ),
        FigureBlock(
            figure,
            "Simulated over published values with intervals, one a row",
            "Shaded: what is called agreement. Bars: 95 % intervals of the simulated events alone; "
            "the light map adds about 1 % to light.",
        ),
        Table(
            ["published", "quantity", "unit", "published value", "simulated", "ratio", "agrees"],
            [
                [
                    f"{row.published.name}, {row.figure.what}",
                    _name(row),
                    UNITS[row.figure.quantity][1],
                    _value(row),
                    row.simulated,
                    row.ratio,
                    row.agrees,
                ]
                for row in rows
            ],
        ),
    ]
    papers = {row.published.name: row.published for row in rows}
    sources = [
        Table(
            ["published", "source", "DOI", "what was read", "detector file"],
            [[p.name, p.source, p.doi or None, p.read, p.detector] for p in papers.values()],
        ),
        Table(
            ["published", "not stated in the text that was read, taken from elsewhere"],
            [[p.name, "; ".join(p.not_stated)] for p in papers.values()],
        ),
    ]
    return render(
        Page(
            "Published detectors, simulated like for like",
            f"{events:,} events of each simulation, seed {seed}",
            [
                Section("Beside each other", blocks),
                *([Section("Which constant explains it", _explained(found))] if found[1:] else []),
                Section("Sources", sources),
            ],
            {},
        )
    )


def _explained(found: Sequence[Explained]) -> list[Block]:
    rows = found[0].rows
    return [
        Table(
            ["constant", "value", "agreeing", "rms of ln(ratio)"],
            [
                [one.key or "as described", one.value, one.agreeing, round(spread_of(one.rows), 3)]
                for one in found
            ],
        ),
        Table(
            ["published", *(f"{one.key} {one.value}".strip() or "as described" for one in found)],
            [
                [
                    f"{row.published.name}, {row.figure.what}, {_name(row)}",
                    *(round(one.rows[k].ratio.value, 2) for one in found),
                ]
                for k, row in enumerate(rows)
            ],
            "Simulated over published",
        ),
        Paragraph(
            "The same constant is changed in all detectors that have it. One that was chosen by "
            "this table is no longer independent of the published values."
        ),
    ]


def sensitivity_page(found: Sensitivity, events: int, seed: int) -> str:
    """Return the HTML page of a sensitivity table."""
    columns = [name for name in _COLUMNS if name in found.nominal]
    names = [f"{row.key} {row.value}" for row in found.rows]
    ranges = ["range"] if any(row.source for row in found.rows) else []
    figure = ratio_rows(
        names,
        {_COLUMNS[name]: [_ratio(row.relative[name]) for row in found.rows] for name in columns},
        label="value / that of the detector as described",
    )
    units = {"ctr_ps": "ps"} | {name: unit for name, (_, unit) in UNITS.items()}
    blocks: list[Block] = [
        Table(
            ["quantity", "as described", "unit"],
            [[_COLUMNS[name], found.nominal[name], units[name]] for name in columns],
        ),
        FigureBlock(
            figure,
            "Change of light, energy resolution and CTR with each constant",
            "Bars: 95 % intervals of both simulations; light maps that differ add about 1 %.",
        ),
        Table(
            ["constant", "value", *(f"{_COLUMNS[name]}, relative" for name in columns), *ranges],
            [
                [
                    row.key,
                    str(row.value),
                    *(row.relative[name] for name in columns),
                    *([row.source] if ranges else []),
                ]
                for row in found.rows
            ],
        ),
        Paragraph(
            "One constant at a time, all others as described. x0.9 is a factor on what the file "
            "says. A ratio whose interval holds 1 was not shown to matter."
        ),
    ]
    if found.left_out:
        blocks.append(
            Paragraph(f"The detector has nothing to vary of: {', '.join(found.left_out)}.")
        )
    return render(
        Page(
            f"Sensitivity of {found.detector}",
            f"{events:,} events of each simulation, seed {seed}",
            [Section("What each constant does", blocks)],
            {},
        )
    )


def _name(row: Compared) -> str:
    return UNITS[row.figure.quantity][0]


def _value(row: Compared) -> str:
    error = f" ± {row.figure.error:g}" if row.figure.error else ""
    return f"{row.figure.value:g}{error}"


def _ratio(interval: Interval) -> Ratio:
    return interval.value, interval.low, interval.high
