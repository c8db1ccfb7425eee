"""One name, one thing; docs/names.md says which."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pulsefront

PACKAGE = Path(pulsefront.__file__).parent


def classes() -> list[str]:
    """Return the name of every public class of the package, as often as there is one."""
    return [
        node.name
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def test_no_two_classes_share_a_name() -> None:
    names = classes()
    assert len(names) > 100
    assert {name for name, count in Counter(names).items() if count > 1} == set()
