"""Within a room no module leads back to itself, not even by an import inside a function."""

from __future__ import annotations

import ast
from collections.abc import Collection
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pulsefront

ROOT = Path(pulsefront.__file__).parent


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, files: Collection[str]) -> set[str]:
    """Return which of *files* a file names in an import, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                part = f"{node.module}.{one.name}"
                found.add(part if part in files else node.module)
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found & set(files)


@pytest.mark.parametrize("room", ["fixed_point", "firmware"])
def test_the_imports_of_a_room_have_an_order(room):
    files = {module_of(path): path for path in (ROOT / room).rglob("*.py")}
    graph = {name: imports_of(path, files) for name, path in files.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError with the circle
    assert len(order) == len(files) > 10
