"""No decision where the two largest scores are close: the emulator's flag, in Verilog too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ConfigError, ExportError
from pulsefront.firmware.front_end.golden import made_charges
from pulsefront.firmware.front_end.position.chain import PositionChain
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.simulate import FrontEndRun
from pulsefront.firmware.front_end.write import write_chain
from pulsefront.fixed_point import Assignment, Dense, FixedPointFormat, FixedPointModel, Input
from toys_front_end import block_chain, block_net
from toys_rtl import needs_simulator


def scores(classes: int = 5, *, signed: bool = True) -> FixedPointModel:
    """Return a network of that many scores, often equal or at an end of their format."""
    random = np.random.default_rng(4)
    weights = random.integers(-31 if signed else 0, 32, (8, classes))
    form = FixedPointFormat(7, 5, signed)
    layer = Dense("score", ("counts",), weights, FixedPointFormat(6, 0),
                  to=Assignment(form, "RND", "SAT"))  # fmt: skip
    port = Input("counts", (8,), FixedPointFormat(10, 10, signed=False))
    return FixedPointModel("block", (port,), (layer,), ("score",))


def chain_of(least: float, **changed) -> PositionChain:
    net = scores(changed.pop("classes", 5), signed=changed.pop("signed", True))
    # A range that holds everything: what is flagged is the margin.
    ranges = ((-1e3, 1e3),) * net.tensors["score"].size
    chosen = block_chain(least_margin=least, output_range=ranges, normalised_sum=40, **changed)
    return PositionChain(net, chosen)


def test_events_of_a_small_margin_are_flagged() -> None:
    chain = chain_of(2.25)
    charges = made_charges(chain.layout.settings, events=3000)
    records = chain.run(charges)
    values = np.stack([records[f"score_{k}"] for k in range(5)], axis=1)
    two = np.sort(values, axis=1)[:, -2:]
    wanted = two[:, 1] - two[:, 0] < 9
    flags = records["flags"]
    np.testing.assert_array_equal((flags & int(Flag.OUTPUT)) > 0, wanted)
    assert 100 < wanted.sum() < 2900
    assert ((flags & int(Flag.NO_DECISION)) > 0)[wanted].all()


@needs_simulator
@pytest.mark.parametrize(
    "changed",
    [{}, {"classes": 2}, {"signed": False}, {"interval_clocks": 40}, {"input_tests": {
        "sum_range": (39, 40), "neighbours": [[(k + 1) % 8] for k in range(8)], "ratio": 2,
        "least": 9}}],
    ids=["five", "two", "unsigned", "slow", "tests too"],
)  # fmt: skip
def test_the_verilog_gives_the_emulator_s_records(changed, tmp_path: Path) -> None:
    chain = chain_of(2.25, **changed)
    charges = made_charges(chain.layout.settings, events=150)
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    with FrontEndRun(tmp_path, "block_front_end_tb") as run:
        run.check()


@needs_simulator
@pytest.mark.parametrize(
    ("old", "new"), [("< LEAST", "<= LEAST"), ("second <= best;", "second <= second;")]
)
def test_the_bench_fails_on_another_margin(old: str, new: str, tmp_path: Path) -> None:
    chain = chain_of(2.25)
    charges = made_charges(chain.layout.settings, events=150)
    write_chain(chain, tmp_path, charges.reshape(-1), chain.run(charges))
    text = (tmp_path / "pf_margin.v").read_text()
    assert old in text
    (tmp_path / "pf_margin.v").write_text(text.replace(old, new))
    with (
        FrontEndRun(tmp_path, "block_front_end_tb") as run,
        pytest.raises(ExportError, match="FAIL"),
    ):
        run.check()


def test_margins_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no margin is above 31\.75"):
        chain_of(40.0)
    net = block_net(8)
    assert PositionChain(net, block_chain(least_margin=0.5)).layout.margin is not None
    with pytest.raises(ValueError, match="of scores of classes alone"):
        block_chain(least_margin=0.5, fold="rectangle", grid=(4, 2))
