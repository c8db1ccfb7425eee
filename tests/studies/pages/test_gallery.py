from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.studies.pages.gallery import write_gallery
from strategies_events import pulses, wavedump_bytes


def test_every_file_is_shown_and_a_damaged_one_with_its_warning(tmp_path: Path) -> None:
    whole = wavedump_bytes(pulses(30).astype(np.uint16))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "whole.dat").write_bytes(whole)
    (tmp_path / "cut.dat").write_bytes(whole[:-17])
    (tmp_path / "notes.txt").write_text("no data")
    out = tmp_path / "page.html"
    seen: list[tuple[int, int]] = []
    found = write_gallery(tmp_path, out, report=lambda *counts: seen.append(counts))
    assert [item.name for item in found.items] == ["cut.dat", "deep/whole.dat"]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    page = out.read_text()
    assert "deep/whole.dat" in page
    assert "after 29 whole events" in page
    assert page.count("Pulses of ") >= 2
    # What is left out is named, with the reason.
    assert [one.name for one in found.left_out] == ["notes.txt"]
    assert page.index("Left out") < page.rindex("notes.txt")
    assert found.left_out[0].reason in page


@pytest.mark.parametrize("name", ["empty", "nonesuch"])
def test_a_folder_without_data_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"{name}: holds no measured file"):
        write_gallery(tmp_path / name, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
