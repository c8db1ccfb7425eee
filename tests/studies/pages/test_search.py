"""What the report says of the shapes that a search tried."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pulsefront.report import Table
from pulsefront.search import MetricChange, ShapeTrial
from pulsefront.studies.pages.search import shape_blocks


def of_shapes(*shapes: ShapeTrial) -> Any:
    return SimpleNamespace(shapes=shapes)


def test_shapes_are_listed_with_their_intervals_and_the_one_that_was_taken() -> None:
    dense = MetricChange(0.0, 0.0, 0.0, (0.0,) * 3)
    better = MetricChange(-0.021, -0.034, -0.008, (-0.021,) * 3)
    (table,) = shape_blocks(
        of_shapes(
            ShapeTrial("dense", (8, 4), 120, (1.0,) * 3, dense, accepted=False),
            ShapeTrial("windows", (14, 4), 119, (0.98,) * 3, better, accepted=True),
        ),
        "median error, mm",
    )
    assert isinstance(table, Table)
    assert table.rows[0][1:] == ("8-4", 120, "+0.0 [+0.0, +0.0]", "")
    assert table.rows[1][1:] == ("14-4", 119, "-2.1 [-3.4, -0.8]", "yes")


def test_a_single_shape_is_no_table() -> None:
    assert shape_blocks(of_shapes(), "median error, mm") == []
