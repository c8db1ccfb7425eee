"""Metrics with intervals, splits that cannot leak, subgroup tables, the best-practice checklist."""

from pulsefront.evaluate.checklist import Answer, Topic, fill_checklist
from pulsefront.evaluate.intervals import (
    Interval,
    NonInferiority,
    bootstrap,
    non_inferiority,
    non_inferiority_over_runs,
    t_interval,
)
from pulsefront.evaluate.metrics import (
    PointSpread,
    bias,
    central_width,
    euclidean_error,
    fwhm,
    fwtm,
    mean_error,
    median_error,
    point_spread,
)
from pulsefront.evaluate.splits import (
    Fold,
    LeakReport,
    Split,
    check_leaks,
    k_fold,
    nested_k_fold,
    split_grid,
    split_offsets,
)
from pulsefront.evaluate.subgroups import Subgroup, subgroup_table

__all__ = [
    "Answer",
    "Fold",
    "Interval",
    "LeakReport",
    "NonInferiority",
    "PointSpread",
    "Split",
    "Subgroup",
    "Topic",
    "bias",
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
    "nested_k_fold",
    "non_inferiority",
    "non_inferiority_over_runs",
    "point_spread",
    "split_grid",
    "split_offsets",
    "subgroup_table",
    "t_interval",
]
