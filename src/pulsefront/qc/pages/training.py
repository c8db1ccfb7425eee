"""What a trained model is, as a page: the best-practice topics answered from its record."""

from __future__ import annotations

from pulsefront import __version__
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.models.record import ClassicRecord, TrainingRecord
from pulsefront.qc.pages.backtest import comparison_table, shares_table
from pulsefront.qc.pages.checklist import checklist
from pulsefront.qc.pages.features import features_section
from pulsefront.qc.pages.words import spoken
from pulsefront.report import Block, Page, Paragraph, Section, Table

__all__ = ["train_page"]


def train_page(model: FailureModel, model_hash: str) -> Page:
    """Return the report of a training run."""
    facts = model.training
    sections = [_model(model), features_section(facts)]
    if facts.classic is not None:
        sections.append(_classic(facts.classic))
    sections.append(Section("Best practice", [checklist(model, model_hash)]))
    return Page(
        "Failure model",
        f"{model.name}: trained on {facts.units} units and {facts.failures} failures, "
        f"{facts.first_day} to {facts.last_day}",
        sections,
        {"Model": model_hash, "Version": f"pulsefront {__version__}"},
    )


def _model(model: FailureModel) -> Section:
    facts = model.training
    return Section(
        "The model",
        [
            Paragraph(
                f"Foresees a failure {model.target.lead_days} to {model.target.span_days} "
                f"days ahead. Trained until {facts.trained_until}, calibrated on the "
                f"time after it. Base rate {facts.base_rate:.5f} of component-days."
            ),
            Table(
                ("false alerts per unit-year", "threshold probability"),
                list(model.thresholds.items()),
                "Thresholds found on units held out.",
            ),
            _comparison(facts),
            *shares_table(facts.blend_shares, "In use."),
            Table(
                ("feature that the model looks at",),
                [(spoken(model.schema.names[c]),) for c in model.estimator.columns],
            ),
        ],
    )


def _comparison(facts: TrainingRecord) -> Block:
    """Return what was compared, or that nothing was."""
    if not facts.comparison:
        return Paragraph("The candidate was named beforehand; none were compared here.")
    return comparison_table(
        facts.comparison,
        facts.confidence,
        "The simplest model that no other beats, on unseen units at later times.",
    )


def _classic(record: ClassicRecord) -> Section:
    """Return how the small network came to its inputs."""
    return Section(
        "How the small network came to its inputs",
        [
            Table(
                ("step", "inputs after it", "selection loss"),
                [
                    (step.action, ", ".join(spoken(name) for name in step.inputs), step.loss)
                    for step in record.steps
                ],
                "Inputs are added while the selection loss falls by more than its standard error, "
                "then taken away while it does not rise.",
            ),
            Table(
                ("hidden nodes", "area under ROC curve", "sensitivity", "specificity", "accuracy"),
                [
                    (
                        record.hidden_nodes,
                        record.roc_auc,
                        record.sensitivity,
                        record.specificity,
                        record.accuracy,
                    )
                ],
                "On the recipe's own test part, one row in five, at the cut that was best on its "
                "selection part. Its rows are of scanners and times that it knows: only the "
                "back-test tells what the network is worth on others.",
            ),
        ],
    )
