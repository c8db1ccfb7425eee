"""What a study file says about networks and their training; light to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import UnsupportedLayer

__all__ = [
    "Convolution",
    "LossKind",
    "LossSettings",
    "MlpSettings",
    "TrainingSettings",
    "WidthSettings",
]

LossKind = Literal["regression", "coincidence", "classification"]

FIRMWARE_ACTIVATIONS = ("relu",)


class Convolution(FrozenModel):
    """A one-dimensional convolution over the inputs (samples), without padding, before the rest.

    ``channels`` filters of ``kernel`` samples, ``stride`` apart, with ReLU. All samples share one
    standardization, which is what lets it be folded into a filter.
    """

    kernel: int = Field(default=4, ge=1)
    channels: int = Field(default=4, ge=1)
    stride: int = Field(default=2, ge=1)

    def positions(self, samples: int) -> int:
        """Return how often the kernel fits into *samples*."""
        return (samples - self.kernel) // self.stride + 1


class MlpSettings(FrozenModel):
    """A multi-layer perceptron: dense layers with ReLU between them and a linear output.

    With ``convolution`` it is a 1D-CNN: a convolution over the samples comes first.

    ``hidden`` holds the nodes of each hidden layer. ``weight_bits``, ``bias_bits`` and
    ``activation_bits`` are the widths that quantization-aware training starts from. With
    ``per_channel`` every node has its own binary point for its weights, at no cost in bytes.
    """

    hidden: tuple[int, ...] = (64, 32)
    activation: str = "relu"
    output_activation: str = "linear"
    weight_bits: int = Field(default=10, ge=2, le=16)
    bias_bits: int = Field(default=16, ge=2, le=24)
    activation_bits: int = Field(default=12, ge=1, le=16)
    per_channel: bool = False
    convolution: Convolution | None = None
    kind: Literal["mlp"] = "mlp"

    def check(self) -> None:
        """Refuse what has no bit-exact counterpart in firmware.

        Raises
        ------
        UnsupportedLayer
            Names the layer and what to use instead.
        """
        if self.activation not in FIRMWARE_ACTIVATIONS:
            raise UnsupportedLayer(
                "hidden_1",
                problem=f"activation {self.activation!r} is a table lookup in firmware and does"
                " not give the same bits on every backend",
                remedy="use activation = 'relu'",
            )
        if self.output_activation != "linear":
            raise UnsupportedLayer(
                "output",
                problem=f"activation {self.output_activation!r} is not in the allow-list",
                remedy="use output_activation = 'linear' and apply the function after readout",
            )
        if any(nodes < 1 for nodes in self.hidden):
            raise UnsupportedLayer(
                f"hidden_{1 + [n < 1 for n in self.hidden].index(True)}",
                problem="a layer needs at least one node",
                remedy="leave the layer out or give it a node",
            )


class LossSettings(FrozenModel):
    """What training minimizes.

    ``regression``: per-output Huber loss on standardized outputs. ``coincidence``: a shared
    network corrects the coarse time of both detectors, and the Huber loss acts on the
    difference of the corrected times minus the known difference. ``classification``: cross
    entropy of one linear output per class, such as the crystal of first interaction in a
    pixelated array.

    ``huber`` is the residual, in standard deviations of the target, at which squared turns into
    absolute error: small values ignore tails. ``output_weights`` weigh the outputs of a
    regression. With ``cauchy`` the loss is log(1 + d²/cauchy²) of the distance d over all outputs
    instead, which all but leaves out events far off (the likelihood of a Lorentzian): for labels
    of which many are wrong, as those of scattered gamma rays are.
    """

    kind: LossKind = "regression"
    huber: float = Field(default=0.05, gt=0)
    cauchy: float | None = Field(default=None, gt=0)
    output_weights: tuple[float, ...] | None = None


class TrainingSettings(FrozenModel):
    """One training run: AdamW under a one-cycle learning rate (linear up, cosine down).

    With ``patience`` a candidate stops once its loss on selection events has not fallen in that
    many looks, ``check_epochs`` apart, and comes back as it was at its best. With ``batch_norm``
    (float networks only) every hidden layer is normalized over the minibatch; what comes back is
    an ordinary network with the normalization folded into its weights.
    """

    epochs: float = Field(default=30.0, gt=0)
    batch: int = Field(default=512, ge=1)
    learning_rate: float = Field(default=1.2e-2, gt=0)
    warm_up: float = Field(default=0.1, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    patience: int | None = Field(default=None, ge=1)
    check_epochs: float = Field(default=0.5, gt=0)
    batch_norm: bool = False


class WidthSettings(FrozenModel):
    """How bit widths are learned.

    A width can change by at most ``reach`` bits over the whole training, at an even pace, and
    rests for the last ``frozen_share`` of it.
    """

    reach: float = Field(default=10.0, gt=0)
    frozen_share: float = Field(default=0.3, ge=0, le=1)
