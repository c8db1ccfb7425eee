"""Training of an HGQ2 model with JAX, the backend that HGQ2's examples call the fastest.

Keras' Adam, one for weights and one for widths, on one thread; many minibatches run in one
compiled call.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.networks.settings import LossSettings

__all__ = ["HgqTrainer", "Rates", "loss_like"]

os.environ.setdefault("KERAS_BACKEND", "jax")  # read when Keras is first imported
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

STEPS_AT_ONCE = 50


def loss_like(settings: LossSettings) -> Callable[[Any, Any], Any]:
    """Return `pulsefront.networks.losses` of outputs and targets (event, n) for Keras.

    For coincidences the outputs are those of the first detectors followed by those of the second.
    """
    from keras import ops

    assert settings.kind in ("regression", "coincidence"), settings.kind
    assert settings.quantile is None, "no quantiles here"
    weights = 1.0 if settings.output_weights is None else np.float32(settings.output_weights)

    def mean(outputs: Any, targets: Any) -> Any:
        if settings.kind == "coincidence":
            outputs = outputs[: len(targets)] - outputs[len(targets) :]
        residual = outputs - targets
        if settings.cauchy is not None:
            squared = ops.sum(ops.square(residual) * weights, axis=1)
            return ops.mean(ops.log1p(squared / settings.cauchy**2))
        size = ops.abs(residual)
        near = ops.minimum(size, settings.huber)
        return ops.mean(near * (size - 0.5 * near) / settings.huber * weights)

    return mean


@dataclass(frozen=True)
class Rates:
    """Peaks of the learning rates: of weights, and of widths in bits."""

    weights: float
    widths: float


class HgqTrainer:
    """A model, its two optimizers and the compiled steps; variables live here until `store`."""

    def __init__(
        self,
        model: Any,
        inputs: NDArray[np.float32],
        targets: NDArray[np.floating],
        loss: Callable[[Any, Any], Any],
        rows: Iterator[Any],
    ) -> None:
        import jax
        import keras

        self.model, self.rows = model, rows
        self.widths = [one for one in model.trainable_variables if "quantizer" in one.path]
        self.weights = [one for one in model.trainable_variables if "quantizer" not in one.path]
        self.adams = [keras.optimizers.Adam(), keras.optimizers.Adam()]
        for adam, own in zip(self.adams, (self.weights, self.widths), strict=True):
            adam.build(own)
        self.data = jax.numpy.asarray(inputs), jax.numpy.asarray(targets)
        self.loss = loss
        self.state = self._state()
        self._run, self._figures = jax.jit(self._steps), jax.jit(self._loss)
        self.steps, self.spent = 0, 0.0

    def _state(self) -> tuple[list[Any], ...]:
        groups = (
            self.weights,
            self.widths,
            self.model.non_trainable_variables,
            self.adams[0].variables,
            self.adams[1].variables,
        )
        return tuple([one.value for one in group] for group in groups)

    def store(self, state: Sequence[Any]) -> None:
        """Write trained values into the model."""
        groups = self.weights, self.widths, self.model.non_trainable_variables
        for group, values in zip(groups, state, strict=False):
            for one, value in zip(group, values, strict=True):
                one.assign(value)

    def set_price(self, beta: float) -> None:
        """Let one EBOP cost *beta* from here on."""
        fixed = self.model.non_trainable_variables
        self.state = (
            *self.state[:2],
            [
                value * 0 + beta if one.path.endswith("/beta") else value
                for one, value in zip(fixed, self.state[2], strict=True)
            ],
            *self.state[3:],
        )

    def figures(self, events: int) -> tuple[float, float]:
        """Return loss and EBOPs on the first events, without training."""
        seen = tuple(one[:events] for one in self.data)
        _, (_, mean, ebops) = self._figures(*self.state[:3], *seen)
        return float(mean), float(ebops)

    def _loss(self, weights: Any, widths: Any, fixed: Any, inputs: Any, targets: Any) -> Any:
        """Return what is minimized, and with it the variables that follow, the loss and EBOPs."""
        paired = inputs.ndim == 3
        seen = inputs.swapaxes(0, 1).reshape(-1, inputs.shape[-1]) if paired else inputs
        by_id = {id(one): value for one, value in zip(self.weights, weights, strict=True)}
        by_id |= {id(one): value for one, value in zip(self.widths, widths, strict=True)}
        trainable = [by_id[id(one)] for one in self.model.trainable_variables]
        outputs, fixed, losses = self.model.stateless_call(
            trainable, fixed, seen, training=True, return_losses=True
        )
        mean = self.loss(outputs, targets)
        named = zip(self.model.non_trainable_variables, fixed, strict=True)
        ebops = sum(value.astype("float32") for one, value in named if one.path.endswith("/ebops"))
        return mean + sum(losses), (fixed, mean, ebops)

    def _steps(self, state: Any, rows: Any, rates: Any) -> Any:
        import jax

        slopes = jax.value_and_grad(self._loss, argnums=(0, 1), has_aux=True)

        def step(state: Any, given: Any) -> Any:
            chosen, rate = given
            weights, widths, fixed, *moments = state
            inputs, targets = (one[chosen] for one in self.data)
            (loss, (fixed, *_)), found = slopes(weights, widths, fixed, inputs, targets)
            groups = []
            for number, values in enumerate((weights, widths)):
                adam = self.adams[number]
                own = [
                    rate[number].astype(value.dtype) if one is adam._learning_rate else value
                    for one, value in zip(adam.variables, moments[number], strict=True)
                ]
                groups.append(adam.stateless_apply(own, found[number], values))
            (weights, first), (widths, second) = groups
            return (weights, widths, fixed, first, second), loss

        return jax.lax.scan(step, state, (rows, rates))

    def compile(self) -> None:
        """Run the steps once, which compiles them, and take their effect back."""
        rows, rates = self._next_rows(), np.zeros((STEPS_AT_ONCE, 2), np.float32)
        self._run(self.state, rows, rates)[1].block_until_ready()

    def train_until(self, until: float, peaks: Rates) -> None:
        """Train until that much processor time is gone, the rates falling to zero as a cosine."""
        begin = time.process_time()
        while (now := time.process_time()) < until:
            progress = (now - begin) / (until - begin)
            fall = 0.5 * (1.0 + math.cos(math.pi * progress))
            rate = np.array([peaks.weights, peaks.widths], np.float32) * fall
            rates = np.tile(rate, (STEPS_AT_ONCE, 1))
            self.state, losses = self._run(self.state, self._next_rows(), rates)
            losses.block_until_ready()
            self.steps += STEPS_AT_ONCE
            self.spent += time.process_time() - now

    def _next_rows(self) -> NDArray[np.integer]:
        return np.stack([np.asarray(next(self.rows)) for _ in range(STEPS_AT_ONCE)])
