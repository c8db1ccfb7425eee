"""Tests of what the network of a front end reads: the integers of the study's, in Verilog too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pulsefront.errors import ConfigError, ExportError
from pulsefront.firmware.export import export_model
from pulsefront.firmware.front_end.golden import made_charges, made_stream
from pulsefront.firmware.front_end.input_test_settings import InputTestSettings
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.simulate import FrontEndRun
from pulsefront.firmware.front_end.timing.chain import TimingChain
from pulsefront.firmware.front_end.write import write_chain
from pulsefront.fixed_point import Input
from pulsefront.fixed_point.input_check import InputTests, input_check
from toys_front_end import block_chain, block_net, small_chain, window_net
from toys_rtl import needs_simulator

BENCH = "block_front_end_tb"


def numbers(inputs: int, neighbours: int = 2, **changed: object) -> dict[str, object]:
    """Return tests that flag some events and leave others, of a sum of about 600."""
    rows = [[(k + 1 + j) % inputs for j in range(neighbours)] for k in range(inputs)]
    return {"sum_range": (599, 600), "neighbours": rows, "ratio": 4, "least": 60, **changed}


def chain_of(channels: int = 8, neighbours: int = 2, **changed) -> PositionChain:
    tests = numbers(channels, neighbours, **changed.pop("tests", {}))
    chosen = block_chain(channels=channels, input_tests=tests, **changed)
    return PositionChain(block_net(channels), chosen)


def test_flags_are_what_the_model_of_the_study_s_tests_says() -> None:
    """The whole of the model that the study exports, its fit left out."""
    chain = chain_of(normalised_sum=600)
    charges = made_charges(chain.layout.settings, events=3000)
    given = chain.layout.settings.input_tests
    assert isinstance(given, InputTestSettings)
    tests = InputTests(
        given.sum_range, np.array(given.neighbours), given.ratio, given.least,
        np.zeros((1, 8), np.int64), 0,
    )  # fmt: skip
    port = Input("counts", (8,), chain._model.inputs[0].format)
    found = np.asarray(input_check(tests, port, name="check").run(chain.network_inputs(charges)))
    flags = chain.run(charges)["flags"]
    for column, flag in ((0, Flag.INPUT_SUM), (1, Flag.DEAD_CHANNEL)):
        wanted = found[:, column] > 0
        np.testing.assert_array_equal((flags & int(flag)) > 0, wanted)
        assert 100 < wanted.sum() < 2900
    both = int(Flag.INPUT_SUM) | int(Flag.DEAD_CHANNEL)
    assert ((flags & int(Flag.NO_DECISION)) > 0)[(flags & both) > 0].all()


def test_without_them_in_undecided_they_decide_nothing() -> None:
    chain = chain_of(undecided=("input_sum",))
    charges = made_charges(chain.layout.settings, events=500)
    flags = chain.run(charges)["flags"]
    decided = (flags & int(Flag.NO_DECISION)) == 0
    np.testing.assert_array_equal(decided, (flags & int(Flag.INPUT_SUM)) == 0)
    assert (flags[decided] & int(Flag.DEAD_CHANNEL)).any()


CASES = {
    "normalised": {},
    "one neighbour": {"neighbours": 1},
    "seven channels": {"channels": 7, "neighbours": 3},
    "not normalised": {"normalised_sum": None, "tests": {"ratio": 1, "least": 0}},
    "folded": {"channels": 16, "fold": "square", "grid": (4, 4), "neighbours": 4},
    "undecided by one": {"undecided": ("dead_channel", "energy")},
    "the whole range": {"tests": {"sum_range": (-5, 1 << 20), "ratio": 128, "least": 1 << 20}},
    "slow": {"interval_clocks": 90},
}


@needs_simulator
@pytest.mark.parametrize("changed", CASES.values(), ids=CASES)
def test_the_verilog_gives_the_emulator_s_records(changed, tmp_path: Path) -> None:
    chain = chain_of(**changed)
    charges = made_charges(chain.layout.settings, events=60)
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    with FrontEndRun(tmp_path, BENCH) as run:
        run.check()


@pytest.mark.slow
@needs_simulator
def test_thousands_of_events_and_the_rims_of_every_limit(tmp_path: Path) -> None:
    chain = chain_of(normalised_sum=None, tests={"sum_range": (300, 900)})
    random = np.random.default_rng(5)
    drawn = random.integers(0, 512, (600, 8))
    ends = random.choice([0, 511], (200, 8))
    spots = made_charges(chain.layout.settings, events=2000)
    # An input of which the neighbours' sum exceeds four times it by 59 to 61.
    rims = np.full((3, 8), 60)
    rims[:, 1] = 59 + np.arange(3) + 4 * 20 - 60
    rims[:, 2] = 60
    rims[:, 0] = 20
    sums = np.array([[299 - 7 * 37] + [37] * 7, [300 - 7 * 37] + [37] * 7,
                     [900 - 7 * 120] + [120] * 7, [901 - 7 * 120] + [120] * 7])  # fmt: skip
    charges = np.concatenate([drawn, ends, spots, rims, sums])
    records = chain.run(charges)
    dead = (records["flags"] & int(Flag.DEAD_CHANNEL)) > 0
    assert dead[-7:-4].tolist() == [False, False, True]
    outside = (records["flags"] & int(Flag.INPUT_SUM)) > 0
    assert outside[-4:].tolist() == [True, False, False, True]
    write_chain(chain, tmp_path, charges.reshape(-1), records)
    with FrontEndRun(tmp_path, BENCH) as run:
        run.check()


@needs_simulator
@pytest.mark.parametrize("outputs", [1, 2])
def test_of_pulses_too(outputs: int, tmp_path: Path) -> None:
    tests = {"sum_range": (-99, 1500), "neighbours": [[(k + 1) % 7, (k + 2) % 7] for k in range(7)],
             "ratio": 2, "least": 300}  # fmt: skip
    chain = TimingChain(window_net(7, outputs=outputs), small_chain(input_tests=tests))
    samples = chain.with_flat_end(made_stream(chain.layout.settings))
    records = chain.run(samples)
    for flag in (Flag.INPUT_SUM, Flag.DEAD_CHANNEL):
        found = (records["flags"] & int(flag)) > 0
        assert 5 < found.sum() < len(records) - 5
    write_chain(chain, tmp_path, samples, records)
    with FrontEndRun(tmp_path, "pulse_front_end_tb") as run:
        run.check()


WRONG = {
    "a limit": ("block_front_end.v", ".LEAST(14'sh3c)", ".LEAST(14'sh3d)"),
    "the order": ("pf_input_tests.v", "others - (wide", "others + (wide"),
    "a bank": ("pf_input_tests.v", "memory[{bank, index}]", "memory[{!bank, index}]"),
    "the window": ("pf_input_tests.v", "sum_next > HIGH", "sum_next >= HIGH"),
}


@needs_simulator
@pytest.mark.parametrize(("file", "old", "new"), WRONG.values(), ids=WRONG)
def test_the_bench_fails_on(file, old, new, tmp_path: Path) -> None:
    chain = chain_of(normalised_sum=None, tests={"sum_range": (300, 900)})
    rims = np.full((2, 8), 60)
    rims[:, :3] = [20, 81, 60]
    high = np.array([[900 - 7 * 120] + [120] * 7])
    charges = np.concatenate([rims, high, made_charges(chain.layout.settings, events=20)])
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    path = tmp_path / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with FrontEndRun(tmp_path, BENCH) as run, pytest.raises(ExportError, match="FAIL"):
        run.check()


def test_study_s_numbers_come_from_beside_the_model(tmp_path: Path) -> None:
    net, chosen = block_net(8), block_chain(input_tests="study")
    with pytest.raises(ConfigError, match="no tests of the inputs of block are told beside it"):
        export_model(net, tmp_path / "none", targets=["front_end"], front_end=chosen)
    export_model(net, tmp_path / "model", targets=["onnx"])
    beside = tmp_path / "model" / "provenance.json"
    told = numbers(8)
    beside.write_text(json.dumps({**json.loads(beside.read_text()), "input_tests": told}))
    from pulsefront.firmware.front_end.window import with_window

    found = with_window(chosen, tmp_path / "model" / "model.json")
    assert found.input_tests == InputTestSettings.model_validate(told)
    cuts = {"class_margin": {"step": 0.25, "least_kept": {"0.7": 6, "0.9": 2}}}
    beside.write_text(json.dumps({**json.loads(beside.read_text()), **cuts}))
    with pytest.raises(ConfigError, match=r"least_margin: is a cut .* steps of 0.25 .* write 1.5"):
        with_window(block_chain(least_margin=6.0), tmp_path / "model" / "model.json")
    assert with_window(block_chain(least_margin=1.5), tmp_path / "model" / "model.json")
    export_model(net, tmp_path / "out", targets=["front_end"], front_end=found)
    readme = (tmp_path / "out" / "front_end" / "README.md").read_text()
    assert "| 8 | input_sum |" in readme
    assert "its sum lies from 599 to 600" in readme


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="tests of 7 inputs do not fit a network that reads 8"):
        PositionChain(block_net(8), block_chain(input_tests=numbers(7)))
    for changed, message in (
        ({"sum_range": (5, 4)}, "lower end first"),
        ({"neighbours": [[1], [0, 1]]}, "as many for each"),
        ({"neighbours": [[2], [0]]}, "numbers of inputs"),
        ({"ratio": 3}, "1, 2, 4"),
    ):
        with pytest.raises(ValidationError, match=message):
            InputTestSettings.model_validate({**numbers(8), **changed})
