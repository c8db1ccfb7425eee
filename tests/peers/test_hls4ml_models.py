"""Networks of the forms that hls4ml's own PyTorch tests convert, and its C simulation of each.

Each is calibrated on data, exported, and run by hls4ml's C simulation: no integer differs. What the
list of layers leaves out of those tests is named by the import (`test_what_does_not_fit`).
"""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware import export_model, verify_export
from pulsefront.imports import from_torch

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


class Waveform(nn.Module):
    """Two convolutions, dropouts that do nothing, a flatten, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(3, 6, 3, bias=False), nn.ReLU(), nn.Conv1d(6, 5, 3, bias=False), nn.ReLU(),
            nn.Dropout(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(20, 6), nn.Dropout(), nn.Linear(6, 5))

    def forward(self, x):
        return self.head(self.features(x))


class Image(nn.Module):
    """A convolution of an image, flattened in torch's order, and dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, bias=False)
        self.last = nn.Sequential(nn.Linear(4 * 36, 5), nn.ReLU())

    def forward(self, x):
        return self.last(torch.relu(self.first(x)).flatten(1))


class Merged(nn.Module):
    """Two ways that are added, or joined."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.one, self.two = nn.Linear(8, 6), nn.Linear(8, 6)

    def forward(self, x):
        a, b = torch.relu(self.one(x)), self.two(x)
        return torch.cat([a, b], 1) if self.how == "cat" else a + b


class Functional(nn.Module):
    """A dense layer and a function that is no module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.dense, self.function = nn.Linear(4, 3), function

    def forward(self, x):
        return self.function(self.dense(x))


def after_dense(activation) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), activation)


def sloped() -> nn.Module:
    """Return a PReLU with a slope of its own for each channel."""
    module = nn.PReLU(4)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    return module


FORMS = {
    "linear": (nn.Linear(4, 3), (4,)),
    "relu": (after_dense(nn.ReLU()), (4,)),
    "tanh": (after_dense(nn.Tanh()), (4,)),
    "sigmoid": (after_dense(nn.Sigmoid()), (4,)),
    "leaky_relu": (after_dense(nn.LeakyReLU(0.3)), (4,)),
    "elu": (after_dense(nn.ELU(1.0)), (4,)),
    "prelu": (after_dense(nn.PReLU(init=0.25)), (4,)),
    "prelu_by_channel": (nn.Sequential(nn.Linear(4, 4), sloped()), (4,)),
    "softmax_left_out": (after_dense(nn.Softmax(dim=-1)), (4,)),
    "functional_tanh": (Functional(torch.tanh), (4,)),
    "functional_elu": (Functional(nn.functional.elu), (4,)),
    "conv1d": (nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU()), (2, 9)),
    "conv1d_same": (nn.Sequential(nn.Conv1d(2, 4, 3, padding=1), nn.ReLU()), (2, 9)),
    "conv2d": (nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU()), (2, 6, 7)),
    "conv2d_same": (nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU()), (2, 6, 7)),
    "max_pool1d": (nn.MaxPool1d(2), (2, 8)),
    "avg_pool1d": (nn.AvgPool1d(2), (2, 8)),
    "max_pool2d": (nn.MaxPool2d(2), (2, 6, 8)),
    "avg_pool2d": (nn.AvgPool2d(2), (2, 6, 8)),
    "batch_norm": (nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.BatchNorm1d(8)), (5,)),
    "flatten": (nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.ReLU()), (1, 8, 8)),
    "skipped_layers": (Waveform(), (3, 8)),
    "remove_transpose": (Image(), (1, 8, 8)),
    "merge_add": (Merged("add"), (8,)),
    "merge_concatenate": (Merged("cat"), (8,)),
}


@pytest.mark.parametrize("form", FORMS)
def test_imported_and_equal_to_the_c_simulation(form: str, tmp_path) -> None:
    module, shape = FORMS[form]
    data = np.random.default_rng(7).normal(0, 1, (500, *shape)).astype(np.float32)
    imported = from_torch(module, data[:2], data=data, name=f"form_{form}")
    (difference,) = imported.compare_data(data)
    assert difference.relative_rms < 0.05
    integers = imported.integers(data)
    export_model(
        imported.model, tmp_path / "out", targets=["onnx", "hls4ml"], data_vectors=integers
    )
    result = verify_export(tmp_path / "out")
    result.raise_on_failure()
    counted = {row.backend: row.integers for row in result.exact_rows}
    assert any("hls4ml" in one or "C simulation" in one for one in counted)
    print(f"\n{form}: {counted}; floats: {100 * difference.relative_rms:.2g} %")  # noqa: T201


@pytest.mark.parametrize(
    ("module", "shape", "said"),
    [
        (after_dense(nn.Threshold(1.0, 0.0)), (4,), "LessOrEqual|Greater|Where"),
        (Functional(lambda x: x * x), (4,), "multiplies"),
        (nn.AvgPool2d(2, padding=1), (2, 6, 8), "without padding"),
    ],
)
def test_what_does_not_fit(module, shape, said: str) -> None:
    data = np.random.default_rng(7).normal(0, 1, (50, *shape)).astype(np.float32)
    with pytest.raises(UnsupportedLayer, match=said):
        from_torch(module, data[:2], data=data)
