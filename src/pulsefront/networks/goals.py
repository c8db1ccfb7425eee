"""What the outputs of a network mean: how labels become targets, and outputs residuals.

There is one goal for each kind of loss. A goal knows everything about its kind but the loss
itself and its derivative, which `pulsefront.networks.losses` has; nothing else asks for a kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.networks.settings import LossKind

__all__ = ["GOALS", "Goal", "Labels"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """What is known of every event beforehand.

    Attributes
    ----------
    targets
        (event, n_out); the known difference t0 − t1 (event,) of coincidences; the class (event,)
        of a classification, 0, 1, ….
    coarse
        (event, 2) coarse times that corrections are added to, in the target's unit; coincidences
        only.
    class_positions
        (class, axis) position of every class; classification only.
    """

    targets: NDArray[np.floating]
    coarse: NDArray[np.floating] | None = None
    class_positions: NDArray[np.floating] | None = None


class Goal(Protocol):
    """One kind of learning task.

    Residuals are (event, column) in the target's unit; their meaning is the goal's.
    """

    def check(self, labels: Labels, train: NDArray[np.intp], used: NDArray[np.intp]) -> None:
        """Refuse labels of the *used* events that are not of this kind.

        Raises
        ------
        DataError
            Names the field.
        """

    def outputs(self, labels: Labels, train: NDArray[np.intp]) -> int:
        """Return the number of outputs."""

    def targets(self, inputs: NDArray[np.floating], labels: Labels) -> Float:
        """Return what outputs are compared with, (event, n), in the label's unit.

        Raises
        ------
        DataError
            Inputs (event, …) or labels have other shapes than the kind needs.
        """

    def scaling(self, targets: Float) -> tuple[Float, Float]:
        """Return mean and scale (n_out,) that standardize outputs, from training targets."""

    def standardized(self, targets: Float, mean: Float, scale: Float) -> NDArray[np.generic]:
        """Return targets in standardized units, as training takes them."""

    def residuals(self, outputs: Float, labels: Labels, rows: NDArray[np.intp]) -> Float:
        """Return what *outputs* (vector, n_out) get wrong of the events *rows*."""

    def constant_residuals(
        self, labels: Labels, train: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> Float:
        """Return residuals of *rows* for the constant estimate that is best on *train*."""


class Regression:
    """Outputs are the labels themselves."""

    def check(
        self,
        labels: Labels,
        train: NDArray[np.intp],  # noqa: ARG002 - every goal is asked by the same call
        used: NDArray[np.intp],
    ) -> None:
        """Refuse labels that are not (event, n_out)."""
        if labels.targets[used].ndim != 2:
            raise DataError(
                "a regression task needs targets (event, n_out)",
                field="targets",
                value=labels.targets.shape,
            )

    def outputs(self, labels: Labels, train: NDArray[np.intp]) -> int:  # noqa: ARG002
        """Return the number of columns."""
        return int(labels.targets.shape[1])

    def targets(self, inputs: NDArray[np.floating], labels: Labels) -> Float:
        """Return the labels."""
        found = np.asarray(labels.targets, np.float64)
        if inputs.ndim != 2 or found.ndim != 2:
            raise DataError(
                "a regression task needs inputs (event, n_in) and targets (event, n_out)",
                value=(inputs.shape, found.shape),
            )
        return found

    def scaling(self, targets: Float) -> tuple[Float, Float]:
        """Return mean and standard deviation."""
        return targets.mean(0), targets.std(0)

    def standardized(self, targets: Float, mean: Float, scale: Float) -> NDArray[np.generic]:
        """Return float32 targets."""
        return ((targets - mean) / scale).astype(np.float32)

    def residuals(self, outputs: Float, labels: Labels, rows: NDArray[np.intp]) -> Float:
        """Return output − label, (event, n_out)."""
        return outputs - np.asarray(labels.targets[rows], np.float64)

    def constant_residuals(
        self, labels: Labels, train: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> Float:
        """Return the residuals of the median."""
        known = np.asarray(labels.targets, np.float64)
        return np.asarray(np.median(known[train], axis=0) - known[rows])


class Coincidence:
    """A shared network corrects the coarse times of two detectors; their difference is known."""

    def check(
        self,
        labels: Labels,
        train: NDArray[np.intp],  # noqa: ARG002 - every goal is asked by the same call
        used: NDArray[np.intp],  # noqa: ARG002
    ) -> None:
        """Refuse labels without coarse times."""
        self._coarse(labels)

    def outputs(self, labels: Labels, train: NDArray[np.intp]) -> int:  # noqa: ARG002
        """Return one: the correction."""
        return 1

    def targets(self, inputs: NDArray[np.floating], labels: Labels) -> Float:
        """Return the difference that the two corrections must have, (event, 1)."""
        if labels.coarse is None or inputs.ndim != 3 or inputs.shape[1] != 2:
            raise DataError(
                "a coincidence task needs windows (event, 2, sample) and coarse times (event, 2)",
                field="coarse" if labels.coarse is None else "inputs",
                value=None if labels.coarse is None else inputs.shape,
            )
        known = np.asarray(labels.targets, np.float64).reshape(-1)
        return np.asarray((known - (labels.coarse[:, 0] - labels.coarse[:, 1]))[:, None])

    def scaling(self, targets: Float) -> tuple[Float, Float]:
        """Return zero, which differences cannot tell, and 1/√2 of the difference's spread."""
        return np.zeros(targets.shape[1]), targets.std(0) / np.sqrt(2.0)

    def standardized(
        self,
        targets: Float,
        mean: Float,  # noqa: ARG002 - it cancels in a difference
        scale: Float,
    ) -> NDArray[np.generic]:
        """Return float32 targets."""
        return (targets / scale).astype(np.float32)

    def residuals(self, outputs: Float, labels: Labels, rows: NDArray[np.intp]) -> Float:
        """Return the corrected difference − the known one, (event, 1)."""
        times = outputs.reshape(-1, 2) + self._coarse(labels)[rows]
        known = np.asarray(labels.targets[rows], np.float64).reshape(-1)
        return np.asarray((times[:, 0] - times[:, 1] - known)[:, None])

    def constant_residuals(
        self,
        labels: Labels,
        train: NDArray[np.intp],  # noqa: ARG002 - equal corrections cancel, whatever they are
        rows: NDArray[np.intp],
    ) -> Float:
        """Return the residuals of the coarse times."""
        coarse = self._coarse(labels)
        difference = np.asarray(coarse[:, 0] - coarse[:, 1], np.float64)
        known = np.asarray(labels.targets, np.float64).reshape(-1)
        return (difference - known)[rows, None]

    @staticmethod
    def _coarse(labels: Labels) -> NDArray[np.floating]:
        if labels.coarse is None:
            raise DataError(
                "a coincidence task needs the coarse times (event, 2) that it corrects",
                field="coarse",
            )
        return labels.coarse


