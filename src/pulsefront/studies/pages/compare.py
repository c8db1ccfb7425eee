"""The page and the table of runs beside each other."""

from __future__ import annotations

from pulsefront.firmware.text_table import text_table
from pulsefront.report import Block, Callout, FigureBlock, Page, Paragraph, Section, Table, render
from pulsefront.report.figures import comparison_bars
from pulsefront.studies.compare import NetworkRow, RunComparison
from pulsefront.studies.metrics import METRICS

__all__ = ["comparison_lines", "comparison_page"]

HEADERS = ("network", "weights (bytes)", "MACs", "EBOPs")


def _words(key: str) -> str:
    return str(METRICS[key]) if key in METRICS else key


def _names(found: RunComparison) -> list[str]:
    """Return the studies' names, with a number where two runs are of one study."""
    names = [row.name for row in found.networks]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({number})" for number, name in enumerate(names, start=1)]


def _cells(name: str, row: NetworkRow) -> list[str]:
    return [name, f"{row.weight_bytes:,}", f"{row.macs:,}", f"{row.ebops:,}"]


def comparison_lines(found: RunComparison) -> str:
    """Return what the command prints."""
    names, main = _names(found), found.main_metric
    rows = []
    for name, row in zip(names, found.networks, strict=True):
        other = next((one for one in row.differences if one.metric == main), None)
        told = "" if other is None else f"{other.difference_percent.signed} %, {other.verdict}"
        rows.append([*_cells(name, row), str(row.measured[main]), told])
    table = text_table([*HEADERS, _words(main), f"beside {names[0]}"], rows)
    return f"{table}\n{found.test_events:,} test events that all of them were kept from"


def comparison_page(found: RunComparison) -> str:
    """Return the comparison as HTML."""
    names, main = _names(found), found.main_metric
    whole = {
        name: (row.measured[main].value, row.measured[main].low, row.measured[main].high)
        for name, row in zip(names, found.networks, strict=True)
    }
    blocks: list[Block] = [
        Callout(_sentence(found, names, row, name))
        for name, row in zip(names[1:], found.networks[1:], strict=True)
    ]
    blocks += [
        FigureBlock(
            comparison_bars(whole, label=_words(main), emphasized=[names[0]]),
            f"{_words(main)} of every network with its interval.",
            "Intervals of single networks overlap where the paired difference does not: both see "
            "the same events.",
        ),
        Table(
            [*HEADERS, _words(main)],
            [
                [*_cells(name, row), row.measured[main]]
                for name, row in zip(names, found.networks, strict=True)
            ],
            "Cost beside error.",
            [0],
        ),
    ]
    differences = [
        _differences(name, names[0], row)
        for name, row in zip(names[1:], found.networks[1:], strict=True)
    ]
    title = f"{names[0]} and {len(names) - 1} more"
    return render(
        Page(
            f"Comparison: {title}",
            f"{found.test_events:,} {found.kind} events in the test part of every run",
            [
                Section("Result", blocks),
                Section("Every metric", differences),
                Section("How to read this", [Paragraph(_HOW)]),
            ],
            {},
        )
    )


def _sentence(found: RunComparison, names: list[str], row: NetworkRow, name: str) -> str:
    one = next(one for one in row.differences if one.metric == found.main_metric)
    first = found.networks[0]
    size = row.weight_bytes / first.weight_bytes
    work = row.ebops / first.ebops if first.ebops else float("nan")
    return (
        f"{name} is {one.verdict} {'than' if one.verdict != 'not shown to differ' else 'from'} "
        f"{names[0]} in {_words(found.main_metric)}: {one.difference_percent.signed} %; it has "
        f"{size:.2f} times its bytes and {work:.2f} times its EBOPs."
    )


def _differences(name: str, first: str, row: NetworkRow) -> Table:
    return Table(
        ["metric", f"{name} less {first}", "unit", "%", "reading"],
        [
            [_words(one.metric), one.difference, one.unit, one.difference_percent, one.verdict]
            for one in row.differences
        ],
        f"{name}: differences paired by event.",
    )


_HOW = (
    "Every network is the one that its run exported, run on its integers. Only events that lie in "
    "the test part of every run are used, so none has trained on or chosen with them. Differences "
    "are resampled by whole positions, both networks on the same events; an interval that holds "
    "zero shows no difference, which is not the same as none. Nothing is corrected for the number "
    "of networks or metrics compared."
)
