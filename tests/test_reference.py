"""A reference page tells keys, types, limits, defaults and meanings of a model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.reference import reference_page


class Inner(FrozenModel):
    """Inside."""

    kind: Literal["a", "b"] = "a"
    """which | one"""


class Outer(FrozenModel):
    """Around."""

    count: int = Field(ge=1, le=9)
    """how many"""
    share: float | None = Field(default=None, gt=0)
    parts: tuple[Inner, ...] = ()
    place: tuple[float, float] = (0.0, 1.0)
    named: dict[str, Inner] = Field(default_factory=dict)


def test_a_page_has_a_table_for_every_model() -> None:
    page = reference_page([Outer, Inner], "Keys", "All of them.")
    assert page.startswith("# Keys\n\nAll of them.\n\n## Outer\n\nAround.\n")
    assert "| `count` | integer, ≥ 1, ≤ 9 |  | how many |" in page
    assert "| `share` | number, > 0 | absent |  |" in page
    assert "| `parts` | list of [Inner](#inner) | `[]` |  |" in page
    assert "| `place` | [number, number] | `[0.0, 1.0]` |  |" in page
    assert "table of [Inner](#inner)" in page
    assert page.count("## Inner") == 1
    assert '| `kind` | `a`, `b` | `"a"` | which \\| one |' in page
