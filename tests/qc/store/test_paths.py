"""Which files an ingest looks at."""

from __future__ import annotations

import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.store.paths import find_files


def test_links_to_folders_are_followed_once(tmp_path):
    logs, real = tmp_path / "logs", tmp_path / "real"
    (real / "deep").mkdir(parents=True)
    (logs / ".hidden").mkdir(parents=True)
    for path in (real / "a.csv", real / "deep" / "b.csv", logs / ".hidden" / "c.csv"):
        path.write_text("x")
    (logs / "PET1").symlink_to(real)
    (real / "deep" / "round").symlink_to(logs)
    (logs / "gone.csv").symlink_to(tmp_path / "nowhere")
    (logs / ".kept_out.csv").write_text("x")
    found = find_files([logs])
    assert [path.relative_to(logs).as_posix() for path in found] == [
        "PET1/a.csv",
        "PET1/deep/b.csv",
    ]


def test_a_path_that_is_not_there_is_told(tmp_path):
    with pytest.raises(QCDataError, match="no such file or folder"):
        find_files([tmp_path / "logs"])
