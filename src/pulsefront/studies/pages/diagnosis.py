"""What a report says of learning curve, cross validation, sham data and uncertainty."""

from __future__ import annotations

from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import learning_curve, validation_dots
from pulsefront.studies.records import DiagnosisRecord, TestRecord

__all__ = ["diagnosis_blocks"]

SPREADS = {
    "half_of_least_spread": "half of least spread",
    "between": "between",
    "tenth_of_most_spread": "tenth of most spread",
}


def diagnosis_blocks(
    found: DiagnosisRecord | None, test: TestRecord, confidence: str
) -> list[Block]:
    """Return figure and tables; what was not asked for is left out.

    Parameters
    ----------
    confidence
        Of the intervals, in words.
    """
    uncertain = test.uncertainty
    return [
        *([] if found is None else _learning_curve(found, confidence)),
        *([] if found is None else _trainings(found)),
        *([] if found is None else _validation(found, confidence)),
        Paragraph(
            "Where the initializations of the searched network disagree, an estimate is less "
            "certain: a front end that can afford all of them may decline to decide there."
        ),
        Table(
            ("test events", str(test.main_metric)),
            [(SPREADS[k], v) for k, v in uncertain.main_metric_by_spread.items()],
            caption=f"Main metric of the exported network by the {uncertain.measure}.",
        ),
    ]


def _learning_curve(found: DiagnosisRecord, confidence: str) -> list[Block]:
    points = found.learning_curve
    if not points:
        return []
    triples = [(row.mean.value, row.mean.low, row.mean.high) for row in points]
    return [
        FigureBlock(
            learning_curve(
                [row.events for row in points],
                {"full float network": triples},
                label=str(found.metric),
            ),
            "The metric over the number of training events",
            f"Selection events; mean over initializations with its {confidence} t interval.",
        )
    ]


DESIGNS = {
    "k_fold": "k-fold",
    "k_fold_with_holdout": "k-fold with hold-out",
    "nested": "nested",
    "leave_one_group_out": "leave one out",
}


def _validation(found: DiagnosisRecord, confidence: str) -> list[Block]:
    """Return every validation design in one figure, and each of its divisions in a table."""
    designs = found.validation
    if not designs:
        return []
    rows: dict[str, tuple[list[float], tuple[float, float, float]]] = {}
    for one in designs:
        name = f"{DESIGNS[one.design]}, {one.group}"
        name += ", searched" if one.network.startswith("searched") else ""
        name += f" ({len(rows) + 1})" if name in rows else ""
        each, mean = [fold.value for fold in one.folds], one.mean
        rows[name] = (each, (mean.value, mean.low, mean.high))
        if one.holdout is not None:
            held = one.holdout
            rows[f"{name}: the hold-out"] = ([], (held.value, held.low, held.high))
    last = found.learning_curve[-1].mean.value if found.learning_curve else None
    return [
        FigureBlock(
            validation_dots(
                rows,
                label=str(found.metric),
                reference=last,
                reference_label="" if last is None else "selection events",
            ),
            "The metric in every division of every validation design",
            f"Small dots are divisions of the training events; above them their mean with its "
            f"{confidence} interval, corrected for the training events that divisions share "
            "(Nadeau and Bengio 2003); of a hold-out its own interval over whole groups.",
        ),
        Table(
            ("design", "network", "decided inside", "left out", "train", "test", "value", "chosen"),
            [
                (
                    f"{DESIGNS[one.design]}, {one.group}",
                    one.network,
                    one.decides,
                    fold.left_out,
                    fold.events_train,
                    fold.events_test,
                    fold.value,
                    fold.chosen,
                )
                for one in designs
                for fold in one.folds
            ],
            caption=f"{found.metric} of every division: what is left out is whole groups, at twice "
            "the pitch of the scan where these are positions.",
        ),
    ]


def _trainings(found: DiagnosisRecord) -> list[Block]:
    """Return a table of cross validation and sham data."""
    rows: list[tuple[str, int | str, tuple[float, ...]]] = []
    folds, sham = found.cross_validation, found.sham
    if folds is not None:
        rows.append((f"{folds.folds} folds of whole positions", folds.events, folds.each))
    if sham is not None:
        rows.append(("sham: inputs of the events exchanged", sham.events, sham.each))
        rows.append(("the best constant answer", "", (sham.constant_answer,)))
    if not rows:
        return []
    return [
        Table(
            ("training", "training events", str(found.metric)),
            [(a, b, ", ".join(f"{v:.4g}" for v in each)) for a, b, each in rows],
            caption="The full float network. Folds are measured on their own held-out "
            "positions, at twice the pitch; the sham network on selection events, where it "
            "should do no better than a constant.",
        )
    ]
