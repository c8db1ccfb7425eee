"""Training events as other detectors of the same type would have seen them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, Turn, detector_hash, load_detector, turns_of
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.networks.stream import FreshEvents
from pulsefront.simulate.augment import (
    AugmentSettings,
    ChargeAugmentation,
    augmentation_of,
    with_dead_channels,
)
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.settings import ScanStudy

__all__ = ["AfterSimulation", "AugmentedEvents", "augmented_events", "check_augment"]

BLOCK_EVENTS = 4096
BRANCH = 4
"""Of a study's seed; the lower ones are those of its scan."""

CHARGES = "charge_adc"
PLACES = ("stage_position_mm", "first_interaction_mm")
READ = (CHARGES, *PLACES, "depth_mm", "element")
"""Columns that inputs and targets of the kinds of studies are made of."""

Inputs = Callable[[EventTable], NDArray[np.integer]]
Targets = Callable[[EventTable], NDArray[np.floating]]


@dataclass(frozen=True)
class AfterSimulation:
    """What is done to charges once they are there, however they were made: dead channels, turns.

    Attributes
    ----------
    turns
        Turns of the detector, of which each event takes one; none where events stay as they are.
    """

    dead_channels: int
    turns: tuple[Turn, ...]

    @staticmethod
    def of(detector: Detector, settings: AugmentSettings) -> AfterSimulation:
        """Return what *settings* ask for."""
        turns = turns_of(detector) if settings.symmetries else ()
        return AfterSimulation(settings.dead_channels, turns)

    def turned(self, events: EventTable, random: np.random.Generator) -> EventTable:
        """Return *events* turned: their charges, and where stage and first interaction were."""
        if not self.turns:
            return events
        number = random.integers(0, len(self.turns), len(events))
        orders = np.stack([one.order for one in self.turns])[number]
        matrices = np.stack([one.matrix for one in self.turns])[number]
        moved = {CHARGES: np.take_along_axis(events[CHARGES], orders, axis=1)}
        for name in PLACES:
            if name in events.columns:
                moved[name] = events[name].copy()
                moved[name][:, :2] = np.einsum("eij,ej->ei", matrices, events[name][:, :2])
        return events.with_columns(moved, {})

    def apply(self, events: EventTable, random: np.random.Generator) -> EventTable:
        """Return them turned, and with dead channels."""
        turned = self.turned(events, random)
        if not self.dead_channels:
            return turned
        charges = with_dead_channels(turned[CHARGES], self.dead_channels, random)
        return turned.with_columns({CHARGES: charges}, {})


@dataclass(frozen=True)
class AugmentedEvents:
    """Stored training events, every time as another detector; a `networks.stream.EventStream`.

    Which events come when, and as whose, depends on the seeds alone.

    Attributes
    ----------
    events
        All events of the study.
    rows
        Those that train.
    inputs, targets
        What a network reads of events, and what it learns of them.
    """

    events: EventTable
    rows: NDArray[np.intp]
    inputs: Inputs
    targets: Targets
    augmentation: ChargeAugmentation
    after: AfterSimulation
    seed: int
    detector: str

    @property
    def identity(self) -> Mapping[str, Any]:
        """Settings, detector and seed; the events are those of the task."""
        return {
            "augment": self.augmentation.settings.model_dump(mode="json"),
            "detector": self.detector,
            "seed": self.seed,
        }

    def among(self, rows: NDArray[np.intp]) -> AugmentedEvents:
        """Return the stream of these events alone."""
        return replace(self, rows=rows)

    def blocks(self, seed: int) -> Generator[FreshEvents, None, None]:
        """Yield the events without end, each once before any comes again."""
        random = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(BRANCH, seed)))
        while True:
            order = random.permutation(self.rows)
            for start in range(0, len(order), BLOCK_EVENTS):
                some = self.events.select(order[start : start + BLOCK_EVENTS])
                # Turned first: gains, noise and dead channels are those of where light falls then.
                turned = self.after.turned(some, random)
                changed = self.augmentation.apply(turned[CHARGES], random)
                seen = turned.with_columns({CHARGES: changed}, {})
                yield FreshEvents(self.inputs(seen), self.targets(seen))


def augmented_events(
    study: ScanStudy, parts: SplitEvents, inputs: Inputs, targets: Targets
) -> AugmentedEvents | None:
    """Return the stored training events of *parts* as a stream; None without ``[augment]``."""
    if study.augment is None:
        return None
    detector = load_detector(study.detector)
    others = [name for name in parts.events.columns if name not in READ]
    return AugmentedEvents(
        parts.events.without(*others),
        parts.split.train,
        inputs,
        targets,
        augmentation_of(detector, study.augment),
        AfterSimulation.of(detector, study.augment),
        study.seed,
        detector_hash(detector),
    )


def check_augment(study: ScanStudy, detector: Detector) -> None:
    """Refuse what cannot be done to the charges of *detector*.

    Raises
    ------
    ConfigError
        Turns of a detector that has none, of summed channels, or of what has no place.
    """
    chosen = study.augment
    if chosen is None:
        return
    if chosen.dead_channels >= detector.sensors.count:
        raise ConfigError(
            f"leaves none of {detector.sensors.count} channels",
            field="dead_channels",
            value=chosen.dead_channels,
            remedy="let a few die",
        )
    if not chosen.symmetries:
        return
    if study.kind != "position":
        raise ConfigError(
            "turn positions; what a crystal study learns has none",
            field="symmetries",
            remedy="leave it out",
        )
    if detector.charge_readout.multiplexing != "pixels" or len(turns_of(detector)) < 2:
        raise ConfigError(
            f"{detector.name} has none: its photosensors are shifted, or its channels are sums",
            field="symmetries",
            remedy="leave it out",
        )
