"""The page of a check: what moved, every input, the history."""

from __future__ import annotations

from math import sqrt

import numpy as np

from pulsefront.evaluate.sequential import WINDOWS, limit_in_sigmas
from pulsefront.monitor.check import PREFIX, Checked
from pulsefront.monitor.history import CheckHistory
from pulsefront.monitor.profile import Profile
from pulsefront.monitor.words import amount, cause, findings, is_gain
from pulsefront.report import (
    Block,
    Callout,
    FigureBlock,
    Page,
    Paragraph,
    Section,
    Table,
    Tile,
    Tiles,
    render,
)
from pulsefront.report.figures.monitoring import shift_bars, shift_history

__all__ = ["check_page"]

SHOWN = 5
"""Curves of the history."""

ROWS = 20
"""Of the table of quantities."""


def check_page(
    profile: Profile, checked: Checked, history: CheckHistory, *, checks_between_false_alarms: float
) -> str:
    """Return the page about the newest check of *history* as HTML."""
    times = [one.at for one in history.judged()]
    told = findings(checked, times, profile.output_unit)
    quantities = len(checked.verdicts)
    newest = history.checks[-1]
    blocks: list[Block] = [
        Callout(told[0] if told else "Nothing has moved.", "bad" if told else "good"),
        *(Callout(line, "bad") for line in told[1:ROWS]),
        *_untold(checked),
        Tiles(
            [
                Tile("quantities", quantities, note="compared with the reference"),
                Tile("moved", len(checked.moved), tone="bad" if checked.moved else "good"),
                Tile("vectors", f"{checked.vectors:,}", note=f"of {newest.source}"),
                Tile("checks", len(history.checks), note=f"since {history.checks[0].at[:16]}"),
            ]
        ),
    ]
    return render(
        Page(
            f"Monitor of {profile.model.name}",
            f"{newest.at}: {newest.source}; reference of {profile.made_at}, "
            f"{len(profile.reference.inputs):,} vectors",
            [
                Section("What moved", blocks),
                Section("Inputs", _inputs(profile, checked)),
                Section("History", _history(checked, history, checks_between_false_alarms)),
                Section("All quantities", [_table(profile, checked)]),
                Section("How to read this", [Paragraph(_how(checks_between_false_alarms))]),
            ],
            {},
        )
    )


def _untold(checked: Checked) -> list[Block]:
    if not checked.untold:
        return []
    return [Paragraph(f"Could not be compared: {', '.join(checked.untold)}.")]


def _inputs(profile: Profile, checked: Checked) -> list[Block]:
    told = {one.name: one for one in checked.verdicts if is_gain(one.name)}
    every = dict.fromkeys([*profile.channel_names, *profile.input_names])
    names = [name for name in every if f"{PREFIX}{name}" in told]
    if not names:
        return [Paragraph("No input could be compared with the others.")]
    rows = [told[f"{PREFIX}{name}"] for name in names]
    figure = shift_bars(
        names,
        [100 * row.shift for row in rows],
        [100 * row.error for row in rows],
        [row.moved for row in rows],
        label="gain (%)",
    )
    moved = ", ".join(row.name for row in rows if row.moved) or "none"
    return [FigureBlock(figure, f"Shift of the gain of every input. Moved: {moved}.")]


def _history(checked: Checked, history: CheckHistory, every: float) -> list[Block]:
    records = history.judged()
    names = [one.name for one in checked.verdicts[:SHOWN]]
    sigmas = np.full((len(names), len(records)), np.nan)
    for k, name in enumerate(names):
        for column, record in enumerate(records):
            one = record.estimates.get(name)
            if one is not None:
                sigmas[k, column] = one.shift / sqrt(one.variance + one.reference_variance)
    limit = limit_in_sigmas(len(checked.verdicts) * len(WINDOWS), every)
    figure = shift_history([one.at[5:16] for one in records], names, sigmas, limit)
    return [
        FigureBlock(
            figure,
            f"Shift in standard errors at every check of {', '.join(names)}.",
            "Each point is one check alone; means over more checks are judged too. "
            "Dashed: the limit.",
        )
    ]


def _table(profile: Profile, checked: Checked) -> Table:
    shown = checked.verdicts[:ROWS]
    rows = [
        [
            one.name,
            amount(one, profile.output_unit),
            f"{one.sigmas:+.1f}",
            f"{one.limit_sigmas:.1f}",
            one.window,
            cause(one) if one.moved else "",
        ]
        for one in shown
    ]
    left = len(checked.verdicts) - len(shown)
    return Table(
        ["quantity", "shift ± standard error", "standard errors", "limit", "checks", "reading"],
        rows,
        f"{left} more lie nearer to the reference." if left else "",
        [k for k, one in enumerate(shown) if one.moved],
    )


def _how(every: float) -> str:
    return (
        "Each quantity is compared with its value in the reference, over the newest check alone "
        f"and over the means of the last {', '.join(map(str, WINDOWS[1:]))} checks. All limits "
        f"together let a check raise a false alarm once in {every:g} checks at most, as long as "
        "events come from the same places, with the same source, as those of the reference. The "
        "gain of an input is judged by what the other inputs say of it, after scaling all to the "
        "same mean sum; what moves all inputs alike is seen in the photopeak. An input that moved "
        "is taken out before the others are judged."
    )
