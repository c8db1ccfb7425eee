"""Small quantization-aware networks: batched training and lowering to integers."""

from typing import TYPE_CHECKING, Any

from pulsefront.networks.candidate import (
    Candidate,
    Scaling,
    initial_candidate,
    split_inputs,
    without_dead,
)
from pulsefront.networks.cost import NetworkCost, cost_of
from pulsefront.networks.crystals import (
    NO_CRYSTAL,
    CandidateCrystals,
    brightest_crystals,
    crystal_window,
)
from pulsefront.networks.deploy import Deployed, deploy, predict, run_float64
from pulsefront.networks.front_end import FrontEnd, row_column_sums, window_sums
from pulsefront.networks.lower import lower, lower_deployed
from pulsefront.networks.settings import (
    Convolution,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    WidthSettings,
)
from pulsefront.networks.shapes import shaped_candidate

if TYPE_CHECKING:
    from pulsefront.networks.learned_bits import train_with_ebops
    from pulsefront.networks.training import TrainingData, prepare, train

__all__ = [
    "NO_CRYSTAL",
    "Candidate",
    "CandidateCrystals",
    "Convolution",
    "Deployed",
    "FrontEnd",
    "LossSettings",
    "MlpSettings",
    "NetworkCost",
    "Scaling",
    "TrainingData",
    "TrainingSettings",
    "WidthSettings",
    "brightest_crystals",
    "cost_of",
    "crystal_window",
    "deploy",
    "initial_candidate",
    "lower",
    "lower_deployed",
    "predict",
    "prepare",
    "row_column_sums",
    "run_float64",
    "shaped_candidate",
    "split_inputs",
    "train",
    "train_with_ebops",
    "window_sums",
    "without_dead",
]


def __getattr__(name: str) -> Any:
    # Training needs torch; settings, costs and lowering do not.
    if name in {"TrainingData", "prepare", "train"}:
        from pulsefront.networks import training

        return getattr(training, name)
    if name == "train_with_ebops":
        from pulsefront.networks.learned_bits import train_with_ebops

        return train_with_ebops
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
