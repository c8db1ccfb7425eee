"""Keys are found by name and by path, and every one has a meaning."""

from __future__ import annotations

import pytest

from pulsefront.errors import ConfigError
from pulsefront.studies.files.keys import all_keys, find_keys


def test_a_name_finds_the_key_wherever_it_stands() -> None:
    paths = [key.path for key in find_keys("pitch_mm")]
    assert {"scan.pitch_mm", "scan.light_map.pitch_mm", "sensors.pitch_mm"} <= set(paths)


def test_a_path_finds_one() -> None:
    (key,) = find_keys("scan.light_map.pitch_mm")
    assert key.files == ("crystal study", "position study")
    assert key.default == "`2.0`"
    assert key.meaning.startswith("largest distance of grid positions")
    (key,) = find_keys("external[].measured.path")
    assert key.default == ""


def test_tables_with_chosen_names_are_walked() -> None:
    (key,) = find_keys("columns.NAME.unit")
    assert key.files == ("mapping",)


def test_a_key_that_is_nowhere_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean pitch_mm"):
        find_keys("pitch_m")
    with pytest.raises(ConfigError, match="no file has such a key"):
        find_keys("")


def test_every_key_has_a_meaning() -> None:
    assert len(all_keys()) > 150
    assert [key.path for key in all_keys() if not key.meaning] == []
