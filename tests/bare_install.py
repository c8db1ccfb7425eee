"""A Python in which the optional packages are as good as not installed."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from collections.abc import Collection
from functools import cache
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

SERVER = """
import json, os, sys
import matplotlib.figure, numba, numpy, pandas, scipy.stats, sqlalchemy
import pulsefront.cli.main

for request in sys.stdin:
    folder, output, *arguments = json.loads(request)
    child = os.fork()
    if not child:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(f"{output}/{name}", os.O_WRONLY | os.O_CREAT), number)
        os.chdir(folder)
        sys.argv = ["pulsefront", *arguments]
        code = 1
        try:
            pulsefront.cli.main.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Forks for each command: the modules that all of them import are imported once."""


def run_without(absent: Collection[str], code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a Python that finds no package of those names."""
    program = PRELUDE.format(absent=frozenset(absent)) + code
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@cache
def _server() -> subprocess.Popen[str]:
    program = PRELUDE.format(absent=frozenset(OPTIONAL)) + SERVER
    server = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.kill)
    return server


def run_bare(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command ``pulsefront`` as the base install has it."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as output:
        server.stdin.write(json.dumps([str(folder or Path.cwd()), output, *arguments]) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        said = [(Path(output) / name).read_text() for name in ("stdout", "stderr")]
    return subprocess.CompletedProcess(arguments, code, *said)
