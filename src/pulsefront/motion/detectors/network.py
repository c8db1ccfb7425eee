"""A small fixed-point network on the evidence of the filter: how likely is it that he moved?

The network decides, and the filter does all else: it follows the drift, says when the step was and
how large. So the network can only add: it weighs the log-odds of steps of each age by what they
were worth in simulated scans. What it sees are integers, and it is a
`fixed_point.FixedPointModel` like all others: what it says here is what it says in firmware.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point import FixedPointModel
from pulsefront.motion.detectors.bayes import BayesSettings, kernel_inputs, step_of_row
from pulsefront.motion.detectors.evidence import EVIDENCE, advance_many
from pulsefront.motion.detectors.hypotheses import LAST, decide
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.traces.trace import MotionTrace

__all__ = [
    "MODEL_NAME",
    "EvidenceNetwork",
    "NetworkSettings",
    "log_odds",
    "network_steps",
    "problem_of_model",
    "steps_by_evidence",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MODEL_NAME = "motion"
"""What training calls its models: by it they are told from others of the same shape."""

CHUNK = 64
"""Intervals that the network looks at together; those behind a decision are looked at anew."""


@dataclass(frozen=True)
class NetworkSettings:
    """Natural log-odds above which a step is decided, tuned; and the filter that it looks at."""

    threshold: float = 0.4
    filter: BayesSettings = field(default_factory=BayesSettings)


def problem_of_model(model: FixedPointModel) -> str:
    """Return why a model cannot be one that training for motion wrote; empty where it can."""
    if len(model.inputs) != 1 or model.inputs[0].shape != (len(EVIDENCE),):
        return f"it must take {len(EVIDENCE)} numbers, {EVIDENCE[0]} to {EVIDENCE[-1]}"
    shapes = [model.tensors[name].shape for name in model.outputs]
    if shapes != [(1,)]:
        return f"it must give one number, the log-odds of a step, and gives {shapes}"
    if model.name != MODEL_NAME:
        return f"its name must be {MODEL_NAME}, and is {model.name}"
    return ""


@dataclass(frozen=True)
class EvidenceNetwork:
    """A network that reads some of the evidence, as a study of motion ends with.

    Attributes
    ----------
    kept
        The inputs that it reads, in their order; all of them where empty.
    """

    model: FixedPointModel
    kept: tuple[int, ...] = ()


def log_odds(network: FixedPointModel | EvidenceNetwork, evidence: Integers) -> Floats:
    """Return (interval,) the network's log-odds of a step.

    One output is that; of two, the scores of still and moved, it is the difference.
    """
    model = network.model if isinstance(network, EvidenceNetwork) else network
    kept = network.kept if isinstance(network, EvidenceNetwork) else ()
    seen = evidence[:, kept] if kept else evidence
    # What is larger than anything it was calibrated with is cut, as an input register would.
    form = model.inputs[0].format
    raw = np.asarray(model.run(np.clip(seen, form.minimum, form.maximum)), np.float64)
    step = model.output_formats[model.outputs[0]].step
    scores = raw.reshape(len(evidence), -1) * step
    return np.asarray(scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0])


def network_steps(
    trace: MotionTrace, network: FixedPointModel | EvidenceNetwork, settings: NetworkSettings
) -> tuple[tuple[CentreStep, ...], Floats]:
    """Return the steps, with the sizes of the filter, and (interval,) the network's log-odds."""
    return steps_by_evidence(trace, lambda some: log_odds(network, some), settings)


def steps_by_evidence(
    trace: MotionTrace, judge: Callable[[Integers], Floats], settings: NetworkSettings
) -> tuple[tuple[CentreStep, ...], Floats]:
    """Return the steps where *judge* of (interval, evidence) is above the threshold, and its word.

    The word is (interval,); intervals in which nothing can be decided have 0.
    """
    count, rules = len(trace), settings.filter
    word = np.zeros(count)
    if count < 3:
        return (), word
    state, arrays, model = kernel_inputs(trace, rules)
    score, slots = np.zeros(count), np.zeros(count, np.int64)
    evidence = np.zeros((count, len(EVIDENCE)), np.int64)
    rows: list[Floats] = []
    row, open_until, begin = np.zeros(9), -np.inf, 0
    while begin < count:
        end = min(begin + CHUNK, count)
        saved = state.copy()
        advance_many(state, arrays, model, begin, end, score, slots, evidence, row, open_until)
        word[begin:end] = judge(evidence[begin:end])
        can = (np.arange(begin, end) - saved.numbers[LAST] >= rules.settle) & (slots[begin:end] > 0)
        word[begin:end][~can] = 0.0
        over = np.flatnonzero(can & (word[begin:end] > settings.threshold))
        at = begin + int(over[0]) if len(over) else end - 1
        if at < end - 1:
            state = saved
            advance_many(
                state, arrays, model, begin, at + 1, score, slots, evidence, row, open_until
            )
        if len(over):
            row = np.zeros(9)
            rows.append(row)
            row[8] = word[at]
            decide(state, arrays, model, at, int(slots[at]), row)
            open_until = float(trace.time_s[int(row[0])]) + rules.refine_s
        begin = at + 1
    return tuple(step_of_row(row, trace) for row in rows), word
