"""Metrics with intervals, splits that cannot leak, subgroup tables, the best-practice checklist."""

from pulsefront.evaluate.checklist import Answer, Topic, fill_checklist
from pulsefront.evaluate.intervals import (
    Interval,
    bootstrap,
    t_interval,
)
from pulsefront.evaluate.metrics import (
    central_width,
    euclidean_error,
    fwhm,
    fwtm,
    mean_error,
    median_error,
)
from pulsefront.evaluate.splits import (
    Fold,
    LeakReport,
    Split,
    check_leaks,
    k_fold,
    split_grid,
    split_offsets,
)
from pulsefront.evaluate.subgroups import Subgroup, subgroup_table

__all__ = [
    "Answer",
    "Fold",
    "Interval",
    "LeakReport",
    "Split",
    "Subgroup",
    "Topic",
    "bootstrap",
    "central_width",
    "check_leaks",
    "euclidean_error",
    "fill_checklist",
    "fwhm",
    "fwtm",
    "k_fold",
    "mean_error",
    "median_error",
    "split_grid",
    "split_offsets",
    "subgroup_table",
    "t_interval",
]
