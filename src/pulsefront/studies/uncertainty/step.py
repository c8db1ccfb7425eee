"""The step of a run that gives the finished network a head for the error of every event."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import BudgetError
from pulsefront.evaluate.conformal import conformal_region
from pulsefront.evaluate.spread import spread_over
from pulsefront.fixed_point import FixedPointModel, Relu
from pulsefront.fixed_point.beside import dense_layers, up_to, with_beside
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.input_check import input_check
from pulsefront.networks.candidate import Scaling, initial_candidate
from pulsefront.networks.cost import NetworkCost, model_cost
from pulsefront.networks.lower import lower
from pulsefront.networks.settings import LossSettings, MlpSettings
from pulsefront.search.head import BIAS_BITS, quantile_loss, train_head
from pulsefront.search.part import part_of
from pulsefront.search.task import Task
from pulsefront.studies.blind import without_test_labels
from pulsefront.studies.folders import RunFolders, SplitEvents, read_split
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.settings import StudyBase
from pulsefront.studies.steps import StepContext
from pulsefront.studies.uncertainty.inputs import learn_tests
from pulsefront.studies.uncertainty.outputs import scales_in
from pulsefront.studies.uncertainty.possible import require_selection
from pulsefront.studies.uncertainty.records import (
    CalibratedRegion,
    ErrorHead,
    HeadCost,
    InputTestNumbers,
)
from pulsefront.studies.uncertainty.settings import UncertaintySettings

__all__ = ["CUTS", "head_step", "read_inputs", "write_check"]

CUTS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of events for which a cut is told."""

LEAST = 0.05
"""Share of selection vectors whose scale is taken for larger than the head says."""

NAME = "error"


def head_step(kind: StudyKind, settings: UncertaintySettings, context: StepContext) -> None:
    """Train, calibrate and write the head, and the network with it as one model.

    Raises
    ------
    BudgetError
        Network and head together do not keep the budget, however small the head.
    ConfigError
        There are too few selection events for a share.
    """
    folders, study = RunFolders(context.steps), kind.study
    parts = without_test_labels(read_split(folders))
    require_selection(settings, len(parts.split.selection))
    model = FixedPointModel.load(folders.searched_model)
    source = _Source(kind, parts, folders, model, settings)
    task, bits = source.task()
    fitting = [n for n in source.nodes if study.budget.fits(source.cost_with(n))]
    if not fitting:
        cost = source.cost_with(source.nodes[-1])
        name = study.budget.tightest(cost)
        raise BudgetError(
            name,
            limit=study.budget.limits[name],
            best=getattr(cost, name),
            remedy="raise the budget by what the head for [uncertainty] takes, or leave it out",
        )
    found = train_head(
        task,
        settings.model_copy(update={"nodes": tuple(fitting)}),
        bits=bits,
        seed=study.seed,
    )
    both = with_beside(model, found.model)
    both.save(context.folder / folders.model_with_head.name)
    regions, cuts, least = _calibrated(kind, parts, folders, both, settings)
    write_check(kind, parts, context, model, settings)
    before, after = model.cost(), both.cost()
    (output,) = both.output_formats.values()
    ErrorHead(
        nodes=found.nodes,
        reads=source.reads,
        quantile=settings.quantile,
        step=output.step,
        least=least,
        cost=HeadCost(
            weight_bytes=after.weight_bytes - before.weight_bytes,
            macs=after.macs - before.macs,
            bops=after.bops - before.bops,
            ebops=after.ebops - before.ebops,
        ),
        trials=found.trials,
        regions=regions,
        cuts=cuts,
    ).write(context.folder / folders.head.name)


