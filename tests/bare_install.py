"""A Python in which the optional packages are as good as not installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from pulsefront.extras import PACKAGES

__all__ = ["OPTIONAL", "run_bare", "run_without"]

OPTIONAL = tuple(package for packages in PACKAGES.values() for package in packages)

PRELUDE = """
import sys
from importlib.machinery import PathFinder

ABSENT = {absent!r}


class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            return None
        return PathFinder.find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""

MAIN = "from pulsefront.cli.main import main\nmain()\n"


def run_without(
    absent: Collection[str], code: str, *arguments: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *code* in a Python that finds no package of those names."""
    program = PRELUDE.format(absent=frozenset(absent)) + code
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def run_bare(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command ``pulsefront`` as the base install has it."""
    return run_without(OPTIONAL, MAIN, *arguments, folder=folder)
