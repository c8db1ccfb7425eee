"""Drawings of plain arrays: each function returns a matplotlib figure in the house style."""

from pulsefront.report.figures.accuracy import bias_curves, error_map, residual_histograms
from pulsefront.report.figures.comparison import (
    before_and_after,
    comparison_bars,
    heat_map,
    importance_bars,
    learning_curve,
    validation_dots,
)
from pulsefront.report.figures.events import light_patterns, pulses
from pulsefront.report.figures.firmware import format_audit
from pulsefront.report.figures.search import FrontPanel, ablation_path, cost_fronts

__all__ = [
    "FrontPanel",
    "ablation_path",
    "before_and_after",
    "bias_curves",
    "comparison_bars",
    "cost_fronts",
    "error_map",
    "format_audit",
    "heat_map",
    "importance_bars",
    "learning_curve",
    "light_patterns",
    "pulses",
    "residual_histograms",
    "validation_dots",
]
