"""How an ablation is run; a study file embeds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from pulsefront.config import FrozenModel
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.resources import ResourceEstimate, estimate_resources
from pulsefront.networks.settings import (
    MlpSettings,
    ShapeName,
    TrainingSettings,
    WidthSettings,
)

if TYPE_CHECKING:
    from pulsefront.networks.charges import Charge

__all__ = ["PriceSettings", "PricedCost", "ResourceSettings", "SearchSettings"]


class ResourceSettings(FrozenModel):
    """The build that LUTs, flip-flops, DSPs and cycles are estimated for."""

    strategy: Literal["Latency", "Resource", "distributed_arithmetic"] = "Latency"
    """how hls4ml builds the network, or alkaid's distributed arithmetic"""
    reuse_factor: int = Field(default=1, ge=1)
    """multiplications that share a multiplier"""
    clock_period_ns: float = Field(default=5.0, gt=0)
    """period of the clock"""
    family: Literal["7series", "ultrascale+"] = "ultrascale+"
    """device family that hls4ml's latency strategy is estimated for"""

    def __call__(self, model: FixedPointModel) -> ResourceEstimate:
        """Return the estimate for *model*."""
        return estimate_resources(
            model,
            strategy=self.strategy,
            reuse_factor=self.reuse_factor,
            clock_period_ns=self.clock_period_ns,
            family=self.family,
        )


PricedCost = Literal["ebops", "lut", "dsp", "weight_bytes"]


class PriceSettings(FrozenModel):
    """Bit widths learned against a price on what they cost, at the end of a search."""

    of: tuple[PricedCost, ...] = Field(default=("ebops",), min_length=1)
    """what the price is put on: ebops, effective bit operations; lut and dsp, as the build of
    ``resources`` takes them on average over all constants of so many bits; weight_bytes, where an
    output's weights are stored at one width. Several share the price evenly, each in units of what
    the network before takes"""

    strengths: tuple[float, ...] = Field(default=(0.1, 0.2, 0.4, 0.8), min_length=1)
    """prices that are tried, in units of the loss for all that the network before costs: every one
    gives a point of the front, a higher one a cheaper network"""
    training: TrainingSettings = TrainingSettings(epochs=12.0, learning_rate=2e-3)
    """training of weights and widths together"""
    widths: WidthSettings = WidthSettings()
    """what has a width of its own, and how fast widths change"""
    rounds: int = Field(default=0, ge=0)
    """rounds of ablation at the price of the network that is chosen: inputs, sums of them, nodes
    and layers are removed before its widths are learned anew, while what results is cheaper and
    not inferior. Every round trains a few networks as long as a price does"""

    @field_validator("of")
    @classmethod
    def _check_costs(cls, of: tuple[PricedCost, ...]) -> tuple[PricedCost, ...]:
        if len(set(of)) < len(of):
            raise ValueError("names a cost twice")
        return of

    @field_validator("strengths")
    @classmethod
    def _check_strengths(cls, strengths: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.0 <= strength < float("inf") for strength in strengths):
            raise ValueError("takes numbers from 0 on")
        if len(set(strengths)) < len(strengths):
            raise ValueError("names a price twice, which gives the same network twice")
        return strengths