class PairSum:
    """What a network says of both detectors of a coincidence is added, as of its error."""

    def check(
        self,
        labels: Labels,
        train: NDArray[np.intp],  # noqa: ARG002 - every goal is asked by the same call
        used: NDArray[np.intp],
    ) -> None:
        """Refuse labels that are not (event, 1)."""
        if labels.targets[used].shape[1:] != (1,):
            raise DataError(
                "a sum over pairs needs targets (event, 1)",
                field="targets",
                value=labels.targets.shape,
            )

    def outputs(self, labels: Labels, train: NDArray[np.intp]) -> int:  # noqa: ARG002
        """Return one."""
        return 1

    def targets(self, inputs: NDArray[np.floating], labels: Labels) -> Float:
        """Return the labels."""
        if inputs.ndim != 3 or inputs.shape[1] != 2:
            raise DataError(
                "a sum over pairs needs inputs (event, 2, n)", field="inputs", value=inputs.shape
            )
        return np.asarray(labels.targets, np.float64)

    def scaling(self, targets: Float) -> tuple[Float, Float]:
        """Return half of the mean, and 1/√2 of the spread, of each of the two."""
        return targets.mean(0) / 2.0, targets.std(0) / np.sqrt(2.0)

    def standardized(self, targets: Float, mean: Float, scale: Float) -> NDArray[np.generic]:
        """Return float32 targets of the sum of two standardized outputs."""
        return ((targets - 2.0 * mean) / scale).astype(np.float32)

    def residuals(self, outputs: Float, labels: Labels, rows: NDArray[np.intp]) -> Float:
        """Return sum − label, (event, 1)."""
        known = np.asarray(labels.targets[rows], np.float64)
        return np.asarray(outputs.reshape(-1, 2).sum(axis=1, keepdims=True) - known)

    def constant_residuals(
        self, labels: Labels, train: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> Float:
        """Return the residuals of the median."""
        known = np.asarray(labels.targets, np.float64)
        return np.asarray(np.median(known[train], axis=0) - known[rows])


class Classification:
    """One linear output per class; the largest decides, the first among equals."""

    def check(self, labels: Labels, train: NDArray[np.intp], used: NDArray[np.intp]) -> None:
        """Refuse what is no class, and classes that no training event has."""
        classes = _classes(labels.targets[used], shape=labels.targets.shape)
        outputs = self.outputs(labels, train)
        if classes.max() >= outputs:
            known = labels.class_positions is not None
            raise DataError(
                f"there are {outputs} classes" + ("" if known else " in training events"),
                field="targets",
                value=int(classes.max()),
                remedy="give every class training events and a position",
            )

    def outputs(self, labels: Labels, train: NDArray[np.intp]) -> int:
        """Return the number of classes."""
        if labels.class_positions is not None:
            return len(labels.class_positions)
        return int(labels.targets[train].max()) + 1

    def targets(self, inputs: NDArray[np.floating], labels: Labels) -> Float:  # noqa: ARG002
        """Return the class, (event, 1)."""
        return _classes(labels.targets)[:, None]

    def scaling(self, targets: Float) -> tuple[Float, Float]:
        """Return zeros and ones: scores have no unit."""
        classes = int(targets.max()) + 1
        return np.zeros(classes), np.ones(classes)

    def standardized(
        self,
        targets: Float,
        mean: Float,  # noqa: ARG002 - classes are not scaled
        scale: Float,  # noqa: ARG002
    ) -> NDArray[np.generic]:
        """Return int64 classes."""
        return targets.astype(np.int64)

    def residuals(self, outputs: Float, labels: Labels, rows: NDArray[np.intp]) -> Float:
        """Return (event, 1 + axis): 1 where the class is wrong, else 0, then how far off it is.

        The distance along each axis, chosen − true, is told where positions are known.
        """
        return self._wrong(outputs.argmax(1), labels, rows)

    def constant_residuals(
        self, labels: Labels, train: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> Float:
        """Return the residuals of the most frequent class."""
        classes = np.asarray(labels.targets).reshape(-1).astype(np.intp)
        chosen = np.full(len(rows), np.bincount(classes[train]).argmax())
        return self._wrong(chosen, labels, rows)

    @staticmethod
    def _wrong(chosen: NDArray[np.intp], labels: Labels, rows: NDArray[np.intp]) -> Float:
        true = np.asarray(labels.targets[rows]).reshape(-1).astype(np.intp)
        wrong = np.asarray(chosen != true, np.float64)[:, None]
        if labels.class_positions is None:
            return wrong
        positions = np.asarray(labels.class_positions, np.float64)
        return np.hstack([wrong, positions[chosen] - positions[true]])


def _classes(targets: NDArray[np.floating], shape: tuple[int, ...] | None = None) -> Float:
    """Return class labels (event,) after a check."""
    labels = np.asarray(targets, np.float64).reshape(-1)
    if len(labels) != len(targets) or (labels != np.floor(labels)).any() or (labels < 0).any():
        raise DataError(
            "a classification task needs one class 0, 1, … per event",
            field="targets",
            value=shape or targets.shape,
        )
    return labels


GOALS: Mapping[LossKind, Goal] = {
    "regression": Regression(),
    "coincidence": Coincidence(),
    "classification": Classification(),
    "pair_sum": PairSum(),
}
"""The kinds of loss; a new one is a class here and one in `pulsefront.networks.losses`."""
