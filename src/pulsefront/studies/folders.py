"""Where the steps of a run leave their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate import Split
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.studies.records import SplitRecord

__all__ = ["RunFolders", "SplitEvents", "read_split", "save_arrays", "write_split"]


@dataclass(frozen=True)
class RunFolders:
    """The folders of finished steps in a run directory, and the files in them."""

    steps: Path

    def of(self, step: str) -> Path:
        """Return the folder of a step."""
        return self.steps / step

    @property
    def cache(self) -> Path:
        """What all steps and runs of the directory share: light maps."""
        return self.steps.parent / "cache"

    @property
    def plan(self) -> Path:
        """What was fixed before any event existed."""
        return self.of("plan") / "plan.json"

    @property
    def events(self) -> Path:
        """The store of all events."""
        return self.of("data") / "events.h5"

    @property
    def split(self) -> Path:
        """How events were selected and split."""
        return self.of("split") / "split.json"

    @property
    def split_arrays(self) -> Path:
        """Indices of the selected events and of the parts."""
        return self.of("split") / "split.npz"

    @property
    def other_pairs(self) -> Path:
        """Coincidences of other pairs that train a timing study; absent where none are drawn."""
        return self.of("others") / "others.npz"

    @property
    def external(self) -> Path:
        """The external sets."""
        return self.of("external")

    @property
    def baselines(self) -> Path:
        """How the classical estimators were tuned."""
        return self.of("baselines") / "baselines.json"

    def frozen_estimator(self, number: int) -> Path:
        """The fitted estimator of that row of `baselines`; absent where it cannot be written."""
        return self.of("baselines") / f"frozen_{number}.npz"

    @property
    def estimates(self) -> Path:
        """Their estimates of the test events."""
        return self.of("baselines") / "estimates.npz"

    @property
    def search(self) -> Path:
        """What the search tried and found."""
        return self.of("search") / "search.json"

    @property
    def searched_model(self) -> Path:
        """The network that the search ended with."""
        return self.of("search") / "model.json"

    @property
    def head(self) -> Path:
        """What foretells the error of an event; absent where not asked for."""
        return self.of("uncertainty") / "head.json"

    @property
    def class_margin(self) -> Path:
        """What margins between the scores of classes are worth; absent where not asked for."""
        return self.of("uncertainty") / "margin.json"

    @property
    def input_check(self) -> Path:
        """Integer tests of the network's inputs, as a model; absent where not asked for."""
        return self.of("uncertainty") / "input_check.json"

    @property
    def input_tests(self) -> Path:
        """Numbers of the tests that a front end takes; absent where not asked for."""
        return self.of("uncertainty") / "input_tests.json"

    @property
    def exported_check(self) -> Path:
        """The export folder of these tests; absent where not asked for."""
        return self.of("export") / "input_check"

    @property
    def model_with_head(self) -> Path:
        """The network with that head beside its outputs."""
        return self.of("uncertainty") / "model.json"

    @property
    def model(self) -> Path:
        """The exported network, with its head where it has one."""
        head = self.model_with_head
        return head if head.is_file() else self.searched_model

    @property
    def selection_arrays(self) -> Path:
        """The full network's outputs on selection events; there where another family is
        asked for."""
        return self.of("search") / "selection.npz"

    @property
    def tables(self) -> Path:
        """Networks of tables that were tried; absent where not asked for."""
        return self.of("tables") / "tables.json"

    @property
    def tables_model(self) -> Path:
        """The chosen network of tables; those of each initialization lie beside it."""
        return self.of("tables") / "model.json"

    @property
    def tables_test(self) -> Path:
        """What the chosen network of tables reaches on test events, and its proof."""
        return self.of("tables_test") / "tables_test.json"

    @property
    def regions(self) -> Path:
        """Networks of regions that were tried; absent where not asked for."""
        return self.of("regions") / "regions.json"

    @property
    def regions_model(self) -> Path:
        """The chosen network of regions; those of each initialization lie beside it."""
        return self.of("regions") / "model.json"

    @property
    def regions_test(self) -> Path:
        """What the chosen network of regions reaches on test events, and its proof."""
        return self.of("regions_test") / "regions_test.json"

    @property
    def initializations(self) -> Path:
        """The same network from every initialization, one file each."""
        return self.of("search") / "initializations"

    @property
    def full_networks(self) -> Path:
        """The full float networks, a folder; absent where nothing is augmented."""
        return self.of("search") / "full"

    @property
    def augment(self) -> Path:
        """Networks trained with and without other detectors; absent where nothing is augmented."""
        return self.of("augment") / "augment.json"

    @property
    def part(self) -> Path:
        """The design for the budget's part; absent where it names none."""
        return self.of("part") / "part.json"

    @property
    def profile(self) -> Path:
        """The reference for monitoring the exported network."""
        return self.of("profile") / "profile.npz"

    @property
    def test_arrays(self) -> Path:
        """Inputs of the test events and the full network's outputs."""
        return self.of("search") / "test.npz"

    @property
    def diagnosis(self) -> Path:
        """Learning curve, cross validation, sham data; absent where not asked for."""
        return self.of("diagnosis") / "diagnosis.json"

    @property
    def evaluation(self) -> Path:
        """What every estimator reaches on the test set."""
        return self.of("evaluate") / "evaluation.json"

    @property
    def evaluation_arrays(self) -> Path:
        """Residuals and truth of the test events, for figures."""
        return self.of("evaluate") / "arrays.npz"

    @property
    def firmware(self) -> Path:
        """The export folder."""
        return self.of("export") / "firmware"

    @property
    def verification(self) -> Path:
        """Every executor compared to the bit."""
        return self.of("verify") / "verification.json"


@dataclass(frozen=True)
class SplitEvents:
    """Events that passed the selection, and which part each belongs to."""

    events: EventTable
    split: Split

    @property
    def test(self) -> EventTable:
        """The test events."""
        return self.events.select(self.split.test)


def write_split(
    folder: Path, selected: NDArray[np.int64], split: Split, record: SplitRecord
) -> None:
    """Write which events of the data step are used, and in which part."""
    save_arrays(folder / "split.npz", {"selected": selected, **split.parts()})
    record.write(folder / "split.json")


def read_split(folders: RunFolders) -> SplitEvents:
    """Return the split events of a run; what the split left out stands in its record."""
    with np.load(folders.split_arrays) as arrays:
        selected = arrays["selected"]
        split = Split(arrays["train"], arrays["selection"], arrays["test"], {})
    return SplitEvents(store.read(folders.events).select(selected), split)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write *arrays* by name into one .npz file."""
    content: dict[str, Any] = dict(arrays)
    np.savez(path, **content)
