"""Progress in a log is plain lines, not too many, and always the last one."""

from __future__ import annotations

import pytest

from pulsefront.progress import progress


def test_log_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Tracing", "photons", seconds_between_lines=1000.0) as report:
        for done in range(0, 101, 10):
            report(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Tracing: 100 of 100 photons")
