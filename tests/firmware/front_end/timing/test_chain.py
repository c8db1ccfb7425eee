"""The timing chain emulated: as its words say, whole or in pieces, and as a study cuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError, ExportError
from pulsefront.estimators.pulses.windows import leading_edge_windows
from pulsefront.firmware.front_end.golden import made_stream, stream_of_records
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.timing.chain import TimingChain
from toys_front_end import reference_events, small_chain, window_net

UNDECIDED_BITS = 7


def chain_of(**changed) -> TimingChain:
    chosen = small_chain(**changed)
    size = chosen.samples_before + chosen.samples_after
    if chosen.window_samples is not None:
        size = len(chosen.window_samples)
    return TimingChain(window_net(size), chosen)


def agree(chain: TimingChain, samples) -> None:
    expected = reference_events(samples, chain.layout.settings, chain.layout.window)
    records = chain.run(samples)
    windows = chain.windows(samples)
    assert len(records) == len(expected)
    for name in ("sample", "baseline", "energy"):
        assert records[name].tolist() == [getattr(one, name) for one in expected]
    assert (records["flags"] & UNDECIDED_BITS).tolist() == [one.flags for one in expected]
    assert windows.tolist() == [list(one.window) for one in expected]
    np.testing.assert_array_equal(records["number"], np.arange(len(records)))


CASES = {
    "plain": {},
    "negative": {"polarity": "negative"},
    "one sample of baseline": {"baseline_samples": 1, "baseline_gap": 4},
    "armed below the baseline": {"rearm_adc": -3},
    "longer window than gate": {"samples_after": 20, "energy_samples": 2, "pile_up_after": 1},
    "some samples": {"window_samples": (-3, 0, 3)},
    "nothing before": {"samples_before": 0, "baseline_gap": 2},
    "waits longer": {"dead_samples": 40, "timeout_samples": 60},
}


@pytest.mark.parametrize("changed", CASES.values(), ids=CASES)
def test_events_are_those_of_the_words(changed) -> None:
    chain = chain_of(**changed)
    samples = made_stream(chain.layout.settings, pulses=60)
    agree(chain, samples)
    assert len(chain.run(samples)) > 20


streams = st.lists(
    st.tuples(st.sampled_from([0, 1, 19, 20, 21, 500, 1022, 1023]), st.integers(1, 25)),
    max_size=40,
).map(lambda runs: np.repeat([v for v, _ in runs] or [0], [n for _, n in runs] or [1]))


@settings(max_examples=60)
@given(
    streams,
    st.sampled_from(["positive", "negative"]),
    st.sampled_from([1, 4, 8]),
    st.integers(-1, 19),
    st.integers(4, 9),
)
def test_extremes_are_those_of_the_words(samples, polarity, baseline, rearm, gap) -> None:
    agree(
        chain_of(
            polarity=polarity, baseline_samples=baseline, rearm_adc=rearm, baseline_gap=gap,
            trigger_adc=20, timeout_samples=40,
        ),
        samples,
    )  # fmt: skip


@settings(max_examples=40)
@given(st.data())
def test_a_stream_in_pieces_gives_the_same_records(data) -> None:
    chain = chain_of()
    samples = made_stream(chain.layout.settings, pulses=12, seed=data.draw(st.integers(0, 99)))
    whole = chain.run(samples)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(samples)), max_size=12)))
    chain.restart()
    parts = [chain.feed(piece) for piece in np.split(samples, cuts)]
    for name in whole.columns:
        np.testing.assert_array_equal(np.concatenate([one[name] for one in parts]), whole[name])


def test_the_window_is_that_of_the_study() -> None:
    """The same integers as a timing study cuts, where the same samples are the baseline."""
    rng = np.random.default_rng(5)
    chosen = small_chain(baseline_samples=16, baseline_gap=5, energy_samples=30)
    chain = TimingChain(window_net(7), chosen)
    trigger = chosen.baseline_samples + chosen.gap - 1
    compared = 0
    for _ in range(200):
        record = rng.integers(90, 100, 80)
        record[trigger:] += (rng.uniform(40, 800) * np.exp(-np.arange(80 - trigger) / 9)).astype(
            int
        )
        cut = leading_edge_windows(
            record[None].astype(np.uint16), baseline_samples=16,
            threshold_adc=chosen.trigger_adc, before=3, after=4,
        )  # fmt: skip
        records = chain.run(record)
        if cut.trigger_sample[0] != trigger:
            continue
        compared += 1
        assert records["sample"][0] == trigger
        np.testing.assert_array_equal(chain.windows(record)[0], cut.samples[0])
    assert compared > 150


def test_time_is_sample_and_correction() -> None:
    chain = chain_of()
    records = chain.run(made_stream(chain.layout.settings))
    fraction = chain.layout.limits.format.fraction
    assert chain.layout.step == 2**fraction
    expected = (records["sample"] << fraction) + records["shift"]
    np.testing.assert_array_equal(records["time"], expected)


def test_time_of_an_interval_that_is_no_power_of_two() -> None:
    chain = chain_of(sample_interval_ns=0.2)
    records = chain.run(made_stream(chain.layout.settings))
    bits = chain.layout.limits.format.fraction + chain.layout.extra_bits
    exact = 0.2 * records["sample"] + records["shift"] / 2**chain.layout.limits.format.fraction
    # 0.2 ns is no binary fraction: the clock is off by less than a part in 10 million.
    np.testing.assert_allclose(records["time"] / 2.0**bits, exact, rtol=1e-6)
    assert abs(chain.layout.step / 2.0**bits / 0.2 - 1) < 1e-6


def test_a_signal_that_stays_high_is_learned_as_baseline() -> None:
    chain = chain_of()
    step = np.concatenate([np.full(60, 100), np.full(300, 400)])
    assert chain.run(step)["sample"].tolist() == [60]
    pulse = np.concatenate([step, np.full(5, 440), np.full(40, 400)])
    assert chain.run(pulse)["sample"].tolist() == [60, 360]


def test_flags_say_no_decision_where_the_settings_do() -> None:
    quiet = np.full(60, 100)
    pulse = np.concatenate([quiet, [400, 300, 200, 150], quiet])
    sure = chain_of(undecided=("energy",), tail_samples=0)
    assert not sure.run(pulse)["flags"][0] & Flag.NO_DECISION
    energy = int(sure.run(pulse)["energy"][0])
    doubtful = chain_of(undecided=("energy",), energy_range=(energy + 1, energy + 2))
    flags = doubtful.run(pulse)["flags"][0]
    assert flags & Flag.ENERGY
    assert flags & Flag.NO_DECISION
    assert chain_of(baseline_range_adc=(101, 200)).run(pulse)["flags"][0] & Flag.BASELINE
    assert chain_of(output_range=((-100.0, -99.0),)).run(pulse)["flags"][0] & Flag.OUTPUT


def test_the_error_of_an_output_cuts_and_leaves_the_time_to_the_first() -> None:
    plain = small_chain()
    model = window_net(plain.samples_before + plain.samples_after, outputs=2)
    alone = TimingChain(model, plain)
    samples = made_stream(plain, pulses=60)
    whole, step = alone.run(samples), 2.0**-alone.layout.limits.format.fraction
    cut = float(np.median(whole["shift_1"])) * step
    chosen = small_chain(error_output=True, largest_error=cut, undecided=("output",))
    chain = TimingChain(model, chosen)
    records = chain.run(samples)
    assert "time" in [one.name for one in chain.layout.fields]
    assert "time" not in [one.name for one in alone.layout.fields]
    correction = records["shift_0"] << chain.layout.extra_bits
    expected = records["sample"] * chain.layout.step + correction
    np.testing.assert_array_equal(records["time"], expected)
    beyond = whole["shift_1"] * step > cut
    least, most = chain.layout.limits.low[0], chain.layout.limits.high[0]
    outside = (whole["shift_0"] < least) | (whole["shift_0"] > most)
    assert 0 < (beyond & ~outside).sum() < len(records)
    np.testing.assert_array_equal((records["flags"] & Flag.OUTPUT) != 0, beyond | outside)
    np.testing.assert_array_equal((records["flags"] & Flag.NO_DECISION) != 0, beyond | outside)


@pytest.mark.parametrize(
    ("changed", "outputs", "words"),
    [
        ({"largest_error": 1.0}, 2, "largest_error: pulse foretells no error"),
        ({"error_output": True, "largest_error": 1e-9}, 2, "pulse foretells errors from"),
        ({"error_output": True, "largest_error": 1e9}, 2, "pulse foretells errors from"),
        ({"error_output": True}, 1, "error_output: pulse has one output"),
        ({"error_output": True, "output_range": ((0.0, 1.0),) * 2}, 2, "each of the 1 outputs"),
    ],
)
def test_an_error_that_is_none_is_refused(changed, outputs: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TimingChain(window_net(7, outputs=outputs), small_chain(**changed))


def test_no_samples_and_no_pulses_give_no_records() -> None:
    chain = chain_of()
    for samples in (np.zeros(0, np.int64), np.full(500, 7)):
        assert len(chain.run(samples)) == 0


@pytest.mark.parametrize(
    "samples", [np.array([1024]), np.array([-1]), np.array([1.5]), np.zeros((2, 2), int)]
)
def test_samples_that_no_adc_gives_are_refused(samples) -> None:
    with pytest.raises(DataError, match="samples"):
        chain_of().run(samples)


def test_records_beyond_the_adc_are_refused() -> None:
    with pytest.raises(DataError, match="adc_bits"):
        stream_of_records(np.full((2, 8), 1024), small_chain())
    with pytest.raises(DataError, match="adc_bits = 11"):
        stream_of_records(np.array([[-3, 512]]), small_chain())
    with pytest.raises(DataError, match="16 bits at most"):
        stream_of_records(np.array([[-40000, 0]]), small_chain())


def test_signed_records_are_moved_up_by_half_of_the_range() -> None:
    records = np.array([[-512, -1], [0, 511]], np.int16)
    assert stream_of_records(records, small_chain()).tolist() == [0, 511, 512, 1023]


def test_a_network_of_another_window_is_refused() -> None:
    with pytest.raises(ExportError, match="reads 6 samples, the window gives 7"):
        TimingChain(window_net(6), small_chain())


@pytest.mark.filterwarnings("ignore::pulsefront.events.readers.base.DataWarning")
@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("drs4_pydrs4/test.dat", {"adc_bits": 16, "polarity": "negative", "trigger_adc": 500}),
        ("toward_bgo_sipm/sipm_2006272158_wave0.dat", {"adc_bits": 10, "trigger_adc": 60}),
        ("legend_compass/compass_test_data.BIN", {"adc_bits": 12, "trigger_adc": 100}),
    ],
)
def test_measured_records_are_those_of_the_words(shared_data, file, changed) -> None:
    from pulsefront.events.readers.open import open_events

    folder, _, name = file.partition("/")
    waveforms = open_events(shared_data(folder) / name).read()["waveform_adc"][:40]
    chain = chain_of(**changed, energy_samples=60)
    records = waveforms.reshape(-1, waveforms.shape[-1])
    samples = stream_of_records(records, chain.layout.settings)
    agree(chain, samples)
    assert len(chain.run(samples)) > 20
