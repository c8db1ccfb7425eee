"""What a price is put on: stand-ins that follow the costs which are judged in the end."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from pulsefront.fixed_point import Dense, FixedPointFormat, FixedPointModel, Input
from pulsefront.fixed_point.resources import estimate_resources
from pulsefront.networks import (
    Candidate,
    Convolution,
    LossSettings,
    TrainingData,
    TrainingSettings,
    WidthSettings,
    cost_of,
    lower,
    predict,
    prepare,
    train_with_ebops,
)
from pulsefront.networks.charges import (
    BitOperations,
    Charge,
    LayerBits,
    PerProduct,
    StoredBits,
)
from strategies_networks import light_response
from strategies_trained import coarse_networks

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)
DISTRIBUTED = PerProduct.luts("distributed_arithmetic")
LATENCY = PerProduct.luts("Latency")


def random_layer(
    seed: int, weight_bits: int, input_bits: int, kept: float = 0.6
) -> tuple[FixedPointModel, LayerBits]:
    """Return a layer of random constants, and its bits."""
    random = np.random.default_rng(seed)
    size = random.integers(1, 2**weight_bits, (24, 12))
    weights = size * random.choice([-1, 1], size.shape) * (random.random(size.shape) < kept)
    source = FixedPointFormat(input_bits, input_bits, signed=False)
    wide = FixedPointFormat(weight_bits + 1, weight_bits + 1)
    layer = Dense("sum", ("x",), weights, wide)
    bits = np.where(weights != 0, np.frexp(np.abs(weights).astype(float))[1], 0)
    trailing = np.log2(np.where(weights != 0, weights & -weights, 1))
    return (
        FixedPointModel("one", (Input("x", (24,), source),), (layer,), ("sum",)),
        LayerBits(
            torch.from_numpy(np.where(weights != 0, bits - trailing, 0).T[None]).float(),
            torch.from_numpy(-trailing.T[None]).float(),
            torch.full((1, 1), float(input_bits)),
        ),
    )


@pytest.mark.parametrize("weight_bits", [2, 4, 7])
@pytest.mark.parametrize("input_bits", [5, 10])
@pytest.mark.parametrize("charge", [DISTRIBUTED, LATENCY], ids=["distributed", "latency"])
def test_look_up_tables_are_about_those_of_the_estimate(
    weight_bits: int, input_bits: int, charge: PerProduct
) -> None:
    model, bits = random_layer(1, weight_bits, input_bits)
    strategy = "distributed_arithmetic" if charge is DISTRIBUTED else "Latency"
    estimate = estimate_resources(model, strategy=strategy).lut
    # a price needs no more: what falls by a tenth here falls by about a tenth there
    assert 0.6 < float(charge.cost([bits])) / estimate < 1.5


def test_bit_operations_are_those_of_the_model() -> None:
    model, bits = random_layer(2, 6, 9)
    assert float(BitOperations().cost([bits])) == model.cost().ebops


def test_only_wide_inputs_and_constants_of_many_digits_ask_for_dsp_blocks() -> None:
    charge = PerProduct.dsps()
    for weight_bits, input_bits in ((6, 11), (1, 14), (2, 14)):
        _, bits = random_layer(3, weight_bits, input_bits)
        assert float(charge.cost([bits])) == 0.0
    model, bits = random_layer(3, 6, 14)
    assert estimate_resources(model).dsp > 20
    assert float(charge.cost([bits])) > 20
    slope = charge.slopes([bits])[0]
    assert float(slope.inputs.min()) > 0.0


@pytest.mark.parametrize(
    "charge", [BitOperations(), DISTRIBUTED, LATENCY, PerProduct.dsps()], ids=repr
)
def test_a_slope_is_what_the_last_bit_adds(charge: Charge) -> None:
    _, bits = random_layer(4, 5, 13)
    slope = charge.slopes([bits])[0]
    whole = float(charge.cost([bits]))
    for output, entry in ((0, 0), (3, 7), (11, 23), (5, 5)):
        fewer = bits.weights.clone()
        fewer[0, output, entry] = (fewer[0, output, entry] - 1).clamp_min(0)
        less = float(charge.cost([LayerBits(fewer, bits.points, bits.entering)]))
        assert whole - less == pytest.approx(float(slope.points[0, output, entry]), abs=0.02)
    less = float(charge.cost([LayerBits(bits.weights, bits.points, bits.entering - 1)]))
    assert whole - less == pytest.approx(float(slope.inputs.sum()), rel=1e-4)


def test_an_output_is_stored_as_wide_as_its_finest_and_its_largest_weight_ask_for() -> None:
    # two outputs of three inputs: 5 and 0.25, then 1 and nothing
    weights = torch.tensor([[[3.0, 1.0, 0.0], [1.0, 0.0, 0.0]]])
    points = torch.tensor([[[0.0, 2.0, 9.0], [0.0, 0.0, 0.0]]])
    layer = LayerBits(weights, points, torch.full((1, 1), 8.0))
    charge = StoredBits()
    # 1 sign, 3 bits above and 2 below the point; 1 sign and 1 bit; two inputs are read
    assert float(charge.cost([layer])) == 2 * (6 + 2)
    slope = charge.slopes([layer])[0]
    # the second input is read by one bit, whose end frees a row of 6 + 2 bits
    assert slope.points[0].tolist() == [[2.0, 10.0, 0.0], [4.0, 0.0, 0.0]]
    assert slope.sizes[0].tolist() == [[4.0, 8.0, 0.0], [4.0, 0.0, 0.0]]
    assert not slope.inputs.any()


@cache
def events() -> tuple[np.ndarray, TrainingData, list[Candidate]]:
    counts, position = light_response(6000)
    data = prepare(counts, position, ADC, LossSettings())
    return counts, data, coarse_networks(data, 1, per_channel=True)


def learned(charges: tuple[Charge, ...], strength: float, alignment: float = 0.0) -> Candidate:
    _, data, start = events()
    (found,) = train_with_ebops(
        start, data, TrainingSettings(epochs=6, batch=128, learning_rate=2e-3), (strength,),
        seed=2, input_format=ADC, widths=WidthSettings(alignment=alignment), charges=charges,
    )  # fmt: skip
    return found


def bytes_of(candidate: Candidate) -> int:
    return cost_of(candidate, events()[1].scaling, ADC, OUT).weight_bytes


def test_a_price_on_bytes_saves_bytes_and_the_network_stays_exact() -> None:
    counts, data, _ = events()
    cheap, dear = learned((StoredBits(),), 0.3), learned((BitOperations(),), 0.3)
    assert bytes_of(cheap) < 0.8 * bytes_of(dear)
    model = lower(cheap, data.scaling, ADC, OUT, name="net")
    got = OUT.values(model.run(counts[:, cheap.kept_inputs]))
    assert np.array_equal(got, predict(cheap, data.scaling, counts, ADC, OUT))


@pytest.mark.parametrize("charge", [StoredBits(), LATENCY, PerProduct.dsps()], ids=repr)
def test_a_convolution_has_every_price(charge: Charge) -> None:
    counts, position = light_response(800)
    data = prepare(counts, position, ADC, LossSettings(), common_scale=True)
    filters = Convolution(kernel=8, channels=3, stride=4)
    start = coarse_networks(data, 1, per_channel=True, filters=filters)
    (found,) = train_with_ebops(
        start, data, TrainingSettings(epochs=1, batch=100), (0.3,), seed=2, input_format=ADC,
        charges=(charge,),
    )  # fmt: skip
    assert found.finite


def test_two_costs_share_a_price() -> None:
    both, one = learned((BitOperations(), StoredBits()), 0.3), learned((BitOperations(),), 0.3)
    assert bytes_of(both) < bytes_of(one)


def test_a_price_beyond_all_measure_leaves_a_network_of_constants() -> None:
    nothing = learned((StoredBits(), DISTRIBUTED), 1e4)
    assert nothing.finite
    assert bytes_of(nothing) < 30


def test_points_that_are_drawn_together_store_weights_narrower() -> None:
    free, drawn = learned((BitOperations(),), 0.1), learned((BitOperations(),), 0.1, 4.0)
    assert bytes_of(drawn) < 0.95 * bytes_of(free)


def test_a_price_on_dsp_blocks_leaves_none() -> None:
    data = events()[1]

    def blocks(candidate: Candidate) -> int:
        return estimate_resources(lower(candidate, data.scaling, ADC, OUT, name="net")).dsp

    before, after = (blocks(learned((PerProduct.dsps(),), strength)) for strength in (0.0, 0.3))
    assert before > 100
    assert after < 0.1 * before
