"""How an ablation is run; a study file embeds it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.resources import ResourceEstimate, estimate_resources
from pulsefront.networks.settings import MlpSettings, TrainingSettings

__all__ = ["ResourceSettings", "SearchSettings"]


class ResourceSettings(FrozenModel):
    """The build that LUTs, flip-flops, DSPs and cycles are estimated for.

    See `fixed_point.estimate_resources`.
    """

    strategy: Literal["Latency", "Resource", "distributed_arithmetic"] = "Latency"
    reuse_factor: int = Field(default=1, ge=1)
    clock_period_ns: float = Field(default=5.0, gt=0)

    def __call__(self, model: FixedPointModel) -> ResourceEstimate:
        """Return the estimate for *model*."""
        return estimate_resources(
            model,
            strategy=self.strategy,
            reuse_factor=self.reuse_factor,
            clock_period_ns=self.clock_period_ns,
        )


class SearchSettings(FrozenModel):
    """Settings of `run_ablation`.

    Attributes
    ----------
    network
        The full network that the search starts from.
    initializations
        Random initializations that every architecture is trained and judged with.
    margin
        Relative non-inferiority margin: 0.03 lets the metric be 3 % worse than the full float
        network's, at one-sided 95 % confidence.
    float_training, quantized_training
        Training of the full network, first float, then through its quantizers.
    fine_tuning
        Training of every candidate from its parent's weights.
    final_training
        Last training of the architecture that the search ends with.
    max_rounds, proposals
        Rounds of the search, and architectures trained together in each.
    step_fraction
        Share of the inputs or nodes that the first removal of a kind takes; it halves whenever
        such a removal is rejected.
    floor_bits
        Fewest bits of any weight, bias or activation.
    importance_events, ranking_events
        Training events on which a round ranks inputs and nodes, and selection events for the
        reported ranking of inputs.
    resources
        The build that resources are estimated for, where the budget limits them.
    threads
        Networks are trained side by side in this many threads; results do not depend on it.
    device
        Where networks are trained: ``cpu``, ``cuda`` or ``cuda:N``. A GPU adds in another order
        than a processor, so the result differs in the last bits of the training.
    """

    network: MlpSettings = MlpSettings()
    initializations: int = Field(default=3, ge=3)
    seed: int = Field(default=1, ge=0)
    margin: float = Field(default=0.03, gt=0)
    float_training: TrainingSettings = TrainingSettings(epochs=30.0)
    quantized_training: TrainingSettings = TrainingSettings(epochs=8.0, learning_rate=2e-3)
    fine_tuning: TrainingSettings = TrainingSettings(epochs=1.5, learning_rate=2e-3)
    final_training: TrainingSettings = TrainingSettings(epochs=8.0, learning_rate=2e-3)
    max_rounds: int = Field(default=12, ge=0)
    proposals: int = Field(default=5, ge=1)
    step_fraction: float = Field(default=0.125, gt=0, le=0.5)
    floor_bits: int = Field(default=3, ge=2, le=8)
    importance_events: int = Field(default=1024, ge=1)
    ranking_events: int = Field(default=4000, ge=1)
    resources: ResourceSettings = ResourceSettings()
    threads: int = Field(default=2, ge=1)
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")

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
