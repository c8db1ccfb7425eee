"""Records are written flat, come back whole, and describe themselves as they are written."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from pulsefront.errors import DataError
from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import INLINE, Intervals, Record, Unbounded

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


class Part(Record):
    """A part."""

    events: int
    gain: Interval
    """what was gained"""


class Whole(Record):
    """Every habit of a record at once."""

    name: str
    parts: tuple[Part, ...]
    table: dict[str, Intervals]
    loss: Unbounded
    note: str | None = None
    extra: Interval | None = None
    counts: Annotated[dict[str, int], INLINE] = Field(default_factory=dict)


intervals = st.builds(Interval, NUMBERS, NUMBERS, NUMBERS)
wholes = st.builds(
    Whole,
    name=st.text(max_size=5),
    parts=st.lists(st.builds(Part, events=st.integers(), gain=intervals), max_size=2).map(tuple),
    table=st.dictionaries(
        st.text(max_size=4),
        st.builds(
            Intervals,
            intervals=st.dictionaries(st.sampled_from(["ctr_ps", "error_mm"]), intervals),
            numbers=st.dictionaries(st.sampled_from(["bias_ps", "left_out"]), NUMBERS),
        ),
        max_size=2,
    ),
    loss=NUMBERS | st.just(math.inf),
    note=st.none() | st.text(max_size=3),
    extra=st.none() | intervals,
    counts=st.dictionaries(st.sampled_from(["with_status", "outside"]), st.integers()),
)


@given(wholes)
def test_what_is_written_comes_back(whole: Whole) -> None:
    assert Whole.model_validate_json(json.dumps(whole.to_json(), allow_nan=False)) == whole


def test_intervals_are_flat_and_inline_keys_stand_among_the_others() -> None:
    whole = Whole(
        name="a",
        parts=(Part(events=3, gain=Interval(1.0, 0.5, 2.0)),),
        table={"network": Intervals(intervals={"ctr_ps": Interval(2.0, 1.0, 3.0)})},
        loss=math.inf,
        counts={"with_status": 2},
    )
    assert whole.to_json() == {
        "name": "a",
        "parts": [{"events": 3, "gain": 1.0, "gain_low": 0.5, "gain_high": 2.0}],
        "table": {"network": {"ctr_ps": 2.0, "ctr_ps_low": 1.0, "ctr_ps_high": 3.0}},
        "loss": None,
        "with_status": 2,
    }


def test_the_schema_names_the_keys_that_are_written() -> None:
    schema = Whole.model_json_schema()
    part = schema["$defs"]["Part"]
    assert set(part["properties"]) == {"events", "gain", "gain_low", "gain_high"}
    assert set(part["required"]) == set(part["properties"])
    assert part["properties"]["gain"]["description"] == "what was gained"
    assert "counts" not in schema["properties"]
    assert schema["additionalProperties"]["type"] == "integer"
    assert "note" not in schema["required"]


def test_a_file_of_another_version_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    path.write_text('{"events": 3, "gain": 1.0, "gain_low": 0.5}')
    with pytest.raises(DataError, match=r"part\.json.*gain.*is no Part of this version"):
        Part.read(path)
    with pytest.raises(DataError, match="cannot be read"):
        Part.read(tmp_path / "absent.json")


class Checked(Record):
    """A record with a check of its own."""

    low: int
    high: int

    @model_validator(mode="after")
    def _rising(self) -> Checked:
        if self.low > self.high:
            raise ValueError("low lies above high")
        return self


def test_a_record_with_a_check_tells_its_keys_too() -> None:
    assert set(Checked.model_json_schema(mode="serialization")["properties"]) == {"low", "high"}
