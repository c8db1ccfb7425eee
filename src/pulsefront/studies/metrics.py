"""The metrics of studies: how each is called in results, in words, and in which unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

__all__ = ["METRICS", "Metric", "MetricKey", "central_width_metric", "metric_named"]


@dataclass(frozen=True)
class Metric:
    """A figure of merit; smaller is better.

    ``key`` is its name in results, which ends in its unit; ``words`` and ``unit`` are for people.
    """

    key: str
    words: str
    unit: str

    def __str__(self) -> str:
        return f"{self.words} ({self.unit})"


MEDIAN_ERROR_3D = Metric("median_error_3d_mm", "median 3-D error", "mm")
MEAN_ERROR_3D = Metric("mean_error_3d_mm", "mean 3-D error", "mm")
MEDIAN_ERROR_2D = Metric("median_error_2d_mm", "median 2-D error", "mm")
MEAN_ERROR_2D = Metric("mean_error_2d_mm", "mean 2-D error", "mm")
FWHM_2D = Metric("fwhm_2d_mm", "2-D FWHM", "mm")
FWTM_2D = Metric("fwtm_2d_mm", "2-D FWTM", "mm")
MEAN_ABSOLUTE_ERRORS = (
    Metric("mean_absolute_x_error_mm", "mean |x error|", "mm"),
    Metric("mean_absolute_y_error_mm", "mean |y error|", "mm"),
    Metric("mean_absolute_depth_error_mm", "mean |depth error|", "mm"),
)
WRONG_CRYSTAL = Metric("wrong_crystal_percent", "share in the wrong crystal", "%")
WRONG_OF_ONE_CRYSTAL = Metric("wrong_of_one_crystal_percent", "wrong, one crystal hit", "%")
WRONG_OF_SCATTERED = Metric("wrong_of_scattered_percent", "wrong, several hit", "%")
MEAN_MISPLACEMENT = Metric("mean_misplacement_mm", "mean misplacement", "mm")
WRONG_CRYSTAL_SHARE = Metric("wrong_crystal_share", "share in the wrong crystal", "1")
MISSED_STEPS = Metric("missed_steps_percent", "share of steps missed within 30 s", "%")
FALSE_SPLITS = Metric("false_splits_per_10_min", "false splits", "in 10 min")
MEAN_DELAY = Metric("mean_delay_s", "mean delay, missed steps as 90 s", "s")
MEAN_SIZE_ERROR = Metric("mean_size_error_mm", "mean error of size, missed steps as 0 mm", "mm")
LOG_LOSS = Metric("log_loss_nats", "log loss of an interval", "nats")
WRONG_INTERVALS = Metric("wrong_interval_share", "share of intervals judged wrongly", "1")
CTR_FWHM = Metric("ctr_fwhm_ps", "CTR FWHM", "ps")
CTR_FWTM = Metric("ctr_fwtm_ps", "CTR FWTM", "ps")
CENTRAL_WIDTH = Metric("central_width_ps", "central 76.1 % width", "ps")
BIAS = Metric("bias_ps_per_10_ps", "bias per 10 ps of offset", "ps")


def central_width_metric(share: float | None) -> Metric:
    """Return the width of the central *share* of time differences that decides a search, in ns.

    None stands for the share that a Gaussian has within its FWHM.
    """
    if share is None:
        return Metric("central_width_ns", "central 76.1 % width", "ns")
    percent = round(100 * share)
    return Metric(f"central_{percent}_width_ns", f"width of the central {percent} %", "ns")


METRICS = {
    metric.key: metric
    for metric in (
        MEDIAN_ERROR_3D,
        MEAN_ERROR_3D,
        MEDIAN_ERROR_2D,
        MEAN_ERROR_2D,
        FWHM_2D,
        FWTM_2D,
        *MEAN_ABSOLUTE_ERRORS,
        WRONG_CRYSTAL,
        WRONG_OF_ONE_CRYSTAL,
        WRONG_OF_SCATTERED,
        MEAN_MISPLACEMENT,
        WRONG_CRYSTAL_SHARE,
        MISSED_STEPS,
        FALSE_SPLITS,
        MEAN_DELAY,
        MEAN_SIZE_ERROR,
        LOG_LOSS,
        WRONG_INTERVALS,
        CTR_FWHM,
        CTR_FWTM,
        CENTRAL_WIDTH,
        BIAS,
    )
}
"""In the order in which tables show them."""


def metric_named(key: str) -> Metric:
    """Return the metric whose key stands in a file of results.

    Raises
    ------
    ValueError
        No metric of this version is called so.
    """
    if key in METRICS:
        return METRICS[key]
    share = re.fullmatch(r"central_(?:(\d+)_)?width_ns", key)
    if share is None:
        raise ValueError(f"{key!r} is no metric of this version")
    return central_width_metric(int(share[1]) / 100 if share[1] else None)


MetricKey = Annotated[
    Metric,
    BeforeValidator(lambda key: metric_named(key) if isinstance(key, str) else key),
    PlainSerializer(lambda metric: metric.key, return_type=str),
]
"""A metric in a record: its key in the file, the metric itself in memory."""
