"""What a rehearsal came to, as figures, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefront.qc.rehearsal.faults import CODES
from pulsefront.qc.rehearsal.month import NightLog
from pulsefront.qc.rehearsal.rehearse import RehearsalResult
from pulsefront.qc.times import DAY_S, end_of_day, iso_date
from pulsefront.report import Callout, Page, Paragraph, Section, Table, Tile, Tiles
from pulsefront.report.page import Tone

__all__ = ["figures_of", "rehearsal_page", "result_json"]

_FILES = {
    "daily": "as always",
    "late": "late by one to five nights",
    "duplicate": "again under another name, equal to the byte",
    "corrected": "corrected, in place of the first or beside it",
    "unreadable": "with a row that cannot be read",
    "unmapped": "refused until the site's file explains them",
    "events": "error log",
    "services": "service log",
    "no log": "no quality control at all",
}
_FAULTS = {
    "kill": "nights on which jobs were killed (kill -9)",
    "disk full": "nights with a full disk",
    "locked": "nights with a database that another program holds",
    "gone": "nights without a database",
    "two jobs": "nights with two jobs at once",
    "clock back": "nights with the clock 20 days behind",
    "clock ahead": "nights with the clock 2 days ahead",
    "clock far ahead": "nights with the clock 20 days ahead",
    "receiver down": "nights on which nobody could be told",
}


def figures_of(result: RehearsalResult) -> list[tuple[str, int]]:
    """Return the figures of a rehearsal, each with its name."""
    log, accounts = result.log, result.accounts
    faults = result.plan.counts()
    return [
        ("nights", len(log.nights)),
        ("jobs killed at work (kill -9)", result.kills),
        *((words, faults.get(fault, 0)) for fault, words in _FAULTS.items() if fault != "kill"),
        ("nights on which the clock showed the hour of the job twice",
         sum(night.twice for night in log.nights)),
        ("jobs that did not end as the guide says",
         sum(not night.as_documented for night in log.nights)),
        ("nights scored in time", len(log.scored_on) - len(result.late_nights)),
        ("nights made up for by a later job", len(result.late_nights)),
        ("nights without scores", len(log.nights) - len(log.scored_on)),
        ("files in the ledger", accounts.files),
        ("rows in", accounts.rows_in),
        ("rows accounted for", accounts.accounted),
        ("rows in quarantine, those of overwritten files too", accounts.quarantined),
        ("readings of the month", result.readings),
        ("readings lost, doubled or wrong", result.wrong_readings),
        ("alerts", result.alerts),
        ("messages", result.messages),
        ("messages told twice", result.told_twice),
        ("messages in doubt after a kill, as the next one says", result.doubtful),
        ("messages that nobody got", result.not_told),
        ("rows that differ from the undisturbed month", sum(result.differences.values())),
        ("nights made up for with files that came after them", len(result.sees_more)),
        ("scores of all other nights that differ from those in time", result.late_differences),
    ]  # fmt: skip


def result_json(result: RehearsalResult) -> dict[str, Any]:
    """Return a rehearsal as plain values."""
    return {
        "passed": result.passed,
        "seed": result.settings.seed,
        "disk_full_by": result.disk,
        "seconds": round(result.seconds, 1),
        "figures": dict(figures_of(result)),
        "files": result.files,
        "differences": result.differences,
        "nights": [
            {
                "night": night.night + 1,
                "fault": night.fault,
                "kills": night.kills,
                "exit_codes": [job.code for job in night.ended],
                "said": _said(night),
                "scored_on": _night(result.log.scored_on.get(night.night)),
            }
            for night in result.log.nights
        ],
    }


def rehearsal_page(result: RehearsalResult, facts: Mapping[str, str]) -> Page:
    """Return the page of a rehearsal."""
    log = result.log
    differ = sum(result.differences.values())
    tone: Tone = "good" if result.passed else "bad"
    tiles = [
        Tile("rows that differ", differ, "", "from the same month without faults", tone),
        Tile(
            "rows in", result.accounts.rows_in, "", f"{result.accounts.accounted:,} accounted for"
        ),
        Tile("jobs killed", result.kills, "", f"in {len(log.nights)} nights"),
        Tile("nights made up for", len(result.late_nights), "", "by the job of a later night"),
        Tile("told twice", result.told_twice, "", f"of {result.messages} messages"),
    ]
    verdict = (
        "Store, scores, alerts and messages are those of the month without faults."
        if result.passed
        else "The months differ: the tables below say where."
    )
    return Page(
        "A month of nights, with faults",
        f"{len(log.nights)} nights of pulsefront qc night, each in a process of its own, on "
        f"simulated files of {3 * result.settings.scanners_a_site} scanners",
        [
            Section("At a glance", [Callout(verdict, tone), Tiles(tiles)]),
            Section("Figures", [Table(("what", "how many"), figures_of(result))]),
            _differences(result),
            _nights(result),
            _faults(result),
        ],
        facts,
    )


def _differences(result: RehearsalResult) -> Section:
    rows = list(result.differences.items())
    return Section(
        "What was compared",
        [
            Table(
                ("kind", "rows in only one of the two months"),
                rows,
                "The other month had no faults; on the nights on which the disturbed job could "
                "read nothing, its machine was off. Compared are the readings with the first night "
                "that may see them, the ledger with its counts, scores, alerts, messages, and "
                "the files of the nights to the byte; not compared are the times of the clock at "
                "which something was written.",
                [k for k, (_, count) in enumerate(rows) if count],
            ),
            Paragraph(
                "A night that is made up for after a file about it, or about days before it, has "
                "come in knows more than it would have known in time. The month that ran every "
                "night in time has the same scores on all other nights."
            ),
        ],
    )


def _nights(result: RehearsalResult) -> Section:
    month_s = _first_day_s(result)
    rows = [
        (
            iso_date(month_s + night.night * DAY_S),
            f"{night.kills} jobs killed" if night.kills else night.fault,
            ", ".join(str(job.code) for job in night.ended),
            _made_up(result, night),
            _said(night),
        )
        for night in result.log.nights
    ]
    return Section(
        "Night by night",
        [Table(("day", "fault", "exit codes", "scored", "what the job said of it"), rows)],
    )


def _faults(result: RehearsalResult) -> Section:
    counts = result.plan.counts()
    faults = [
        (words, counts.get(fault, 0), ", ".join(map(str, codes)))
        for fault, codes in CODES.items()
        if (words := _FAULTS.get(fault))
    ]
    files = [(_FILES[kind], count) for kind, count in sorted(result.files.items())]
    return Section(
        "Faults and files",
        [
            Table(
                ("fault", "nights", "exit codes that the guide names"), faults,
                f"The full disk was {result.disk}.",
            ),
            Table(("files that came in", "how many"), files),
        ],
    )  # fmt: skip


def _said(night: NightLog) -> str:
    """Return what the last job said of its fault: the first line of a part that did not end."""
    if night.fault in {"none", "off", "kill"} or not night.ended:
        return ""
    first = max(night.ended, key=lambda job: job.code)
    begins = ("ingest: ", "score: ", "quarantine: ", "note: the clock", "note: no reading",
              "note: the store", "Error", "error", "not told", "pulsefront: ")  # fmt: skip
    lines = [line for line in first.said.splitlines() if line.startswith(begins)]
    last = first.said.splitlines()[-1:] or [""]
    return (lines or last)[0]


def _made_up(result: RehearsalResult, night: NightLog) -> str:
    on = result.log.scored_on.get(night.night)
    if on is None:
        return "never"
    if on == night.night:
        return "in time"
    return f"{on - night.night} nights later"


def _night(number: int | None) -> int | None:
    return None if number is None else number + 1


def _first_day_s(result: RehearsalResult) -> int:
    return end_of_day(result.settings.last_day) - result.settings.nights * DAY_S