class _Source:
    """What the head reads: integers inside the finished network, and the error that it made."""

    def __init__(
        self,
        kind: StudyKind,
        parts: SplitEvents,
        folders: RunFolders,
        model: FixedPointModel,
        settings: UncertaintySettings,
    ) -> None:
        self.kind, self.parts, self.folders = kind, parts, folders
        self.model, self.settings = model, settings
        dense = dense_layers(model)
        # Beside the last hidden layer; a network without one has no integers but its inputs.
        self.deep = len(dense) > 1
        self.nodes = settings.nodes if self.deep else (0,)
        (self.reads,) = dense[-2 if self.deep else -1].inputs
        self.last_hidden = dense[-2].name if self.deep else None

    @property
    def format(self) -> FixedPointFormat:
        """Of what is read."""
        return self.model.tensors[self.reads].format

    @property
    def bits(self) -> int:
        """Width of the results of the hidden layer that the head lies beside."""
        return next(
            (
                int(self.model.tensors[layer.name].widths.max())
                for layer in self.model.layers
                if isinstance(layer, Relu) and layer.inputs == (self.last_hidden,)
            ),
            1,
        )

    def task(self) -> tuple[Task, int]:
        """Return what the head learns, and the width of its hidden layer's results."""
        split, settings = self.parts.split, self.settings
        train = split.train[spread_over(len(split.train), settings.most_events)]
        rows = np.concatenate([train, split.selection])
        raw = self.kind.network_inputs(self.parts.events.select(rows))
        vectors = raw.reshape(len(rows), -1, raw.shape[-1]).shape[1]
        inputs = read_inputs(self.folders, raw)
        (output,) = self.model.output_formats.values()
        errors = errors_of(self.kind, self.parts, rows, self.folders, self.model, inputs)
        groups = self.kind.learning_task(self.parts, self.folders).groups
        name = self.reads
        inside = any(layer.name == name for layer in self.model.layers)
        read = up_to(self.model, name).run(inputs) if inside else inputs
        loss = LossSettings(quantile=settings.quantile)
        if vectors == 2:
            loss = LossSettings(kind="pair_sum", quantile=settings.quantile)
            read = read.reshape(len(rows), 2, -1)
        return (
            Task(
                name=NAME,
                inputs=read,
                targets=errors[:, None],
                train=np.arange(len(train)),
                selection=np.arange(len(train), len(rows)),
                input_format=self.format,
                output_format=output,
                loss=loss,
                metric=partial(quantile_loss, settings.quantile),
                metric_name="quantile_loss",
                groups=None if groups is None else groups[rows],
            ),
            self.bits,
        )

    def cost_with(self, nodes: int) -> NetworkCost:
        """Return the cost of the network with a head of so many nodes."""
        study: StudyBase = self.kind.study
        (output,) = self.model.output_formats.values()
        width = self.model.tensors[self.reads].size
        hidden = (nodes,) if nodes else ()
        layers = len(hidden) + 1
        candidate = initial_candidate(MlpSettings(hidden=hidden), width, 1, seed=0).with_bits(
            weight_bits=(self.settings.weight_bits,) * layers,
            bias_bits=(BIAS_BITS,) * layers,
            activation_bits=(self.bits,) * (layers - 1),
            per_channel=True,
        )
        one = np.ones(width)
        scaling = Scaling(0 * one, one, np.zeros(1), np.ones(1))
        head = lower(candidate, scaling, self.format, output, name=NAME)
        resources = part_of(study.budget) or study.search.resources
        return model_cost(with_beside(self.model, head), resources)


def read_inputs(folders: RunFolders, raw: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return what the network reads, (vector, kept input)."""
    with np.load(folders.test_arrays) as arrays:
        kept = arrays["kept_inputs"]
    return raw.reshape(-1, raw.shape[-1])[:, kept].astype(np.int64)


def errors_of(
    kind: StudyKind,
    parts: SplitEvents,
    rows: NDArray[np.intp],
    folders: RunFolders,
    model: FixedPointModel,
    inputs: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return how wrong the network is on the events *rows*, in the unit of its outputs."""
    (output,) = model.output_formats.values()
    losses = kind.event_losses(parts, rows, output.values(model.run(inputs)), folders)
    return losses * kind.loss_in_output_unit


def write_check(
    kind: StudyKind,
    parts: SplitEvents,
    context: StepContext,
    model: FixedPointModel,
    settings: UncertaintySettings,
) -> None:
    """Write integer tests of what *model* reads: as a model, and the numbers of a front end's."""
    (port,) = model.inputs
    folders = RunFolders(context.steps)
    split = parts.split
    train = split.train[spread_over(len(split.train), settings.most_events)]
    learned, decided = (
        read_inputs(folders, kind.network_inputs(parts.events.select(rows)))
        for rows in (train, split.selection)
    )
    limits = (port.format.minimum, port.format.maximum)
    tests = learn_tests(learned, decided, settings.false_rate, limits, kind.study.seed)
    check = input_check(tests, port, name=f"{kind.study.name}_check")
    check.save(context.folder / folders.input_check.name)
    InputTestNumbers(
        sum_range=tests.sum_range,
        neighbours=tuple(tuple(int(one) for one in row) for row in tests.neighbours),
        ratio=tests.ratio,
        least=tests.least,
    ).write(context.folder / folders.input_tests.name)


def _calibrated(
    kind: StudyKind,
    parts: SplitEvents,
    folders: RunFolders,
    both: FixedPointModel,
    settings: UncertaintySettings,
) -> tuple[tuple[CalibratedRegion, ...], dict[str, int], int]:
    """Return the regions, cuts and the least scale that the selection events fix."""
    rows = parts.split.selection
    raw = kind.network_inputs(parts.events.select(rows))
    integers = both.run(read_inputs(folders, raw))
    (output,) = both.output_formats.values()
    vectors = raw.reshape(len(rows), -1, raw.shape[-1]).shape[1]
    least = max(1, int(np.quantile(integers[:, -1], LEAST)))
    scales = scales_in(integers, vectors, least)
    losses = kind.event_losses(parts, rows, output.values(integers[:, :-1]), folders)
    errors = losses * kind.loss_in_output_unit
    regions = []
    for share in settings.shares:
        found = conformal_region(errors, scales, output.step, share, settings.parts)
        regions.append(
            CalibratedRegion(
                share=share,
                edges=found.edges,
                numerators=tuple(one.numerator for one in found.factors),
                fraction_bits=found.factors[0].fraction_bits,
                selection_events=tuple(one.events for one in found.factors),
            )
        )
    ordered = np.sort(scales)
    cuts = {f"{share:g}": int(ordered[int(np.ceil(share * len(ordered))) - 1]) for share in CUTS}
    return tuple(regions), cuts, least