class SearchSettings(FrozenModel):
    """How the ablation search is run; see `run_ablation`."""

    network: MlpSettings = MlpSettings()
    """the full network that the search starts from"""
    shapes: tuple[ShapeName, ...] = Field(default=("dense",), min_length=1)
    """shapes of networks with about as many weights as ``network``, which are trained in floating
    point first: the search goes on from the first, or from that which is shown to be best on
    selection events. row_column: nodes of the first layer read one row or one column of the
    photosensors each; windows: a window of 4 × 4 of them, or of 4 samples; linear_residual: a
    weighted sum of all inputs goes to each output beside the hidden layers"""
    initializations: int = Field(default=3, ge=3)
    """random initializations that every architecture is trained and judged with"""
    seed: int = Field(default=1, ge=0)
    """of initializations, minibatches and event groups"""
    margin: float = Field(default=0.03, gt=0)
    """relative non-inferiority margin: 0.03 lets the metric be 3 % worse than the full float
    network's, at one-sided 95 % confidence"""
    float_training: TrainingSettings = TrainingSettings(epochs=30.0)
    """training of the full network in floating point"""
    quantized_training: TrainingSettings = TrainingSettings(epochs=8.0, learning_rate=2e-3)
    """training of the full network through its quantizers"""
    fine_tuning: TrainingSettings = TrainingSettings(epochs=1.5, learning_rate=2e-3)
    """training of every candidate from its parent's weights"""
    final_training: TrainingSettings = TrainingSettings(epochs=8.0, learning_rate=2e-3)
    """last training of the architecture that the search ends with"""
    price: PriceSettings | None = None
    """with it the search ends with learned bit widths in the place of the final training"""
    max_rounds: int = Field(default=12, ge=0)
    """rounds of the search; those that only the budget drives come on top"""
    proposals: int = Field(default=5, ge=1)
    """architectures trained together in a round"""
    step_fraction: float = Field(default=0.125, gt=0, le=0.5)
    """share of the inputs or nodes that the first removal of a kind takes; it halves whenever such
    a removal is rejected"""
    floor_bits: int = Field(default=3, ge=2, le=8)
    """fewest bits of any weight, bias or activation"""
    importance_events: int = Field(default=1024, ge=1)
    """training events on which a round ranks inputs and nodes"""
    ranking_events: int = Field(default=4000, ge=1)
    """selection events for the reported ranking of inputs"""
    resources: ResourceSettings = ResourceSettings()
    """the build that resources are estimated for, where the budget limits them"""
    threads: int = Field(default=2, ge=1)
    """networks are trained side by side in this many threads; results do not depend on it"""
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    """where networks are trained: cpu, cuda or cuda:N. A GPU adds in another order than a
    processor, so the result differs in the last bits of the training"""

    @model_validator(mode="after")
    def _check_shapes(self) -> SearchSettings:
        if len(set(self.shapes)) < len(self.shapes):
            raise ValueError("shapes names a shape twice, which gives the same network twice")
        if self.shapes != ("dense",) and (self.network.convolution or not self.network.hidden):
            raise ValueError(
                "shapes other than dense need a hidden layer in [search.network] and no convolution"
            )
        return self

    @model_validator(mode="after")
    def _check_price(self) -> SearchSettings:
        price = self.price
        per_channel = self.network.per_channel
        if price and price.widths.weightwise(per_channel=per_channel) and not per_channel:
            raise ValueError(
                "price.widths.per_weight needs network.per_channel = true: "
                "an output's weights are stored in one format"
            )
        return self

    @model_validator(mode="after")
    def _check_priced_costs(self) -> SearchSettings:
        strategy = self.resources.strategy
        of = self.price.of if self.price else ()
        if "lut" in of and strategy == "Resource":
            raise ValueError(
                'price.of = "lut" needs resources.strategy = "Latency" or '
                '"distributed_arithmetic": reused multipliers cost as much for any weight'
            )
        if "dsp" in of and strategy != "Latency":
            raise ValueError(
                'price.of = "dsp" needs resources.strategy = "Latency": distributed arithmetic has '
                "no DSP blocks, and reused multipliers cost the same whatever the weights are"
            )
        return self

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What stands in for the costs that the price is put on, while widths are learned."""
        return tuple(map(self._charge, self.price.of if self.price else ()))

    def _charge(self, of: PricedCost) -> Charge:
        from pulsefront.networks.charges import BitOperations, PerProduct, StoredBits

        if of == "lut":
            return PerProduct.luts(self.resources.strategy)
        if of == "dsp":
            return PerProduct.dsps()
        return StoredBits() if of == "weight_bytes" else BitOperations()

    @property
    def stops_early(self) -> bool:
        """Whether any training stops by its loss on selection events."""
        trainings = (
            self.float_training,
            self.quantized_training,
            self.fine_tuning,
            self.final_training,
        )
        return any(one.patience is not None for one in trainings)
