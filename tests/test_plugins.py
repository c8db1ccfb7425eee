"""What another package adds is found, used and refused by its entry points."""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pulsefront import plugins
from pulsefront.errors import ConfigError, PulsefrontError
from pulsefront.estimators.registry import POSITION, ChargeEvents, estimators_for
from pulsefront.events.readers.open import open_events, recognise
from pulsefront.firmware.board import load_board
from pulsefront.qc.readers.open import open_source
from pulsefront.qc.site import Site

EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "plugin_example"


def install(folder: Path, entries: dict[str, dict[str, str]], name: str = "pulsefront_example"):
    """Make a package with *entries* as an installer leaves it."""
    information = folder / f"{name}-0.1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    lines = [
        line
        for group, named in entries.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in named.items()))
    ]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")


def forget() -> None:
    plugins._found.cache_clear()
    plugins.plugins.cache_clear()
    sys.modules.pop("pulsefront_example", None)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Give a folder on the path, and a fresh look for packages; both end with the test."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    forget()
    yield folder
    forget()


@pytest.fixture
def example(beside: Path) -> Path:
    described = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())
    install(beside, described["project"]["entry-points"])
    for name in ("pulsefront_example.py", "half_ecp5.toml"):
        shutil.copy(EXAMPLE / name, beside)
    return beside


def test_every_group_has_an_example() -> None:
    described = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())
    assert set(described["project"]["entry-points"]) == set(plugins.GROUPS.values())


def test_a_reader_is_asked_before_tables(example: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("COUNTLINES 1\n10 20 15\n11 30 16\n")
    assert recognise(path) == "countlines"
    (table,) = open_events(path).chunks()
    np.testing.assert_array_equal(table["waveform_adc"], [[10, 20, 15], [11, 30, 16]])
    with pytest.raises(ConfigError, match="countlines"):
        open_events(path, format_name="no such")


def test_without_the_package_the_file_is_of_no_format(beside: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("COUNTLINES 1\n10 20 15\n11 30 16\n")
    with pytest.raises(PulsefrontError):
        list(open_events(path).chunks())


def test_a_qc_reader_reads_its_log(example: Path, tmp_path: Path) -> None:
    site_file = tmp_path / "site.toml"
    site_file.write_text('timezone = "UTC"\n')
    log = tmp_path / "peak.log"
    log.write_text("PEAKLOG 1\nscanner-a 1700000000 511.5\nscanner-a 1700086400 512.0\n")
    source = open_source(log, Site.from_toml(site_file), now_s=1_800_000_000)
    assert source.format == "peaklog"
    (batch,) = source.batches()
    assert batch.measurements["value"].tolist() == [511.5, 512.0]
    assert set(batch.measurements["test"]) == {"photopeak_kev"}


def test_an_estimator_joins_those_of_its_kind(example: Path) -> None:
    entries = estimators_for("position")
    assert [one.name for one in entries[: len(POSITION)]] == [one.name for one in POSITION]
    added = entries[-1]
    assert added.name == "brightest photosensor"
    assert all(one.name != added.name for one in estimators_for("timing"))
    centres = np.array([[-1.0, 0.0], [1.0, 0.0]])
    charges, position = np.array([[5, 1], [1, 5]]), np.array([[-1.0, 0.0, 3.0], [1.0, 0.0, 5.0]])
    events = ChargeEvents(
        charges, position, charges, position, centres, ((-1, 1), (-1, 1), (0, 8)), 0.08, 10, 10, 1
    )
    found = added.fit(events).estimate(charges)
    np.testing.assert_array_equal(found, [[-1.0, 0.0, 4.0], [1.0, 0.0, 4.0]])


def test_a_board_is_known_by_its_name(example: Path) -> None:
    assert load_board("half_ecp5").lut == 12144
    with pytest.raises(ConfigError, match="half_ecp5"):
        load_board("no_such_board")


def test_results_depend_on_what_is_added(example: Path) -> None:
    before = plugins.fingerprint()
    assert before
    module = example / "pulsefront_example.py"
    module.write_text(module.read_text() + "\n# changed\n")
    assert plugins.fingerprint() != before


def test_without_packages_there_is_nothing_to_depend_on(beside: Path) -> None:
    assert plugins.fingerprint() == ""
    assert plugins.plugins("readers") == {}


def test_what_cannot_be_loaded_is_told_in_a_line(beside: Path, tmp_path: Path) -> None:
    install(beside, {"pulsefront.readers": {"broken": "no_such_module:Reader"}})
    with pytest.raises(PulsefrontError, match=r"pulsefront_example 0\.1\.0 .*no_such_module"):
        plugins.plugins("readers")


def test_a_name_that_is_taken_is_refused(beside: Path, tmp_path: Path) -> None:
    install(beside, {"pulsefront.readers": {"drs4": "pathlib:Path"}})
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ConfigError, match="format that is there"):
        recognise(tmp_path / "file")
    forget()
    entries = {"pulsefront.readers": {"twice": "pathlib:Path"}}
    install(beside, entries, "first")
    install(beside, entries, "second")
    with pytest.raises(PulsefrontError, match="two packages"):
        plugins.plugins("readers")
