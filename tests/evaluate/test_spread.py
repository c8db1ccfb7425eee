from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.evaluate.spread import spread_over


@given(st.integers(0, 5000), st.integers(1, 200))
def test_indices_are_distinct_in_order_and_reach_both_ends(events: int, most: int) -> None:
    places = spread_over(events, most)
    assert len(places) == min(events, most)
    assert (np.diff(places) > 0).all()
    if most > 1 and events:
        assert places[0] == 0
        assert places[-1] == events - 1
        assert np.diff(places, append=events).max() <= max(1, np.ceil(events / (most - 1)))
