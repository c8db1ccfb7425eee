"""The classic recipe of a small network: few inputs, few logistic nodes, quasi-Newton training.

Rows are split 60:20:20 into training, selection and test. Inputs are chosen on the first two
parts, in four rotations of training and selection: inputs are added while the selection loss falls
(growing), then taken away while it does not rise (pruning); hidden nodes are pruned the same way.
*Falls* means by more than a stated number of standard errors of the paired difference over the
rows, since with a few hundred rows the selection loss alone would keep a dozen inputs by luck.
The choice is made with a ridge logistic model, the network's own output node, and the network is
trained on what was chosen. The test part is opened once, for the figures in the result.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from pulsefront.errors import QCDataError
from pulsefront.qc.models.learners.estimators import Network, Scaler, fit_scaler

__all__ = ["ClassicResult", "SelectionStep", "select_inputs", "train_classic"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FOLDS = 4
_REPEATS = 2  # rotations of the folds where rows are few
_FEW_ROWS = 1_000
_RIDGE = 1.0
_GROW_ERRORS = 1.0  # standard errors that the loss must fall by to add an input
_PRUNE_ERRORS = 2.0  # … that it must rise by for an input to stay
_MOST_INPUTS = 15
_MOST_ROWS = 2_000
_MOST_CELLS = 100_000  # rows × candidates tried in one step
_HIDDEN = (6, 4, 3, 2, 1)


@dataclass(frozen=True)
class SelectionStep:
    """One step of growing or pruning: what was done, the inputs after it, the selection loss."""

    action: str
    columns: tuple[int, ...]
    loss: float


@dataclass(frozen=True)
class ClassicResult:
    """The network, the way to it, and its figures on the test part.

    ``sensitivity``, ``specificity`` and ``accuracy`` are at the cut that was best on the
    selection part.
    """

    network: Network
    path: tuple[SelectionStep, ...]
    hidden: int
    test_auc: float
    sensitivity: float
    specificity: float
    accuracy: float

    def of_columns(self, columns: Ints) -> ClassicResult:
        """Return the result with the numbers of its inputs replaced by what they index."""
        path = tuple(
            replace(step, columns=tuple(int(columns[c]) for c in step.columns))
            for step in self.path
        )
        network = replace(self.network, columns=columns[self.network.columns])
        return replace(self, network=network, path=path)


def train_classic(
    values: npt.NDArray[np.floating], label: npt.NDArray[np.integer], *, seed: int
) -> ClassicResult:
    """Return the network that the recipe arrives at.

    Parameters
    ----------
    values
        (row, input) not negative, NaN where missing.
    label
        (row,) 0 or 1.

    Raises
    ------
    QCDataError
        Fewer than ten rows of one class.
    """
    outcome: Ints = np.asarray(label, dtype=np.int64)
    if min(outcome.sum(), len(outcome) - outcome.sum()) < 10:
        raise QCDataError(
            "the classic recipe needs at least ten rows of each class", value=int(outcome.sum())
        )
    part = _three_parts(outcome, seed)
    scaler = fit_scaler(values[part == 0])
    scaled = scaler.scale(values)
    chosen, path = select_inputs(scaled[part < 2], outcome[part < 2], seed=seed)
    columns = np.array(chosen, dtype=np.int64)
    hidden, network = _prune_nodes(scaled[:, columns], outcome, part, seed)
    weights, biases = network
    own = Scaler(scaler.median[columns], scaler.mean[columns], scaler.deviation[columns])
    result = Network(columns, own, weights, biases)
    score = result.log_odds(np.asarray(values, dtype=np.float32))
    cut = _best_cut(score[part == 1], outcome[part == 1] == 1)
    test, failed = score[part == 2], outcome[part == 2] == 1
    alarm = test >= cut
    return ClassicResult(
        result,
        tuple(path),
        hidden,
        _auc(test, failed),
        float(alarm[failed].mean()),
        float((~alarm[~failed]).mean()),
        float((alarm == failed).mean()),
    )


def _three_parts(label: Ints, seed: int) -> Ints:
    """Return 0, 1 or 2 for training, selection and test, 60:20:20 within each class."""
    random = np.random.default_rng(seed)
    part = np.empty(len(label), dtype=np.int64)
    for value in (0, 1):
        rows = random.permutation(np.flatnonzero(label == value))
        part[rows] = np.searchsorted([0.6, 0.8], (np.arange(len(rows)) + 0.5) / len(rows))
    return part


def select_inputs(
    scaled: Floats, label: Ints, *, seed: int
) -> tuple[tuple[int, ...], list[SelectionStep]]:
    """Return the inputs that stay and the steps that led there.

    Parameters
    ----------
    scaled
        (row, input) of the training and selection parts, mean 0 and deviation 1, nothing missing.
    """
    random = np.random.default_rng(seed)
    rows = _subsample(label, random)
    x, y = scaled[rows], label[rows]
    repeats = _REPEATS if len(y) <= _FEW_ROWS else 1
    folds = [fold for _ in range(repeats) for fold in _folds(y, random)]
    candidates = _strongest(x, y)
    chosen: list[int] = []
    rate = np.clip(y.mean(), 1e-6, 1 - 1e-6)
    loss = -(y * np.log(rate) + (1 - y) * np.log(1 - rate))
    path: list[SelectionStep] = []
    while len(chosen) < _MOST_INPUTS:
        rest = [k for k in candidates if k not in chosen]
        if not rest:
            break
        losses = [_row_loss(x[:, [*chosen, k]], y, folds) for k in rest]
        best = int(np.argmin([each.mean() for each in losses]))
        if not _exceeds(loss, losses[best], _GROW_ERRORS) and chosen:
            break
        chosen.append(rest[best])
        loss = losses[best]
        path.append(SelectionStep("add", tuple(chosen), float(loss.mean())))
    while len(chosen) > 1:
        losses = [_row_loss(x[:, [c for c in chosen if c != k]], y, folds) for k in chosen]
        least = int(np.argmin([each.mean() for each in losses]))
        if _exceeds(losses[least], loss, _PRUNE_ERRORS):
            break
        del chosen[least]
        loss = losses[least]
        path.append(SelectionStep("remove", tuple(chosen), float(loss.mean())))
    return tuple(chosen), path


def _exceeds(larger: Floats, smaller: Floats, errors: float) -> bool:
    difference = larger - smaller
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return bool(difference.mean() > errors * error)


def _subsample(label: Ints, random: np.random.Generator) -> Ints:
    if len(label) <= _MOST_ROWS:
        return np.arange(len(label))
    positive, negative = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    wanted = min(len(positive), _MOST_ROWS // 3)
    some = random.choice(positive, wanted, replace=False)
    return np.sort(
        np.concatenate([some, random.choice(negative, _MOST_ROWS - wanted, replace=False)])
    )


def _folds(label: Ints, random: np.random.Generator) -> list[npt.NDArray[np.bool_]]:
    """Return masks of the selection rows of each rotation, classes in proportion.

    scikit-learn's folds hold other rows, with which every network would choose anew.
    """
    fold = np.empty(len(label), dtype=np.int64)
    for value in (0, 1):
        rows = random.permutation(np.flatnonzero(label == value))
        fold[rows] = np.arange(len(rows)) % _FOLDS
    return [fold == k for k in range(_FOLDS)]


def _strongest(x: Floats, y: Ints) -> list[int]:
    """Return the inputs, the one that separates the classes best first, as many as are tried."""
    gap = np.abs(x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0))
    return [int(k) for k in np.argsort(-gap, kind="stable")[: _MOST_CELLS // len(y)]]


def _row_loss(x: Floats, y: Ints, folds: Sequence[npt.NDArray[np.bool_]]) -> Floats:
    """Return the mean log loss of each row while it was in the selection part."""
    loss = np.zeros(len(y))
    for selection in folds:
        weights, bias = _ridge(x[~selection], y[~selection])
        score = x[selection] @ weights + bias
        loss[selection] += np.logaddexp(0.0, np.where(y[selection] == 1, -score, score))
    return loss * _FOLDS / len(folds)


def _ridge(x: Floats, y: Ints) -> tuple[Floats, float]:
    """Return ridge logistic regression by Newton's method (iteratively reweighted squares).

    One choice of inputs fits some thousand; scikit-learn's takes 3 to 13 times as long for weights
    equal to 1e-4.
    """
    design = np.column_stack([x, np.ones(len(x))])
    penalty = np.diag([*np.full(x.shape[1], _RIDGE), 1e-6])
    weights = np.zeros(design.shape[1])
    for _ in range(6):
        probability = expit(np.clip(design @ weights, -15.0, 15.0))
        curvature = np.maximum(probability * (1.0 - probability), 1e-4)
        hessian = (design * curvature[:, None]).T @ design + penalty
        gradient = design.T @ (y - probability) - penalty @ weights
        step = np.linalg.solve(hessian, gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-3:
            break
    return weights[:-1], float(weights[-1])


def _prune_nodes(
    x: Floats, label: Ints, part: Ints, seed: int
) -> tuple[int, tuple[tuple[Floats, ...], tuple[Floats, ...]]]:
    """Return the fewest hidden nodes whose selection loss is not worse, and that network."""
    failed = label[part == 1] == 1
    tried = []
    for hidden in _HIDDEN:
        network = _fit_mlp(x[part == 0], label[part == 0], hidden, seed)
        score = _forward(x[part == 1], network)
        tried.append((hidden, network, np.logaddexp(0.0, np.where(failed, -score, score))))
    best = min(tried, key=lambda t: t[2].mean())
    for hidden, network, loss in reversed(tried):  # from the smallest
        if not _exceeds(loss, best[2], _GROW_ERRORS):
            return hidden, network
    return best[0], best[1]


def _fit_mlp(
    x: Floats, y: Ints, hidden: int, seed: int
) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # An optimizer stopped by its iteration limit is regularization too.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = small_network(hidden, seed).fit(x, y)
    return tuple(model.coefs_), tuple(model.intercepts_)


def small_network(hidden: int, seed: int):  # type: ignore[no-untyped-def]
    """Return scikit-learn's untrained network of the recipe."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        (hidden,), activation="logistic", solver="lbfgs", alpha=0.1, max_iter=300, random_state=seed
    )


def _forward(x: Floats, network: tuple[tuple[Floats, ...], tuple[Floats, ...]]) -> Floats:
    weights, biases = network
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        x = expit(x @ weight + bias)
    return np.asarray((x @ weights[-1] + biases[-1])[:, 0])


def _best_cut(score: Floats, failed: npt.NDArray[np.bool_]) -> float:
    """Return the cut with the largest sensitivity plus specificity (Youden 1950)."""
    from sklearn.metrics import roc_curve

    false, found, cuts = roc_curve(failed, score)
    return float(cuts[np.argmax(found - false)])


def _auc(score: Floats, failed: npt.NDArray[np.bool_]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(failed, score))
