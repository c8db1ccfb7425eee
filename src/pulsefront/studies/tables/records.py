"""What a study knows of its networks of look-up tables, as records."""

from __future__ import annotations

from pulsefront.evaluate.record import Record
from pulsefront.search.noninferiority import MetricChange
from pulsefront.search.tables import TableTrial

__all__ = ["TablesRecord", "TablesTest", "UnrolledCost"]


class UnrolledCost(Record):
    """One network as unrolled Verilog, a new event every clock."""

    lut: int
    """look-up tables, estimated"""
    ff: int
    """flip-flops, estimated"""
    weight_bytes: int
    """weights and biases, or all entries of tables as memories would hold them"""
    counted_lut: tuple[int, ...] = ()
    """look-up tables of the whole design, streams included, of each initialization; empty where
    nothing was counted"""
    counted_ff: tuple[int, ...] = ()
    """flip-flops, likewise"""
    counted_by: str = ""
    """the tool and the part"""


class TablesRecord(Record):
    """The networks of tables that were tried, and the chosen one."""

    trials: tuple[TableTrial, ...]
    """every network of tables that was trained and judged"""
    best_initialization: int
    """the one that is exported"""
    kept_inputs: tuple[int, ...]
    """indices of the raw inputs that it reads"""
    over_searched: MetricChange
    """the chosen network against the searched one, on selection events"""
    cost: UnrolledCost
    """of the chosen network: the most of any initialization"""
    searched_cost: UnrolledCost
    """of the searched one"""


class TablesTest(Record):
    """What the chosen network of tables reaches on the test set, and its proof."""

    metric: str
    """the figure that decides, with its unit"""
    tables: tuple[float, ...]
    """of each initialization, on test events"""
    searched: tuple[float, ...]
    """of the searched network, likewise"""
    change: MetricChange
    """tables against the searched network, on test events"""
    integers_compared: int
    """by executors of the exported firmware"""
    mismatches: int
    """integers that differ"""
    executors: tuple[str, ...]
    """that were compared with the emulator"""
