"""Studies whose networks are trained on other detectors of the same type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError
from pulsefront.evaluate import Split
from pulsefront.events.container import EventTable, Quantity
from pulsefront.networks.stream import FreshEvents
from pulsefront.simulate.light.map import LightMapSettings
from pulsefront.simulate.run.shards import child_seed
from pulsefront.simulate.scan.setup import set_up_scan
from pulsefront.simulate.scan.stream import ScanStream
from pulsefront.simulate.scan.varied import vary_scan
from pulsefront.studies.augmented import AugmentRecord
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.augment import AugmentedEvents, augmented_events, check_augment
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from studies_small import POSITION_CHANGES, small

RANGES = """
[augment]
gain_spread = 0.05
light = [0.7, 1.0]
temperature_shift_k = [-5.0, 15.0]
noise_scale = [1.0, 2.0]
dead_channels = 1
"""


def study_with(tmp_path: Path, more: str, **scan: str):
    text = small("position_lyso_monolithic", POSITION_CHANGES)
    for key, value in scan.items():
        text = re.sub(r"^\[scan\]$", f"[scan]\n{key} = {value}", text, flags=re.MULTILINE)
    path = tmp_path / "study.toml"
    path.write_text(text + more)
    return load_study(path)[0]


def parts_of(events: int = 6000) -> SplitEvents:
    rng = np.random.default_rng(1)
    columns = {
        "charge_adc": rng.poisson(120, (events, 64)).astype(np.uint16),
        "stage_position_mm": rng.uniform(-20, 20, (events, 2)),
        "depth_mm": rng.uniform(0, 16, events),
        "grid_index": np.zeros((events, 2), np.int16),
    }
    table = EventTable(columns, {name: Quantity("1", name) for name in columns})
    every = np.arange(events)
    return SplitEvents(table, Split(every[: events // 2], every[-10:], every[:0], {}))


def stored(tmp_path: Path, more: str = RANGES) -> AugmentedEvents:
    study = study_with(tmp_path, more)
    kind = kind_of(study)
    found = augmented_events(study, parts_of(), kind.network_inputs, targets)
    assert found is not None
    return found


def targets(events: EventTable) -> np.ndarray:
    return np.column_stack([events["stage_position_mm"], events["depth_mm"]])


def some(blocks: Iterator[FreshEvents], count: int) -> tuple[np.ndarray, np.ndarray]:
    found = list(islice(blocks, count))
    return tuple(
        np.concatenate(part) for part in zip(*((b.inputs, b.targets) for b in found), strict=True)
    )


def test_stored_events_come_each_once_and_as_another_detector_every_time(tmp_path: Path) -> None:
    stream = stored(tmp_path)
    first, second = stream.blocks(1), stream.blocks(1)
    inputs, labels = some(first, 1)
    again, same = some(second, 1)
    np.testing.assert_array_equal(inputs, again)
    np.testing.assert_array_equal(labels, same)
    assert len(inputs) == 3000
    # The training events, in another order; their charges are those of other detectors.
    known = {tuple(row): n for n, row in enumerate(targets(stream.events)[:3000])}
    rows = [known[tuple(row)] for row in labels]
    assert sorted(rows) == list(range(3000))
    ratio = inputs.sum(axis=1) / stream.events["charge_adc"][rows].sum(axis=1)
    assert 0.3 < ratio.min() < 0.5
    assert 1.0 < ratio.max() < 1.25
    later, labels = some(first, 1)
    rows = [known[tuple(row)] for row in labels]
    assert sorted(rows) == list(range(3000))
    assert not (
        later[np.argsort(rows)] == inputs[np.argsort([known[tuple(r)] for r in same])]
    ).all()
    other, _ = some(stream.blocks(2), 1)
    assert (other != inputs).any()


def test_a_learning_curve_trains_on_its_events_alone(tmp_path: Path) -> None:
    stream = stored(tmp_path).among(np.array([5, 7]))
    _, labels = some(stream.blocks(0), 3)
    np.testing.assert_array_equal(
        np.unique(labels, axis=0), np.unique(targets(stream.events)[[5, 7]], axis=0)
    )


def test_turned_events_have_turned_labels(tmp_path: Path) -> None:
    stream = stored(tmp_path, "[augment]\nsymmetries = true\n")
    # The light of each event lies where its label is: one bright sensor at the nearest place.
    centres = load_detector("lyso_monolithic_50x50x16").sensors.centres_mm[:, :2]
    places = targets(stream.events)[:, :2]
    nearest = ((places[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    charges = np.zeros_like(stream.events["charge_adc"])
    charges[np.arange(len(charges)), nearest] = 1000
    lit = stream.events.with_columns({"charge_adc": charges}, {})
    inputs, labels = some(replace(stream, events=lit).blocks(3), 1)
    found = ((labels[:, None, :2] - centres) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(inputs.argmax(axis=1), found)
    before = {tuple(row) for row in places}
    still = sum(tuple(row) in before for row in labels[:, :2])
    assert 0.08 < still / len(labels) < 0.17  # one of eight turns


def test_streamed_blocks_are_those_of_other_detectors(tmp_path: Path) -> None:
    """By the light of each block: its mean charge sum goes with what was drawn for it."""
    study = study_with(tmp_path, RANGES, stream="true")
    detector = load_detector(study.detector)
    coarse = LightMapSettings(photons=100, pitch_mm=8.0, depth_pitch_mm=8.0)
    scan = study.scan.model_copy(update={"light_map": coarse})
    cache = tmp_path
    setup = set_up_scan(detector, scan, 5, cache=cache)
    varied = vary_scan(detector, scan, study.augment, 5, cache=cache)
    stream = ScanStream(setup, np.arange(len(setup.index)), 5, varied=varied)
    sums = [np.median(t["charge_adc"].sum(axis=1)) for t in islice(stream.tables(2), 6)]
    drawn = [varied.drawn(setup, child_seed(5, 2, 2, 2, block)) for block in range(6)]
    wanted = [one.chain.beam.trigger_adc for one in drawn]
    assert np.corrcoef(sums, wanted)[0, 1] > 0.99
    assert np.ptp(wanted) / np.mean(wanted) > 0.1
    one, again = (next(iter(s.tables(2))) for s in (stream, replace(stream, blocks_at_once=3)))
    np.testing.assert_array_equal(one["charge_adc"], again["charge_adc"])


def test_folded_targets_are_those_of_the_changed_charges(tmp_path: Path) -> None:
    """A dead channel may turn an event otherwise: inputs and target have to turn together."""
    study = study_with(tmp_path, RANGES)
    folded = study.model_copy(update={"events": study.events.model_copy(update={"fold": "square"})})
    kind, parts = kind_of(folded), parts_of(600)
    task = kind.learning_task(parts, RunFolders(tmp_path))
    assert isinstance(task.stream, AugmentedEvents)
    seen: list[EventTable] = []

    def spied(events: EventTable) -> np.ndarray:
        seen.append(events)
        return kind.network_inputs(events)

    stream = replace(task.stream, inputs=spied)
    block = next(stream.blocks(1))
    back = kind.estimates_of(seen[0], block.targets.astype(float))
    np.testing.assert_allclose(back, targets(seen[0]), atol=1e-6)
    plain = kind.estimates_of(parts.events.select(np.arange(300)), block.targets.astype(float))
    assert not np.allclose(plain, targets(seen[0]))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[augment]\nmisalignment_mm = 0.3\n", "stored events have their light"),
        ("[augment]\ngain_spread = 0.05\nnoise = 2\n", "noise"),
        ("[augment]\n", "changes nothing"),
    ],
)
def test_ranges_that_the_study_cannot_draw_are_refused(more: str, message: str, tmp_path) -> None:
    with pytest.raises(ConfigError, match=message):
        study_with(tmp_path, more)


def test_turns_of_what_has_none_are_refused(tmp_path: Path) -> None:
    study = study_with(tmp_path, "[augment]\nsymmetries = true\n")
    detector = load_detector(study.detector)
    check_augment(study, detector)
    plane = detector.sensors.model_copy(update={"offset_mm": (0.3, 0.1)})
    with pytest.raises(ConfigError, match="its photosensors are shifted"):
        check_augment(study, detector.model_copy(update={"sensors": plane}))
    few = study.augment.model_copy(update={"symmetries": False, "dead_channels": 64})
    with pytest.raises(ConfigError, match="leaves none of 64 channels"):
        check_augment(study.model_copy(update={"augment": few}), detector)


@pytest.mark.slow
def test_the_report_has_every_set_before_and_after(tmp_path: Path) -> None:
    study_with(tmp_path, RANGES)
    run = run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None)
    found = AugmentRecord.read(RunFolders(run / "steps").augment)
    assert [one.name for one in found.sets] == ["own test set", "noise doubled"]
    for one in found.sets:
        change = 100 * (one.augmented.value / one.without.value - 1)
        assert one.difference_percent.value == pytest.approx(change, abs=0.01)
        assert one.difference_percent.low < one.difference_percent.value
    page = (run / "report.html").read_text()
    assert "trained without" in page
    results = json.loads((run / "results.json").read_text())
    assert len(results["augment"]["sets"]) == 2
