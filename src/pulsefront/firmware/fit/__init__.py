"""Which design of a model fits a part at an event rate, and what is nearest where none does."""

from pulsefront.firmware.fit.choose import choose, counted, fit, fit_table, highest_rate
from pulsefront.firmware.fit.cut import cut_of
from pulsefront.firmware.fit.demand import Demand, demand_of
from pulsefront.firmware.fit.design import ROUTES, Choice, Design
from pulsefront.firmware.fit.table import Fit

__all__ = [
    "ROUTES",
    "Choice",
    "Demand",
    "Design",
    "Fit",
    "choose",
    "counted",
    "cut_of",
    "demand_of",
    "fit",
    "fit_table",
    "highest_rate",
]
