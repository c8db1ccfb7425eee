"""Training on a GPU: the same code, every tensor in its place, a clear word where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    LossSettings,
    MlpSettings,
    TrainingSettings,
    initial_candidate,
    prepare,
    train,
)
from pulsefront.networks.device import one_thread, require_device
from pulsefront.networks.stack import Stack
from strategies_networks import light_response

ADC = FixedPointFormat(12, 12, signed=False)


def test_a_missing_gpu_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"no CUDA device.*use --device cpu"):
        require_device("cuda")


def test_a_gpu_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert require_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match="there are 2 CUDA devices"):
        require_device("cuda:2")


def test_training_refuses_a_missing_gpu_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    counts, position = light_response(20)
    data = prepare(counts, position, ADC, LossSettings())
    start = [initial_candidate(MlpSettings(hidden=(2,)), 64, 3, seed=0)]
    with pytest.raises(ConfigError, match="use --device cpu"):
        train(start, data, TrainingSettings(epochs=1), seed=0, device="cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="use cpu or cuda"):
        require_device(name)


def test_threads_are_set_back_also_after_an_error() -> None:
    before = torch.get_num_threads()

    def fails() -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fails()
    assert torch.get_num_threads() == before


def test_every_tensor_of_a_stack_lies_on_its_device() -> None:
    counts, position = light_response(50)
    data = prepare(counts, position, ADC, LossSettings())
    start = initial_candidate(MlpSettings(hidden=(4, 3)), 64, 3, seed=0).with_bits(
        weight_bits=(6,) * 3, bias_bits=(8,) * 3, activation_bits=(6, 6)
    )

    def tensors(thing: object) -> list[torch.Tensor]:
        if isinstance(thing, torch.Tensor):
            return [thing]
        if isinstance(thing, (list, tuple)):
            return [t for one in thing for t in tensors(one)]
        return []

    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for name in devices:
        stack = Stack([start], data.scaling, torch.device(name))
        stack.calibrate(data.inputs.to(name))
        held = [*vars(stack).values(), *vars(stack.formats).values()]
        found = [t for thing in held for t in tensors(thing)]
        assert len(found) > 20
        assert {t.device.type for t in found} == {name}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("quantized", [False, True])
def test_a_gpu_trains_networks_as_good_as_the_processor(quantized: bool) -> None:
    counts, position = light_response(6000)
    data = prepare(counts, position, ADC, LossSettings())
    start = [initial_candidate(MlpSettings(hidden=(16, 8)), 64, 3, seed=s) for s in range(4)]
    if quantized:
        start = [
            c.with_bits(weight_bits=(8,) * 3, bias_bits=(14,) * 3, activation_bits=(9, 9))
            for c in start
        ]
    settings = TrainingSettings(epochs=4, patience=3)
    errors = []
    for device in ("cpu", "cuda"):
        trained = train(start, replace(data, selection=data), settings, seed=1, device=device)
        stack = Stack(trained, data.scaling)
        left = stack.forward(data.inputs) - data.targets
        errors.append(float(left.square().mean().sqrt()))
        assert all(isinstance(w, np.ndarray) for c in trained for w in c.weights)
    assert abs(errors[1] / errors[0] - 1.0) < 0.1
