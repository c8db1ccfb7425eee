"""The first stages of a search by themselves: the full network in floats, then through quantizers.

`run_ablation` goes through both and on; who wants a network of stated widths stops here, and hands
the float networks on (``full``) when the ablation is wanted after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pulsefront.errors import PulsefrontError
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.training import repeatable
from pulsefront.search.settings import SearchSettings
from pulsefront.search.start import train_full, with_starting_bits
from pulsefront.search.task import Task
from pulsefront.search.trainer import Trainer

__all__ = ["train_float", "train_quantized"]


def train_float(task: Task, settings: SearchSettings) -> list[Candidate]:
    """Return the full network in floating point, one per initialization.

    Raises
    ------
    PulsefrontError
        One of them diverged.
    UnsupportedLayer
        The network has a layer without a counterpart in firmware.
    """
    settings.network.check()
    with _trainer(task, settings) as trainer:
        return train_full(task, trainer)[0]


def train_quantized(
    task: Task, settings: SearchSettings, full: Sequence[Candidate]
) -> list[Candidate]:
    """Return *full* trained on through the quantizers of ``settings.network``.

    Raises
    ------
    PulsefrontError
        One of them diverged.
    """
    with _trainer(task, settings) as trainer:
        start = with_starting_bits(full, trainer)
        trained = trainer.train(start, settings.quantized_training, stage=1)
    if not all(candidate.finite for candidate in trained):
        raise PulsefrontError(
            "quantization-aware training of the full network diverged",
            field="quantized_training.learning_rate",
            value=settings.quantized_training.learning_rate,
            remedy="lower the learning rate",
        )
    return trained


@contextmanager
def _trainer(task: Task, settings: SearchSettings) -> Iterator[Trainer]:
    """Give a trainer with the threads and the data that a search would give it."""
    data = task.training_data(
        common_scale=settings.network.convolution is not None,
        with_selection=settings.stops_early,
    )
    with repeatable(), threadpool_limits(1, "blas"), ThreadPoolExecutor(settings.threads) as local:
        yield Trainer(data, settings, local)
