"""Small networks, settings and an independent reference for the tests of front ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.firmware.front_end.settings import PositionChainSettings, TimingChainSettings
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Relu,
)


def window_net(
    samples: int, *, bits: int = 13, outputs: int = 1, name: str = "pulse"
) -> FixedPointModel:
    """Return a small network on *samples* counts whose output moves with them."""
    rng = np.random.default_rng(3)
    fine = FixedPointFormat(6, 0)
    layers = (
        Dense("hidden", ("counts",), rng.integers(-31, 32, (samples, 5)), fine),
        Relu("act", ("hidden",), Assignment(FixedPointFormat(9, 9, signed=False), "RND", "SAT")),
        Dense(
            "shift", ("act",), rng.integers(-31, 32, (5, outputs)), FixedPointFormat(6, 0),
            to=Assignment(FixedPointFormat(12, 8), "RND", "SAT"),
        ),
    )  # fmt: skip
    port = Input("counts", (samples,), FixedPointFormat(bits, bits))
    return FixedPointModel(name, (port,), layers, ("shift",))


def small_chain(**changed: object) -> TimingChainSettings:
    """Return settings with short gates, so that few samples hold many events."""
    given: dict[str, object] = {
        "kind": "timing", "adc_bits": 10, "sample_interval_ns": 1.0, "baseline_samples": 8,
        "trigger_adc": 20, "samples_before": 3, "samples_after": 4, "energy_samples": 12,
        "timeout_samples": 100, "tail_samples": 6, "pile_up_adc": 20,
        "pile_up_after": 4, "pile_up_lag": 2,
        **changed,
    }  # fmt: skip
    return TimingChainSettings.model_validate(given)


def block_net(
    channels: int, *, bits: int = 10, signed: bool = False, name: str = "block"
) -> FixedPointModel:
    """Return a small network on *channels* charges with three outputs."""
    net = window_net(channels, bits=bits, outputs=3, name=name)
    port = Input("counts", (channels,), FixedPointFormat(bits, bits, signed))
    return FixedPointModel(name, (port,), net.layers, net.outputs)


def block_chain(**changed: object) -> PositionChainSettings:
    """Return settings of a block of few channels."""
    given: dict[str, object] = {
        "kind": "position", "adc_bits": 9, "channels": 8, "sum_range": (300, 900),
        "normalised_sum": 600, "channel_adc": 20, "least_channels": 2, **changed,
    }  # fmt: skip
    return PositionChainSettings.model_validate(given)


@dataclass(frozen=True)
class Seen:
    """What the reference says of one event."""

    sample: int
    baseline: int
    energy: int
    flags: int
    window: tuple[int, ...]


def reference_events(
    samples: NDArray[np.integer], chain: TimingChainSettings, window: tuple[int, ...]
) -> list[Seen]:
    """Return the events of a whole stream as `docs/front_end.md` words them, nothing in place.

    Sums are sums of lists and every sample keeps its history: slow, and written apart from the
    kernel.
    """
    highest = 2**chain.adc_bits - 1
    u = [highest - int(x) if chain.polarity == "negative" else int(x) for x in samples]
    full = chain.baseline_samples
    counted: list[int] = []  # samples of the baseline in the order in which they counted
    history: list[tuple[int, bool]] = []  # after each sample: sum of the last, whether there are
    idle: list[bool] = []
    state, fired, armed_at = "armed", -1, -1
    triggers: list[tuple[int, int, int]] = []
    for n, value in enumerate(u):
        total, known = history[n - 2] if n >= 2 else (0, False)
        height = value - total // full
        idle.append(False)
        relearn = False
        if state == "armed" and known and height >= chain.trigger_adc:
            state, fired = "fired", n
            triggers.append((n, total, n - armed_at - 1))
        elif state == "armed":
            idle[n] = True
        elif n - fired >= chain.dead and height <= chain.rearm:
            state, armed_at = "armed", n
        elif n - fired >= chain.timeout_samples:
            state, armed_at, relearn = "armed", n, True
        back = n - (chain.gap - 2)
        if idle[n] and back >= 0 and idle[back]:
            counted.append(u[back])
        if relearn:
            counted = []
            history[n - 1] = (0, False)
        history.append((sum(counted[-full:]), len(counted) >= full))
    found = []
    for t, total, calm in triggers:
        # The gate's samples are looked at samples_before later than they come.
        if t + chain.gate > len(u):
            continue
        first = t - chain.samples_before
        gate = u[first : first + chain.gate]
        energy = sum(full * u[j] - total for j in range(first, t + chain.energy_samples))
        rises = any(
            u[j] - u[j - chain.pile_up_lag] >= chain.pile_up_rise
            for j in range(t + chain.pile_up_after, t + chain.energy_samples)
        )
        flags = 1 * rises + 2 * (calm < chain.tail_samples)
        flags += 4 * any(value in (0, highest) for value in gate)
        taken = tuple(u[t + k] - total // full for k in window)
        found.append(Seen(t, total, (2 * energy + full) // (2 * full), flags, taken))
    return found
