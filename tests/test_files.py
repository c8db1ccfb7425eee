"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront import files
from pulsefront.errors import ConfigError, PulsefrontError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    files.write_text(target, "old")

    def half_write() -> None:
        with files.atomic_path(target) as temporary:
            temporary.write_text("new")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own, without text
        half_write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_directory_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for text in ("old", "new"):
        with files.atomic_directory(target) as temporary:
            (temporary / text).write_text(text)
    assert names(target) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with (
        pytest.raises(PulsefrontError, match=r"no space left.*free some space"),
        files.atomic_path(tmp_path / "never.txt"),
        open("/dev/full", "w") as full,
    ):
        full.write("x" * 100_000)
    assert names(tmp_path) == []


def test_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PulsefrontError, match="cannot be written"):
        files.write_text(tmp_path / "file" / "below.txt", "x")


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """What was written to /dev/full left a file in the place of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for target in (pipe, tmp_path / "link"):
        with pytest.raises(ConfigError, match="is a device or a pipe"):
            files.write_text(target, "x")
        with pytest.raises(ConfigError, match="is a device or a pipe"):
            files.refuse_target(target, folder=True)
    assert pipe.is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["link", "pipe"]


def test_a_folder_is_not_replaced_by_a_file_nor_a_file_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ConfigError, match="is a folder, and a file is to be written"):
        files.write_text(tmp_path / "folder", "x")
    with (
        pytest.raises(ConfigError, match="is a file, and a folder is to be written"),
        files.atomic_directory(tmp_path / "file"),
    ):
        pass
    assert (tmp_path / "file").read_text() == "kept"


def test_a_target_is_none_of_the_inputs_under_any_name(tmp_path: Path) -> None:
    raw = tmp_path / "run" / "raw.dat"
    raw.parent.mkdir()
    raw.write_text("raw")
    (tmp_path / "soft").symlink_to(raw)
    (tmp_path / "hard").hardlink_to(raw)
    (tmp_path / "other").write_text("")
    for target in (raw, tmp_path / "soft", tmp_path / "hard", tmp_path / "run/../run/raw.dat"):
        with pytest.raises(ConfigError, match="is what is read"):
            files.refuse_inputs(target, [tmp_path / "other", raw])
    with pytest.raises(ConfigError, match="lies in what is read"):
        files.refuse_inputs(raw, [raw.parent])
    with pytest.raises(ConfigError, match="holds what is read"):
        files.refuse_inputs(raw.parent, [tmp_path / "soft"])
    (raw.parent / "page.html").write_text("")
    files.refuse_inputs(raw.parent / "page.html", [raw.parent])
    files.refuse_inputs(raw.parent / "new.h5", [raw.parent, tmp_path / "absent"])
    files.refuse_inputs(tmp_path / "other", [raw])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, width=32),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), json_values.filter(lambda v: "inf" not in repr(v))))
def test_hash_does_not_depend_on_key_order(content: dict[str, object]) -> None:
    shuffled = dict(reversed(list(content.items())))
    assert files.hash_json(content) == files.hash_json(shuffled)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        files.canonical_json({"a": float("nan")})


def test_shipped_folders_are_found() -> None:
    assert (files.sim_data_directory()).is_dir()
    assert (files.firmware_export_directory()).is_dir()


def test_a_name_too_long_and_a_folder_that_makes_no_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(PulsefrontError, match=r"cannot be written: file name too long.*shorter"):
        files.write_text(tmp_path / ("a" * 300), "text")
    if Path("/proc/self").exists():
        with pytest.raises(PulsefrontError, match="cannot be written"):
            files.write_text("/proc/x.html", "text")


def test_an_error_of_the_block_has_no_cause_in_a_circle(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="odd") as caught, files.atomic_path(tmp_path / "a"):
        raise OSError(errno.EBADMSG, "odd")
    assert caught.value.__cause__ is None
