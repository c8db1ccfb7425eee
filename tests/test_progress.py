"""Progress in a log is plain lines, not too many, and always the last one."""

from __future__ import annotations

import pytest

from pulsefront import progress as module
from pulsefront.progress import progress


def test_log_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Tracing", "photons", seconds_between_lines=1000.0) as report:
        for done in range(0, 101, 10):
            report(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Tracing: 100 of 100 photons")


def test_what_an_earlier_run_did_does_not_count_as_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with progress("Ablation", "stages") as report:
        for stage in range(1, 9):
            report(stage, 14)
        now += 30.0
        report(9, 14)
        now += 30.0
        report(10, 14)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Ablation: 9 of 14 stages, 30 s per stage, 150 s left",
        "Ablation: 10 of 14 stages, 30 s per stage, 120 s left",
    ]


def test_a_total_that_is_not_known_gives_no_line_a_chunk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with progress("ingest", "events") as report:
        for chunk in range(1, 31):
            now += 0.5
            report(1000 * chunk, 0)
        report(30_000, 30_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "ingest: 20,000 events, 2,000 events/s",
        "ingest: 30,000 of 30,000 events, 2,000 events/s, 0 s left",
    ]
