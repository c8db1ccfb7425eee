"""A measured timing study cannot fool its user: delays, exchanged channels, wrong offsets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.pulses.quantities import leading_edge
from pulsefront.estimators.timing.tuning import Sampling, prepare_pulses
from pulsefront.evaluate import Interval
from pulsefront.events.external import ExternalData
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.timing import data
from pulsefront.studies.kinds.timing.labels import check_labels, delays_ns
from pulsefront.studies.kinds.timing.measure import _not_judged
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from pulsefront.studies.settings import ExternalSet
from studies_timing import OFFSETS_MM, Waves, bench, coincidences, gain, later, selection_of


@pytest.fixture(scope="module")
def pulses() -> list[Waves]:
    return coincidences(120)


BENCHES: dict[str, tuple[Callable[[Waves], Waves], float]] = {
    "as it is": (lambda w: w, 0.0),
    "cable of 1 ns": (lambda w: later(w, 1), 1.0),
    "cable of 5 ns": (lambda w: later(w, 5), 5.0),
    "gain of 0.7 in one channel": (lambda w: gain(w, 0.7), 0.0),
    "both": (lambda w: later(gain(w, 0.7), 5), 5.0),
}


@pytest.mark.parametrize("name", BENCHES)
def test_the_delay_is_found_whatever_the_bench(
    tmp_path: Path, pulses: list[Waves], name: str
) -> None:
    change, delay_ns = BENCHES[name]
    found = selection_of(bench(tmp_path, [change(w) for w in pulses]))
    record = found.record
    assert record.label_findings == ()
    (measured,) = record.channel_delays.values()
    assert measured.removed_ns == pytest.approx(delay_ns, abs=0.06)
    (line,) = record.offset_checks.values()
    assert line.slope == pytest.approx(1.0, abs=line.tolerance)


def test_detectors_of_different_shape_keep_the_slope(tmp_path: Path, pulses: list[Waves]) -> None:
    def slower(waves: Waves) -> Waves:
        """Return the pairs with channel 1 behind a filter of four samples, at another gain."""
        changed = gain(waves, 0.8)
        kernel = np.full(4, 0.25)
        smooth = [np.convolve(row, kernel)[: waves.shape[2]] for row in changed[:, 1].astype(float)]
        changed[:, 1, 4:] = np.rint(smooth).astype(np.uint16)[:, 4:]
        return changed

    record = selection_of(bench(tmp_path, [slower(w) for w in pulses])).record
    assert record.label_findings == ()
    (measured,) = record.channel_delays.values()
    # Channel 1 is later, at the foot of the pulse by less than the filter's middle of 1.5 ns.
    assert -1.5 < measured.removed_ns < -0.3


def test_a_gain_that_drifts_with_the_offset_makes_no_slope(
    tmp_path: Path, pulses: list[Waves]
) -> None:
    """A fixed threshold walks along the offsets then; a share of the height does not."""
    drift = np.linspace(0.94, 1.06, len(pulses))
    file = bench(tmp_path, [gain(w, factor) for w, factor in zip(pulses, drift, strict=True)])
    found = selection_of(file)
    assert found.record.label_findings == ()
    (line,) = found.record.offset_checks.values()
    assert line.slope == pytest.approx(1.0, abs=line.tolerance)
    (measured,) = found.record.channel_delays.values()
    assert measured.removed_ns == pytest.approx(0.0, abs=0.06)
    events = found.parts.events
    high = 0.2 * np.median(events["waveform_adc"].max(axis=2).astype(float) - 200)
    first, second = prepare_pulses(events["waveform_adc"], Sampling(1.0, 16))
    fixed = leading_edge(first, high) - leading_edge(second, high)
    walking = np.polyfit(events["known_difference_ns"], fixed, 1)[0]
    assert walking > 1.0 + line.tolerance


def test_offsets_that_tell_nothing_are_said_on_the_first_page(
    tmp_path: Path, pulses: list[Waves]
) -> None:
    stated = [o / 100 for o in OFFSETS_MM]
    same = [pulses[3]] * len(pulses)
    found = selection_of(bench(tmp_path, same, stated, events="check_labels = false\n"))
    (text,) = found.record.label_findings
    assert "reach too little" in text


def test_a_simulated_pair_has_no_delay_taken_out(pulses: list[Waves], tmp_path: Path) -> None:
    study, _ = load_study(bench(tmp_path, pulses))
    found = selection_of(tmp_path / "study.toml")
    parts = found.parts
    delay_ns = delays_ns(parts.events, found.record.channel_delays)
    assert not delay_ns.any()
    task = data.learning_task(study, parts, delay_ns)
    np.testing.assert_array_equal(task.coarse, data.coarse_ns(study, parts.events))


def test_every_detector_of_a_manifest_has_its_own_delay(
    pulses: list[Waves], tmp_path: Path
) -> None:
    both = [later(w, 3 * (n % 2)) for n, w in enumerate([*pulses, *pulses])]
    stated = [*OFFSETS_MM, *OFFSETS_MM]
    # Fourteen scans: the first of a detector at every offset, then the other way round.
    file = bench(tmp_path, both, stated, detectors=("short cable", "long cable"))
    delays = selection_of(file).record.channel_delays
    assert delays["short cable"].removed_ns == pytest.approx(0.0, abs=0.06)
    assert delays["long cable"].removed_ns == pytest.approx(3.0, abs=0.06)


def swapped_channels(waves: Waves) -> Waves:
    return np.ascontiguousarray(waves[:, ::-1])


@pytest.mark.parametrize(
    ("change", "stated", "words"),
    [
        (lambda w: w, [-o for o in OFFSETS_MM], "sign swapped"),
        (swapped_channels, OFFSETS_MM, "channels exchanged"),
        (lambda w: w, [o / 2 for o in OFFSETS_MM], "half the true"),
        (lambda w: w, [2 * o for o in OFFSETS_MM], "twice the true"),
        (lambda w: w, [o / 10 for o in OFFSETS_MM], "in cm"),
    ],
)
def test_wrong_offsets_stop_before_training_and_are_named(
    tmp_path: Path,
    pulses: list[Waves],
    change: Callable[[Waves], Waves],
    stated: Sequence[float],
    words: str,
) -> None:
    study = bench(tmp_path, [change(w) for w in pulses], stated)
    with pytest.raises(DataError, match=words):
        run_study(study, tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run" / "steps" / "search").exists()
    assert not (tmp_path / "run" / "steps" / "split").exists()


def test_one_scan_with_exchanged_files_is_named(tmp_path: Path, pulses: list[Waves]) -> None:
    cable = [later(w, 2) for w in pulses]
    cable[6] = swapped_channels(cable[6])
    with pytest.raises(DataError, match=r"of 400 ps has .*: channels exchanged in this scan"):
        selection_of(bench(tmp_path, cable))


def test_exchanged_offsets_of_two_scans_are_named(tmp_path: Path, pulses: list[Waves]) -> None:
    stated = list(OFFSETS_MM)
    stated[0], stated[4] = stated[4], stated[0]
    with pytest.raises(DataError, match="where the others say"):
        selection_of(bench(tmp_path, pulses, stated))


def test_who_insists_gets_a_report_that_says_what_is_wrong(
    tmp_path: Path, pulses: list[Waves]
) -> None:
    study = bench(tmp_path, pulses, [-o for o in OFFSETS_MM], events="check_labels = false\n")
    run = run_study(study, tmp_path / "run", lambda _: None)
    page = (run / "report.html").read_text()
    assert "sign swapped" in page
    results = json.loads((run / "results.json").read_text())
    card = (run / "model_card.md").read_text()
    assert "sign swapped" in card
    events = (run / "data_card.md").read_text()
    assert "sign swapped" in events
    assert "Measured events of the detector" in events
    assert "- polarity: " in events
    front = dict(line.split(": ", 1) for line in card.split("---\n")[1].splitlines())
    (told,) = json.loads(front["model-index"])[0]["results"]
    of_network = results["test"]["estimators"]["network"]
    assert told["metrics"]
    for metric in told["metrics"]:
        assert metric["value"] == of_network[metric["type"]]
    assert "sign swapped" in results["data"]["label_findings"][0]
    # Four epochs teach no network to run time backward: its width is no resolution either.
    assert "is no resolution" in results["test"]["not_judged"]
    assert "Not judged" in page
    assert "% below that of" not in page
    assert "not_judged" in results["checklist"]["comparison"]


@pytest.mark.slow
def test_a_cable_costs_the_network_nothing(tmp_path: Path, pulses: list[Waves]) -> None:
    """A constant delay of 1 ns gave 881 ps, of 5 ns 3,264 ps, where leading edge had 231 ps."""
    found = {}
    for name, samples in (("short", 0), ("long", 5)):
        folder = tmp_path / name
        folder.mkdir()
        study = bench(folder, [later(w, samples) for w in pulses])
        results = json.loads(
            (run_study(study, folder / "run", lambda _: None) / "results.json").read_text()
        )
        found[name] = results["test"]["estimators"]
    for estimator in ("network", "leading edge"):
        ratio = found["long"][estimator]["central_width_ps"]
        ratio /= found["short"][estimator]["central_width_ps"]
        assert ratio == pytest.approx(1.0, abs=0.1), estimator


@pytest.mark.slow
def test_every_pair_and_every_other_bench_has_its_own_cables(
    tmp_path: Path, pulses: list[Waves]
) -> None:
    """Learned from two pairs whose cables differ by 3 ns; met on two that differ by 7 ns."""
    plain, mixed, outside = (tmp_path / name for name in ("plain", "mixed", "outside"))
    for folder in (plain, mixed, outside):
        folder.mkdir()
    twice, stated = [*pulses, *pulses], [*OFFSETS_MM, *OFFSETS_MM]
    pairs = ("short", "long")

    def cables(waves: Sequence[Waves], samples: int) -> list[Waves]:
        return [later(w, samples * (n % 2)) for n, w in enumerate(waves)]

    fresh = coincidences(120, seed=6)
    bench(outside, cables([*fresh, *fresh], 7), stated, detectors=("near", "far"))
    sets = [ExternalSet(name="outside", measured=ExternalData(path=outside / "pair.toml"))]
    found = {}
    for folder, samples in ((plain, 0), (mixed, 3)):
        study = bench(folder, cables(twice, samples), stated, detectors=pairs)
        run = run_study(study, folder / "run", lambda _: None, external=sets)
        found[folder.name] = json.loads((run / "results.json").read_text())["test"]
    page = (mixed / "run" / "report.html").read_text()
    assert "outside, far" in page
    (row,) = found["mixed"]["external"]
    delays = {name: one["removed_ns"] for name, one in row["channel_delays"].items()}
    assert delays["near"] == pytest.approx(0.0, abs=0.06)
    assert delays["far"] == pytest.approx(7.0, abs=0.06)
    without = found["plain"]["estimators"], found["plain"]["external"][0]["estimators"]
    cables_there = found["mixed"]["estimators"], row["estimators"]
    for name in ("network", "leading edge", "digital CFD", "boosted trees"):
        for one, other in zip(without, cables_there, strict=True):
            ratio = other[name]["central_width_ps"] / one[name]["central_width_ps"]
            assert ratio == pytest.approx(1.0, abs=0.1), name


@pytest.mark.parametrize(
    ("slope", "judged"), [(1.0, True), (1.09, True), (0.85, False), (0.0, False), (-1.0, False)]
)
def test_a_width_is_judged_where_the_times_follow_the_source(slope: float, judged: bool) -> None:
    text = _not_judged(Interval(slope, slope - 0.01, slope + 0.01), 0.1)
    assert (text is None) == judged
    assert text is None or f"{slope:.3f}" in text


def test_training_events_alone_set_the_delay(tmp_path: Path, pulses: list[Waves]) -> None:
    study, _ = load_study(bench(tmp_path, pulses))
    parts = selection_of(tmp_path / "study.toml").parts
    waves = parts.events["waveform_adc"].copy()
    waves[parts.split.test] = later(waves[parts.split.test], 4)
    columns = {**parts.events.columns, "waveform_adc": waves}
    changed = replace(parts, events=replace(parts.events, columns=columns))
    before, after = check_labels(study, parts), check_labels(study, changed)
    assert after.delays == before.delays
    assert after.offsets != before.offsets


def test_another_bench_with_a_swapped_sign_is_not_measured_on(
    tmp_path: Path, pulses: list[Waves]
) -> None:
    study, file = load_study(bench(tmp_path, pulses, [-o for o in OFFSETS_MM]))
    kind = kind_of(study)
    with pytest.raises(DataError, match="sign swapped"):
        kind.select_external(kind.generate(file.parent, file.parent))
