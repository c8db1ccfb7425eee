"""A set of many files gives one line of progress in a log, not one a file or a chunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.events.ingest import ingest
from pulsefront.progress import progress
from strategies_events import wavedump_bytes, wavedump_text_bytes
from strategies_traces import isf_bytes

WAVES = np.random.default_rng(1).integers(100, 4000, (5, 40)).astype(np.uint16)


@pytest.mark.parametrize("form", ["wavedump", "wavedump-text", "tektronix-isf"])
def test_a_set_of_files_gives_one_line(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for number in range(20):
        waves = (WAVES + number).astype(np.uint16)
        content = {
            "wavedump": wavedump_bytes,
            "wavedump-text": wavedump_text_bytes,
            "tektronix-isf": lambda some: b"".join(isf_bytes(wave) for wave in some),
        }[form](waves)
        files.append(tmp_path / f"run{number}.dat")
        files[-1].write_bytes(content)
    with progress("ingest", "events") as report:
        count = ingest(files, tmp_path / "s.h5", join="none", report=report)
    assert count == 100
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["ingest: 100 of 100 events"]
