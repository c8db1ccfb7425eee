"""What the benchmarks keep of each fleet: used again by the same source and by no other."""

from __future__ import annotations

import json

import judged_fleets
import numpy as np
import pytest
from judged_fleets import Found, judged

from strategies_qc import tiny_samples


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PULSEFRONT_KEPT", str(tmp_path))
    return tmp_path


def test_fleet_is_judged_once_and_again_when_the_source_has_changed(kept, capsys):
    made = []

    def make(seed: int, daily_from: float):
        made.append(seed)
        return tiny_samples()

    first = judged("tiny", make, [1, 2], "prior")
    again = judged("tiny", make, [1, 2], "prior")
    assert made == [1, 2]
    assert first.by.keys() == again.by.keys() == {"ewma", "chosen", "prior"}
    assert all(np.array_equal(first.by[name], again.by[name]) for name in first.by)
    assert len(set(first.scanner)) == 2 * len(set(first.scanner[: len(first.scanner) // 2]))
    path = kept / "tiny_2.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "source": "another"}))
    judged("tiny", make, [1, 2], "prior")
    assert made == [1, 2, 2]
    assert "another source" in capsys.readouterr().out


def test_file_of_other_methods_is_made_again(kept):
    made = []

    def make(seed: int, daily_from: float):
        made.append(seed)
        return tiny_samples()

    judged("tiny", make, [1])
    assert "prior" in judged("tiny", make, [1], "prior").by
    assert made == [1, 1]


def test_source_is_that_of_code_and_data():
    assert len(judged_fleets._source()) == 64


def test_ratio_of_sums_and_its_interval():
    scanner = np.repeat(np.arange(40), 2)
    found = Found(1, scanner, {"all": np.ones(80, bool), "half": np.tile([True, False], 40)})
    assert found.ratio("all", "half") == (2.0, 2.0, 2.0)
    few = Found(1, scanner, {"some": scanner < 20, "all": np.ones(80, bool)})
    ratio, low, high = few.ratio("some", "all")
    assert ratio == 0.5
    assert 0.3 < low < 0.5 < high < 0.7
