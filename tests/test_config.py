"""Configuration errors name the file, the key and the nearest valid key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from pulsefront.config import FrozenModel, load_toml
from pulsefront.errors import ConfigError


class Beam(FrozenModel):
    kind: Literal["beam"] = "beam"
    width_mm: float = Field(gt=0)


class Flood(FrozenModel):
    kind: Literal["flood"]
    rate_hz: float = 1.0


class Study(FrozenModel):
    name: str
    source: Annotated[Beam | Flood, Field(discriminator="kind")]
    layers: tuple[Beam, ...] = ()
    flags: tuple[bool, ...] = ()
    by_number: dict[int, float | None] = Field(default_factory=dict)


def read(tmp_path: Path, text: str) -> Study:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return Study.from_toml(path)


GOOD = 'name = "a"\nsource = {kind = "beam", width_mm = 1.0}\n'


def test_good_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).source == Beam(width_mm=1.0)
    whole = read(tmp_path, GOOD + "layers = [{width_mm = 2}]\nflags = [true]\nby_number = {2 = 3}")
    assert whole.layers[0].width_mm == 2.0
    assert whole.flags == (True,)
    assert whole.by_number == {2: 3.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD + "nmae = 1", ["study.toml", "nmae", "did you mean 'name'"]),
        (
            'name = "a"\nsource = {kind = "beam", width_mm = 1.0, with_mm = 2}',
            ["source.beam.with_mm", "did you mean 'width_mm'"],
        ),
        (GOOD + "layers = [{widthmm = 1.0}]", ["layers.0", "width_mm"]),
        (GOOD.replace("name", "nmae"), ["nmae", "unknown key", "did you mean 'name'"]),
        ('name = "a"\nsource = {kind = "beam", width_mm = -1.0}', ["source.beam.width_mm", "-1.0"]),
        (
            'name = "a"\nsource = {kind = "beam", width_mm = inf}',
            ["source.beam.width_mm", "finite"],
        ),
        ('source = {kind = "flood"}', ["name", "is missing", "pulsefront help name"]),
        ("name = ", ["not valid TOML"]),
        (GOOD.replace("1.0", "true"), ["source.beam.width_mm", "a number, and this is true"]),
        (GOOD.replace("1.0", '"1.0"'), ["source.beam.width_mm", "a number, without quotes"]),
        (GOOD + 'layers = [{width_mm = "2"}]', ["layers.0.width_mm", "without quotes"]),
        (GOOD + 'flags = ["yes"]', ["flags.0", "true or false, without quotes (got 'yes')"]),
        (GOOD + "flags = true", ["flags", "should be a list, in brackets"]),
        (GOOD + "flags = [1]", ["flags.0", "true or false, and this is a number"]),
        (GOOD + 'by_number = {2 = "3"}', ["by_number.2", "a number, without quotes"]),
        ('name = "a"\nsource = {kind = "bean", width_mm = 1.0}', ["source", "beam"]),
    ],
)
def test_error_is_one_line_with_place_and_remedy(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    line = str(caught.value)
    assert "\n" not in line
    for part in expected:
        assert part in line


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "position.toml").write_text("")
    with pytest.raises(ConfigError, match=r"did you mean .*position\.toml"):
        load_toml(tmp_path / "positon.toml")


def test_folder_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder"):
        load_toml(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_toml(tmp_path / "binary.toml")


class Widths(FrozenModel):
    bits: Annotated[int, Field(ge=2)] | tuple[Annotated[int, Field(ge=2)], ...] = 8
    depth_mm: float = 1.0


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("bits = 0", "bits", "greater than or equal to 2"),
        ("bits = [5, 0]", "bits.1", "greater than or equal to 2"),
        ('bits = "x"', "bits", "a number, without quotes"),
        ('"tuple[0]" = 1', "tuple[0]", "unknown key"),
    ],
)
def test_a_value_of_two_kinds_is_told_as_the_kind_that_was_meant(
    tmp_path: Path, text: str, field: str, said: str
) -> None:
    path = tmp_path / "widths.toml"
    path.write_text(f"{text}\n")
    with pytest.raises(ConfigError, match=said) as told:
        Widths.from_toml(path)
    assert told.value.field == field
    assert "more:" not in str(told.value)
