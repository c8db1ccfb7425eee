"""Estimators for a notebook: ``fit`` and ``predict``, classical methods and quantized networks.

They follow the conventions of scikit-learn (``get_params``, clone, pipelines, cross validation) and
train with what studies train with. A study is the longer way that also splits, proves and reports.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulsefront.learn.base import EstimateWarning
    from pulsefront.learn.position_network import PositionNetwork
    from pulsefront.learn.positions import (
        AngerPosition,
        LightResponsePosition,
        NearestNeighbourPosition,
    )
    from pulsefront.learn.report import EstimatorReport
    from pulsefront.learn.scan import PointSourceScan, point_source_scan
    from pulsefront.learn.times import ConstantFractionTime, LeadingEdgeTime
    from pulsefront.learn.timing_network import TimingNetwork

_MODULES = {
    "AngerPosition": "positions",
    "ConstantFractionTime": "times",
    "EstimateWarning": "base",
    "EstimatorReport": "report",
    "LeadingEdgeTime": "times",
    "LightResponsePosition": "positions",
    "NearestNeighbourPosition": "positions",
    "PointSourceScan": "scan",
    "PositionNetwork": "position_network",
    "TimingNetwork": "timing_network",
    "point_source_scan": "scan",
}

__all__ = [
    "AngerPosition",
    "ConstantFractionTime",
    "EstimateWarning",
    "EstimatorReport",
    "LeadingEdgeTime",
    "LightResponsePosition",
    "NearestNeighbourPosition",
    "PointSourceScan",
    "PositionNetwork",
    "TimingNetwork",
    "point_source_scan",
]


def __getattr__(name: str) -> Any:
    # Networks need torch; who wants Anger logic does without.
    if name in _MODULES:
        import importlib

        return getattr(importlib.import_module(f"pulsefront.learn.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
