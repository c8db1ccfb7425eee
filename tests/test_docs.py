"""The pages for developers name what is there."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import iter_modules, resolve_name

import pytest

import pulsefront

REPOSITORY = Path(__file__).resolve().parents[1]
ARCHITECTURE = REPOSITORY / "docs" / "architecture.md"
PAGES = [ARCHITECTURE, REPOSITORY / "docs" / "names.md", REPOSITORY / "CONTRIBUTING.md"]
ROOMS = {module.name for module in iter_modules(pulsefront.__path__)} - {"__main__"}
# Named so often that their room is left out.
CLASSES = {
    "FixedPointModel": "fixed_point.FixedPointModel",
    "StudyKind": "studies.kinds.base.StudyKind",
}


def names_in(page: Path) -> set[str]:
    """Return the names in backticks that begin with a room or with one of the classes."""
    quoted = re.findall(r"`([A-Za-z_]\w*(?:\.\w+)*)`", page.read_text())
    names = {name for name in quoted if name.split(".")[0] in ROOMS | set(CLASSES)}
    return {name for name in names if not name.endswith(".py")}


def is_there(name: str) -> bool:
    first, _, rest = name.partition(".")
    path = CLASSES.get(first, first) + (f".{rest}" if rest else "")
    try:
        resolve_name(f"pulsefront.{path}")
    except (AttributeError, ImportError):
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_on_a_page_is_there(page: Path) -> None:
    pytest.importorskip("torch", reason="some of the names are those of training")
    names = names_in(page)
    assert len(names) > 5
    assert [name for name in sorted(names) if not is_there(name)] == []


def test_a_name_that_is_gone_is_found() -> None:
    assert is_there("fixed_point.ranges.trace")
    assert not is_there("fixed_point.ranges.gone")
    assert not is_there("fixed_point.gone.trace")
    assert not is_there("FixedPointModel.gone")


def test_every_room_is_on_the_page_of_the_architecture() -> None:
    assert names_in(ARCHITECTURE) >= ROOMS
