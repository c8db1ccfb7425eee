"""torch modules: calibrated, and compared with their own forward pass."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from torch import nn  # noqa: E402

from pulsefront.errors import UnsupportedLayer  # noqa: E402
from pulsefront.imports import Widths, from_torch  # noqa: E402


class Residual(nn.Module):
    """A convolution with batch normalization, a sum, a pool, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(4)
        self.second = nn.Conv1d(4, 4, 3, padding=1)
        self.hidden = nn.Linear(32, 10)
        self.out = nn.Linear(10, 2)

    def forward(self, x):
        x = nn.functional.max_pool1d(torch.relu(self.norm(self.first(x))), 2)
        x = x + torch.relu(self.second(x))
        return self.out(nn.functional.hardtanh(self.hidden(torch.flatten(x, 1))))


class TwoInputs(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 3), nn.Linear(5, 3)
        self.out = nn.Linear(6, 2)

    def forward(self, a, b):
        both = torch.cat([torch.relu(self.left(a)), nn.functional.relu6(self.right(b))], dim=1)
        return self.out(both), both


class Branches(nn.Module):
    """Decides by its input's value, which no graph holds."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize("between", [nn.Softplus(), nn.Softplus(beta=2.0), nn.Softsign()])
def test_softplus_and_softsign_are_tables(between: nn.Module) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(3, 4), between, nn.Linear(4, 2))
    data = np.random.default_rng(1).normal(0, 2, (500, 3)).astype(np.float32)
    imported = from_torch(module, data[:2], data=data, widths=Widths(12, 12))
    kinds = [type(layer).__name__ for layer in imported.model.layers]
    assert kinds == ["Dense", "FunctionTable", "Dense"]
    assert imported.compare_data(data)[0].relative_rms < 0.005
    assert module[1] is between
    assert imported.changes == ()


def test_formats_from_few_events_are_told() -> None:
    module = nn.Linear(3, 2)
    data = np.random.default_rng(1).normal(0, 2, (100, 3)).astype(np.float32)
    told = from_torch(module, data[:2], data=data[:1]).changes
    assert "formats were chosen from 1 event:" in told[-1]
    assert from_torch(module, data[:2], data=data).changes == ()


def test_a_residual_network_comes_near_its_own_forward_pass() -> None:
    torch.manual_seed(0)
    module = Residual()
    module(torch.randn(64, 2, 16))
    data = np.random.default_rng(0).normal(0, 1, (1000, 2, 16)).astype(np.float32)
    imported = from_torch(module, data[:2], data=data, widths=Widths(12, 12))
    assert imported.model.name == "residual"
    (difference,) = imported.compare(imported.integers(data))
    assert difference.relative_rms < 0.003
    with torch.no_grad():
        expected = module(torch.as_tensor(data)).numpy()
    name = imported.model.inputs[0].name
    assert np.allclose(imported.origin({name: data.swapaxes(1, 2)})[0], expected, atol=1e-5)


def test_several_inputs_and_outputs() -> None:
    torch.manual_seed(1)
    module = TwoInputs()
    rng = np.random.default_rng(1)
    arrays = [rng.normal(0, 2, (600, size)).astype(np.float32) for size in (4, 5)]
    example = [one[:2] for one in arrays]
    data = dict(zip(("a_1", "b_1"), arrays, strict=True))
    imported = from_torch(module, example, data=data, widths=Widths(12, 12))
    assert [one.name for one in imported.model.inputs] == ["a_1", "b_1"]
    assert len(imported.model.outputs) == 2
    for one in imported.compare(imported.integers(data)):
        assert one.relative_rms < 0.01


def test_a_module_that_cannot_be_exported_is_one_line() -> None:
    with pytest.raises(UnsupportedLayer, match=r"Branches.*cannot be exported"):
        from_torch(Branches(), np.ones((2, 3)))


class Waveforms(nn.Module):
    """One channel of a flat waveform, a pool that torch writes as one of images, a difference."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, 4, 3, padding=1)
        self.pool, self.act = nn.AdaptiveAvgPool1d(4), nn.SiLU()
        self.left, self.right = nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, *several):
        x = torch.flatten(self.pool(self.act(self.first(several[0].unsqueeze(1)))), 1)
        return {"out": self.left(x[:, :8]) - self.right(x[:, 8:])}


def test_a_module_of_doubles_with_what_its_exporter_makes_of_layers(caplog) -> None:
    torch.manual_seed(1)
    data = np.random.default_rng(1).normal(0, 1, (500, 16))
    imported = from_torch(Waveforms().double(), data[:2], data=data, widths=Widths(12, 12))
    (difference,) = imported.compare_data(data)
    assert difference.relative_rms < 0.01
    # torch says which packages it has not.
    assert not [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")]
