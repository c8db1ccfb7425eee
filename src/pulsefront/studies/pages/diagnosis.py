"""What a report says of learning curve, cross validation, sham data and uncertainty."""

from __future__ import annotations

from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import learning_curve
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
