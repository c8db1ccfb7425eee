"""Which files an ingest looks at."""

from __future__ import annotations

import os
import socket

import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.paths import find_files, path_text, why_no_file
from pulsefront.qc.store.ingest import ingest
from pulsefront.qc.times import end_of_day
from strategies_qc import SITE_OF_CASES, write_daily


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
        "gone.csv",
    ]
    assert [path.name for path in found if why_no_file(path)] == ["gone.csv"]


def test_a_path_that_is_not_there_is_told(tmp_path):
    with pytest.raises(QCDataError, match="no such file or folder"):
        find_files([tmp_path / "logs"])


def odd_things(folder):
    """Make what is no file in a folder; return the words that say what each is."""
    folder.mkdir()
    (folder / "gone_daily.csv").symlink_to("/nowhere/x_daily.csv")
    (folder / "round_daily.csv").symlink_to("round_daily.csv")
    os.mkfifo(folder / "pipe_daily.csv")
    (folder / "device_daily.csv").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.path.relpath(folder / "socket_daily.csv"))
    return {
        "gone_daily.csv": "is a link to /nowhere/x_daily.csv, which cannot be followed: no such",
        "round_daily.csv": "is a link to round_daily.csv, which cannot be followed: too many",
        "pipe_daily.csv": "is a named pipe, no file",
        "device_daily.csv": "is a device, no file",
        "socket_daily.csv": "is a socket, no file",
    }


def test_what_is_no_file_is_refused_by_its_name_and_never_opened(tmp_path):
    """Links to nothing and pipes were passed by without a word."""
    words = odd_things(tmp_path / "logs")
    (tmp_path / "logs" / "note.txt").symlink_to("pipe_daily.csv")  # notes are looked into
    write_daily(tmp_path / "logs" / "a_daily.csv", "PET1,peak,511,2026-10-01")
    files = find_files([tmp_path / "logs"])
    with Store(tmp_path / "qc.db") as store:
        for _ in range(2):
            result = ingest(store, files, SITE_OF_CASES, now_s=end_of_day("2026-11-02"))
            refused = {file.path.name: file.refused for file in result.refused}
            assert set(refused) == {*words, "note.txt"}
            for name, why in words.items():
                assert refused[name].startswith(why)
                assert refused[name].endswith("ignore it in site.toml")
            assert result.is_partial
        quiet = SITE_OF_CASES.model_copy(update={"ignore": ("[!a]*",)})
        result = ingest(store, files, quiet, now_s=end_of_day("2026-11-02"))
        assert (len(result.refused), result.is_partial) == (0, False)


def test_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    closed = tmp_path / "logs" / "PET1"
    closed.mkdir(parents=True)
    open_folder = os.scandir

    def scandir(path):
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(closed))
        return open_folder(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert find_files([tmp_path / "logs"]) == [closed]
    assert why_no_file(closed) == "is a folder that cannot be read: permission denied"


def test_link_to_itself_has_a_path(tmp_path):
    (tmp_path / "round").symlink_to("round")
    assert path_text(tmp_path / "round").endswith("round")
