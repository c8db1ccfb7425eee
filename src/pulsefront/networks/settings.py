"""What a study file says about networks and their training; light to import."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import UnsupportedLayer

__all__ = [
    "Convolution",
    "LossKind",
    "LossSettings",
    "MlpSettings",
    "ShapeName",
    "TrainingSettings",
    "WidthSettings",
]

LossKind = Literal["regression", "coincidence", "classification", "pair_sum"]

ShapeName = Literal["dense", "row_column", "windows", "linear_residual"]

FIRMWARE_ACTIVATIONS = ("relu",)


class Convolution(FrozenModel):
    """A one-dimensional convolution over the inputs (samples), without padding, before the rest.

    With ReLU behind it. All samples share one standardization, which is what lets it be folded
    into a filter.
    """

    kernel: int = Field(default=4, ge=1)
    """samples that a filter covers"""
    channels: int = Field(default=4, ge=1)
    """filters"""
    stride: int = Field(default=2, ge=1)
    """samples from one position of a filter to the next"""

    def positions(self, samples: int) -> int:
        """Return how often the kernel fits into *samples*."""
        return (samples - self.kernel) // self.stride + 1


WeightBits = Annotated[int, Field(ge=2, le=16)]


class MlpSettings(FrozenModel):
    """A multi-layer perceptron: dense layers with ReLU between them and a linear output."""

    hidden: tuple[int, ...] = (64, 32)
    """nodes of each hidden layer"""
    activation: str = "relu"
    """of the hidden layers; ReLU alone has the same bits on every backend"""
    output_activation: str = "linear"
    """of the output; linear alone has the same bits on every backend"""
    weight_bits: WeightBits | tuple[WeightBits, ...] = 10
    """width of the weights that quantization-aware training starts from; a list has one for each
    layer, that of the output last"""
    bias_bits: int = Field(default=16, ge=2, le=24)
    """width of the biases at the start"""
    activation_bits: int = Field(default=12, ge=1, le=16)
    """width of the activations at the start"""
    per_channel: bool = False
    """give every node its own binary point for its weights, at no cost in bytes"""
    convolution: Convolution | None = None
    """with it the network is a 1D-CNN: a convolution over the samples comes first"""
    kind: Literal["mlp"] = "mlp"
    """the kind of network"""

    @property
    def layers(self) -> int:
        """Layers with weights, a convolution among them."""
        return len(self.hidden) + 1 + (self.convolution is not None)

    @property
    def bits_of_layers(self) -> tuple[int, ...]:
        """Width of the weights of each layer at the start."""
        bits = self.weight_bits
        return bits if isinstance(bits, tuple) else (bits,) * self.layers

    @model_validator(mode="after")
    def _check_bits(self) -> Self:
        if len(self.bits_of_layers) != self.layers:
            raise ValueError(
                f"weight_bits has {len(self.bits_of_layers)} widths for {self.layers} layers, "
                "those of hidden and the output: give one for each, or a single one"
            )
        return self

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
    """What training minimizes."""

    kind: LossKind = "regression"
    """regression: per-output loss on standardized outputs. coincidence: a shared network corrects
    the coarse time of both detectors, and the loss acts on the corrected difference minus the
    known one. classification: cross entropy of one linear output per class. pair_sum: the outputs
    for both detectors together are the target, as of the error of a coincidence"""
    huber: float = Field(default=0.05, gt=0)
    """residual, in standard deviations of the target, at which squared turns into absolute error:
    small values ignore tails"""
    cauchy: float | None = Field(default=None, gt=0)
    """with it the loss is log(1 + d²/cauchy²) of the distance d over all outputs, which all but
    leaves out events far off (the likelihood of a Lorentzian): for labels of which many are wrong,
    as those of scattered gamma rays are"""
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """with it a regression learns that quantile of the target in the place of its middle: the loss
    is proportional to how far the output is off, by this much for targets above it and by one minus
    this much for those below (Koenker and Bassett 1978)"""
    output_weights: tuple[float, ...] | None = None
    """how much each output of a regression weighs"""

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        summed = self.kind in ("regression", "pair_sum")
        if self.quantile is not None and (self.cauchy is not None or not summed):
            raise ValueError("quantile: is a loss of its own, of a regression; leave out cauchy")
        return self


class TrainingSettings(FrozenModel):
    """One training run under a one-cycle learning rate (linear up, cosine down)."""

    epochs: float = Field(default=30.0, gt=0)
    """passes over the training events"""
    batch: int = Field(default=512, ge=1)
    """events of one step"""
    learning_rate: float = Field(default=1.2e-2, gt=0)
    """at the top of the cycle"""
    optimizer: Literal["adamw", "soap"] = "adamw"
    """how steps are taken: by AdamW, or by SOAP, Adam in the eigenbasis of each layer's gradients:
    inputs that hang together, as neighbouring photosensors or samples do, are then learned as fast
    as if they did not. It does best with large batches, and in floating point: through coarse
    quantizers it swings to and fro"""
    warm_up: float = Field(default=0.1, ge=0, le=1)
    """share of the steps in which the rate rises"""
    weight_decay: float = Field(default=0.0, ge=0)
    """share of the weights that a step at rate 1 would take away"""
    patience: int | None = Field(default=None, ge=1)
    """a candidate stops once its loss on selection events has not fallen in that many looks, and
    comes back as it was at its best"""
    check_epochs: float = Field(default=0.5, gt=0)
    """epochs from one look to the next"""
    batch_norm: bool = False
    """normalize every hidden layer over the minibatch (float networks only); it is folded into the
    weights at the end"""

    def steps(self, events: int) -> int:
        """Return how many minibatches *epochs* are where there are *events*."""
        return max(1, round(self.epochs * events / self.batch))


class WidthSettings(FrozenModel):
    """How bit widths are learned."""

    per_weight: bool | None = None
    """give every weight a width of its own, not only every output; left out, wherever outputs have
    formats of their own (per_channel)"""
    per_node: bool | None = None
    """give every input and every node a width of its own, not only the inputs and every layer;
    left out, wherever weights have"""
    reach: float = Field(default=10.0, gt=0)
    """bits by which a width can change over the whole training"""
    pace: Literal["even", "with_rate"] = "even"
    """how that is spread over the training: evenly until widths rest, or as the learning rate rises
    and falls, twice as fast at most; widths then settle by themselves"""
    alignment: float = Field(default=0.0, ge=0)
    """how strongly the binary points of a layer's weights are drawn together while widths are
    learned, to a part of the input and a part of the output: 2 stores weights in about a tenth
    fewer bytes, for some bit operations more; 0 leaves every weight alone"""
    frozen_share: float = Field(default=0.3, ge=0, le=1)
    """share of the training, its end, in which widths rest"""

    def weightwise(self, *, per_channel: bool) -> bool:
        """Return whether weights have widths of their own where outputs have formats or not."""
        return per_channel if self.per_weight is None else self.per_weight

    def nodewise(self, *, weightwise: bool) -> bool:
        """Return whether nodes have widths of their own where weights have or not."""
        return weightwise if self.per_node is None else self.per_node
